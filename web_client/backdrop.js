// @ts-check
// Carries the picture's own backdrop on to the page's edges, so that the square has no edge.

/** Rows of the painted strip: few, so that scaling it up smooths the codec's noise away. */
const ROWS = 36;
/** Columns of the picture that are averaged at each side. */
const BORDER = 6;

/**
 * Paints once per call; the camera and the backdrop stand still.
 * @param {HTMLVideoElement} video With a picture.
 * @param {HTMLCanvasElement} canvas Stretched over the page by the style sheet.
 */
export function paintBackdrop(video, canvas) {
  const { videoWidth: width, videoHeight: height } = video;
  const context = canvas.getContext("2d");
  if (!context || !width) return;
  canvas.width = 2;
  canvas.height = ROWS;
  context.imageSmoothingQuality = "high";
  context.drawImage(video, 0, 0, BORDER, height, 0, 0, 1, ROWS);
  context.drawImage(video, width - BORDER, 0, BORDER, height, 1, 0, 1, ROWS);
}
