//! Where the lines of a text are, without an entry for each.

/// Where every [`STRIDE`]th line of a text begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines {
    starts: Vec<usize>,
    count: u64,
    bytes: usize,
    /// The text ends without a newline (and is not empty).
    unended: bool,
}

/// Lines between two marks: a mark costs 8 bytes, and finding a line reads at
/// most this many.
const STRIDE: u64 = 256;

impl Lines {
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut starts = vec![0];
        let mut count = 0;
        for end in memchr::memchr_iter(b'\n', text) {
            count += 1;
            if count % STRIDE == 0 {
                starts.push(end + 1);
            }
        }
        let unended = text.last().is_some_and(|byte| *byte != b'\n');
        Self { starts, count: count + u64::from(unended), bytes: text.len(), unended }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// True for the last line of a text that does not end with a newline.
    pub(crate) fn without_end(&self, line: u64) -> bool {
        self.unended && line + 1 == self.count
    }

    /// True if this is of a text of that length; a cheap check that an
    /// alignment is used with what it was made of.
    pub(crate) fn fits(&self, text: &[u8]) -> bool {
        self.bytes == text.len()
    }

    /// The lines from `line` on, without their ends.
    pub(crate) fn from<'t>(&self, text: &'t [u8], line: u64) -> impl Iterator<Item = &'t [u8]> {
        let mark = usize::try_from(line / STRIDE).unwrap_or(usize::MAX);
        let start = self.starts.get(mark).copied().unwrap_or(text.len()).min(text.len());
        let skip = usize::try_from(line % STRIDE).unwrap_or_default();
        text[start..]
            .split_inclusive(|byte| *byte == b'\n')
            .skip(skip)
            .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_from_any_line() {
        let text: Vec<u8> = (0..1000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let lines = Lines::of(&text);
        assert_eq!(lines.count(), 1000);
        for line in [0, 1, 255, 256, 257, 511, 512, 999] {
            let found = lines.from(&text, line).next().expect("it is there");
            assert_eq!(found, format!("line {line}").as_bytes());
        }
        assert_eq!(lines.from(&text, 1000).next(), None);
        assert_eq!(Lines::of(b"").count(), 0);
        assert!(Lines::of(b"a\nb").without_end(1) && !Lines::of(b"a\nb\n").without_end(1));
    }
}
