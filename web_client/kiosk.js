// @ts-check
// `?kiosk`: a screen that stands in public. No controls, full screen, awake.

/** @param {HTMLElement} page */
export async function fillScreen(page) {
  if (document.fullscreenElement || !page.requestFullscreen) return;
  await page.requestFullscreen({ navigationUI: "hide" }).catch(() => undefined);
}

/** @param {HTMLElement} page */
export async function toggleFullscreen(page) {
  await (document.fullscreenElement ? document.exitFullscreen() : fillScreen(page));
}

/** Keeps the screen from going dark; the browser drops the lock whenever the page is hidden. */
export function stayAwake() {
  const lock = () => {
    if (document.visibilityState === "visible") navigator.wakeLock?.request("screen").catch(() => undefined);
  };
  document.addEventListener("visibilitychange", lock);
  lock();
}
