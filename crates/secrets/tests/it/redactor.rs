use crate::forms;
use pilot_proto::Secret;
use pilot_secrets::{NamedSecret, Redactor};
use proptest::prelude::*;
use serde_json::json;
use std::borrow::Cow;

fn redactor(secrets: &[(&str, &str)]) -> Redactor {
    let named = secrets
        .iter()
        .map(|(name, value)| NamedSecret { name: (*name).to_owned(), value: Secret::new(*value) });
    Redactor::new(named.collect())
}

/// What comes out when the bytes go in in these pieces.
fn stream<'a>(redactor: &Redactor, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let (mut stream, mut out) = (redactor.stream(), Vec::new());
    for piece in pieces {
        stream.push(piece, &mut out);
    }
    stream.finish(&mut out);
    assert!(stream.is_empty(), "everything came out");
    String::from_utf8_lossy(&out).into_owned()
}

fn count(redactor: &Redactor, name: &str) -> u64 {
    let counts = redactor.counts();
    counts.iter().find(|(counted, _)| counted == name).map_or(0, |(_, count)| *count)
}

#[test]
fn a_secret_is_replaced_by_its_name() {
    let redactor = redactor(&[("FORGE_TOKEN", "s3cr3t-token"), ("KEY", "another+key/here")]);
    for (text, redacted) in [
        ("token s3cr3t-token.", "token [redacted:FORGE_TOKEN]."),
        ("another+key/here", "[redacted:KEY]"),
        ("https://x:another%2Bkey%2Fhere@h", "https://x:[redacted:KEY]@h"),
        ("s3cr3t-tokenanother+key/here", "[redacted:FORGE_TOKEN][redacted:KEY]"),
        ("s3cr3t-toke", "s3cr3t-toke"),
        ("grüße s3cr3t-token ü", "grüße [redacted:FORGE_TOKEN] ü"),
    ] {
        assert_eq!(redactor.redact_str(text), redacted);
        assert_eq!(stream(&redactor, [text.as_bytes()]), redacted);
    }
    assert_eq!((count(&redactor, "FORGE_TOKEN"), count(&redactor, "KEY")), (6, 6));
}

#[test]
fn harmless_text_is_not_copied() {
    let redactor = redactor(&[("KEY", "hunter2hunter2")]);
    assert!(matches!(redactor.redact_str("nothing to see"), Cow::Borrowed(_)));
    let nothing = Redactor::new(vec![]);
    assert!(matches!(nothing.redact_str("hunter2hunter2"), Cow::Borrowed(_)));
    assert_eq!(stream(&nothing, [b"hunter2".as_slice()]), "hunter2");
}

#[test]
fn ordinary_output_is_not_held_back() {
    let redactor = redactor(&[("KEY", "hunter2hunter2")]);
    let (mut stream, mut out) = (redactor.stream(), Vec::new());
    stream.push(b"a line of output\n", &mut out);
    assert_eq!(out, b"a line of output\n", "a person is watching: nothing waits for the next line");
    stream.push(b"hunter2h", &mut out);
    assert_eq!(out.len(), 17, "this may become a secret");
    stream.push(b"ello\n", &mut out);
    assert_eq!(out, b"a line of output\nhunter2hello\n", "it did not");
}

#[test]
fn never_more_is_held_back_than_the_longest_form() {
    let value = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    let redactor = redactor(&[("KEY", value)]);
    let (mut stream, mut out) = (redactor.stream(), Vec::new());
    let longest = value.len() * 3;
    for pushed in 1..=10_000 {
        stream.push(b"a", &mut out);
        assert!(pushed - out.len() <= longest, "memory must stay bounded");
    }
}

#[test]
fn a_value_too_short_to_be_told_from_text_is_named_and_left() {
    let redactor =
        redactor(&[("PIN", "12345"), ("EMPTY", ""), ("PAD", " 1234 "), ("OK", "123456")]);
    assert_eq!(redactor.too_short(), ["PIN", "PAD"]);
    assert_eq!(redactor.redact_str("12345 123456"), "12345 [redacted:OK]");
}

#[test]
fn overlapping_secrets_leave_nothing_of_either() {
    let redactor = redactor(&[("A", "abcdef123456"), ("B", "123456uvwxyz")]);
    let redacted = redactor.redact_str("<abcdef123456uvwxyz>");
    assert_eq!(redacted, "<[redacted:A][redacted:B]>");
    let inside = redactor_of_prefix();
    assert_eq!(inside.redact_str("secret-base-extended!"), "[redacted:LONG]!");
    assert_eq!(inside.redact_str("secret-base-x"), "[redacted:SHORT]-x");
}

fn redactor_of_prefix() -> Redactor {
    redactor(&[("SHORT", "secret-base"), ("LONG", "secret-base-extended")])
}

#[test]
fn a_value_read_from_a_file_is_found_without_its_newline() {
    let redactor = redactor(&[("KEY", "hunter2hunter2\n")]);
    assert_eq!(redactor.redact_str("key=hunter2hunter2;"), "key=[redacted:KEY];");
}

#[test]
fn json_is_redacted_in_values_keys_and_numbers() {
    let redactor = redactor(&[("KEY", "hunter\"2\nhunter2"), ("NUMBER", "12345678")]);
    let mut value = json!({
        "command": ["curl", "-H", "X: hunter\"2\nhunter2"],
        "nested": {"hunter\"2\nhunter2": {"n": 12_345_678, "m": 1234}},
        "quoted": "{\"k\":\"hunter\\\"2\\nhunter2\"}",
        "none": null, "yes": true,
    });
    redactor.redact_json(&mut value);
    assert_eq!(
        value,
        json!({
            "command": ["curl", "-H", "X: [redacted:KEY]"],
            "nested": {"[redacted:KEY]": {"n": "[redacted:NUMBER]", "m": 1234}},
            "quoted": "{\"k\":\"[redacted:KEY]\"}",
            "none": null, "yes": true,
        })
    );
}

