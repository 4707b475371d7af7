// @ts-check
// The level of a sound over time and frequency, as a picture.

const FFT = 512;
/** From the loudest point down to black. */
const RANGE_DB = 70;
/** Points of matplotlib's colour map "inferno" (CC0), evenly spaced. */
const COLOURS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

/**
 * Draws the whole sound into the canvas: time to the right, 0 Hz at the bottom, half the rate at the top.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} samples
 */
export function drawSpectrogram(canvas, samples) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height } = canvas;
  const picture = context.createImageData(width, height);
  const columns = Array.from({ length: width }, (_, x) => levels(samples, Math.round((x / width) * samples.length)));
  const loudest = Math.max(...columns.map((column) => column.reduce((most, level) => Math.max(most, level), -Infinity)));
  columns.forEach((column, x) => {
    for (let y = 0; y < height; y += 1) {
      const level = column[Math.floor(((height - 1 - y) / height) * column.length)] ?? -Infinity;
      picture.data.set([...colour(1 + (level - loudest) / RANGE_DB), 255], 4 * (y * width + x));
    }
  });
  context.putImageData(picture, 0, 0);
}

/** @param {number} bright 0..1 */
function colour(bright) {
  const place = Math.min(Math.max(bright, 0), 1) * (COLOURS.length - 1);
  const below = COLOURS[Math.floor(place)] ?? [0, 0, 0];
  const above = COLOURS[Math.ceil(place)] ?? below;
  return below.map((value, i) => value + ((above[i] ?? value) - value) * (place % 1));
}

/**
 * Decibels by frequency of the window around a sample (Hann).
 * @param {Float32Array} samples
 * @param {number} centre
 * @returns {Float64Array} FFT / 2 of them.
 */
export function levels(samples, centre) {
  const real = new Float64Array(FFT);
  const imaginary = new Float64Array(FFT);
  for (let i = 0; i < FFT; i += 1) {
    real[i] = (samples[centre - FFT / 2 + i] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT));
  }
  transform(real, imaginary);
  return Float64Array.from({ length: FFT / 2 }, (_, i) =>
    10 * Math.log10((real[i] ?? 0) ** 2 + (imaginary[i] ?? 0) ** 2 + 1e-12));
}

/**
 * The discrete Fourier transform in place (Cooley and Tukey, radix 2).
 * @param {Float64Array} real
 * @param {Float64Array} imaginary
 */
function transform(real, imaginary) {
  const at = (/** @type {Float64Array} */ values, /** @type {number} */ i) => /** @type {number} */ (values[i]);
  const count = real.length;
  for (let i = 1, j = 0; i < count; i += 1) {
    let bit = count >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [at(real, j), at(real, i)];
      [imaginary[i], imaginary[j]] = [at(imaginary, j), at(imaginary, i)];
    }
  }
  for (let size = 2; size <= count; size *= 2) {
    for (let k = 0; k < size / 2; k += 1) {
      const cosine = Math.cos((2 * Math.PI * k) / size);
      const sine = -Math.sin((2 * Math.PI * k) / size);
      for (let start = k; start < count; start += size) {
        const other = start + size / 2;
        const x = at(real, other) * cosine - at(imaginary, other) * sine;
        const y = at(real, other) * sine + at(imaginary, other) * cosine;
        real[other] = at(real, start) - x;
        imaginary[other] = at(imaginary, start) - y;
        real[start] = at(real, start) + x;
        imaginary[start] = at(imaginary, start) + y;
      }
    }
  }
}
