//! Which records of a journal somebody wants, told from a record's first bytes:
//! to parse a million lines of output in order to leave them out would take
//! seconds, to look at how each begins takes milliseconds.

use pilot_proto::console::JournalPart;

/// Which records of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Every one.
    All,
    /// All but output and snapshots.
    Conversation,
    /// Of a conversation, those with an event of these types.
    Only(&'static [&'static str]),
}

impl From<JournalPart> for Part {
    fn from(part: JournalPart) -> Self {
        match part {
            JournalPart::All => Self::All,
            JournalPart::Conversation => Self::Conversation,
        }
    }
}

impl Part {
    /// False if the record is surely none of these. A record that is not
    /// spelled the way shims spell theirs has to be read to be known.
    pub(crate) fn may_have(self, json: &str) -> bool {
        match (self, event_type(json)) {
            (Self::All, _) | (Self::Conversation | Self::Only(_), None) => true,
            (Self::Conversation, Some(name)) => !matches!(name, "output" | "snapshot"),
            (Self::Only(names), Some(name)) => names.contains(&name),
        }
    }

    /// True if only chunks with talk can hold any.
    pub(crate) fn is_talk(self) -> bool {
        match self {
            Self::All => false,
            Self::Conversation | Self::Only(_) => true,
        }
    }
}

/// The type of a record's event, if it begins as `serde` spells a `Record`.
/// Nothing further in may look like it: within a string it would be escaped.
fn event_type(json: &str) -> Option<&str> {
    let rest = after_number(json.strip_prefix("{\"epoch\":")?)?;
    let rest = after_number(rest.strip_prefix(",\"seq\":")?)?;
    let rest = after_number(rest.strip_prefix(",\"at\":")?)?;
    let name = rest.strip_prefix(",\"event\":{\"type\":\"")?;
    name.split_once('"').map(|(name, _)| name)
}

fn after_number(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|letter: char| letter == '-' || letter.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::{Event, Phase, Record, SnapshotDelta, Stream, Timestamp};

    fn spelled(event: Event) -> String {
        let record = Record { epoch: 3, seq: 1 << 33, at: Timestamp(-5), event };
        serde_json::to_string(&record).expect("spells")
    }

    #[test]
    fn a_part_is_told_from_how_a_record_begins() {
        let delta = SnapshotDelta {
            number: 1,
            base: String::new(),
            head: String::new(),
            reset: true,
            changed: Vec::new(),
            dropped: Vec::new(),
            more: false,
        };
        let lines = "{\"epoch\":1,\"seq\":1,\"at\":1,\"event\":{\"type\":\"text\"".to_owned();
        let output = spelled(Event::Output { stream: Stream::Stdout, text: lines, open: false });
        let check = |json: &str, talk: bool, phases: bool| {
            assert!(Part::All.may_have(json), "{json}");
            assert_eq!(Part::Conversation.may_have(json), talk, "{json}");
            assert_eq!(Part::Only(&["phase"]).may_have(json), phases, "{json}");
        };
        check(&output, false, false);
        check(&spelled(Event::Snapshot(delta)), false, false);
        check(
            &spelled(Event::Text { text: "\"output\"".into(), parent: None, open: false }),
            true,
            false,
        );
        check(&spelled(Event::Phase { phase: Phase::Cloning }), true, true);
        // Of another writer, or of a newer one: read it and see.
        check(r#"{ "epoch":1,"seq":1,"at":1,"event":{"type":"output"}}"#, true, true);
        check(r#"{"at":1,"epoch":1,"event":{"type":"output"},"seq":1}"#, true, true);
        check(r#"{"epoch":1,"seq":1,"at":1,"event":{"x":"y"}}"#, true, true);
        check("", true, true);
    }
}
