// Reads the QR code that a page shows, from the pixels of a screenshot.
import jsqr from 'jsqr';
import { PNG } from 'pngjs';

/** The text of the QR code that this element shows. */
export async function readQr(element) {
  const { width, height, data } = PNG.sync.read(await element.screenshot());
  const found = (jsqr.default ?? jsqr)(new Uint8ClampedArray(data), width, height);
  if (!found) throw new Error(`no QR code in ${width} × ${height} pixels`);
  return found.data;
}
