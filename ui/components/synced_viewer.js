// Four panels, one camera. Streamlit calls the default export again whenever `data` changes: state lives in VIEWERS.
const VIEWERS = new WeakMap();
const CAMERAS = new Map();  // component key -> camera, so that zoom outlives a change of page
const TITLES = { image: "Image", truth: "Truth", prediction: "Prediction", errors: "Errors" };
const LEGEND = { fp: ["False positive", ORANGE], fn: ["Miss (false negative)", SKY], tp: ["Right", GREEN] };
const css = (rgb) => `rgb(${rgb.join(",")})`;

function panelNames(data) {
  return ["image", data.labels && "truth", data.probability && "prediction", data.labels && data.probability && "errors"].filter(Boolean);
}

// ---- loading: each address is fetched once; a change of selection or regions fetches nothing

async function load(v, data) {
  const wanted = [data.image, data.labels, data.probability].join(" ");
  if (v.loaded === wanted) return;
  v.loaded = wanted;
  v.abort?.abort();
  v.abort = new AbortController();
  const { signal } = v.abort;
  try {
    const [image, labels, q] = await Promise.all([
      greyPixels(data.image, signal),
      data.labels ? labelPixels(data.labels, signal) : null,
      data.probability ? greyPixels(data.probability, signal) : null,
    ]);
    if (q && (q.width !== image.width || q.height !== image.height)) {
      throw new Error(`The prediction is ${q.height} × ${q.width} px, the image ${image.height} × ${image.width} px: they do not belong together.`);
    }
    const sameSize = v.image && v.image.width === image.width && v.image.height === image.height;
    Object.assign(v, { image, labels, q: q?.values ?? null, base: greyCanvas(image.values, image.width, image.height) });
    v.root.style.setProperty("--aspect", `${image.width} / ${image.height}`);
    if (!sameSize && !v.restored) v.camera = null;
    v.restored = false;
    fail(v, "");
    layers(v);
    fly(v);
    v.root.dataset.ready = data.image;
  } catch (error) {
    if (error.name !== "AbortError") { v.loaded = null; fail(v, error.message); }
  }
}

const fail = (v, text) => { v.root.querySelector(".message").textContent = text; };

// ---- overlays, redone when threshold, style or filter changes

function layers(v) {
  const { image, labels, q } = v;
  if (!image) return;
  const { width, height } = image, cut = 255 * v.threshold;  // foreground is q >= 255 T, as everywhere in seglib
  const predicted = q ? Uint8Array.from(q, (value) => value >= cut ? 1 : 0) : null;
  v.layer = {
    truth: labels && masked(labels, width, height, GREEN, v.style),
    prediction: predicted && masked(predicted, width, height, YELLOW, v.style),
    errors: labels && predicted && errorLayer(v, labels, predicted, width, height),
  };
  showCounts(v);
  ask(v);
}

function masked(ids, width, height, colour, style) {
  const line = rgba(colour, 255), area = rgba(colour, 150);
  return painted(width, height, (out) => {
    if (style === "fill") for (let i = 0; i < out.length; i++) if (ids[i] && ids[i] !== INVALID) out[i] = area;
    eachOutline(ids, width, height, (i) => { out[i] = line; });
  });
}

function errorLayer(v, labels, predicted, width, height) {
  const counts = { tp: 0, fp: 0, fn: 0, tn: 0 };
  const fp = v.filter === "fn" ? 0 : rgba(ORANGE, 255), fn = v.filter === "fp" ? 0 : rgba(SKY, 255);
  const tp = v.filter === "both" ? rgba(GREEN, 90) : 0, invalid = rgba(GREY, 150);
  const canvas = painted(width, height, (out) => {
    for (let i = 0; i < out.length; i++) {
      const label = labels[i];
      if (label === INVALID) out[i] = invalid;
      else if (label) { if (predicted[i]) { counts.tp++; out[i] = tp; } else { counts.fn++; out[i] = fn; } }
      else if (predicted[i]) { counts.fp++; out[i] = fp; } else counts.tn++;
    }
  });
  v.counts = counts;
  return canvas;
}

