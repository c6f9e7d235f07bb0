//! A run as [AgentAPI](https://github.com/coder/agentapi) tells it: the journal
//! folded to messages. Turns are the user's messages; what the agent says in
//! one is one message of its own, which grows while it speaks.
//!
//! **Invariant:** the same records give the same messages under the same ids,
//! wherever they are folded; a message's id never changes, and ids rise.

use crate::event::Event;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Whose a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// Whoever told the agent something.
    User,
    /// The agent.
    Agent,
}

/// Whether the agent can be told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It works, or is about to.
    Running,
    /// It rests until it is told something.
    Stable,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its place in the conversation, from 0.
    pub id: u64,
    /// What was said.
    pub content: String,
    /// By whom.
    pub role: Speaker,
    /// When it began (RFC 3339, UTC).
    pub time: String,
}

/// What a message that is to be sent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A turn for the agent.
    User,
    /// Keys for its terminal. We have none: Ctrl-C alone means something.
    Raw,
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Send {
    /// What.
    pub content: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
}

impl Send {
    /// Ctrl-C, as a key: interrupts the turn.
    pub const INTERRUPT: &str = "\u{3}";
    /// What AgentAPI says to whoever speaks while the agent works.
    pub const BUSY: &str = "message can only be sent when the agent is waiting for user input";
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Messages; of more the first are forgotten.
    pub messages: usize,
    /// Bytes of one message; of a longer one the beginning is kept.
    pub content: usize,
    /// Bytes of all together.
    pub total: usize,
}

/// The conversation so far.
#[derive(Debug, Clone)]
pub struct Conversation {
    bounds: Bounds,
    messages: VecDeque<Message>,
    next: u64,
    bytes: usize,
    in_turn: bool,
    /// The agent's last text goes on.
    open: bool,
}

/// Stands where a message was cut.
const CUT: &str = "\n[cut]";

impl Conversation {
    /// Nothing was said yet.
    pub fn within(bounds: Bounds) -> Self {
        let messages = VecDeque::new();
        Self { bounds, messages, next: 0, bytes: 0, in_turn: false, open: false }
    }

    /// What was said, oldest first, as far as it is kept.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter()
    }

    /// A turn is under way.
    pub fn in_turn(&self) -> bool {
        self.in_turn
    }

    /// Takes in the next record. True if a message is new or different: the last.
    pub fn take_in(&mut self, at: Timestamp, event: &Event) -> bool {
        match event {
            Event::TurnStarted { prompt, .. } => {
                self.in_turn = true;
                self.says(at, Speaker::User, prompt)
            }
            Event::Steered { text } => self.says(at, Speaker::User, text),
            Event::Text { text, parent: None, open } => {
                let goes_on = std::mem::replace(&mut self.open, *open);
                let own = self.messages.back().is_some_and(|last| last.role == Speaker::Agent);
                if !own {
                    return self.says(at, Speaker::Agent, text);
                }
                if text.is_empty() {
                    return false;
                }
                let between = if goes_on { "" } else { "\n\n" };
                self.append(between) | self.append(text)
            }
            Event::TurnEnded { .. } | Event::AgentExited { .. } | Event::Finished(_) => {
                (self.in_turn, self.open) = (false, false);
                false
            }
            _ => false,
        }
    }

    fn says(&mut self, at: Timestamp, role: Speaker, text: &str) -> bool {
        self.messages.push_back(Message {
            id: self.next,
            content: String::new(),
            role,
            time: rfc3339(at),
        });
        self.next += 1;
        self.append(text);
        while self.messages.len() > self.bounds.messages.max(1)
            || (self.bytes > self.bounds.total && self.messages.len() > 1)
        {
            let gone = self.messages.pop_front();
            self.bytes -= gone.map_or(0, |gone| gone.content.len());
        }
        true
    }

    fn append(&mut self, text: &str) -> bool {
        let most = self.bounds.content;
        let Some(last) = self.messages.back_mut() else { return false };
        let before = last.content.len();
        if before >= most || text.is_empty() {
            return false;
        }
        let mut room = most - before;
        if text.len() <= room {
            last.content.push_str(text);
        } else {
            while !text.is_char_boundary(room) {
                room -= 1;
            }
            last.content.push_str(&text[..room]);
            last.content.push_str(CUT);
        }
        self.bytes += last.content.len() - before;
        true
    }
}

