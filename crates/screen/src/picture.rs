//! A picture of a screen: pixels, scaled by the mean of what lies under each,
//! written as PNG.

use crate::rfb::{Rect, Size};
use std::io;

/// Bytes of a pixel as they come: red, green, blue, and one that says nothing.
pub(crate) const STRIDE: usize = 4;

/// Pixels of a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    pixels: Vec<u8>,
}

impl Picture {
    /// A black one.
    pub fn black(size: Size) -> Self {
        Self { size, pixels: vec![0; size.pixels() * STRIDE] }
    }

    /// How large it is.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Red, green and blue of a pixel; none beyond the edges.
    pub fn colour(&self, x: u16, y: u16) -> Option<[u8; 3]> {
        if x >= self.size.width || y >= self.size.height {
            return None;
        }
        let at = self.at(usize::from(x), usize::from(y));
        Some([self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]])
    }

    fn at(&self, x: usize, y: usize) -> usize {
        (y * usize::from(self.size.width) + x) * STRIDE
    }

    /// Lays in pixels of a rectangle, `at` bytes into it, row after row. What
    /// does not lie on the picture is left out.
    pub fn lay(&mut self, rect: Rect, at: usize, mut bytes: &[u8]) {
        let row = usize::from(rect.width) * STRIDE;
        let mut at = at;
        while !bytes.is_empty() && row > 0 {
            let (line, column) = (at / row, at % row);
            let length = bytes.len().min(row - column);
            let (now, rest) = bytes.split_at(length);
            let fits = usize::from(rect.x) + usize::from(rect.width)
                <= usize::from(self.size.width)
                && usize::from(rect.y) + line < usize::from(self.size.height);
            if fits {
                let from = self.at(usize::from(rect.x), usize::from(rect.y) + line) + column;
                self.pixels[from..from + length].copy_from_slice(now);
            }
            at += length;
            bytes = rest;
        }
    }

    /// Its pixels, row after row, four bytes each: red, green, blue, and one
    /// that says nothing.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The same, without the picture.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Copies what lies at a place into a rectangle; what does not lie on the
    /// picture is left out.
    pub fn copy(&mut self, to: Rect, (x, y): (u16, u16)) {
        let from = Rect { x, y, ..to };
        if to.within(self.size).is_err() || from.within(self.size).is_err() {
            return;
        }
        let length = usize::from(to.width) * STRIDE;
        let mut rows: Vec<usize> = (0..usize::from(to.height)).collect();
        // Downwards from the last row: none is read after it was written.
        if to.y > y {
            rows.reverse();
        }
        for row in rows {
            let source = self.at(x.into(), usize::from(y) + row);
            let target = self.at(to.x.into(), usize::from(to.y) + row);
            self.pixels.copy_within(source..source + length, target);
        }
    }

    /// A part of it; what lies beyond its edges is left out.
    #[must_use]
    pub fn part(&self, rect: Rect) -> Option<Self> {
        let width = rect.width.min(self.size.width.checked_sub(rect.x)?);
        let height = rect.height.min(self.size.height.checked_sub(rect.y)?);
        let size = Size::checked(width, height).ok()?;
        let mut part = Self::black(size);
        let length = usize::from(width) * STRIDE;
        let rows = self.rows(Rect { width, height, ..rect });
        for (row, from) in part.pixels.chunks_exact_mut(length).zip(rows) {
            row.copy_from_slice(from);
        }
        Some(part)
    }

    /// The rows of a part that lies within its edges.
    pub(crate) fn rows(&self, rect: Rect) -> impl Iterator<Item = &[u8]> {
        let length = usize::from(rect.width) * STRIDE;
        (usize::from(rect.y)..usize::from(rect.y) + usize::from(rect.height)).map(move |y| {
            let from = self.at(rect.x.into(), y);
            &self.pixels[from..from + length]
        })
    }

    /// The same, no larger than this in either axis, and in its own shape.
    #[must_use]
    pub fn within(&self, largest: Size) -> Self {
        let size = fitted(self.size, largest);
        if size == self.size {
            return self.clone();
        }
        let mut small = Self::black(size);
        let (from, to) = (self.size, size);
        for y in 0..to.height {
            let (top, bottom) = span(y, to.height, from.height);
            for x in 0..to.width {
                let (left, right) = span(x, to.width, from.width);
                let at = small.at(x.into(), y.into());
                small.pixels[at..at + 3].copy_from_slice(&self.mean(left..right, top..bottom));
            }
        }
        small
    }

    fn mean(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> [u8; 3] {
        let count = u32::try_from(columns.len() * rows.len()).unwrap_or(u32::MAX).max(1);
        let mut sums = [0_u32; 3];
        for y in rows {
            let line = &self.pixels[self.at(columns.start, y)..self.at(columns.end, y)];
            for pixel in line.chunks_exact(STRIDE) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
            }
        }
        sums.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX))
    }

    /// As a PNG file.
    pub fn png(&self) -> io::Result<Vec<u8>> {
        let mut file = Vec::new();
        let (width, height) = (self.size.width.into(), self.size.height.into());
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        // A picture is looked at once: time counts for more than its size.
        encoder.set_compression(png::Compression::Fast);
        let colours: Vec<u8> =
            self.pixels.chunks_exact(STRIDE).flat_map(|pixel| &pixel[..3]).copied().collect();
        let mut writer = encoder.write_header().map_err(io::Error::other)?;
        writer.write_image_data(&colours).map_err(io::Error::other)?;
        writer.finish().map_err(io::Error::other)?;
        Ok(file)
    }
}

