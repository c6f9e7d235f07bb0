//! `pilot forge login`: a person goes to the forge's page, and the hub waits
//! for what comes back.

use super::{added, kind_of, text_of};
use crate::args::Globals;
use crate::args::forge::ForgeLogin as Words;
use crate::commands::{browser, secret_from_stdin};
use crate::output;
use anyhow::Context;
use pilot_client::Client;
use pilot_proto::console::{
    ForgeAdd, ForgeList, ForgeLogin, ForgeLoginCancel, ForgeLoginFinish, ForgeLoginSeen,
    ForgeLoginShow, LoginAddress, LoginStanding, Named, NewForge, NewForgeLogin, Nothing,
};
use pilot_proto::{Code, Problem, Secret};
use std::io::IsTerminal;
use std::process::Child;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the hub is asked whether somebody has logged in.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn run(globals: &Globals, hub: &Client, words: Words) -> anyhow::Result<()> {
    if words.token_stdin {
        return replace_token(globals, hub, words).await;
    }
    let name = words.name.clone();
    let opens = !words.no_browser;
    let begun = hub.call::<ForgeLogin>(wanted(words)?).await?;
    output::note(&what_to_do(&begun));
    let browser = if opens { started(&begun.page) } else { None };
    let seen = tokio::select! {
        seen = until_seen(hub, &begun, browser) => seen?,
        stopped = tokio::signal::ctrl_c() => {
            stopped.context("cannot wait for Ctrl-C")?;
            hub.call::<ForgeLoginCancel>(Named { name: name.clone() }).await?;
            anyhow::bail!("the login to `{name}` was given up");
        }
    };
    match (seen.standing, seen.problem.clone()) {
        (LoginStanding::Done, _) => {
            let forges = hub.call::<ForgeList>(Nothing {}).await?;
            let forge = forges.iter().find(|one| one.forge.name == name);
            let forge = forge.context("the forge was removed again")?;
            output::show(globals, forge, || added(&forge.forge))
        }
        (_, Some(problem)) => Err(problem.into()),
        (_, None) => Err(Problem::new(Code::Unknown, "the login came to nothing").into()),
    }
}

fn wanted(words: Words) -> anyhow::Result<NewForgeLogin> {
    let secret = words.client_secret_stdin.then(|| secret_from_stdin("client secret"));
    Ok(NewForgeLogin {
        name: words.name,
        kind: words.kind.map(kind_of),
        url: words.url,
        client_id: words.client_id,
        client_secret: secret.transpose()?.unwrap_or_default(),
        device: words.device.then_some(true),
        port: words.port,
        authorities: words.way.ca.as_deref().map(text_of).transpose()?,
        proxy: words.way.proxy,
        through: words.way.through,
    })
}

/// As `add`, of a forge that is there.
async fn replace_token(globals: &Globals, hub: &Client, words: Words) -> anyhow::Result<()> {
    let token = secret_from_stdin("token")?;
    let forges = hub.call::<ForgeList>(Nothing {}).await?;
    let known = forges.into_iter().map(|one| one.forge).find(|one| one.name == words.name);
    let kind = words.kind.map(kind_of).or(known.as_ref().map(|one| one.kind));
    let url = words.url.or(known.as_ref().map(|one| one.url.clone()));
    let (Some(kind), Some(url)) = (kind, url) else {
        let message = format!("There is no forge `{}`.", words.name);
        let hint = "Say of which kind it is and where: `--kind` and `--url`.";
        return Err(Problem::new(Code::NotFound, message).hint(hint).into());
    };
    let given = words.way.ca.as_deref().map(text_of).transpose()?;
    let authorities = given.or(known.as_ref().and_then(|one| one.authorities.clone()));
    let (proxy, through) = match (words.way.proxy, words.way.through) {
        (None, None) => known.map(|one| (one.proxy, one.through)).unwrap_or_default(),
        other => other,
    };
    let way = NewForge::with_token(words.name, kind, url, token);
    let new = NewForge { authorities, proxy, through, ..way };
    let forge = hub.call::<ForgeAdd>(new).await?;
    output::show(globals, &forge, || added(&forge))
}

/// Looks until it waits for nobody any more. What a person pastes meanwhile is
/// where their browser ended up.
async fn until_seen(
    hub: &Client,
    begun: &ForgeLoginSeen,
    mut browser: Option<Child>,
) -> anyhow::Result<ForgeLoginSeen> {
    let name = &begun.name;
    // Only a person who is asked pastes something.
    let asks = begun.code.is_none() && std::io::stdin().is_terminal();
    let mut lines = if asks { pasted() } else { mpsc::channel(1).1 };
    loop {
        tokio::select! {
            Some(line) = lines.recv() => bring(hub, name, line.trim()).await,
            () = tokio::time::sleep(LOOK) => {}
        }
        if browser.as_mut().is_some_and(has_failed) {
            browser = None;
            output::note("No browser could be opened here; open the page above in one.");
        }
        let seen = hub.call::<ForgeLoginShow>(Named { name: name.clone() }).await?;
        if seen.standing != LoginStanding::Waits {
            return Ok(seen);
        }
    }
}

/// What is wrong with it is said, and they may paste another.
async fn bring(hub: &Client, name: &str, line: &str) {
    if line.is_empty() {
        return;
    }
    let given = LoginAddress { name: name.to_owned(), address: Secret::new(line) };
    if let Err(error) = hub.call::<ForgeLoginFinish>(given).await {
        let problem = Problem::from(error);
        output::note(&format!("{} {}", problem.message, problem.hint));
    }
}

/// Lines that a person types in. They are read by a thread that nobody waits
/// for: it ends with the command, in the middle of a line if need be.
fn pasted() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn started(page: &str) -> Option<Child> {
    match browser::start(page) {
        Ok(child) => Some(child),
        Err(error) => {
            output::note(&format!("{error:#}"));
            None
        }
    }
}

fn has_failed(browser: &mut Child) -> bool {
    matches!(browser.try_wait(), Ok(Some(status)) if !status.success())
}

fn what_to_do(begun: &ForgeLoginSeen) -> String {
    let until = output::until(begun.until);
    match &begun.code {
        Some(code) => format!(
            "Open this page and type in the code {code}, which expires {until}:\n\n  {}\n",
            begun.page
        ),
        None => format!(
            "Log in on this page; the hub gives up {until}:\n\n  {}\n\nA browser on another \
             machine than the hub's ends at an address that it cannot open: paste that address \
             here.\nIf the page does not know the application, look at `--client-id`.",
            begun.page
        ),
    }
}