function showCounts(v) {
  const node = v.root.querySelector(".counts");
  if (!v.layer.errors) { node.textContent = ""; return; }
  const { tp, fp, fn } = v.counts, union = tp + fp + fn;
  const iou = union ? (tp / union).toFixed(4) : "undefined (no cell, none predicted)";
  const dice = union ? (2 * tp / (2 * tp + fp + fn)).toFixed(4) : "undefined";
  node.textContent = `IoU ${iou} · Dice ${dice} · false positive ${fp} px · missed ${fn} px`;
}

// ---- camera: {row, col} of the middle of every panel, zoom in CSS pixels for one image pixel

const size = (v) => { const canvas = v.canvases[0]; return [canvas.clientWidth || 1, canvas.clientHeight || 1]; };
const fitZoom = (v) => Math.min(size(v)[0] / v.image.width, size(v)[1] / v.image.height);
const fitted = (v) => ({ row: v.image.height / 2, col: v.image.width / 2, zoom: fitZoom(v), fit: true });

// At once, not with the next frame: keys that are pressed before it count from here.
function fit(v) { if (v.image) { v.camera = fitted(v); ask(v); } }

function zoomBy(v, factor, [x, y] = [0, 0]) {  // (x, y): the point that stays, in CSS pixels from the middle
  const camera = v.camera, zoom = Math.max(fitZoom(v) * 0.5, Math.min(64, camera.zoom * factor));
  camera.col += x / camera.zoom - x / zoom;
  camera.row += y / camera.zoom - y / zoom;
  Object.assign(camera, { zoom, fit: false });
  ask(v);
}

function moveBy(v, x, y) {
  v.camera.col -= x / v.camera.zoom; v.camera.row -= y / v.camera.zoom; v.camera.fit = false;
  ask(v);
}

function fly(v) {
  const region = v.data.regions.find((r) => r.id === v.selected);
  if (!region || !v.image || v.flownTo === `${v.loaded} ${v.selected}`) return;
  v.flownTo = `${v.loaded} ${v.selected}`;
  const [w, h] = size(v), zoom = Math.min(16, 0.4 * Math.min(w / region.width, h / region.height));
  v.camera = { row: region.row + region.height / 2, col: region.col + region.width / 2, zoom: Math.max(zoom, fitZoom(v)), fit: false };
  ask(v);
}

// ---- drawing

function ask(v) { if (!v.frame) v.frame = requestAnimationFrame(() => { v.frame = 0; draw(v); }); }

function draw(v) {
  if (!v.image || !v.canvases.length || !v.canvases[0].clientWidth) return;
  const ratio = devicePixelRatio || 1;
  if (!v.camera || v.camera.fit) v.camera = fitted(v);
  for (const canvas of v.canvases) {
    const w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    drawPanel(v, canvas, ratio);
  }
  CAMERAS.set(v.data.key, { ...v.camera });
  v.root.querySelector(".zoom").textContent = `${v.camera.zoom.toFixed(2)}×`;
}

function drawPanel(v, canvas, ratio) {
  const context = canvas.getContext("2d"), { row, col, zoom } = v.camera, s = zoom * ratio, name = canvas.dataset.panel;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = s < 1;  // enlarged pixels stay squares
  context.setTransform(s, 0, 0, s, canvas.width / 2 - col * s, canvas.height / 2 - row * s);
  context.drawImage(v.base, 0, 0);
  context.globalAlpha = v.opacity;
  if (v.layer[name]) context.drawImage(v.layer[name], 0, 0);
  context.globalAlpha = 1;
  drawBoxes(v, context, name, ratio / s);
  if (v.hover) drawCross(context, v.hover, ratio / s);
}

