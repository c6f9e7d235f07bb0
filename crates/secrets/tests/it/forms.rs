//! The forms of a secret as other programs would write them, made here without
//! the room's own code.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;

/// A secret written down: what stands in the output, and what of it gives the
/// secret away.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) telling: String,
}

impl Written {
    fn whole(text: String) -> Self {
        Self { telling: text.clone(), text }
    }
}

pub(crate) fn all(secret: &str) -> Vec<Written> {
    let bytes = secret.as_bytes();
    let json = Value::from(secret).to_string();
    let json = &json[1..json.len() - 1];
    let nested = Value::from(json).to_string();
    let percent = percent_encode(bytes, NON_ALPHANUMERIC).to_string();
    let mut forms = vec![
        Written::whole(secret.to_owned()),
        Written::whole(json.to_owned()),
        Written::whole(json.replace('/', "\\/")),
        Written::whole(nested[1..nested.len() - 1].to_owned()),
        Written::whole(hex::encode(bytes)),
        Written::whole(hex::encode_upper(bytes)),
        Written::whole(percent),
        Written::whole(every_byte_percent(secret)),
        Written::whole(form(secret)),
    ];
    for engine in [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        forms.push(Written::whole(engine.encode(bytes)));
        forms.push(wrapped(&engine.encode(bytes), 76));
        for shift in 0..3 {
            forms.push(embedded(bytes, shift, |bytes| engine.encode(bytes)));
        }
    }
    forms
}

/// What `encodeURIComponent` makes of it.
fn every_byte_percent(secret: &str) -> String {
    let mut out = String::new();
    for byte in secret.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// What an HTML form makes of it, with small digits as some do.
fn form(secret: &str) -> String {
    let mut out = String::new();
    for byte in secret.bytes() {
        match byte {
            b' ' => out.push('+'),
            _ if byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte) => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

fn wrapped(text: &str, width: usize) -> Written {
    let lines: Vec<&str> =
        (0..text.len()).step_by(width).map(|at| &text[at..text.len().min(at + width)]).collect();
    Written::whole(lines.join("\n"))
}

/// Encoded in the middle of something else. Telling is what does not depend on
/// the neighbours.
fn embedded(secret: &[u8], shift: usize, encode: impl Fn(&[u8]) -> String) -> Written {
    let between = |byte: u8| encode(&[&vec![byte; shift], secret, &[byte; 4]].concat());
    let (zeros, ones) = (between(0), between(0xff));
    let same: String = zeros
        .chars()
        .zip(ones.chars())
        .skip_while(|(zero, one)| zero != one)
        .take_while(|(zero, one)| zero == one)
        .map(|(letter, _)| letter)
        .collect();
    Written { text: zeros, telling: same }
}
