//! The commands at the beginning of a push (gitprotocol-pack(5), "Reference
//! Update Request"): read as the bytes come, within bounds.

use flate2::write::MultiGzDecoder;
use std::io::Write;

/// A command has at most a branch name and the client's capabilities.
const LONGEST: usize = 64 * 1024;
/// A run has one branch; who pushes more is refused anyway.
const MOST: usize = 256;

/// What a push wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Commands {
    pub(crate) commands: Vec<Command>,
    /// What the client can, from the first command.
    capabilities: Vec<String>,
}

/// One reference that is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    new: String,
    pub(crate) name: String,
}

/// Why the beginning of a push cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("its beginning is not what a push begins with")]
    Malformed,
    #[error("it changes more references than a run can have")]
    TooMuch,
    #[error("signed pushes are not passed on")]
    Signed,
    #[error("its compression cannot be read")]
    Compression,
}

/// Reads bytes until the commands are complete.
pub(crate) struct Reader {
    plain: Plain,
}

enum Plain {
    Bytes(Vec<u8>),
    /// The decoder writes into the bytes.
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Reader {
    /// `encoding`: the request's `Content-Encoding`.
    pub(crate) fn new(encoding: Option<&str>) -> Result<Self, Unreadable> {
        let plain = match encoding.map(str::trim) {
            None | Some("" | "identity") => Plain::Bytes(Vec::new()),
            Some("gzip" | "x-gzip") => Plain::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Some(_) => return Err(Unreadable::Compression),
        };
        Ok(Self { plain })
    }

    /// Takes bytes in. The commands, once they are complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Commands>, Unreadable> {
        // In small steps: a gzip may hold a thousand times its own length.
        for step in bytes.chunks(256) {
            match &mut self.plain {
                Plain::Bytes(plain) => plain.extend_from_slice(step),
                Plain::Gzip(decoder) => {
                    decoder.write_all(step).map_err(|_| Unreadable::Compression)?;
                    decoder.flush().map_err(|_| Unreadable::Compression)?;
                }
            }
            let plain = match &self.plain {
                Plain::Bytes(plain) => plain,
                Plain::Gzip(decoder) => decoder.get_ref(),
            };
            if let Some(commands) = parse(plain)? {
                return Ok(Some(commands));
            }
            if plain.len() > LONGEST {
                return Err(Unreadable::TooMuch);
            }
        }
        Ok(None)
    }
}

/// The commands up to the flush packet; `None`: more has to come.
fn parse(mut rest: &[u8]) -> Result<Option<Commands>, Unreadable> {
    let mut found = Commands::default();
    loop {
        let Some((length, after)) = rest.split_at_checked(4) else { return Ok(None) };
        let length = std::str::from_utf8(length)
            .ok()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .ok_or(Unreadable::Malformed)?;
        match length {
            0 => return Ok(Some(found)),
            1..=4 => return Err(Unreadable::Malformed),
            _ => {}
        }
        let Some((line, after)) = after.split_at_checked(length - 4) else { return Ok(None) };
        found.line(line)?;
        rest = after;
    }
}

impl Commands {
    fn line(&mut self, line: &[u8]) -> Result<(), Unreadable> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.starts_with(b"shallow ") && self.commands.is_empty() {
            return Ok(());
        }
        let (command, capabilities) = match memchr::memchr(0, line) {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        if command.starts_with(b"push-cert") {
            return Err(Unreadable::Signed);
        }
        // Names that are not UTF-8 are no run's branch, and stay readable.
        let command = String::from_utf8_lossy(command);
        let mut words = command.splitn(3, ' ');
        let (Some(old), Some(new), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err(Unreadable::Malformed);
        };
        if !is_id(old) || !is_id(new) || name.is_empty() {
            return Err(Unreadable::Malformed);
        }
        if self.commands.len() >= MOST {
            return Err(Unreadable::TooMuch);
        }
        if let (Some(capabilities), true) = (capabilities, self.commands.is_empty()) {
            let text = String::from_utf8_lossy(capabilities);
            self.capabilities = text.split_whitespace().map(str::to_owned).collect();
        }
        self.commands.push(Command { new: new.to_owned(), name: name.to_owned() });
        Ok(())
    }

    /// Why these may not be, for the first that may not.
    pub(crate) fn refused(&self, branch: &str) -> Option<String> {
        let own = format!("refs/heads/{branch}");
        self.commands.iter().find_map(|command| {
            if command.name != own {
                return Some(format!("this run may push only its own branch `{branch}`"));
            }
            let deletes = command.new.bytes().all(|digit| digit == b'0');
            deletes.then(|| format!("this run may not delete its branch `{branch}`"))
        })
    }

