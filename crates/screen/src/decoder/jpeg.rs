//! Photographs within Tight.

use super::DecodeError;
use crate::rfb::Rect;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Pixels of a JPEG file that fills this rectangle: red, green, blue and 255.
pub(super) fn pixels(rect: Rect, file: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let (width, height) = (usize::from(rect.width), usize::from(rect.height));
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGBA)
        // Before a pixel of it has room.
        .set_max_width(width)
        .set_max_height(height);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    let damaged = |why: String| DecodeError::Damaged(format!("a photograph: {why}"));
    decoder.decode_headers().map_err(|error| damaged(error.to_string()))?;
    if decoder.dimensions() != Some((width, height)) {
        return Err(damaged("it does not fill its place".to_owned()));
    }
    let pixels = decoder.decode().map_err(|error| damaged(error.to_string()))?;
    if pixels.len() != width * height * 4 {
        return Err(damaged("it is in other colours than red, green and blue".to_owned()));
    }
    Ok(pixels)
}
