//! Notices on the person's desktop, and what the person does with them.
//!
//! **Invariant:** at most [`STANDING`] of them are open; each is a task that
//! ends when the notification is closed, followed, or taken back.

use crate::notices::{Notice, Subject, Why};
use notify_rust::{Notification, NotificationHandle, NotificationResponse, Urgency};
use pilot_proto::{Code, Problem};
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// More than a person reads; the oldest goes.
const STANDING: usize = 32;

/// What a person did with a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// Followed it.
    Open(Notice),
    /// Allowed once what it asks.
    Approve(Notice),
    /// It is gone.
    Closed(Subject),
}

/// Notices that stand on the desktop.
#[derive(Debug)]
pub(crate) struct Notifications {
    done: mpsc::Sender<Done>,
    standing: BTreeMap<Subject, Standing>,
    tasks: JoinSet<()>,
    shown: u64,
}

#[derive(Debug)]
struct Standing {
    id: u32,
    order: u64,
    withdraw: CancellationToken,
    attending: AbortHandle,
}

impl Notifications {
    /// None yet; what is done with them goes to `done`.
    pub(crate) fn new(done: mpsc::Sender<Done>) -> Self {
        Self { done, standing: BTreeMap::new(), tasks: JoinSet::new(), shown: 0 }
    }

    /// Shows one, in the place of an earlier one about the same.
    pub(crate) async fn show(&mut self, notice: Notice) -> Result<(), Problem> {
        while self.tasks.try_join_next().is_some() {}
        let before = self.standing.get(&notice.subject).map(|standing| standing.id);
        let handle = show(&notice, before).await?;
        if self.standing.len() >= STANDING && !self.standing.contains_key(&notice.subject) {
            let oldest = self.standing.iter().min_by_key(|(_, one)| one.order);
            if let Some(oldest) = oldest.map(|(subject, _)| subject.clone()) {
                self.withdraw(&oldest);
            }
        }
        let withdraw = CancellationToken::new();
        self.shown += 1;
        let (id, done, subject) = (handle.id(), self.done.clone(), notice.subject.clone());
        let attended = attend(handle, notice, withdraw.clone());
        let attending = self.tasks.spawn(async move {
            if let Some(said) = attended.await {
                // The listener is gone only when the program ends.
                done.send(said).await.ok();
            }
        });
        let standing = Standing { id, order: self.shown, withdraw, attending };
        // Whoever waits for the one that is replaced waits for the same id.
        if let Some(replaced) = self.standing.insert(subject, standing) {
            replaced.attending.abort();
        }
        Ok(())
    }

    /// Takes one back.
    pub(crate) fn withdraw(&mut self, subject: &Subject) {
        if let Some(standing) = self.standing.remove(subject) {
            standing.withdraw.cancel();
        }
    }

    /// It is gone by itself.
    pub(crate) fn forget(&mut self, subject: &Subject) {
        self.standing.remove(subject);
    }
}

/// Until somebody does something with it.
async fn attend(
    handle: NotificationHandle,
    notice: Notice,
    withdraw: CancellationToken,
) -> Option<Done> {
    let mut response = None;
    tokio::select! {
        () = handle.wait_for_action_async(|said: &NotificationResponse| {
            response = Some(said.clone());
        }) => {}
        () = withdraw.cancelled() => {
            handle.close_async().await;
            return None;
        }
    }
    if !matches!(response, Some(NotificationResponse::Closed(_)) | None) {
        // Not every daemon takes away what was chosen from a menu of actions.
        handle.close_async().await;
    }
    Some(match response {
        Some(NotificationResponse::Default) => Done::Open(notice),
        Some(NotificationResponse::Action(action)) if action == APPROVE => Done::Approve(notice),
        Some(NotificationResponse::Action(_)) => Done::Open(notice),
        Some(NotificationResponse::Closed(_) | NotificationResponse::Reply(_)) | None => {
            Done::Closed(notice.subject)
        }
    })
}

const APPROVE: &str = "approve";
const OPEN: &str = "open";

async fn show(notice: &Notice, replaces: Option<u32>) -> Result<NotificationHandle, Problem> {
    let mut shown = Notification::new();
    shown
        .appname("Pilothouse")
        .summary(&notice.title)
        .body(&escaped(&notice.body))
        .icon("pilothouse")
        .urgency(match notice.why {
            Why::NeedsYou | Why::Failed | Why::Ready | Why::RunnerOffline => Urgency::Normal,
        });
    if notice.approve.is_some() {
        shown.action(APPROVE, "Approve");
    }
    shown.action(OPEN, "Open").action("default", "Open");
    if let Some(id) = replaces {
        shown.id(id);
    }
    shown.show_async().await.map_err(|error| problem(&error))
}

/// Shows one for the settings page; what is wrong comes back.
pub(crate) async fn test() -> Result<(), Problem> {
    let mut shown = Notification::new();
    shown
        .appname("Pilothouse")
        .summary("Notifications work")
        .body("This is what Pilothouse sends when something needs you.")
        .icon("pilothouse");
    shown.show_async().await.map(drop).map_err(|error| problem(&error))
}

/// Daemons read the body as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn problem(error: &notify_rust::error::Error) -> Problem {
    let text = error.to_string();
    let (message, hint) = if text.contains("ServiceUnknown") || text.contains("NameHasNoOwner") {
        (
            "No notification service runs on this desktop.".to_owned(),
            "Install or start one, for example `dunst`; the tray and the inbox still count.",
        )
    } else {
        (
            format!("The desktop shows no notification: {text}."),
            "Check that a session bus and a notification service run.",
        )
    };
    Problem::new(Code::Precondition, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_wrote_is_no_markup() {
        assert_eq!(escaped("<b>a & b</b>"), "&lt;b&gt;a &amp; b&lt;/b&gt;");
    }
}
