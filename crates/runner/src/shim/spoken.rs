//! What comes in pieces (words still spoken, the output of a tool that runs),
//! without the secrets that a border between two pieces would hide.
//!
//! **Invariant:** the pieces that go out, joined, are the pieces that came in,
//! joined and redacted. What might be the beginning of a secret waits for the
//! next piece, or for the end.

use pilot_proto::Event;
use pilot_secrets::{RedactedStream, Redactor};
use std::collections::BTreeMap;

/// Pieces of so many at once: an agent has a few subagents and tools. A driver
/// that never ends what it begins must not fill our memory.
const MOST: usize = 256;

/// What the pieces belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Text(Option<String>),
    Thinking(Option<String>),
    Tool(String),
}

/// Pieces of one.
struct Pieces {
    stream: RedactedStream,
    /// The beginning of a character whose rest the stream holds back.
    begun: Vec<u8>,
}

impl Pieces {
    fn push(&mut self, text: &str, ends: bool) -> String {
        let mut out = std::mem::take(&mut self.begun);
        self.stream.push(text.as_bytes(), &mut out);
        if ends {
            self.stream.finish(&mut out);
        } else if let Err(error) = std::str::from_utf8(&out)
            && error.error_len().is_none()
        {
            self.begun = out.split_off(error.valid_up_to());
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// All that is under way.
pub(super) struct Spoken {
    redactor: Redactor,
    open: BTreeMap<Whose, Pieces>,
}

impl Spoken {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, open: BTreeMap::new() }
    }

    /// For whatever begins from now on.
    pub(super) fn know(&mut self, redactor: &Redactor) {
        self.redactor = redactor.clone();
    }

    /// What is to be journalled instead of `event`, in order; none: it, as it is.
    pub(super) fn pass(&mut self, event: &Event) -> Option<Vec<Event>> {
        Some(match event {
            Event::Text { text, parent, open } => {
                self.piece(Whose::Text(parent.clone()), text, !open)
            }
            Event::Thinking { text, parent, open } => {
                self.piece(Whose::Thinking(parent.clone()), text, !open)
            }
            Event::ToolOutput { id, text } => self.piece(Whose::Tool(id.clone()), text, false),
            Event::ToolEnded { id, .. } => {
                let whose = Whose::Tool(id.clone());
                let mut events: Vec<Event> = self.end(&whose).into_iter().collect();
                events.push(event.clone());
                events
            }
            Event::TurnEnded { .. } | Event::AgentExited { .. } | Event::Finished(_) => {
                let mut events = self.end_all();
                events.push(event.clone());
                events
            }
            _ => return None,
        })
    }

    fn piece(&mut self, whose: Whose, text: &str, ends: bool) -> Vec<Event> {
        let mut events = if self.open.len() >= MOST { self.end_all() } else { Vec::new() };
        let mut pieces = self
            .open
            .remove(&whose)
            .unwrap_or_else(|| Pieces { stream: self.redactor.stream(), begun: Vec::new() });
        let text = pieces.push(text, ends);
        if ends || !text.is_empty() {
            events.push(said(&whose, text, !ends));
        }
        if !ends {
            self.open.insert(whose, pieces);
        }
        events
    }

    /// The rest of what will not go on; none if all was said, and a tool's end
    /// says itself that nothing follows.
    fn end(&mut self, whose: &Whose) -> Option<Event> {
        let text = self.open.remove(whose)?.push("", true);
        let needless = text.is_empty() && matches!(whose, Whose::Tool(_));
        (!needless).then(|| said(whose, text, false))
    }

    fn end_all(&mut self) -> Vec<Event> {
        let open: Vec<Whose> = self.open.keys().cloned().collect();
        open.iter().filter_map(|whose| self.end(whose)).collect()
    }
}

fn said(whose: &Whose, text: String, open: bool) -> Event {
    match whose.clone() {
        Whose::Text(parent) => Event::Text { text, parent, open },
        Whose::Thinking(parent) => Event::Thinking { text, parent, open },
        Whose::Tool(id) => Event::ToolOutput { id, text },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Secret;
    use pilot_secrets::NamedSecret;

    const KEY: &str = "hunter2hunter2ünd";

    fn spoken() -> Spoken {
        let secret = NamedSecret { name: "key".to_owned(), value: Secret::new(KEY) };
        Spoken::new(Redactor::new(vec![secret]))
    }

    fn pass(spoken: &mut Spoken, event: &Event) -> Vec<Event> {
        spoken.pass(event).expect("it concerns what is spoken")
    }

    fn text(text: &str, open: bool) -> Event {
        Event::Text { text: text.to_owned(), parent: None, open }
    }

    /// The events' words, and whether the last says that more follows.
    fn joined(events: &[Event]) -> (String, bool) {
        let mut words = String::new();
        let mut goes_on = false;
        for event in events {
            match event {
                Event::Text { text, open, .. } => {
                    words.push_str(text);
                    goes_on = *open;
                }
                Event::ToolOutput { text, .. } => words.push_str(text),
                other => words.push_str(&format!("<{}>", matches!(other, Event::ToolEnded { .. }))),
            }
        }
        (words, goes_on)
    }

    #[test]
    fn a_secret_that_is_said_in_pieces_is_not_written() {
        for cut in (0..=KEY.len()).filter(|cut| KEY.is_char_boundary(*cut)) {
            let mut spoken = spoken();
            let mut events = pass(&mut spoken, &text(&format!("über {}", &KEY[..cut]), true));
            events.extend(pass(&mut spoken, &text(&format!("{} ünd", &KEY[cut..]), true)));
            events.extend(pass(&mut spoken, &text(" so.", false)));
            let expected = format!("über {} ünd so.", "[redacted:key]");
            assert_eq!(joined(&events), (expected, false), "cut at {cut}");
        }
    }

    #[test]
    fn a_running_tools_output_ends_with_the_tool() {
        let mut spoken = spoken();
        let output = |text: &str| Event::ToolOutput { id: "a".to_owned(), text: text.to_owned() };
        let mut events = pass(&mut spoken, &output("one\nhunter2"));
        assert_eq!(joined(&events).0, "one\n", "what may be a secret waits");
        let ended = Event::ToolEnded { id: "a".to_owned(), ok: true, output: String::new() };
        events.extend(pass(&mut spoken, &ended));
        assert_eq!(joined(&events).0, "one\nhunter2<true>");
        assert_eq!(pass(&mut spoken, &ended).len(), 1, "nothing is left");
    }

    #[test]
    fn whole_words_pass_as_they_are_even_empty_ones() {
        let mut spoken = spoken();
        for words in ["Done.", ""] {
            assert_eq!(pass(&mut spoken, &text(words, false)), [text(words, false)]);
        }
    }

    #[test]
    fn an_end_of_the_turn_ends_what_was_spoken() {
        let mut spoken = spoken();
        let mut events = pass(&mut spoken, &text("I will", true));
        events.extend(pass(&mut spoken, &Event::AgentExited { code: Some(1), signal: None }));
        let exited = events.pop().expect("it is passed on");
        assert!(matches!(exited, Event::AgentExited { .. }), "{exited:?}");
        assert_eq!(joined(&events), ("I will".to_owned(), false));
    }
}
