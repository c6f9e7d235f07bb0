//! Secrets that are planted to see whether they come out anywhere: twenty of
//! different shapes, and every way in which programs write them down, made
//! here without the code that is to find them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

/// A planted secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    /// `CANARY_01` and so on; fit for a variable.
    pub name: &'static str,
    /// The value.
    pub value: &'static str,
}

const fn canary(name: &'static str, value: &'static str) -> Canary {
    Canary { name, value }
}

/// Twenty, none of which any vendor's scanner takes for its own.
pub const CANARIES: [Canary; 20] = [
    canary("CANARY_01", "canary-plain-0a1b2c3d4e5f"),
    canary("CANARY_02", "Zq8#vT!2mK$9pL^4"),
    canary("CANARY_03", "c4n4ry/with+base64/letters+0123=="),
    canary("CANARY_04", "canary 'single' and \"double\" quotes"),
    canary("CANARY_05", "canary\\back\\slashes\\17"),
    canary("CANARY_06", "canary\nof two lines\n"),
    canary("CANARY_07", "kanärïe-ünïcode-€-7731"),
    canary("CANARY_08", "canary&query=1?x#frag%41"),
    canary("CANARY_09", "<canary attr='9'>&amp;</canary>"),
    canary("CANARY_10", "5f4dcc3b5aa765d61d8327deb882cf99canary10"),
    canary("CANARY_11", "cnry11"),
    canary("CANARY_12", "canary$HOME`id`$(id)${x}!12"),
    canary("CANARY_13", "canary:13@host.example/path"),
    canary("CANARY_14", "cAnArY14ALTERNATESitsLETTERSfor64bytesSOthatITreachesACROSSaLINE"),
    canary("CANARY_15", "\tcanary15\twith\ttabs"),
    canary("CANARY_16", "canary16~tilde_under-dash.dot*star"),
    canary("CANARY_17", "{\"canary\":17,\"key\":[\"a\",\"b\"]}"),
    canary("CANARY_18", "canary18𝄞clef\u{7f}del"),
    canary("CANARY_19", "aaaaaaaaaaaaaaaaaaaaaaaacanary19"),
    canary(
        "CANARY_20",
        "canary20-longer-than-one-line-of-base64-whichever-tool-wrote-it-0123456789-\
         abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ-9876543210",
    ),
];

/// A secret written down: what stands in the output, and what of it would give
/// the secret away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Who writes so.
    pub way: String,
    /// What stands in the output.
    pub text: String,
    /// What must not be seen in it.
    pub telling: String,
}

impl Written {
    fn whole(way: &str, text: String) -> Self {
        Self { way: way.to_owned(), telling: text.clone(), text }
    }

    /// The text in two pieces, cut at each of its bytes.
    pub fn cuts(&self) -> impl Iterator<Item = [&[u8]; 2]> {
        let bytes = self.text.as_bytes();
        (0..=bytes.len()).map(move |cut| [&bytes[..cut], &bytes[cut..]])
    }

    /// The text in pieces of so many bytes.
    pub fn pieces(&self, size: usize) -> impl Iterator<Item = &[u8]> {
        self.text.as_bytes().chunks(size)
    }
}

/// A secret in every way.
pub fn every_way(secret: &str) -> Vec<Written> {
    let bytes = secret.as_bytes();
    let mut ways = vec![Written::whole("plain", secret.to_owned())];
    let json = json(secret);
    ways.push(Written::whole("JSON in JSON", self::json(&json)));
    ways.push(Written::whole("JSON with escaped slashes", json.replace('/', "\\/")));
    ways.push(Written::whole("JSON", json));
    for (way, text) in [
        ("URL, everything", percent(bytes, b"")),
        ("URL, component", percent(bytes, b"-_.!~*'()")),
        ("URL, form", percent(bytes, b"-_.* ").replace(' ', "+")),
        ("shell, single quotes", secret.replace('\'', "'\\''")),
        ("shell, quoted quotes", secret.replace('\'', "'\"'\"'")),
        ("shell, double quotes", backslashes(secret, "\"\\$`")),
        ("hex", hex::encode(bytes)),
        ("HEX", hex::encode_upper(bytes)),
    ] {
        ways.push(Written::whole(way, text));
    }
    for (name, engine) in [
        ("base64", &STANDARD),
        ("base64 without padding", &STANDARD_NO_PAD),
        ("base64url", &URL_SAFE),
        ("base64url without padding", &URL_SAFE_NO_PAD),
    ] {
        ways.push(Written::whole(name, engine.encode(bytes)));
        for width in [60, 64, 76] {
            for (end, end_name) in [("\n", "LF"), ("\r\n", "CRLF"), ("\\n", "escaped LF")] {
                let text = lines(&engine.encode(bytes), width, end);
                ways.push(Written::whole(&format!("{name}, lines of {width}, {end_name}"), text));
            }
        }
        for shift in 0..3 {
            let way = format!("{name}, {shift} bytes in");
            ways.push(embedded(&way, bytes, shift, |bytes| engine.encode(bytes)));
        }
    }
    ways
}

fn json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn percent(bytes: &[u8], kept: &[u8]) -> String {
    let each = bytes.iter().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || kept.contains(byte) => {
            char::from(*byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    each.collect()
}

fn backslashes(text: &str, before: &str) -> String {
    let each = text
        .chars()
        .flat_map(|letter| before.contains(letter).then_some('\\').into_iter().chain([letter]));
    each.collect()
}

fn lines(text: &str, width: usize, end: &str) -> String {
    let lines = text.as_bytes().chunks(width).map(String::from_utf8_lossy);
    lines.collect::<Vec<_>>().join(end)
}

/// Encoded in the middle of something else. Telling is what does not depend on
/// the neighbours.
fn embedded(way: &str, secret: &[u8], shift: usize, encode: impl Fn(&[u8]) -> String) -> Written {
    let between = |byte: u8| encode(&[&vec![byte; shift], secret, &[byte; 4]].concat());
    let (zeros, ones) = (between(0), between(0xff));
    let telling = zeros
        .chars()
        .zip(ones.chars())
        .skip_while(|(zero, one)| zero != one)
        .take_while(|(zero, one)| zero == one)
        .map(|(letter, _)| letter)
        .collect();
    Written { way: way.to_owned(), text: zeros, telling }
}

/// A file of other bytes with the secret in it, in base64 as tools print it:
/// lines of 76 letters, so that the secret begins and breaks anywhere. What is
/// telling are the secret's own letters of each line, longest first.
pub fn in_a_file(secret: &str, before: usize) -> (String, Vec<String>) {
    let file = [&b"#".repeat(before), secret.as_bytes(), b"####"].concat();
    let text = STANDARD.encode(&file);
    // Letters that are the secret's alone.
    let (from, to) = ((before * 8).div_ceil(6), (before + secret.len()) * 8 / 6);
    let mut telling: Vec<String> = Vec::new();
    for line in 0..text.len().div_ceil(76) {
        let (start, end) = (from.max(line * 76), to.min((line + 1) * 76));
        if start < end {
            telling.push(text[start..end].to_owned());
        }
    }
    telling.sort_by_key(|part| usize::MAX - part.len());
    (lines(&text, 76, "\n"), telling)
}