/// A time as RFC 3339 spells it, to the millisecond.
pub fn rfc3339(at: Timestamp) -> String {
    let (secs, micros) = (at.0.div_euclid(1_000_000), at.0.rem_euclid(1_000_000));
    let (days, of_day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let millis = micros / 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The date of a day after 1970-01-01, in the proleptic Gregorian calendar.
/// Years begin in March here, so that a leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TurnEnd;

    const WIDE: Bounds = Bounds { messages: 100, content: 1000, total: 10_000 };

    fn text(text: &str, open: bool) -> Event {
        Event::Text { text: text.to_owned(), parent: None, open }
    }

    fn turn(prompt: &str) -> Event {
        Event::TurnStarted { turn: 1, prompt: prompt.to_owned() }
    }

    fn ended() -> Event {
        let usage = crate::run::Usage::default();
        let (end, summary) = (TurnEnd::Completed, String::new());
        Event::TurnEnded { turn: 1, end, usage, denials: 0, summary, problem: None }
    }

    fn folded(bounds: Bounds, events: &[Event]) -> Conversation {
        let mut conversation = Conversation::within(bounds);
        for event in events {
            conversation.take_in(Timestamp(0), event);
        }
        conversation
    }

    fn said(conversation: &Conversation) -> Vec<(u64, Speaker, &str)> {
        conversation.messages().map(|one| (one.id, one.role, one.content.as_str())).collect()
    }

    #[test]
    fn a_turn_is_a_message_and_what_is_said_in_it_another() {
        use Speaker::{Agent, User};
        let subagent = Event::Text { text: "aside".into(), parent: Some("t".into()), open: false };
        let conversation = folded(
            WIDE,
            &[
                turn("do it"),
                text("I w", true),
                text("ill.", false),
                subagent,
                text("Done.", false),
            ],
        );
        assert!(conversation.in_turn());
        assert_eq!(said(&conversation), [(0, User, "do it"), (1, Agent, "I will.\n\nDone.")]);
        let conversation = folded(WIDE, &[turn("a"), text("b", true), ended(), turn("c")]);
        assert_eq!(said(&conversation), [(0, User, "a"), (1, Agent, "b"), (2, User, "c")]);
        let rests = folded(WIDE, &[turn("a"), ended()]);
        assert!(!rests.in_turn());
    }

    #[test]
    fn bounds_are_kept_and_ids_stay() {
        let few = Bounds { messages: 2, ..WIDE };
        let conversation = folded(few, &[turn("a"), text("b", false), turn("c"), text("d", false)]);
        assert_eq!(said(&conversation).iter().map(|one| one.0).collect::<Vec<_>>(), [2, 3]);
        let short = Bounds { content: 4, ..WIDE };
        let conversation = folded(short, &[turn("abcö"), text("x", true), text("yzw", true)]);
        let contents: Vec<_> = said(&conversation).into_iter().map(|one| one.2).collect();
        assert_eq!(contents, ["abc\n[cut]", "xyzw"]);
        let little = Bounds { total: 5, ..WIDE };
        let conversation = folded(little, &[turn("abc"), text("defg", false)]);
        assert_eq!(said(&conversation).len(), 1, "the last one stays, however large");
    }

    #[test]
    fn times_are_spelled_as_rfc_3339_says() {
        for (at, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (1_795_278_645_123_456, "2026-11-21T16:30:45.123Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(Timestamp(at)), expected);
        }
    }
}
