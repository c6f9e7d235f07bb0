//! What a file is, by its first bytes.

use crate::commands::invalid;
use pilot_proto::Problem;

/// A picture that a browser may show: what it is by its own account. No SVG,
/// which is a program.
pub(super) fn picture(begin: &[u8]) -> Option<&'static str> {
    match begin {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// Refuses a file that is not what it says, or that agents do not take.
pub(super) fn check(says: &str, bytes: &[u8]) -> Result<(), Problem> {
    match says {
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" => {
            if picture(bytes) == Some(says) {
                return Ok(());
            }
            Err(invalid(format!("The file is not `{says}`, by its first bytes."))
                .hint("Save the picture again as PNG or JPEG."))
        }
        "text/plain" if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0) => Ok(()),
        "text/plain" => Err(invalid("The file is not text in UTF-8.")),
        _ => Err(invalid("`media_type` is not one that an agent takes.").hint(
            "Pictures (`image/png`, `image/jpeg`, `image/gif`, `image/webp`) and `text/plain` are taken.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        let png = b"\x89PNG\r\n\x1a\nrest";
        let webp = b"RIFF\0\0\0\0WEBPVP8 ";
        for (says, bytes, fine) in [
            ("image/png", &png[..], true),
            ("image/jpeg", b"\xff\xd8\xff\xe0..", true),
            ("image/gif", b"GIF89a..", true),
            ("image/webp", webp, true),
            ("text/plain", "gr\u{fc}n\n".as_bytes(), true),
            ("image/jpeg", png, false),
            ("image/png", b"\x89PN", false),
            ("image/webp", b"RIFF\0\0\0\0WAVE", false),
            ("image/png", b"<svg onload=alert(1)>", false),
            ("text/plain", b"\xff\xfe", false),
            ("text/plain", b"a\0b", false),
            ("image/svg+xml", b"<svg>", false),
            ("text/html", b"<p>", false),
            ("", png, false),
        ] {
            assert_eq!(check(says, bytes).is_ok(), fine, "{says}: {bytes:?}");
        }
    }
}
