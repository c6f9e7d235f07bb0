//! The conversation as those inside may read it, kept while the run goes on.

use pilot_proto::agentapi::{Bounds, Conversation, Message};
use pilot_proto::{Event, Timestamp};
use pilot_secrets::Redactor;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// A shim is small: of a long conversation the end is kept.
const BOUNDS: Bounds = Bounds { messages: 200, content: 64 * 1024, total: 1024 * 1024 };

/// What was said so far.
pub(in crate::shim) struct Talk {
    conversation: Mutex<Conversation>,
    /// The id of the message that changed last, and how often one has.
    changed: watch::Sender<u64>,
}

impl Default for Talk {
    fn default() -> Self {
        let conversation = Mutex::new(Conversation::within(BOUNDS));
        Self { conversation, changed: watch::Sender::new(0) }
    }
}

impl Talk {
    /// Takes in what was just journalled.
    pub(in crate::shim) fn take_in(&self, at: Timestamp, event: &Event, redactor: &Redactor) {
        let mut conversation = self.conversation.lock().unwrap_or_else(PoisonError::into_inner);
        let before = conversation.in_turn();
        // Words of the agent come without secrets; a prompt may hold one.
        let taken = if let Event::TurnStarted { turn, prompt } = event {
            let prompt = redactor.redact_str(prompt).into_owned();
            conversation.take_in(at, &Event::TurnStarted { turn: *turn, prompt })
        } else if let Event::Steered { text } = event {
            let text = redactor.redact_str(text).into_owned();
            conversation.take_in(at, &Event::Steered { text })
        } else {
            conversation.take_in(at, event)
        };
        if taken || conversation.in_turn() != before {
            self.changed.send_modify(|count| *count += 1);
        }
    }

    pub(super) fn in_turn(&self) -> bool {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner).in_turn()
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        let conversation = self.conversation.lock().unwrap_or_else(PoisonError::into_inner);
        conversation.messages().cloned().collect()
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
