//! What the window is told by the program, over one channel that the page
//! opens. What a page must not miss waits until there is one.
//!
//! **Invariant:** an intent is handed to the page and to nobody else: nothing
//! that came from outside is acted upon here.

use crate::links::{self, Link};
use crate::local_hub::LocalHubState;
use pilot_proto::Problem;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tauri::ipc::Channel;

/// Somebody who clicks on more links than this while no page is open gets the
/// last ones.
const WAITING: usize = 16;

/// What somebody outside wants shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Intent {
    /// A link or a notification that was followed.
    Link(Link),
    /// A link that is not followed.
    Refused(Refused),
    /// Nothing is wanted; a person should read it once.
    Said(Said),
}

/// Why a link is not followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename = "refused")]
pub(crate) struct Refused {
    /// One sentence.
    pub(crate) reason: String,
}

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename = "said")]
pub(crate) struct Said {
    /// What.
    pub(crate) problem: Problem,
}

impl Intent {
    /// Of a link's text.
    pub(crate) fn of(text: &str) -> Self {
        match links::parse(text) {
            Ok(link) => Self::Link(link),
            Err(error) => Self::Refused(Refused { reason: format!("{error}.") }),
        }
    }
}

/// What is told.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Told {
    /// Something to show.
    Intent {
        /// What.
        intent: Intent,
    },
    /// The embedded hub is in another state.
    LocalHub {
        /// Which.
        hub: LocalHubState,
    },
}

/// The way to the page.
#[derive(Debug, Default)]
pub(crate) struct Voice(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    page: Option<Channel<Told>>,
    waiting: VecDeque<Told>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl Voice {
    /// A page listens from now on; what waited is told first.
    pub(crate) fn listen(&self, page: Channel<Told>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for told in std::mem::take(&mut inner.waiting) {
            send(&page, told);
        }
        inner.page = Some(page);
    }

    /// The page is gone.
    pub(crate) fn hang_up(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).page = None;
    }

    /// Tells what must not be missed.
    pub(crate) fn tell(&self, told: Told) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = &inner.page {
            send(page, told);
            return;
        }
        if inner.waiting.len() == WAITING {
            inner.waiting.pop_front();
        }
        inner.waiting.push_back(told);
    }

    /// Tells what a page that comes later is told when it listens.
    pub(crate) fn mention(&self, told: Told) {
        if let Some(page) = &self.0.lock().unwrap_or_else(PoisonError::into_inner).page {
            send(page, told);
        }
    }
}

fn send(page: &Channel<Told>, told: Told) {
    // A page that is just going away hears no more.
    if let Err(error) = page.send(told) {
        tracing::debug!(%error, "the page did not hear");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn page() -> (Channel<Told>, Arc<Mutex<Vec<String>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        let channel = Channel::new(move |body| {
            kept.lock().expect("not poisoned").push(format!("{body:?}"));
            Ok(())
        });
        (channel, heard)
    }

    fn intent(text: &str) -> Told {
        Told::Intent { intent: Intent::of(text) }
    }

    #[test]
    fn what_came_before_the_page_is_told_to_the_page() {
        let voice = Voice::default();
        voice.tell(intent("pilothouse://new?prompt=first"));
        let (channel, heard) = page();
        voice.listen(channel);
        voice.tell(intent("pilothouse://new?prompt=second"));
        voice.hang_up();
        voice.tell(intent("pilothouse://new?prompt=third"));
        let heard = heard.lock().expect("not poisoned").clone();
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert!(heard[0].contains("first") && heard[1].contains("second"), "{heard:?}");
        let (channel, heard) = page();
        voice.listen(channel);
        assert!(heard.lock().expect("not poisoned")[0].contains("third"));
    }

    #[test]
    fn a_storm_of_links_without_a_page_is_bounded() {
        let voice = Voice::default();
        for number in 0..1000 {
            voice.tell(intent(&format!("pilothouse://new?issue={}", number + 1)));
        }
        let (channel, heard) = page();
        voice.listen(channel);
        let heard = heard.lock().expect("not poisoned").clone();
        assert_eq!(heard.len(), WAITING);
        assert!(heard[WAITING - 1].contains("1000"), "the last ones are kept");
    }

    #[test]
    fn intents_are_spelt_as_the_pages_read_them() {
        let spelt = |text: &str| serde_json::to_value(Intent::of(text)).expect("serialises");
        assert_eq!(
            spelt("pilothouse://new?project=shop&mode=ask"),
            serde_json::json!({"kind": "new_task", "project": "shop", "mode": "ask"})
        );
        assert_eq!(spelt("pilothouse://nowhere")["kind"], "refused");
        assert!(spelt("pilothouse://nowhere")["reason"].is_string());
    }
}
