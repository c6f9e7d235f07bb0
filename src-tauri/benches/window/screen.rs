//! What is on the display, by its pixels.

use crate::session::Session;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Text is about ten rows high, so none is missed, and a look is cheap.
const EVERY: usize = 4;
/// Between two looks: far less than a frame.
const STEP: Duration = Duration::from_millis(2);
/// A picture in which nothing moved for so long is a whole one.
const STILL: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(60);
/// Of what is drawn; the rest is clocks that went on.
const ENOUGH: f64 = 0.97;

/// How often in a second frames are looked for: twice as often as a display
/// shows any.
pub(crate) const LOOKS: u32 = 120;
/// Rows that are looked at for frames, spread over the middle of the display.
const ROWS: usize = 24;

pub(crate) struct Screen {
    file: File,
    begin: u64,
    row: usize,
    rows: usize,
}

impl Screen {
    /// The window dump that `Xvfb -fbdir` keeps: a header of big-endian words,
    /// colours of 12 bytes each, pixels.
    pub(crate) fn of(session: &Session) -> Self {
        let file = File::open(session.data().with_file_name("Xvfb_screen0"))
            .expect("Xvfb keeps its pixels there");
        let word = |number: u64| {
            let mut bytes = [0; 4];
            file.read_exact_at(&mut bytes, number * 4).expect("a header");
            u32::from_be_bytes(bytes)
        };
        let size = |number| usize::try_from(word(number)).expect("small");
        let begin = u64::from(word(0)) + u64::from(word(19)) * 12;
        let (row, rows) = (size(12), size(5));
        Self { file, begin, row, rows }
    }

    fn look(&self) -> Vec<u32> {
        let mut bytes = vec![0; self.row];
        let mut pixels = Vec::with_capacity(self.row / 4 * self.rows / EVERY);
        for row in (0..self.rows).step_by(EVERY) {
            let at = self.begin + u64::try_from(row * self.row).expect("small");
            self.file.read_exact_at(&mut bytes, at).expect("a row");
            let pixel = |four: &[u8]| u32::from_ne_bytes([four[0], four[1], four[2], four[3]]);
            pixels.extend(bytes.chunks_exact(4).map(pixel));
        }
        pixels
    }

    /// How many pictures a second there are.
    pub(crate) fn frames(&self, over: Duration) -> f64 {
        let look = || {
            let mut bytes = vec![0; self.row * ROWS];
            for (number, row) in bytes.chunks_exact_mut(self.row).enumerate() {
                let line = self.rows / 4 + number * self.rows / 2 / ROWS;
                let at = self.begin + u64::try_from(line * self.row).expect("small");
                self.file.read_exact_at(row, at).expect("a row");
            }
            bytes
        };
        let (began, mut last, mut count) = (Instant::now(), look(), 0.0);
        for number in 1.. {
            let next = Duration::from_secs(1) * number / LOOKS;
            if next > over {
                break;
            }
            std::thread::sleep(next.saturating_sub(began.elapsed()));
            let now = look();
            count += if now == last { 0.0 } else { 1.0 };
            last = now;
        }
        count / began.elapsed().as_secs_f64()
    }

    /// What stands there when nothing moves any more.
    pub(crate) fn settled(&self) -> Picture {
        let began = Instant::now();
        let (mut last, mut since) = (self.look(), Instant::now());
        while since.elapsed() < STILL && began.elapsed() < PATIENCE {
            std::thread::sleep(STEP * 25);
            let now = self.look();
            if difference(&last, &now) > 0.001 {
                (last, since) = (now, Instant::now());
            }
        }
        Picture::of(&last, self.row / 4)
    }

    /// How long it takes from now until that is there.
    #[track_caller]
    pub(crate) fn until(&self, picture: &Picture, began: Instant) -> Duration {
        while !picture.stands(&self.look()) {
            assert!(
                began.elapsed() < PATIENCE,
                "never seen again: {:?}",
                picture.share(&self.look())
            );
            std::thread::sleep(STEP);
        }
        began.elapsed()
    }

    #[track_caller]
    pub(crate) fn until_gone(&self, picture: &Picture) {
        let began = Instant::now();
        while picture.stands(&self.look()) {
            assert!(began.elapsed() < PATIENCE, "it never goes away");
            std::thread::sleep(STEP);
        }
    }
}

/// What is drawn, without what it is drawn on.
pub(crate) struct Picture {
    ink: Vec<(usize, u32)>,
}

impl Picture {
    /// Ink is what differs from the pixel on its left: letters, lines and the
    /// edges of areas. An area that is filled early does not count for much.
    fn of(pixels: &[u32], width: usize) -> Self {
        let is_ink = |at: usize| !at.is_multiple_of(width) && pixels[at] != pixels[at - 1];
        let ink: Vec<_> =
            (0..pixels.len()).filter(|at| is_ink(*at)).map(|at| (at, pixels[at])).collect();
        assert!(ink.len() > 20, "there is something on the screen");
        Self { ink }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of some thousands")]
    fn share(&self, now: &[u32]) -> f64 {
        let same = self.ink.iter().filter(|(at, pixel)| now[*at] == *pixel).count();
        same as f64 / self.ink.len() as f64
    }

    fn stands(&self, now: &[u32]) -> bool {
        self.share(now) >= ENOUGH
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a million")]
fn difference(one: &[u32], other: &[u32]) -> f64 {
    let differ = one.iter().zip(other).filter(|(one, other)| one != other).count();
    differ as f64 / one.len() as f64
}