#[test]
fn streams_share_counters_and_nothing_else() {
    let redactor = redactor(&[("KEY", "hunter2hunter2")]);
    let (mut one, mut two, mut out) = (redactor.stream(), redactor.clone().stream(), Vec::new());
    one.push(b"hunter2", &mut out);
    two.push(b"hunter2", &mut out);
    one.finish(&mut out);
    two.finish(&mut out);
    assert_eq!(out, b"hunter2hunter2", "halves of two streams do not make a secret");
    assert_eq!(count(&redactor, "KEY"), 0);
    stream(&redactor, [b"hunter2hunter2 ".as_slice(), b"hunter2hunter2"]);
    assert_eq!(count(&redactor, "KEY"), 2);
}

#[test]
fn bytes_that_are_not_text_pass_through() {
    let redactor = redactor(&[("KEY", "hunter2hunter2")]);
    let (mut stream, mut out) = (redactor.stream(), Vec::new());
    stream.push(b"\xff\xfehunter2hunter2\x00\xc3", &mut out);
    stream.finish(&mut out);
    assert_eq!(out, b"\xff\xfe[redacted:KEY]\x00\xc3");
}

#[test]
fn the_redactor_does_not_show_its_secrets() {
    let redactor = redactor(&[("KEY", "hunter2hunter2")]);
    let mut stream = redactor.stream();
    stream.push(b"hunter2hun", &mut Vec::new());
    let shown = format!("{redactor:?} {stream:?}");
    assert!(shown.contains("KEY") && !shown.contains("hunter"), "{shown}");
}

/// Letters that some form changes, and some that none does.
const LETTERS: &str = "[a-zA-Z0-9+/=_.~ \"'\\\\<>&%?#:@!*()\n\tüß€𝄞-]{6,60}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_form_leaks_wherever_the_bytes_are_cut(secret in LETTERS, before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
        prop_assume!(secret.trim().len() >= Redactor::SHORTEST);
        let redactor = redactor(&[("KEY", &secret)]);
        for written in forms::all(&secret) {
            let text = format!("{before}{}{after}", written.text);
            let whole = redactor.redact_str(&text).into_owned();
            // The frame around it may hold the form by itself, or the marker.
            let leaks = |out: &str| out.replace("[redacted:KEY]", "\u{1}").contains(&written.telling);
            prop_assert!(!leaks(&whole), "{written:?} leaked: {whole:?}");
            let bytes = text.as_bytes();
            for cut in 0..=bytes.len() {
                let out = stream(&redactor, [&bytes[..cut], &bytes[cut..]]);
                prop_assert_eq!(&out, &whole, "cut at {}: {:?}", cut, written);
            }
            let out = stream(&redactor, bytes.chunks(1));
            prop_assert_eq!(&out, &whole, "byte by byte: {:?}", written);
        }
    }

    #[test]
    fn pieces_do_not_matter_for_secrets_that_overlap(
        text in "[ab]{0,80}",
        one in "[ab]{6,9}",
        two in "[ab]{6,12}",
        cuts in prop::collection::vec(0_usize..80, 0..6),
    ) {
        let redactor = redactor(&[("ONE", &one), ("TWO", &two)]);
        let whole = redactor.redact_str(&text).into_owned();
        let rest = whole.replace("[redacted:ONE]", "|").replace("[redacted:TWO]", "|");
        prop_assert!(!rest.contains(&one) && !rest.contains(&two), "{rest}");
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]);
        prop_assert_eq!(stream(&redactor, pieces), whole);
    }

    #[test]
    fn text_without_a_secret_comes_out_as_it_went_in(text in "[ -~\n]{0,200}", cut in 0_usize..200) {
        let redactor = redactor(&[("KEY", "\u{7f}hunter2\u{7f}")]);
        let cut = cut.min(text.len());
        let out = stream(&redactor, [&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
        prop_assert_eq!(out, text);
    }
}

#[test]
fn a_search_tells_name_and_line_however_the_bytes_come() {
    let redactor = redactor(&[("TOKEN", "s3cr3t-token"), ("KEY", "another+key/here")]);
    let text = "one\ntwo s3cr3t-token\n\nczNjcjN0LXRva2Vu\n\nanother%2Bkey%2Fhere s3cr3t-token\n\
                key ghp_0123456789abcdefghijABCDEFGHIJ012345\n";
    for size in [1, 2, 3, 7, 4096] {
        let mut search = redactor.search();
        let mut seen = Vec::new();
        text.as_bytes().chunks(size).for_each(|piece| seen.extend(search.push(piece)));
        seen.extend(search.finish());
        let granted: Vec<_> = seen
            .iter()
            .filter(|sighting| !sighting.by_rule)
            .map(|sighting| (sighting.name.as_str(), sighting.line))
            .collect();
        let expected = [("TOKEN", 2), ("TOKEN", 4), ("KEY", 6), ("TOKEN", 6)];
        assert_eq!(granted, expected, "in pieces of {size}");
        let ruled: Vec<_> = seen.iter().filter(|sighting| sighting.by_rule).collect();
        assert!(ruled.len() == 1 && ruled[0].line == 7, "in pieces of {size}: {ruled:?}");
    }
    assert!(redactor.counts().iter().all(|(_, count)| *count == 0), "nothing was redacted");
}
