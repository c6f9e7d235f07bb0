//! Twenty planted secrets, in every way that programs write them, cut at every
//! border.

use pilot_proto::Secret;
use pilot_secrets::{NamedSecret, Redactor};
use pilot_testkit::canary::{CANARIES, every_way, in_a_file};

fn redactor() -> Redactor {
    let named = CANARIES.map(|canary| NamedSecret {
        name: canary.name.to_owned(),
        value: Secret::new(canary.value),
    });
    Redactor::new(named.into())
}

fn stream<'a>(redactor: &Redactor, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let (mut stream, mut out) = (redactor.stream(), Vec::new());
    for piece in pieces {
        stream.push(piece, &mut out);
    }
    stream.finish(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn no_canary_comes_out_in_any_way_cut_anywhere() {
    let redactor = redactor();
    for canary in CANARIES {
        for written in every_way(canary.value) {
            let whole = redactor.redact_str(&written.text).into_owned();
            let shown = |out: &str| out.contains(&written.telling);
            assert!(!shown(&whole), "{} as {}: {whole:?}", canary.name, written.way);
            for pieces in written.cuts() {
                assert_eq!(stream(&redactor, pieces), whole, "{} as {}", canary.name, written.way);
            }
            for size in [1, 3, 16] {
                let out = stream(&redactor, written.pieces(size));
                assert_eq!(out, whole, "{} as {}", canary.name, written.way);
            }
        }
    }
    assert!(redactor.counts().iter().all(|(_, count)| *count > 0), "{:?}", redactor.counts());
}

#[test]
fn a_pause_between_two_writes_shows_three_bytes_at_most() {
    let redactor = redactor();
    for canary in CANARIES {
        let bytes = canary.value.as_bytes();
        for cut in 1..bytes.len() {
            let (mut stream, mut out) = (redactor.stream(), Vec::new());
            stream.push(&bytes[..cut], &mut out);
            stream.pause(&mut out);
            let (begun, all) = (out.len(), canary.value.trim().len());
            stream.push(&bytes[cut..], &mut out);
            stream.push(b"\x01", &mut out);
            stream.finish(&mut out);
            let out = String::from_utf8_lossy(&out);
            let rest = &canary.value.trim()[canary.value.trim().floor_char_boundary(all / 2)..];
            assert!(begun <= 3 && !out.contains(rest), "{} cut at {cut}: {out:?}", canary.name);
        }
    }
}

#[test]
fn a_canary_inside_a_file_in_base64_is_found_wherever_its_lines_break() {
    let redactor = redactor();
    for canary in CANARIES {
        for before in 0..160 {
            let (text, telling) = in_a_file(canary.value, before);
            let out = redactor.redact_str(&text);
            let piece = &telling[0];
            // Three letters before an early line break say next to nothing.
            assert!(
                piece.len() < 4 || !out.contains(piece),
                "{} behind {before} bytes: {piece} in {out}",
                canary.name
            );
        }
    }
}
