//! What of a screen somebody has not been shown yet, as few copies and
//! rectangles, however much happened meanwhile.
//!
//! **Invariant:** whoever makes the copies in order, on what they were shown
//! last, and then lays the rectangles as the screen has them now, has the
//! screen. So a copy is kept only while its source is what was shown.

use crate::rfb::{Rect, Size};

/// A rectangle is filled with what lies at a place.
pub(crate) type Copied = (Rect, (u16, u16));

/// A scroll a frame is one; beyond this somebody has fallen behind, and the
/// pixels cost less than the order.
const MOST_COPIES: usize = 16;
/// Each is a head and a call of whoever draws.
const MOST_RECTS: usize = 32;
/// Pixels that may be shown again to have a rectangle less: 16 KiB.
const WASTE: u64 = 4096;

/// What has to be shown.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    copies: Vec<Copied>,
    rects: Vec<Rect>,
}

impl Damage {
    /// Everything.
    pub(crate) fn all(size: Size) -> Self {
        let rect = Rect { x: 0, y: 0, width: size.width, height: size.height };
        Self { copies: Vec::new(), rects: vec![rect] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.copies.is_empty() && self.rects.is_empty()
    }

    /// The pixels of a rectangle are new.
    pub(crate) fn add(&mut self, mut rect: Rect) {
        if rect.pixels() == 0 {
            return;
        }
        while let Some(index) = self.near(rect) {
            rect = around(self.rects.swap_remove(index), rect);
        }
        self.rects.push(rect);
    }

    /// A rectangle has the pixels of another place.
    pub(crate) fn copy(&mut self, to: Rect, (x, y): (u16, u16)) {
        let from = Rect { x, y, ..to };
        let shown = !self.rects.iter().any(|rect| overlap(*rect, from));
        if shown && self.copies.len() < MOST_COPIES {
            self.copies.push((to, (x, y)));
        } else {
            self.add(to);
        }
    }

    /// All of it; nothing is left.
    pub(crate) fn take(&mut self) -> (Vec<Copied>, Vec<Rect>) {
        (std::mem::take(&mut self.copies), std::mem::take(&mut self.rects))
    }

    /// The one that becomes one with this at the least cost, if that is small
    /// or there are too many.
    fn near(&self, rect: Rect) -> Option<usize> {
        let cost = |other: Rect| {
            around(other, rect).pixels().saturating_sub(other.pixels() + rect.pixels())
        };
        let all = self.rects.iter().enumerate();
        let (index, cost) =
            all.map(|(index, other)| (index, cost(*other))).min_by_key(|(_, cost)| *cost)?;
        (cost <= WASTE || self.rects.len() >= MOST_RECTS).then_some(index)
    }
}

fn ends(rect: Rect) -> (u16, u16) {
    // A rectangle lies on a screen, so neither is more than its axis.
    (rect.x.saturating_add(rect.width), rect.y.saturating_add(rect.height))
}

fn around(one: Rect, other: Rect) -> Rect {
    let (x, y) = (one.x.min(other.x), one.y.min(other.y));
    let ((right, bottom), (far, low)) = (ends(one), ends(other));
    Rect { x, y, width: right.max(far) - x, height: bottom.max(low) - y }
}

fn overlap(one: Rect, other: Rect) -> bool {
    let ((right, bottom), (far, low)) = (ends(one), ends(other));
    one.x < far && other.x < right && one.y < low && other.y < bottom
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture;
    use proptest::prelude::*;

    const SIZE: Size = Size { width: 300, height: 200 };

    fn rect(x: u16, y: u16, width: u16, height: u16) -> Rect {
        Rect { x, y, width, height }
    }

    #[test]
    fn what_lies_side_by_side_is_one_rectangle() {
        let mut damage = Damage::default();
        for row in 0..10 {
            damage.add(rect(10, row * 16, 200, 16));
        }
        damage.add(rect(20, 20, 3, 3));
        assert_eq!(damage.take(), (Vec::new(), vec![rect(10, 0, 200, 160)]));
        assert!(damage.is_empty());
    }

    #[test]
    fn a_copy_of_what_was_not_shown_is_pixels() {
        let mut damage = Damage::default();
        damage.copy(rect(0, 0, 50, 50), (100, 100));
        damage.add(rect(200, 0, 90, 90));
        damage.copy(rect(0, 100, 20, 20), (210, 10));
        let (copies, rects) = damage.take();
        assert_eq!(copies, [(rect(0, 0, 50, 50), (100, 100))]);
        assert_eq!(rects, [rect(200, 0, 90, 90), rect(0, 100, 20, 20)]);
    }

    fn on_screen() -> impl Strategy<Value = Rect> {
        (0..SIZE.width, 0..SIZE.height, 0_u16..90, 0_u16..90)
            .prop_map(|(x, y, w, h)| rect(x, y, w.min(SIZE.width - x), h.min(SIZE.height - y)))
    }

    proptest! {
        #[test]
        fn whoever_is_shown_the_damage_has_the_screen(
            steps in prop::collection::vec((on_screen(), prop::option::of(on_screen()), any::<u8>(), 0_u8..9), 1..120)
        ) {
            let (mut screen, mut shown) = (Picture::black(SIZE), Picture::black(SIZE));
            let mut damage = Damage::default();
            for (to, from, colour, look) in steps {
                if let Some(from) = from {
                    let (width, height) = (to.width.min(from.width), to.height.min(from.height));
                    let to = Rect { width, height, ..to };
                    screen.copy(to, (from.x, from.y));
                    damage.copy(to, (from.x, from.y));
                } else {
                    let length = usize::from(to.width) * usize::from(to.height) * 4;
                    screen.lay(to, 0, &vec![colour; length]);
                    damage.add(to);
                }
                if look > 0 {
                    continue;
                }
                let (copies, rects) = damage.take();
                prop_assert!(rects.len() <= MOST_RECTS && copies.len() <= MOST_COPIES);
                for (to, from) in copies {
                    shown.copy(to, from);
                }
                for rect in rects {
                    let part = screen.part(rect).expect("it lies on the screen");
                    shown.lay(rect, 0, part.pixels());
                }
                prop_assert!(shown == screen, "what is shown is not what is there");
            }
        }
    }
}
