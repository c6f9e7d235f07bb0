//! Pictures with their times, as any program that makes films reads them from
//! a pipe: Matroska with raw pixels.
//!
//! A pipe of bare pixels would have a fixed number of them each second: eight
//! hours that stand still would be half a terabyte. Sources: RFC 8794 (EBML),
//! RFC 9559 (Matroska).

use crate::rfb::Size;

const EBML: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: &[u8] = &[0x18, 0x53, 0x80, 0x67];
const INFO: &[u8] = &[0x15, 0x49, 0xa9, 0x66];
const TRACKS: &[u8] = &[0x16, 0x54, 0xae, 0x6b];
const CLUSTER: &[u8] = &[0x1f, 0x43, 0xb6, 0x75];
/// What has no length is read until the file ends.
const UNKNOWN_LENGTH: &[u8] = &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// Track 1, at the cluster's own time, a key frame.
const BLOCK: &[u8] = &[0x81, 0, 0, 0x80];

/// What stands before the first picture. Times are milliseconds, pixels have
/// four bytes: red, green, blue, and one that says nothing.
pub fn head(size: Size) -> Vec<u8> {
    let ebml = [
        number(&[0x42, 0x86], 1),
        number(&[0x42, 0xf7], 1),
        number(&[0x42, 0xf2], 4),
        number(&[0x42, 0xf3], 8),
        element(&[0x42, 0x82], b"matroska"),
        number(&[0x42, 0x87], 4),
        number(&[0x42, 0x85], 2),
    ];
    let info = [
        number(&[0x2a, 0xd7, 0xb1], 1_000_000),
        element(&[0x4d, 0x80], b"pilothouse"),
        element(&[0x57, 0x41], b"pilothouse"),
    ];
    let video = [
        number(&[0xb0], size.width.into()),
        number(&[0xba], size.height.into()),
        element(&[0x2e, 0xb5, 0x24], b"RGB\0"),
    ];
    let track = [
        number(&[0xd7], 1),
        number(&[0x73, 0xc5], 1),
        number(&[0x83], 1),
        number(&[0x9c], 0),
        element(&[0x86], b"V_UNCOMPRESSED"),
        element(&[0xe0], &video.concat()),
    ];
    [
        element(EBML, &ebml.concat()),
        [SEGMENT, UNKNOWN_LENGTH].concat(),
        element(INFO, &info.concat()),
        element(TRACKS, &element(&[0xae], &track.concat())),
    ]
    .concat()
}

/// What stands before a picture's pixels.
pub fn before(millis: u64, size: Size) -> Vec<u8> {
    let time = number(&[0xe7], millis);
    let block = BLOCK.len() + size.pixels() * 4;
    let begin = [&[0xa3][..], &length(block), BLOCK].concat();
    let cluster = time.len() + begin.len() - BLOCK.len() + block;
    [CLUSTER, &length(cluster), &time, &begin].concat()
}

fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, &length(body.len()), body].concat()
}

fn number(id: &[u8], value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// A length in eight bytes, of which the first says that.
fn length(bytes: usize) -> [u8; 8] {
    let mut length = (bytes as u64).to_be_bytes();
    length[0] = 1;
    length
}
