//! Hears what happens at a hub, window or no window.

use crate::notices::{HubKey, News};
use pilot_client::{Client, ClientError, Told};
use pilot_proto::console::{FromConsole, ToConsole};
use std::time::Duration;
use tokio::sync::mpsc;

/// The one watch of this connection.
const WATCH: u32 = 1;
/// The first connection is tried again as often as this; one that stood
/// before is made again by the client itself, faster.
const AGAIN: Duration = Duration::from_secs(15);

/// Hears until it is dropped, the hub refuses us, or nobody listens.
pub(crate) async fn hear(client: Client, hub: HubKey, news: mpsc::Sender<(HubKey, News)>) {
    loop {
        match follow(&client, &hub, &news).await {
            Ok(()) => return,
            Err(error) if error.is_passing() => {
                tracing::debug!(hub, %error, "the hub is not there yet");
                tokio::time::sleep(AGAIN).await;
            }
            // The page says the same, where a person looks.
            Err(error) => {
                tracing::warn!(hub, %error, "nothing is heard of the hub any more");
                return;
            }
        }
    }
}

async fn follow(
    client: &Client,
    hub: &HubKey,
    news: &mpsc::Sender<(HubKey, News)>,
) -> Result<(), ClientError> {
    let mut live = client.live().await?;
    live.say(FromConsole::WatchAll { watch: WATCH });
    loop {
        let heard = match live.next().await? {
            Told::Hub(message) => of(message),
            // After `Back` the hub tells everything again.
            Told::Lost { .. } | Told::Back => None,
        };
        if let Some(heard) = heard
            && news.send((hub.clone(), heard)).await.is_err()
        {
            return Ok(());
        }
    }
}

fn of(message: ToConsole) -> Option<News> {
    match message {
        ToConsole::Present { tasks, runners, inbox, first, last, .. } => {
            Some(News::Present { tasks, runners, inbox, first, last })
        }
        ToConsole::Task { task, .. } => Some(News::Task(task)),
        ToConsole::Runner { runner, .. } => Some(News::Runner(runner)),
        ToConsole::Inbox { item, .. } => Some(News::Item(item)),
        ToConsole::Watching { .. }
        | ToConsole::Records { .. }
        | ToConsole::Log { .. }
        | ToConsole::Behind { .. }
        | ToConsole::Ended { .. } => None,
    }
}
