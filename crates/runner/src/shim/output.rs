//! Output on its way into the journal: redacted, cut into lines, batched.

use pilot_proto::Event;
use pilot_proto::event::Stream;
use pilot_secrets::{RedactedStream, Redactor};

/// Most bytes of one `Output` event, and the longest line that is kept whole.
pub(super) const LONGEST: usize = 64 * 1024;

/// One pipe's output, folded into events. Which stream a line belongs to is
/// said by whoever knows the agent's protocol.
#[derive(Debug)]
pub(super) struct OutputFold {
    redacted: RedactedStream,
    /// Redacted, and not journalled yet: never more than [`LONGEST`] and a read.
    text: Vec<u8>,
    /// The line that `text` begins with goes on one that is journalled
    /// already, in this stream.
    open: Option<Stream>,
}

impl OutputFold {
    pub(super) fn new(redactor: &Redactor) -> Self {
        Self { redacted: redactor.stream(), text: Vec::new(), open: None }
    }

    /// Takes bytes in and gives the events of the whole lines that are there.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        stream_of: &dyn Fn(&[u8]) -> Stream,
        emit: &mut dyn FnMut(Event),
    ) {
        self.redacted.push(bytes, &mut self.text);
        let whole = memchr::memrchr(b'\n', &self.text).map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.text.drain(..whole).collect();
        self.emit_lines(&lines, stream_of, emit);
        while self.text.len() > LONGEST {
            let piece = character_border(&self.text[..LONGEST]);
            self.emit_open(piece, stream_of, emit);
        }
    }

    /// The pipe is quiet: what waits for its line's end is shown as it is, but
    /// for what may be a secret's beginning.
    pub(super) fn quiet(
        &mut self,
        stream_of: &dyn Fn(&[u8]) -> Stream,
        emit: &mut dyn FnMut(Event),
    ) {
        self.redacted.pause(&mut self.text);
        self.push(&[], stream_of, emit);
        let piece = character_border(&self.text);
        if piece > 0 {
            self.emit_open(piece, stream_of, emit);
        }
    }

    /// The pipe is at its end: the last line is one, newline or not.
    pub(super) fn end(&mut self, stream_of: &dyn Fn(&[u8]) -> Stream, emit: &mut dyn FnMut(Event)) {
        self.redacted.finish(&mut self.text);
        if !self.text.is_empty() || self.open.is_some() {
            self.text.push(b'\n');
        }
        self.push(&[], stream_of, emit);
    }

    fn emit_open(
        &mut self,
        length: usize,
        stream_of: &dyn Fn(&[u8]) -> Stream,
        emit: &mut dyn FnMut(Event),
    ) {
        let piece: Vec<u8> = self.text.drain(..length).collect();
        let stream = *self.open.get_or_insert_with(|| stream_of(&piece));
        let text = String::from_utf8_lossy(&piece).into_owned();
        emit(Event::Output { stream, text, open: true });
    }

    /// `lines` are whole, the last one's end included.
    fn emit_lines(
        &mut self,
        lines: &[u8],
        stream_of: &dyn Fn(&[u8]) -> Stream,
        emit: &mut dyn FnMut(Event),
    ) {
        let mut batch: Option<(Stream, usize, usize)> = None;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            // The rest of a line that was begun belongs where it was begun.
            let stream = self.open.take().unwrap_or_else(|| stream_of(&lines[start..end]));
            while end - start > LONGEST {
                emit_batch(batch.take(), lines, emit);
                let piece = character_border(&lines[start..start + LONGEST]);
                let text = String::from_utf8_lossy(&lines[start..start + piece]).into_owned();
                emit(Event::Output { stream, text, open: true });
                start += piece;
            }
            batch = match batch {
                Some((same, first, _)) if same == stream && end - first <= LONGEST => {
                    Some((same, first, end))
                }
                other => {
                    emit_batch(other, lines, emit);
                    Some((stream, start, end))
                }
            };
            start = end + 1;
        }
        emit_batch(batch, lines, emit);
    }
}

fn emit_batch(batch: Option<(Stream, usize, usize)>, lines: &[u8], emit: &mut dyn FnMut(Event)) {
    if let Some((stream, start, end)) = batch {
        let text = String::from_utf8_lossy(&lines[start..end]).into_owned();
        emit(Event::Output { stream, text, open: false });
    }
}

