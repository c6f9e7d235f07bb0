//! The forms in which a secret's value shows up: as it is, and as programs
//! write it into JSON, URLs, headers and dumps.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeSet;
use std::fmt::Write;

/// No form is shorter. Shorter ones would be found everywhere, and a piece of
/// a secret of that length says little.
pub const SHORTEST: usize = 6;

/// A way in which a value is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    /// The bytes.
    pub text: Vec<u8>,
    /// Line breaks may stand anywhere in it: base64 and hexadecimal digits are
    /// often cut into lines, alone or as part of something longer.
    pub wraps: bool,
}

/// All forms of a value, each once. Empty if the value is too short.
pub fn of(value: &str) -> BTreeSet<Form> {
    let mut forms = BTreeSet::new();
    // A value that was read from a file often ends with a newline that nobody
    // prints, and one that was piped often has one that nobody kept.
    for value in [value, value.trim()] {
        if value.len() < SHORTEST {
            continue;
        }
        let form = |text: String, wraps| Form { text: text.into_bytes(), wraps };
        forms.insert(form(value.to_owned(), false));
        let texts = [json(value), percent(value), shell(value)];
        forms.extend(texts.into_iter().flatten().map(|text| form(text, false)));
        let texts = [base64(value), hexadecimal(value)];
        forms.extend(texts.into_iter().flatten().map(|text| form(text, true)));
    }
    forms.retain(|form| form.text.len() >= SHORTEST);
    forms
}

/// As a shell's word: the inside of single quotes (`'\\''` or `'"'"'` for a
/// quote), of double quotes, of `$'…'`, and with a backslash before each
/// letter that means something, as `printf %q` writes it.
fn shell(value: &str) -> BTreeSet<String> {
    let before = |means: &dyn Fn(char) -> bool| {
        let mut out = String::new();
        for letter in value.chars() {
            if means(letter) {
                out.push('\\');
            }
            out.push(letter);
        }
        out
    };
    let plain = |letter: char| letter.is_alphanumeric() || "_-./:=@%+,".contains(letter);
    let dollar: String = value
        .chars()
        .map(|letter| match letter {
            '\n' => "\\n".to_owned(),
            '\t' => "\\t".to_owned(),
            '\r' => "\\r".to_owned(),
            '\\' | '\'' => format!("\\{letter}"),
            letter => letter.to_string(),
        })
        .collect();
    BTreeSet::from([
        value.replace('\'', "'\\''"),
        value.replace('\'', "'\"'\"'"),
        before(&|letter| "\"\\$`".contains(letter)),
        before(&|letter| "\"\\$`!".contains(letter)),
        before(&|letter| !plain(letter)),
        before(&|letter| !plain(letter) || "=:@%+,".contains(letter)),
        dollar,
    ])
}

/// As the inside of a JSON string: as most write it, with `\/`, with letters
/// beyond ASCII escaped, with HTML's letters escaped; and all of that once
/// more, for JSON inside JSON.
fn json(value: &str) -> BTreeSet<String> {
    let plain = json_escaped(value);
    let once = [
        plain.replace('/', "\\/"),
        html_escaped(&plain),
        ascii_only(&plain, false),
        ascii_only(&plain, true),
        plain,
    ];
    let twice = once.each_ref().map(|text| json_escaped(text));
    once.into_iter().chain(twice).collect()
}

fn json_escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn html_escaped(text: &str) -> String {
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn ascii_only(text: &str, upper: bool) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter.is_ascii() {
            out.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            let written =
                if upper { write!(out, "\\u{unit:04X}") } else { write!(out, "\\u{unit:04x}") };
            written.expect("a string takes everything");
        }
    }
    out
}

/// What RFC 3986 leaves alone everywhere.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What JavaScript's `encodeURIComponent` leaves alone.
const COMPONENT: AsciiSet =
    UNRESERVED.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
/// What HTML forms leave alone (and a space becomes `+`).
const FORM: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b' ');
/// What a URL's path, query and user part leave alone, by the URL standard.
const QUERY: AsciiSet = CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');
const PATH: AsciiSet = QUERY.add(b'?').add(b'`').add(b'{').add(b'}').remove(b'\'');
const USER: AsciiSet = PATH
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'=')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'|');

/// As part of a URL, with the digits of the escapes in both cases.
fn percent(value: &str) -> BTreeSet<String> {
    let mut upper: BTreeSet<String> =
        [NON_ALPHANUMERIC, &UNRESERVED, &COMPONENT, &QUERY, &PATH, &USER]
            .into_iter()
            .map(|keep| utf8_percent_encode(value, keep).to_string())
            .collect();
    upper.insert(utf8_percent_encode(value, &FORM).to_string().replace(' ', "+"));
    let lower: Vec<String> = upper.iter().map(|text| lower_escapes(text)).collect();
    upper.extend(lower);
    upper
}

/// `%2F` becomes `%2f`.
fn lower_escapes(text: &str) -> String {
    let mut digits = 0;
    text.chars()
        .map(|letter| {
            if letter == '%' {
                digits = 2;
                letter
            } else if digits > 0 {
                digits -= 1;
                letter.to_ascii_lowercase()
            } else {
                letter
            }
        })
        .collect()
}

/// In base64: whole, and from the middle of something longer. There a value
/// shifted by one or two bytes looks different, and its first and last letter
/// are mixed with its neighbours; what is looked for is what lies between.
fn base64(value: &str) -> BTreeSet<String> {
    let bytes = value.as_bytes();
    let mut forms: BTreeSet<String> =
        [&STANDARD, &URL_SAFE].map(|engine| engine.encode(bytes)).into();
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        forms.insert(engine.encode(bytes));
        for shift in 0..3 {
            let shifted = engine.encode([vec![0; shift], bytes.to_vec()].concat());
            // Letters that hold a bit of what comes before: 8 bits reach into
            // 2 letters, 16 into 3. The last one is shared unless it is full.
            let first = [0, 2, 3][shift];
            let last = shifted.len() - usize::from(!(shift + bytes.len()).is_multiple_of(3));
            forms.insert(shifted[first..last].to_owned());
        }
    }
    forms
}

/// In hexadecimal.
fn hexadecimal(value: &str) -> BTreeSet<String> {
    BTreeSet::from([hex::encode(value), hex::encode_upper(value)])
}
