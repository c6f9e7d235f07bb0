//! A frame as it crosses into a page: what is copied within what is shown, then
//! which rectangles are laid over it.
//!
//! All numbers are two bytes, big-endian: how many copies and how many
//! rectangles; of each copy the rectangle it fills (x, y, width, height) and
//! the place it comes from (x, y); of each rectangle the same four, and behind
//! them its pixels: red, green, blue and 255, row after row.

use crate::damage::Damage;
use crate::picture::{Picture, STRIDE};
use crate::rfb::Rect;

/// What of a picture is damaged, behind a byte of the caller's.
pub(super) fn frame(first: u8, picture: &Picture, damage: &mut Damage) -> Vec<u8> {
    let (copies, rects) = damage.take();
    let pixels: u64 = rects.iter().map(|rect| rect.pixels()).sum();
    let room =
        usize::try_from(pixels).unwrap_or(0) * STRIDE + 12 * (copies.len() + rects.len() + 1);
    let mut bytes = Vec::with_capacity(room);
    bytes.push(first);
    // Damage is bounded far below.
    let count = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
    put(&mut bytes, [count(copies.len()), count(rects.len())]);
    for (to, (x, y)) in copies {
        put(&mut bytes, place(to));
        put(&mut bytes, [x, y]);
    }
    for rect in rects {
        put(&mut bytes, place(rect));
        let begin = bytes.len();
        picture.rows(rect).for_each(|row| bytes.extend_from_slice(row));
        // A server's own pixels say nothing there; to a canvas it is how much
        // of them is seen.
        bytes[begin..].chunks_exact_mut(STRIDE).for_each(|pixel| pixel[3] = u8::MAX);
    }
    bytes
}

fn place(rect: Rect) -> [u16; 4] {
    [rect.x, rect.y, rect.width, rect.height]
}

fn put<const N: usize>(bytes: &mut Vec<u8>, numbers: [u16; N]) {
    bytes.extend(numbers.into_iter().flat_map(u16::to_be_bytes));
}
