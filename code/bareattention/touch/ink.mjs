// Drawn digits, and what MNIST did to those that it collected.

/**
 * MNIST's own preparation: the ink's box is scaled to 20 pixels along its longer side, and its
 * centre of mass comes to pixel 14 of 28.  Null where there is no ink.
 * @param {number[][]} pixels rows of ink from 0 to 255, of any size @returns {number[][] | null}
 */
export function prepared(pixels) {
  const rows = pixels.flatMap((row, i) => (row.some((x) => x > 0) ? [i] : []));
  if (!rows.length) return null;
  const columns = pixels[0].flatMap((_, j) => (pixels.some((row) => row[j] > 0) ? [j] : []));
  const [top, left] = [rows[0], columns[0]];
  const [high, wide] = [rows[rows.length - 1] - top + 1, columns[columns.length - 1] - left + 1];
  const box = pixels.slice(top, top + high).map((row) => row.slice(left, left + wide));
  const scale = Math.max(high, wide) / 20;
  const small = scale === 1 ? box
    : resampled(box, Math.max(1, Math.round(high / scale)), Math.max(1, Math.round(wide / scale)));
  const mass = small.flat().reduce((a, b) => a + b, 0);
  const centre = (/** @type {number[][]} */ rows) =>
    rows.reduce((sum, row, i) => sum + i * row.reduce((a, b) => a + b, 0), 0) / mass;
  const down = Math.round(14 - centre(small));
  const right = Math.round(14 - centre(small[0].map((_, j) => small.map((row) => row[j]))));
  return Array.from({ length: 28 }, (_, i) =>
    Array.from({ length: 28 }, (_, j) => small[i - down]?.[j - right] ?? 0));
}

/** A picture at another size: each new pixel is the mean of the area it covers.
 * @param {number[][]} pixels @param {number} high @param {number} wide */
export function resampled(pixels, high, wide) {
  const along = (/** @type {number[]} */ line, /** @type {number} */ n) => {
    const step = line.length / n;
    return Array.from({ length: n }, (_, i) => {
      const [from, to] = [i * step, (i + 1) * step];
      let sum = 0;
      for (let p = Math.floor(from); p < to && p < line.length; p++)
        sum += line[p] * (Math.min(to, p + 1) - Math.max(from, p));
      return sum / step;
    });
  };
  const turned = (/** @type {number[][]} */ rows) => rows[0].map((_, j) => rows.map((row) => row[j]));
  const lines = pixels.map((row) => along(row, wide));
  return turned(turned(lines).map((column) => along(column, high)));
}

/** Images of 28 × 28 bytes in base64, one after the other. @param {string} text @param {number} side */
export function images(text, side) {
  const bytes = Array.from(atob(text), (c) => c.charCodeAt(0));
  const rows = Array.from({ length: bytes.length / side }, (_, i) => bytes.slice(i * side, (i + 1) * side));
  return Array.from({ length: rows.length / side }, (_, i) => rows.slice(i * side, (i + 1) * side));
}

/** Paint ink on a canvas of as many pixels, dark on paper. @param {any} canvas @param {number[][]} pixels */
export function paint(canvas, pixels) {
  const [high, wide] = [pixels.length, pixels[0].length];
  canvas.width = wide;
  canvas.height = high;
  const pen = canvas.getContext("2d");
  const picture = pen.createImageData(wide, high);
  pixels.flat().forEach((ink, i) => picture.data.set([255 - ink, 255 - ink, 255 - ink, 255], 4 * i));
  pen.putImageData(picture, 0, 0);
}
