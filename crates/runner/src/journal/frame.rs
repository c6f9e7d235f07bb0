//! One record as one line, and how long a line may be.

use pilot_proto::Event;
use pilot_proto::runner::MAX_BATCH;
use serde_json::Value;

/// Longest JSON of a record. Below a batch, so that a batch always takes at
/// least one record and a frame always takes a batch.
pub const MAX_RECORD: usize = 768 * 1024;
const _: () = assert!(MAX_RECORD < MAX_BATCH, "a record must fit in a batch");

/// Bytes that a line has besides its JSON: checksum, space, newline.
pub const OVERHEAD: usize = 10;

/// Appends the line of `json` to `out`.
pub fn write_line(json: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:08x} ", crc32fast::hash(json)).as_bytes());
    out.extend_from_slice(json);
    out.push(b'\n');
}

/// The JSON of a whole line (without its newline); none if it is torn or damaged.
pub fn read_line(line: &[u8]) -> Option<&[u8]> {
    let (sum, rest) = line.split_at_checked(8)?;
    let json = rest.strip_prefix(b" ")?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (crc32fast::hash(json) == sum).then_some(json)
}

/// What was done so that an event fits.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// Nothing: it was short enough.
    Whole(Vec<u8>),
    /// Its long strings were cut; what was cut is said at the cut.
    Cut(Vec<u8>),
}

impl Bound {
    /// The JSON of `event`, at most `limit` bytes where strings can be cut.
    ///
    /// A tool that prints megabytes is cut here; where the agent has a
    /// protocol, the raw line is journalled besides, in pieces, and whole.
    pub fn fit(event: &Event, limit: usize) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_vec(event)?;
        if json.len() <= limit {
            return Ok(Self::Whole(json));
        }
        let value = serde_json::to_value(event)?;
        let mut longest = limit / 2;
        loop {
            let mut cut = value.clone();
            cut_strings(&mut cut, longest);
            let json = serde_json::to_vec(&cut)?;
            if json.len() <= limit || longest < 64 {
                return Ok(Self::Cut(json));
            }
            longest /= 2;
        }
    }

    /// The JSON.
    pub fn into_json(self) -> Vec<u8> {
        match self {
            Self::Whole(json) | Self::Cut(json) => json,
        }
    }
}

fn cut_strings(value: &mut Value, longest: usize) {
    match value {
        Value::String(text) if text.len() > longest => {
            let end = text.floor_char_boundary(longest);
            let left_out = text.len() - end;
            text.truncate(end);
            text.push_str(&format!(" … [{left_out} bytes left out]"));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cut_strings(item, longest)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| cut_strings(field, longest));
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_and_a_damaged_one_does_not() {
        let mut out = Vec::new();
        write_line(br#"{"a":1}"#, &mut out);
        let line = out.strip_suffix(b"\n").expect("a line ends");
        assert_eq!(read_line(line), Some(&br#"{"a":1}"#[..]));
        for index in 0..line.len() {
            let mut damaged = line.to_vec();
            damaged[index] ^= 1;
            assert_eq!(read_line(&damaged), None, "byte {index} is covered");
        }
        for end in 0..line.len() {
            assert_eq!(read_line(&line[..end]), None, "cut at {end} is a torn line");
        }
    }

    #[test]
    fn an_event_that_is_too_long_is_cut_and_says_so() {
        let event = Event::ToolEnded { id: "1".into(), ok: true, output: "é".repeat(1 << 20) };
        let json = Bound::fit(&event, MAX_RECORD).expect("serialises").into_json();
        assert!(json.len() <= MAX_RECORD, "{} bytes", json.len());
        let read: Event = serde_json::from_slice(&json).expect("still an event");
        assert!(
            matches!(&read, Event::ToolEnded { output, .. } if output.contains("bytes left out")),
            "a reader must see that something is missing"
        );
    }
}