function drawBoxes(v, context, name, unit) {
  const regions = shownRegions(v), all = v.camera.zoom > 1.5 * fitZoom(v);  // seen whole, a box round every sliver hides the picture
  regions.forEach((region, rank) => {
    const chosen = region.id === v.selected;
    if (!chosen && (name !== "errors" || (rank >= 8 && !all))) return;
    context.strokeStyle = chosen ? "#ffffff" : css(region.kind === "fp" ? ORANGE : SKY);
    context.lineWidth = (chosen ? 2.5 : 1.2) * unit;
    context.setLineDash(v.threshold === v.data.threshold ? [] : [4 * unit, 3 * unit]);
    const pad = 3 * unit;
    context.strokeRect(region.col - pad, region.row - pad, region.width + 2 * pad, region.height + 2 * pad);
    if (chosen) { context.strokeStyle = "#000000"; context.lineWidth = unit; context.strokeRect(region.col - 2 * pad, region.row - 2 * pad, region.width + 4 * pad, region.height + 4 * pad); }
  });
  context.setLineDash([]);
}

function drawCross(context, [row, col], unit) {
  for (const [colour, width] of [["rgba(0,0,0,.7)", 3], ["rgba(255,255,255,.95)", 1]]) {
    context.strokeStyle = colour; context.lineWidth = width * unit;
    context.beginPath();
    context.moveTo(col - 9 * unit, row); context.lineTo(col + 9 * unit, row);
    context.moveTo(col, row - 9 * unit); context.lineTo(col, row + 9 * unit);
    context.stroke();
  }
}

// ---- regions

const shownRegions = (v) => v.data.regions.filter((r) => v.filter === "both" || r.kind === v.filter);

function listHead(v) {  // while the threshold is dragged the regions are still those of another one
  const n = shownRegions(v).length, found = v.threshold === v.data.threshold ? "" : `, found at threshold ${v.data.threshold.toFixed(2)}`;
  const all = v.filter === "both" && v.data.total > n ? `${n} largest of ${v.data.total} ` : `${n} `;
  v.root.querySelector(".side-head").textContent = `${all}${n === 1 ? "mistake" : "mistakes"}${found}`;
}

function listRegions(v) {
  const regions = shownRegions(v), side = v.root.querySelector(".side");
  side.hidden = !v.data.regions.length;
  listHead(v);
  side.querySelector(".regions").replaceChildren(...regions.slice(0, 300).map((region) => {
    const colour = element("i", { style: `background:${css(region.kind === "fp" ? ORANGE : SKY)}` });
    const label = region.label || (region.kind === "fp" ? "false positive" : "miss");
    const button = element("button", { type: "button", "aria-pressed": String(region.id === v.selected), "data-id": region.id,
      onclick: () => choose(v, region, true) }, colour, label, element("span", { class: "number" }, `${region.n_pixels} px`));
    return element("li", {}, button);
  }));
}

function choose(v, region, go) {
  v.selected = region ? region.id : null;
  for (const button of v.root.querySelectorAll(".regions button")) {
    const chosen = region !== null && button.dataset.id === String(region.id);
    button.setAttribute("aria-pressed", String(chosen));
    if (chosen) button.scrollIntoView({ block: "nearest" });
  }
  if (go) { v.flownTo = null; fly(v); }
  ask(v);
  clearTimeout(v.telling);  // n n n tells Python once
  v.telling = setTimeout(() => v.trigger("pick", region ? { id: region.id, row: region.row, col: region.col } : { id: null }), 120);
}

function step(v, by) {
  const regions = shownRegions(v);
  if (!regions.length) return;
  const at = regions.findIndex((r) => r.id === v.selected);
  choose(v, regions[at < 0 ? (by > 0 ? 0 : regions.length - 1) : (at + by + regions.length) % regions.length], true);
}

// ---- mouse and keys

