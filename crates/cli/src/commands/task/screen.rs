//! `pilot task screen`, `takeover` and `handback`: a run's desktop from a
//! shell.

use super::{find, told};
use crate::args::{Globals, TaskHandback as HandbackWords, TaskName, TaskScreen};
use crate::commands::Done;
use crate::output;
use anyhow::Context;
use pilot_client::{Client, TunnelFrame, TunnelReceiver, as_stream};
use pilot_proto::console::{
    OneTask, TaskDetail, TaskHandback, TaskScreenAttach, TaskShow, TaskTakeover,
};
use pilot_proto::screen::{FromScreen, HandBack, ScreenAttach};
use pilot_proto::tunnel::TunnelQuery;
use pilot_proto::{Code, Problem, Task, TaskId};
use pilot_screen::hands::Hands;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::time::{sleep, timeout};

/// For the run to say that it heard: a round trip to its runner.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether it did.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes the screen and waits until the run has said so.
pub(super) async fn takeover(
    globals: &Globals,
    hub: &Client,
    name: &TaskName,
) -> anyhow::Result<Done> {
    let task = find(hub, name).await?;
    hub.call::<TaskTakeover>(OneTask { task }).await?;
    let taken = heard(hub, task, |task| person(task).is_some()).await?;
    output::show(globals, &taken, || match person(&taken) {
        Some(who) => format!("{who} drives the screen of {}", taken.id.short()),
        None => format!("the run of {} has not said yet that it heard", taken.id.short()),
    })?;
    Ok(Done::Well)
}

/// Gives it back and waits until the run has said so.
pub(super) async fn handback(
    globals: &Globals,
    hub: &Client,
    words: HandbackWords,
) -> anyhow::Result<Done> {
    let task = find(hub, &words.task).await?;
    hub.call::<TaskHandback>(HandBack { task, note: words.note }).await?;
    told(globals, &heard(hub, task, |task| person(task).is_none()).await?)
}

fn person(task: &Task) -> Option<&str> {
    task.driver.as_ref().and_then(|driver| driver.who.as_deref())
}

/// The task, as soon as it stands like that, or when it was waited long enough.
async fn heard(hub: &Client, task: TaskId, done: impl Fn(&Task) -> bool) -> anyhow::Result<Task> {
    let mut tries = PATIENCE.as_millis() / PAUSE.as_millis();
    loop {
        let TaskDetail { task, .. } = hub.call::<TaskShow>(OneTask { task }).await?;
        tries = tries.saturating_sub(1);
        if done(&task) || tries == 0 {
            return Ok(task);
        }
        sleep(PAUSE).await;
    }
}

/// Says how the screen stands, and takes a picture of it if that is wanted.
pub(super) async fn run(
    globals: &Globals,
    hub: &Client,
    words: TaskScreen,
) -> anyhow::Result<Done> {
    let task = find(hub, &words.task).await?;
    if words.attach.is_some() || words.detach {
        let (server, password) = (words.attach.clone(), words.password.clone());
        hub.call::<TaskScreenAttach>(ScreenAttach { task, server, password }).await?;
    }
    let query = TunnelQuery { task, port: None, screen: Some(true), view: Some(true) };
    let (sender, mut receiver) = hub.tunnel(&query).await?;
    let state = stands(&mut receiver).await?;
    let FromScreen::State { width, height, driver, viewers, attached, .. } = &state else {
        anyhow::bail!("the screen said nothing of itself");
    };
    if let Some(file) = &words.screenshot {
        let (stream, carried) = as_stream(sender, receiver, drop);
        let picture = tokio::select! {
            picture = look(stream) => picture?,
            broke = carried => {
                broke?;
                anyhow::bail!("the tunnel ended before the picture was whole");
            }
        };
        std::fs::write(file, picture)
            .with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    let file = words.screenshot.as_deref();
    let document = serde_json::json!({"task": task, "screen": state, "screenshot": file});
    output::show(globals, &document, || {
        let driver = match driver {
            Some(driver) => driver.who.as_deref().unwrap_or("the agent"),
            None => "nobody",
        };
        // We are among them.
        let others = viewers.saturating_sub(1);
        let whose = attached.as_ref().map(|server| format!("{server}, ")).unwrap_or_default();
        format!("{whose}{width} × {height}, driven by {driver}, watched by {others}")
    })?;
    Ok(Done::Well)
}

/// What the screen says first.
async fn stands(receiver: &mut TunnelReceiver) -> anyhow::Result<FromScreen> {
    while let Some(frame) = receiver.next().await? {
        let TunnelFrame::Text(text) = frame else { continue };
        let said = serde_json::from_str(&text).context("the screen said something odd")?;
        return match said {
            FromScreen::Ended { why, .. } => Err(Problem::new(Code::Precondition, why).into()),
            FromScreen::State { .. } | FromScreen::Pong { .. } | FromScreen::Unknown => Ok(said),
        };
    }
    anyhow::bail!("the tunnel ended without a word")
}

async fn look(stream: DuplexStream) -> anyhow::Result<Vec<u8>> {
    let mut hands = Hands::greet(stream).await?;
    let picture = timeout(PATIENCE, hands.look()).await.context("no picture came in time")??;
    Ok(picture.png()?)
}
