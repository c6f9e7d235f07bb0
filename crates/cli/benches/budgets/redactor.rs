//! How fast one core redacts with a hundred secrets granted and all rules on,
//! against copying the same bytes.

use crate::figure::{Figure, median};
use pilot_proto::Secret;
use pilot_secrets::{NamedSecret, Redactor};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

const SECRETS: u64 = 100;
/// What a shim reads of a pipe at once.
const PIECE: usize = 64 * 1024;
/// Bytes of each text: far more than a core's caches.
const TEXT: usize = 24 * 1024 * 1024;
const TRIES: usize = 9;

pub(crate) fn throughput() -> Vec<Figure> {
    let redactor = Redactor::new((0..SECRETS).map(secret).collect());
    let (log, code) = (log(), code());
    [("redactor.log", &log), ("redactor.code", &code)]
        .into_iter()
        .map(|(name, text)| {
            let (rate, floor) = (rate(&redactor, text), copied(text));
            let figure = Figure::new(name, rate, "MB/s").against("copying", floor);
            figure.budget(">= 500 MB/s", rate >= 500.0)
        })
        .collect()
}

/// Forty letters that chance could have made.
fn secret(number: u64) -> NamedSecret {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let value: String = (0..40)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(LETTERS[usize::try_from(state % 64).expect("below 64")])
        })
        .collect();
    NamedSecret { name: format!("SECRET_{number}"), value: Secret::new(value) }
}

fn log() -> Vec<u8> {
    let line = |number: usize| {
        format!(
            "{number:>8} compiling crate number {} of many, with features: default, std, and a path /home/x/src/{}.rs\n",
            number * 31,
            number % 977
        )
    };
    let lines = (0..).flat_map(|number| line(number).into_bytes());
    lines.take(TEXT).collect()
}

/// Our own sources, over and over.
fn code() -> Vec<u8> {
    let sources = [
        include_bytes!("../../tests/layering.rs").as_slice(),
        include_bytes!("../../../secrets/src/redactor/stream.rs"),
        include_bytes!("../../../proto/src/runner.rs"),
        include_bytes!("../../../runner/src/shim/artifacts.rs"),
        include_bytes!("../../../git/src/command.rs"),
        include_bytes!("../../../../frontend/src/api/generated/proto.ts"),
    ];
    sources.concat().into_iter().cycle().take(TEXT).collect()
}

fn rate(redactor: &Redactor, text: &[u8]) -> f64 {
    let mut out = Vec::with_capacity(2 * PIECE);
    megabytes_a_second(text, || {
        let mut stream = redactor.stream();
        for piece in text.chunks(PIECE) {
            out.clear();
            stream.push(piece, &mut out);
        }
        stream.finish(&mut out);
    })
}

fn copied(text: &[u8]) -> f64 {
    let mut out = Vec::with_capacity(2 * PIECE);
    megabytes_a_second(text, || {
        for piece in text.chunks(PIECE) {
            out.clear();
            out.extend_from_slice(std::hint::black_box(piece));
        }
    })
}

fn megabytes_a_second(text: &[u8], mut work: impl FnMut()) -> f64 {
    let time = median(TRIES, || {
        let begun = core_time();
        work();
        core_time().saturating_sub(begun)
    });
    #[expect(clippy::cast_precision_loss, reason = "megabytes for showing")]
    let megabytes = text.len() as f64 / 1e6;
    megabytes / time.as_secs_f64()
}

/// What this thread has had of a core so far: the budget is per core, and the
/// machine may be busy with other things.
pub(crate) fn core_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().expect("time since the thread began is not negative")
}