function place(v, canvas, event) {  // -> [x, y] from the middle in CSS pixels, [row, col] in the image
  const box = canvas.getBoundingClientRect();
  const x = event.clientX - box.left - box.width / 2, y = event.clientY - box.top - box.height / 2;
  return [[x, y], [v.camera.row + y / v.camera.zoom, v.camera.col + x / v.camera.zoom]];
}

function readOut(v) {
  const node = v.root.querySelector(".readout");
  if (!v.hover) { node.textContent = ""; return; }
  const row = Math.floor(v.hover[0]), col = Math.floor(v.hover[1]), { width, height, values } = v.image;
  if (row < 0 || col < 0 || row >= height || col >= width) { node.textContent = ""; return; }
  const i = row * width + col, parts = [`row ${row}  col ${col}`, `grey ${values[i]}`];
  if (v.q) parts.push(`probability ${(v.q[i] / 255).toFixed(3)}`);
  if (v.labels) parts.push(v.labels[i] === INVALID ? "not counted" : v.labels[i] ? `truth cell ${v.labels[i]}` : "truth background");
  node.textContent = parts.join("  ");
}

function hit(v, [row, col]) {
  const slack = 4 / v.camera.zoom;
  return shownRegions(v).filter((r) => row >= r.row - slack && row <= r.row + r.height + slack && col >= r.col - slack && col <= r.col + r.width + slack)
    .sort((a, b) => a.width * a.height - b.width * b.height)[0] ?? null;
}

function listen(v, canvas) {
  let drag = null;
  canvas.addEventListener("wheel", (event) => {
    if (!v.camera) return;
    event.preventDefault();
    zoomBy(v, Math.exp(-event.deltaY * 0.0015), place(v, canvas, event)[0]);
  }, { passive: false });
  canvas.onpointerdown = (event) => {
    if (!v.camera || event.button) return;
    canvas.setPointerCapture(event.pointerId);
    drag = { x: event.clientX, y: event.clientY, way: 0 };
  };
  canvas.onpointermove = (event) => {
    if (!v.camera) return;
    if (drag) {
      const x = event.clientX - drag.x, y = event.clientY - drag.y;
      drag.way += Math.hypot(x, y);
      Object.assign(drag, { x: event.clientX, y: event.clientY });
      if (drag.way > 4) moveBy(v, x, y);
    }
    v.hover = place(v, canvas, event)[1];
    readOut(v);
    ask(v);
  };
  canvas.onpointerup = (event) => {
    if (drag && drag.way <= 4 && v.data.regions.length) choose(v, hit(v, place(v, canvas, event)[1]), false);
    drag = null;
  };
  canvas.onpointercancel = () => { drag = null; };
  canvas.onpointerleave = () => { v.hover = null; readOut(v); ask(v); };
  canvas.ondblclick = () => fit(v);
  canvas.onkeydown = (event) => onKey(v, event);
}

