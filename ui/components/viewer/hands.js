// Pointers, wheel and keys on the panels.
function place(v, canvas, event) {  // -> [x, y] from the middle in CSS pixels, [row, col] in the image
  const box = canvas.getBoundingClientRect();
  const x = event.clientX - box.left - box.width / 2, y = event.clientY - box.top - box.height / 2;
  return [[x, y], [v.camera.row + y / v.camera.zoom, v.camera.col + x / v.camera.zoom]];
}

function onWheel(v, canvas, event) {
  if (!v.camera) return;
  event.preventDefault();
  const lines = event.deltaMode ? 16 : 1, speed = event.ctrlKey ? 0.01 : 0.0015;  // with ctrl: two fingers on a touchpad
  zoomBy(v, Math.exp(-event.deltaY * lines * speed), place(v, canvas, event)[0]);
}

function listen(v, canvas) {
  const fingers = new Map();
  let way = 0;
  canvas.addEventListener("wheel", (event) => onWheel(v, canvas, event), { passive: false });
  canvas.onpointerdown = (event) => {
    if (!v.camera || event.button) return;
    canvas.setPointerCapture(event.pointerId);
    if (!fingers.size) way = 0;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  };
  canvas.onpointermove = (event) => {
    if (!v.camera) return;
    const before = fingers.get(event.pointerId);
    if (before) {
      way += Math.hypot(event.clientX - before[0], event.clientY - before[1]);
      if (fingers.size === 2) pinch(v, canvas, fingers, event);
      else if (way > 4) moveBy(v, event.clientX - before[0], event.clientY - before[1]);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
    }
    v.pointer = [canvas, event.clientX, event.clientY];
    ask(v);
  };
  const end = (event) => fingers.delete(event.pointerId);
  canvas.onpointerup = (event) => {
    if (fingers.size === 1 && fingers.has(event.pointerId) && way <= 4) clicked(v, canvas, event);
    end(event);
  };
  canvas.onpointercancel = end;
  canvas.onpointerleave = () => { v.pointer = null; ask(v); };
  canvas.ondblclick = () => fit(v);
  canvas.onfocus = () => { if (v.data.other && canvas.dataset.panel !== "image" && canvas.dataset.panel !== "truth") chooseSide(v, sideOf(canvas)); };
}

const sideOf = (canvas) => canvas.dataset.panel.endsWith("2") ? "other" : "own";

function clicked(v, canvas, event) {
  if (allRegions(v).length) { const found = hit(v, place(v, canvas, event)[1]); choose(v, found, found !== null); }
}

function pinch(v, canvas, fingers, event) {  // the two points of the image stay under the two fingers
  const [still] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at), before = fingers.get(event.pointerId), now = [event.clientX, event.clientY];
  const apart = (a) => Math.max(1, Math.hypot(a[0] - still[0], a[1] - still[1])), middle = (a) => [(a[0] + still[0]) / 2, (a[1] + still[1]) / 2];
  const [x0, y0] = middle(before), [x, y] = middle(now), box = canvas.getBoundingClientRect();
  moveBy(v, x - x0, y - y0);
  zoomBy(v, apart(now) / apart(before), [x - box.left - box.width / 2, y - box.top - box.height / 2]);
}

const PANS = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
const ACTS = {
  "+": (v) => zoomBy(v, 1.25), "=": (v) => zoomBy(v, 1.25), "-": (v) => zoomBy(v, 0.8), 0: fit, 1: (v) => zoomTo(v, 1 / (devicePixelRatio || 1)),
  n: (v) => stepMistake(v, 1), p: (v) => stepMistake(v, -1), Escape: (v) => choose(v, null, false),
};

function onKey(v, event) {
  if (!v.camera || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.shiftKey && PANS[event.key]) moveBy(v, ...PANS[event.key]);
  else if (ACTS[event.key]) ACTS[event.key](v);
  else if (!imageKey(v, event)) return;
  event.preventDefault();
  event.stopPropagation();
}

// Left and right go to the image before and after, wherever the focus is, but in a field or a slider.
function imageKey(v, event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || event.shiftKey || !v.data.around.length) return false;
  stepImage(v, by);
  return true;
}

// On the window and before Streamlit's own: with the focus on the page or in the viewer, fields and sliders left alone.
function onPageKey(v, event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const path = event.composedPath(), from = path[0];
  if (v.canvases.includes(from)) return onKey(v, event);
  if (from !== document.body && (!path.includes(v.root) || from.matches("input"))) return;
  const theirs = window.seglibTriage?.isConnected && !path.includes(v.root); // where places are judged, n and p go through those
  const isMistakeKey = (event.key === "n" || event.key === "p") && !theirs && v.camera && shownRegions(v).length;
  if (isMistakeKey) ACTS[event.key](v);
  else if (!imageKey(v, event)) return;
  event.preventDefault();
  event.stopPropagation();
}
