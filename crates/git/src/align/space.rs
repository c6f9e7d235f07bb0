//! Lines without their white space, for telling which differ in that only.

/// The text with as many lines, each without any white space. What ends
/// without a newline is given one, so that the last line still counts.
pub(super) fn without_space(text: &[u8]) -> Vec<u8> {
    let mut bare = Vec::with_capacity(text.len() + 1);
    bare.extend(text.iter().filter(|byte| **byte == b'\n' || !is_space(**byte)));
    if text.last().is_some_and(|byte| *byte != b'\n') {
        bare.push(b'\n');
    }
    bare
}

fn is_space(byte: u8) -> bool {
    // With the vertical tab, which `is_ascii_whitespace` leaves out.
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_stays_a_line() {
        let check = |text: &str, bare: &str| {
            assert_eq!(without_space(text.as_bytes()), bare.as_bytes(), "{text:?}");
        };
        check("", "");
        check("  a b\t\r\n\n \n", "ab\n\n\n");
        check("a\n  ", "a\n\n");
        check("é x", "éx\n");
    }
}