function onKey(v, event) {
  if (!v.camera || event.ctrlKey || event.metaKey || event.altKey) return;
  const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
  if (event.key === "+" || event.key === "=") zoomBy(v, 1.25);
  else if (event.key === "-") zoomBy(v, 0.8);
  else if (event.key === "0") fit(v);
  else if (event.key === "n" || event.key === "p") step(v, event.key === "n" ? 1 : -1);
  else if (moves[event.key]) moveBy(v, ...moves[event.key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

// ---- set-up and updates

function panels(v) {
  const names = panelNames(v.data);
  if (v.canvases.map((c) => c.dataset.panel).join() === names.join()) return;
  v.canvases.forEach((canvas) => v.resized.unobserve(canvas));
  v.canvases = names.map((name) => element("canvas", { "data-panel": name, tabindex: 0, role: "img",
    "aria-label": `${TITLES[name]}. Keys: plus and minus zoom, arrows move, 0 fits, n and p go to the next and previous mistake.` }));
  v.canvases.forEach((canvas) => { listen(v, canvas); v.resized.observe(canvas); });
  const root = v.root, grid = root.querySelector(".panels");
  grid.replaceChildren(...v.canvases.map((c) => element("figure", {}, element("figcaption", {}, TITLES[c.dataset.panel]), c)));
  grid.style.setProperty("--columns", names.length);
  grid.style.setProperty("--columns-narrow", Math.min(names.length, 2));
  const both = names.includes("errors");
  root.querySelector(".filters").hidden = root.querySelector(".mistakes").hidden = !both;
  root.querySelector(".threshold-field").hidden = !v.data.probability;
  root.querySelector(".styles").hidden = names.length === 1;
  root.querySelector(".larger").hidden = names.length < 3;
  const shown = both ? Object.values(LEGEND) : [v.data.labels && ["Truth", GREEN], v.data.probability && ["Prediction", YELLOW]].filter(Boolean);
  root.querySelector(".legend").replaceChildren(...shown.map(([text, rgb]) => element("span", {}, element("i", { style: `background:${css(rgb)}` }), text)));
}

function pressed(root, name, value) {
  for (const button of root.querySelectorAll(`[data-${name}]`)) button.setAttribute("aria-pressed", String(button.dataset[name] === value));
}

function setUp(root) {
  const v = { root, canvases: [], data: null, camera: null, style: "outline", filter: "both", opacity: 0.8, threshold: 0.5,
    selected: null, hover: null, layer: {}, frame: 0 };
  v.resized = new ResizeObserver(() => ask(v));
  root.querySelector(".opacity").oninput = (event) => { v.opacity = +event.target.value; ask(v); };
  const slider = root.querySelector(".threshold");
  slider.oninput = () => { v.threshold = +slider.value; showThreshold(v); listHead(v); if (!v.layering) v.layering = requestAnimationFrame(() => { v.layering = 0; layers(v); }); };
  root.querySelector(".threshold-half").onclick = () => { slider.value = 0.5; slider.oninput(); slider.onchange(); };
  slider.onchange = () => { v.threshold = +slider.value; listRegions(v); v.state("threshold", v.threshold); };
  for (const name of ["style", "filter"]) for (const button of root.querySelectorAll(`[data-${name}]`)) {
    button.onclick = () => { v[name] = button.dataset[name]; pressed(root, name, v[name]); listRegions(v); layers(v); };
  }
  pressed(root, "style", v.style); pressed(root, "filter", v.filter);
  const larger = root.querySelector(".larger");
  larger.onclick = () => { larger.setAttribute("aria-pressed", String(root.classList.toggle("large"))); ask(v); };
  root.querySelector(".fit").onclick = () => fit(v);
  return v;
}

function showThreshold(v) {
  const slider = v.root.querySelector(".threshold");
  if (+slider.value !== v.threshold) slider.value = v.threshold;
  v.root.querySelector(".threshold-half").hidden = v.threshold === 0.5;
  v.root.querySelector(".threshold-value").textContent = v.threshold.toFixed(2);
}

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  const root = parentElement.querySelector(".viewer");
  let v = VIEWERS.get(root);
  if (!v) {
    v = setUp(root);
    VIEWERS.set(root, v);
    if (CAMERAS.has(data.key)) { v.camera = CAMERAS.get(data.key); v.restored = true; }
  }
  const before = v.data;
  Object.assign(v, { data, trigger: setTriggerValue, state: setStateValue });
  if (!before || before.threshold !== data.threshold) v.threshold = data.threshold;
  if (!before || before.selected !== data.selected || before.reveal !== data.reveal || before.image !== data.image) v.selected = data.selected;
  if (before && before.reveal !== data.reveal) {
    v.flownTo = null;
    root.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }
  panels(v);
  showThreshold(v);
  listRegions(v);
  if (v.image && before && before.threshold !== data.threshold) layers(v);
  load(v, data).then(() => { fly(v); ask(v); });
  return () => { v.abort?.abort(); v.resized.disconnect(); VIEWERS.delete(root); };
}
