//! An update as a server writes it, of what is no pixel of the screen: its
//! size, and the pointer's shape.

use crate::picture::STRIDE;
use crate::rfb::{Rect, Size, encoding};

#[derive(Default)]
pub(super) struct Update {
    count: u16,
    bytes: Vec<u8>,
}

impl Update {
    fn begin(&mut self, rect: Rect, encoding: i32) {
        self.count += 1;
        let place = [rect.x, rect.y, rect.width, rect.height];
        self.bytes.extend(place.into_iter().flat_map(u16::to_be_bytes));
        self.bytes.extend_from_slice(&encoding.to_be_bytes());
    }

    /// With a layout if the server said one: who knows it may ask for a size.
    pub(super) fn sized(&mut self, size: Size, layout: Option<(u16, u16, Vec<u8>)>) {
        let Size { width, height } = size;
        match layout {
            Some((reason, status, screens)) => {
                let rect = Rect { x: reason, y: status, width, height };
                self.begin(rect, encoding::EXTENDED_DESKTOP_SIZE);
                self.bytes.extend(screens);
            }
            None => self.begin(Rect { x: 0, y: 0, width, height }, encoding::DESKTOP_SIZE),
        }
    }

    /// `pixels`: with what shows through in the fourth byte.
    pub(super) fn shape(&mut self, point: (u16, u16), size: (u16, u16), pixels: &[u8]) {
        let rect = Rect { x: point.0, y: point.1, width: size.0, height: size.1 };
        self.begin(rect, encoding::CURSOR);
        self.bytes.extend_from_slice(pixels);
        for row in pixels.chunks_exact((usize::from(size.0) * STRIDE).max(1)) {
            let opaque: Vec<bool> = row.chunks_exact(STRIDE).map(|pixel| pixel[3] != 0).collect();
            let byte = |eight: &[bool]| {
                let bits = eight.iter().enumerate();
                bits.fold(0, |byte, (bit, set)| byte | u8::from(*set) << (7 - bit))
            };
            self.bytes.extend(opaque.chunks(8).map(byte));
        }
    }

    pub(super) fn into_message(self) -> Vec<u8> {
        let [high, low] = self.count.to_be_bytes();
        [&[0, 0, high, low][..], &self.bytes].concat()
    }
}