/// How many bytes can be cut off without cutting a character in two.
fn character_border(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(4).position(|byte| !(0x80..0xc0).contains(byte));
    let Some(back) = last else { return bytes.len() };
    let lead = bytes[bytes.len() - 1 - back];
    let length = match lead {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    if length > back + 1 { bytes.len() - 1 - back } else { bytes.len() }
}

/// Lines of an agent's protocol, as they came: what its driver reads.
#[derive(Debug, Default)]
pub(super) struct ProtocolLines {
    line: Vec<u8>,
    /// The line is longer than [`ProtocolLines::LONGEST`]; it is left out.
    too_long: bool,
}

impl ProtocolLines {
    /// A model's whole answer with an image in it is below this; more is not
    /// a message but a fault, and would be held in memory.
    const LONGEST: usize = 32 * 1024 * 1024;

    /// Takes bytes in and gives each whole line to `line`.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (head, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            if self.line.is_empty() && !self.too_long {
                line(head);
                continue;
            }
            self.keep(head);
            if !std::mem::take(&mut self.too_long) {
                line(&self.line);
            }
            self.line = Vec::new();
        }
        self.keep(bytes);
    }

    /// The pipe is at its end.
    pub(super) fn end(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.line.is_empty() && !self.too_long {
            line(&self.line);
        }
        self.line = Vec::new();
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.too_long |= self.line.len() + bytes.len() > Self::LONGEST;
        if self.too_long {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Secret;
    use pilot_secrets::NamedSecret;

    fn stream_of(line: &[u8]) -> Stream {
        if line.first() == Some(&b'{') { Stream::Protocol } else { Stream::Stdout }
    }

    fn fold(pieces: &[&[u8]], secrets: Vec<NamedSecret>) -> Vec<(Stream, String, bool)> {
        let mut fold = OutputFold::new(&Redactor::new(secrets));
        let mut seen = Vec::new();
        let mut emit = |event: Event| match event {
            Event::Output { stream, text, open } => seen.push((stream, text, open)),
            other => panic!("only output comes of output: {other:?}"),
        };
        for piece in pieces {
            match *piece {
                b"<quiet>" => fold.quiet(&stream_of, &mut emit),
                bytes => fold.push(bytes, &stream_of, &mut emit),
            }
        }
        fold.end(&stream_of, &mut emit);
        seen
    }

    #[test]
    fn lines_are_batched_by_stream_and_partial_ones_wait() {
        let out = |text: &str| (Stream::Stdout, text.to_owned(), false);
        assert_eq!(
            fold(&[b"a\nb\n{1}\n{2}\nc", b"d\n"], Vec::new()),
            [out("a\nb"), (Stream::Protocol, "{1}\n{2}".into(), false), out("cd")]
        );
        assert_eq!(fold(&[b"\n\n"], Vec::new()), [out("\n")], "two empty lines");
        assert_eq!(fold(&[b"no end"], Vec::new()), [out("no end")]);
        assert_eq!(fold(&[], Vec::new()), []);
    }

    #[test]
    fn a_prompt_that_waits_is_shown_open_and_goes_on_in_its_stream() {
        let line = |text: &str, open| (Stream::Protocol, text.to_owned(), open);
        assert_eq!(
            fold(&[b"{\"a\":", b"<quiet>", b"1}\n"], Vec::new()),
            [line("{\"a\":", true), line("1}", false)]
        );
        assert_eq!(
            fold(&[b"{ \xe2\x82", b"<quiet>", b"\xac\n"], Vec::new()),
            [line("{ ", true), line("€", false)],
            "a character is not cut"
        );
    }

    #[test]
    fn a_line_without_end_comes_in_pieces_and_keeps_its_bytes() {
        let long = "ä".repeat(100_000);
        let whole = format!("{long}\n");
        for pieces in [&[long.as_bytes(), b"\n"][..], &[whole.as_bytes()]] {
            let seen = fold(pieces, Vec::new());
            assert!(seen.iter().all(|(_, text, _)| text.len() <= LONGEST));
            assert!(seen[..seen.len() - 1].iter().all(|(_, _, open)| *open));
            assert!(!seen[seen.len() - 1].2, "the last piece ends the line");
            assert_eq!(seen.iter().map(|(_, text, _)| text.as_str()).collect::<String>(), long);
        }
    }

    #[test]
    fn a_secret_across_two_reads_is_not_seen() {
        let secret = NamedSecret { name: "key".into(), value: Secret::new("hunter2hunter2") };
        let seen = fold(&[b"x hunter2", b"hunter2 y\n"], vec![secret]);
        let text: String = seen.iter().map(|(_, text, _)| text.as_str()).collect();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.starts_with("x ") && text.ends_with(" y"), "{text}");
    }

    #[test]
    fn protocol_lines_are_whole_whatever_the_reads_were() {
        let mut lines = ProtocolLines::default();
        let mut seen: Vec<String> = Vec::new();
        for byte in b"{1}\n\n{22}\nlast" {
            lines.push(&[*byte], |line| seen.push(String::from_utf8_lossy(line).into_owned()));
        }
        lines.end(|line| seen.push(String::from_utf8_lossy(line).into_owned()));
        assert_eq!(seen, ["{1}", "", "{22}", "last"]);
    }
}
