// One camera for all panels: {row, col} of the middle of every panel, zoom in CSS pixels for one image pixel.
const CLOSEST = 64, FLIGHT_MS = 260;
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

const size = (v) => { const canvas = v.canvases[0]; return [canvas?.clientWidth || 1, canvas?.clientHeight || 1]; };
const fitZoom = (v) => Math.min(size(v)[0] / v.image.width, size(v)[1] / v.image.height);
const fitted = (v) => ({ row: v.image.height / 2, col: v.image.width / 2, zoom: fitZoom(v), fit: true });

// What a hand does counts from where the flight would have ended: keys are never lost to a slow frame.
function land(v) {
  if (v.flight) v.camera = v.flight.to;
  v.flight = null;
  return v.camera;
}

function fit(v) { if (v.image) { land(v); v.camera = fitted(v); ask(v); } }

function zoomTo(v, wanted, [x, y] = [0, 0]) {  // (x, y): the point that stays, in CSS pixels from the middle
  const camera = land(v), zoom = Math.max(fitZoom(v) * 0.5, Math.min(CLOSEST, wanted));
  camera.col += x / camera.zoom - x / zoom;
  camera.row += y / camera.zoom - y / zoom;
  Object.assign(camera, { zoom, fit: false });
  ask(v);
}

const zoomBy = (v, factor, point) => zoomTo(v, land(v).zoom * factor, point);

function moveBy(v, x, y) {
  const camera = land(v), { width, height } = v.image;
  camera.col = Math.max(0, Math.min(width, camera.col - x / camera.zoom));  // the image never leaves the panel
  camera.row = Math.max(0, Math.min(height, camera.row - y / camera.zoom));
  camera.fit = false;
  ask(v);
}

function flyTo(v, to) {
  land(v);
  if (!v.camera || STILL.matches) v.camera = to;
  else v.flight = { from: { ...v.camera }, to, start: performance.now() };
  ask(v);
}

// Moves the camera along its flight; true while it goes on.
function flying(v) {
  if (!v.flight) return false;
  const { from, to, start } = v.flight, t = Math.min(1, (performance.now() - start) / FLIGHT_MS);
  if (t >= 1) { land(v); return false; }
  const eased = t * t * (3 - 2 * t), between = (a, b) => a + (b - a) * eased;
  v.camera = { row: between(from.row, to.row), col: between(from.col, to.col), zoom: Math.exp(between(Math.log(from.zoom), Math.log(to.zoom))), fit: false };
  return true;
}

// Another image: the same place at the same zoom; of another size, the same share of its height and width.
function keepPlace(v, before) {
  const { width, height } = v.image;
  if (!v.camera || v.camera.fit || !before) return;
  v.camera.row *= height / before.height;
  v.camera.col *= width / before.width;
}