/// The largest size of that shape that is no larger than `largest`.
pub fn fitted(size: Size, largest: Size) -> Size {
    let (width, height) = (u64::from(size.width), u64::from(size.height));
    let (most_wide, most_high) = (u64::from(largest.width), u64::from(largest.height));
    if width <= most_wide && height <= most_high {
        return size;
    }
    // Which axis is the tight one?
    let (w, h) = if width * most_high >= height * most_wide {
        (most_wide, (height * most_wide / width).max(1))
    } else {
        ((width * most_high / height).max(1), most_high)
    };
    let axis = |length: u64| u16::try_from(length).unwrap_or(u16::MAX);
    Size { width: axis(w), height: axis(h) }
}

/// Which of `from` pixels lie under one of `to`: at least one.
fn span(index: u16, to: u16, from: u16) -> (usize, usize) {
    let edge = |index: usize| index * usize::from(from) / usize::from(to);
    let (start, end) = (edge(index.into()), edge(usize::from(index) + 1));
    (start, end.max(start + 1))
}

/// Where a point of a picture that was scaled is on the screen itself: the
/// middle of what lies under it.
pub fn unscaled(point: (u16, u16), shown: Size, screen: Size) -> (u16, u16) {
    let axis = |value: u16, shown: u16, screen: u16| {
        let (shown, screen) = (u64::from(shown.max(1)), u64::from(screen));
        let middle = (2 * u64::from(value) + 1) * screen / (2 * shown);
        u16::try_from(middle.min(screen.saturating_sub(1))).unwrap_or(u16::MAX)
    };
    (axis(point.0, shown.width, screen.width), axis(point.1, shown.height, screen.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u16, height: u16) -> Size {
        Size { width, height }
    }

    #[test]
    fn a_picture_keeps_its_shape_and_the_mean_of_its_colours() {
        let mut picture = Picture::black(size(4, 2));
        let rect = Rect { x: 0, y: 0, width: 2, height: 2 };
        picture.lay(rect, 0, &[200; 5]);
        picture.lay(rect, 5, &[200; 11]);
        assert_eq!(picture.colour(1, 1), Some([200; 3]), "in pieces or at once");
        assert_eq!((picture.colour(2, 0), picture.colour(4, 0)), (Some([0; 3]), None));
        let half = picture.within(size(2, 2));
        assert_eq!((half.size(), half.colour(0, 0)), (size(2, 1), Some([200; 3])));
        let one = picture.within(size(1, 1));
        assert_eq!((one.size(), one.colour(0, 0)), (size(1, 1), Some([100; 3])));
        assert_eq!(picture.within(size(100, 100)), picture, "nothing is made larger");
        let part = picture.part(Rect { x: 1, y: 1, width: 9, height: 9 }).expect("it is there");
        assert_eq!((part.size(), part.colour(0, 0)), (size(3, 1), Some([200; 3])));
        assert_eq!(picture.part(Rect { x: 5, y: 0, width: 1, height: 1 }), None);
    }

    #[test]
    fn what_lies_beyond_a_picture_is_left_out() {
        let mut picture = Picture::black(size(2, 2));
        for rect in [
            Rect { x: 1, y: 0, width: 2, height: 9 },
            Rect { x: 0, y: 5, width: 1, height: 1 },
            Rect { x: 0, y: 0, width: 0, height: 1 },
        ] {
            picture.lay(rect, 0, &[9; 100]);
        }
        assert_eq!(picture, Picture::black(size(2, 2)));
    }

    #[test]
    fn a_point_of_a_scaled_picture_is_the_middle_of_what_it_shows() {
        let (shown, screen) = (size(100, 50), size(1000, 500));
        assert_eq!(unscaled((0, 0), shown, screen), (5, 5));
        assert_eq!(unscaled((99, 49), shown, screen), (995, 495));
        assert_eq!(unscaled((500, 500), shown, screen), (999, 499), "never beyond the edges");
        assert_eq!(unscaled((7, 3), screen, screen), (7, 3));
    }
}
