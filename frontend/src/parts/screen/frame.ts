// A frame of a screen that the host has decoded, onto a canvas. What is in it
// says crates/screen/src/viewing/frame.rs.

const PIXEL = 4;

/** Throws where a frame is not whole. */
export function paint(bytes: Uint8Array, onto: CanvasRenderingContext2D): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const next = (): number => {
    const number = view.getUint16(at);
    at += 2;
    return number;
  };
  const [copies, rectangles] = [next(), next()];
  for (let copy = 0; copy < copies; copy += 1) {
    const [x, y, width, height] = [next(), next(), next(), next()];
    const [fromX, fromY] = [next(), next()];
    onto.drawImage(onto.canvas, fromX, fromY, width, height, x, y, width, height);
  }
  for (let rectangle = 0; rectangle < rectangles; rectangle += 1) {
    const [x, y, width, height] = [next(), next(), next(), next()];
    const length = width * height * PIXEL;
    // Of the very bytes that came: nothing is copied but into the canvas.
    const pixels = new Uint8ClampedArray(bytes.buffer as ArrayBuffer, bytes.byteOffset + at, length);
    onto.putImageData(new ImageData(pixels, width, height), x, y);
    at += length;
  }
}