    /// git's own way to say that a push was refused (gitprotocol-pack(5),
    /// "Report Status"), which it shows beside the reference.
    pub(crate) fn report(&self, why: &str) -> Vec<u8> {
        // A line ends what git shows.
        let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut report = packet(b"unpack ok\n");
        for command in &self.commands {
            report.extend(packet(format!("ng {} {why}\n", command.name).as_bytes()));
        }
        report.extend_from_slice(b"0000");
        let can = |name: &str| self.capabilities.iter().any(|one| one == name);
        if !(can("side-band-64k") || can("side-band")) {
            return report;
        }
        let mut banded = Vec::new();
        // Side bands of the smaller kind carry 999 bytes.
        for piece in report.chunks(900) {
            banded.extend(packet(&[b"\x01", piece].concat()));
        }
        banded.extend_from_slice(b"0000");
        banded
    }
}

fn is_id(text: &str) -> bool {
    // SHA-1, or SHA-256.
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn packet(bytes: &[u8]) -> Vec<u8> {
    let mut packet = format!("{:04x}", bytes.len() + 4).into_bytes();
    packet.extend_from_slice(bytes);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    const NOTHING: &str = "0000000000000000000000000000000000000000";
    const NEW: &str = "1111111111111111111111111111111111111111";

    fn push(commands: &[(&str, &str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, (old, new, name)) in commands.iter().enumerate() {
            let can = if index == 0 { "\0 report-status side-band-64k agent=git/2" } else { "" };
            bytes.extend(packet(format!("{old} {new} {name}{can}").as_bytes()));
        }
        bytes.extend_from_slice(b"0000PACK and whatever follows");
        bytes
    }

    fn read(bytes: &[u8], encoding: Option<&str>) -> Result<Option<Commands>, Unreadable> {
        let mut reader = Reader::new(encoding)?;
        for piece in bytes.chunks(3) {
            if let Some(commands) = reader.feed(piece)? {
                return Ok(Some(commands));
            }
        }
        Ok(None)
    }

    #[test]
    fn only_the_runs_own_branch_may_be_made_or_moved() {
        let check = |commands: &[(&str, &str, &str)], expected: Option<&str>| {
            let read = read(&push(commands), None).expect("it is a push").expect("it is complete");
            assert_eq!(read.refused("pilot/x").as_deref(), expected, "{commands:?}");
        };
        let own = "refs/heads/pilot/x";
        let only = Some("this run may push only its own branch `pilot/x`");
        check(&[(NOTHING, NEW, own)], None);
        check(&[(NEW, NEW, own)], None);
        check(&[], None);
        check(&[(NEW, NOTHING, own)], Some("this run may not delete its branch `pilot/x`"));
        check(&[(NOTHING, NEW, "refs/heads/main")], only);
        check(&[(NOTHING, NEW, "refs/tags/v1")], only);
        check(&[(NOTHING, NEW, "refs/heads/pilot/x/y")], only);
        check(&[(NOTHING, NEW, "refs/heads/pilot/x ")], only);
        check(&[(NOTHING, NEW, own), (NOTHING, NEW, "refs/heads/main")], only);
    }

    #[test]
    fn a_compressed_push_is_read_all_the_same_and_a_bomb_is_not() {
        let gzip = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(bytes).expect("memory takes it");
            encoder.finish().expect("memory takes it")
        };
        let bytes = gzip(&push(&[(NOTHING, NEW, "refs/heads/main")]));
        let commands = read(&bytes, Some("gzip")).expect("it is a push").expect("it is complete");
        assert!(commands.refused("pilot/x").is_some());
        // In two members, as some servers read them.
        let plain = push(&[(NOTHING, NEW, "refs/heads/main")]);
        let two = [gzip(&plain[..20]), gzip(&plain[20..])].concat();
        assert_eq!(read(&two, Some("gzip")), Ok(Some(commands)));
        let line = packet(format!("{NOTHING} {NEW} refs/heads/x").as_bytes());
        let bomb = gzip(&line.repeat(100_000));
        assert_eq!(read(&bomb, Some("gzip")), Err(Unreadable::TooMuch));
        assert_eq!(read(b"no gzip at all", Some("gzip")), Err(Unreadable::Compression));
        assert_eq!(read(&plain, Some("br")), Err(Unreadable::Compression));
    }

    #[test]
    fn what_is_no_push_is_refused() {
        let check = |bytes: &[u8], expected| assert_eq!(read(bytes, None), expected, "{bytes:?}");
        check(b"zzzz", Err(Unreadable::Malformed));
        check(b"+00a1234", Err(Unreadable::Malformed));
        check(b"0003", Err(Unreadable::Malformed));
        check(b"0009hello", Err(Unreadable::Malformed));
        check(&packet(b"push-cert\0 x\n"), Err(Unreadable::Signed));
        check(b"00", Ok(None));
        check(b"0000", Ok(Some(Commands::default())));
    }
}
