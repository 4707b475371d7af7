// @ts-check
// Carries the picture's own backdrop on to the page's edges, so that the square has no edge.

/** The painted size; few pixels, so that scaling it up smooths the codec's noise away. */
const COLUMNS = 240;
const ROWS = 18;
/** The part of the picture that is averaged at each side, and over which the painted wall gives way to it. */
const BORDER = 0.06;

/**
 * Paints the wall left and right of the picture; the camera and the wall stand still, so that once a call is enough.
 * @param {HTMLVideoElement} video With a picture, filling the page's height.
 * @param {HTMLCanvasElement} canvas Lies over the page, stretched by the style sheet.
 */
export function paintBackdrop(video, canvas) {
  const context = canvas.getContext("2d");
  const page = canvas.clientWidth;
  if (!context || !page || !video.videoWidth) return;
  canvas.width = COLUMNS;
  canvas.height = ROWS;
  const box = video.getBoundingClientRect();
  const left = (box.left / page) * COLUMNS;
  const right = (box.right / page) * COLUMNS;
  const blend = BORDER * (right - left);
  if (left < 1) return;
  const strip = BORDER * video.videoWidth;
  fill(context, wallColours(video, 0, strip), 0, left + blend);
  fill(context, wallColours(video, video.videoWidth - strip, strip), right - blend, COLUMNS);
  context.globalCompositeOperation = "destination-out";
  fade(context, left, left + blend);
  fade(context, right, right - blend);
}

/**
 * @param {HTMLVideoElement} video @param {number} from @param {number} width Of the strip, in the picture's pixels.
 * @returns {string[]} The strip's mean colour, row by row.
 */
function wallColours(video, from, width) {
  const context = new OffscreenCanvas(1, ROWS).getContext("2d");
  if (!context) return [];
  context.imageSmoothingQuality = "high";
  context.drawImage(video, from, 0, width, video.videoHeight, 0, 0, 1, ROWS);
  const { data } = context.getImageData(0, 0, 1, ROWS);
  return Array.from({ length: ROWS }, (_, row) => `rgb(${data.slice(4 * row, 4 * row + 3).join(" ")})`);
}

/** @param {CanvasRenderingContext2D} context @param {string[]} colours @param {number} from @param {number} to */
function fill(context, colours, from, to) {
  for (const [row, colour] of colours.entries()) {
    context.fillStyle = colour;
    context.fillRect(from, row, to - from, 1);
  }
}

/**
 * Takes the paint away between two columns: none at the first, all at the second.
 * @param {CanvasRenderingContext2D} context @param {number} from @param {number} to
 */
function fade(context, from, to) {
  const ramp = context.createLinearGradient(from, 0, to, 0);
  ramp.addColorStop(0, "transparent");
  ramp.addColorStop(1, "black");
  context.fillStyle = ramp;
  context.fillRect(Math.min(from, to), 0, Math.abs(to - from), ROWS);
}
