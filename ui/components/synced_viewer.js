// Up to six panels, one camera. Streamlit calls the default export again whenever `data` changes: state lives in VIEWERS.
const VIEWERS = new WeakMap();
const KEPT = new Map();  // component key -> what the person has set, so that it outlives a change of page
const TITLES = { image: "Image", truth: "Truth", prediction: "Prediction", errors: "Errors" };
const LEGEND = [["False positive", ORANGE], ["Miss (false negative)", SKY], ["Truth, right", GREEN], ["Prediction", YELLOW]];
const css = (rgb) => `rgb(${rgb.join(",")})`;

// Shown at once, before Python knows of it: what `data.around` says of an image has the same keys.
const shownOf = ({ image, labels, probability, other_probability, title }) => ({ image, labels, probability, other_probability, title });

function panelNames({ labels, probability, other_probability }) {
  const run = (of, suffix) => of ? [`prediction${suffix}`, labels && `errors${suffix}`] : [];
  if (other_probability) return ["image", ...run(probability, ""), labels && "truth", ...run(other_probability, "2")].filter(Boolean);
  return ["image", labels && "truth", ...run(probability, "")].filter(Boolean);
}

function titleOf(v, panel) {
  const other = panel.endsWith("2"), title = TITLES[other ? panel.slice(0, -1) : panel], name = other ? v.data.other?.name : v.data.other && v.data.name;
  return name && title !== "Image" && title !== "Truth" ? `${title} · ${name}` : title;
}

// ---- loading

async function load(v) {
  const { shown } = v, wanted = [shown.image, shown.labels, shown.probability, shown.other_probability].join(" ");
  if (v.loading === wanted) return;
  v.loading = wanted;
  try {
    const [image, labels, q, q2] = await pixelsOf(shown);
    if (v.loading !== wanted) return;
    for (const other of [q, q2]) if (other && (other.width !== image.width || other.height !== image.height)) {
      throw new Error(`The prediction is ${other.height} × ${other.width} px, the image ${image.height} × ${image.width} px: they do not belong together.`);
    }
    fail(v, "");
    take(v, image, labels, q?.values, q2?.values);
    setTimeout(() => prefetch(v), 50);
  } catch (error) {
    if (v.loading === wanted) { v.loading = null; fail(v, error.message); }
  }
}

function take(v, image, labels, q, q2) {
  const before = v.image ?? KEPT.get(v.data.key)?.size, { width, height } = image;
  if (v.image?.width !== width || v.image.height !== height) { v.layer = {}; v.base = new OffscreenCanvas(width, height); }
  if (!labels) for (const name of ["truth", "errors", "errors2"]) delete v.layer[name];
  if (v.labels !== labels) v.kinds = labels && kindsOf(labels);
  const thresholded = (run, values) => !values ? null : run?.q === values && run.labels === labels ? run : new Thresholded(values, labels);
  Object.assign(v, { own: thresholded(v.own, q), other: thresholded(v.other, q2), labels });
  if (v.image !== image) {
    v.image = image;
    v.windows = greyWindows(image);
    paintBase(v);
    keepPlace(v, before);
  }
  v.root.style.setProperty("--aspect", `${width} / ${height}`);
  panels(v);
  paintLayers(v);
  v.fresh = true;
  showContrast(v);
  showCurve(v);
  showCounts(v);
  flyToChosen(v);
  ask(v);
}

const fail = (v, text) => { v.root.querySelector(".message").textContent = text; };

function prefetch(v) {
  const { around } = v.data, at = around.findIndex((one) => one.image === v.shown.image);
  for (const one of [around[at + 1], around[at - 1]]) if (one && at >= 0) pixelsOf(one).catch(() => {});
}

// ---- the image before and after: at once where it is known, Python follows

function stepImage(v, by) {
  const { around } = v.data, at = around.findIndex((one) => one.image === v.shown.image), next = at < 0 ? null : around[at + by];
  if (!next) { v.pending = v.ahead ? by : 0; return; }
  v.ahead = { seq: ++v.seq, until: performance.now() + 10_000 };
  Object.assign(v, { shown: shownOf(next), selected: null, pending: 0 });
  listRegions(v);
  load(v);
  clearTimeout(v.going);  // a key held down tells Python once
  v.going = setTimeout(() => v.trigger("go", { image: next.title, seq: v.seq }), 60);
}

// ---- numbers

function showCounts(v) {
  const node = v.root.querySelector(".counts"), cut = cutOf(v.threshold);
  const line = (run, name) => {
    const { tp, fp, fn } = run.counts(cut), union = tp + fp + fn;
    const iou = union ? (tp / union).toFixed(4) : "undefined (no cell, none predicted)", dice = union ? (2 * tp / (union + tp)).toFixed(4) : "undefined";
    return element("div", {}, `${name}: IoU ${iou} · Dice ${dice} · false positive ${fp} px · missed ${fn} px`);
  };
  const { other, name } = v.data;
  node.replaceChildren(...[[v.own, other ? name || "This run" : "This image"], [v.other, other?.name]].filter(([run]) => run?.classes).map(([run, who]) => line(run, who)));
}

function readOut(v) {
  const node = v.root.querySelector(".readout"), { width, height, values, colour, type } = v.image;
  const row = v.hover ? Math.floor(v.hover[0]) : -1, col = v.hover ? Math.floor(v.hover[1]) : -1;
  if (row < 0 || col < 0 || row >= height || col >= width) { node.textContent = ""; return; }
  const i = row * width + col, parts = [`row ${row}  col ${col}`, `${colour ? "luminance" : "grey"} ${type === "float32" ? +values[i].toPrecision(6) : values[i]}`];
  const probability = (run) => (run.q[i] / 255).toFixed(3);
  if (v.own) parts.push(`probability ${probability(v.own)}`);
  if (v.other) parts.push(`${v.data.other?.name ?? "other"} ${probability(v.other)}`);
  if (v.labels) parts.push(v.labels[i] === INVALID ? "not counted" : v.labels[i] ? `truth cell ${v.labels[i]}` : "truth background");
  node.textContent = parts.join("   ");
}

// ---- drawing: only when something has changed, only the part of the image that is seen

function ask(v) { if (!v.frame) v.frame = requestAnimationFrame(() => { v.frame = 0; draw(v); }); }

function draw(v) {
  if (!v.image || !v.canvases.length || !v.canvases[0].clientWidth) return;
  if (flying(v)) ask(v);
  if (!v.camera || v.camera.fit) v.camera = fitted(v);
  const { root, camera } = v, ratio = devicePixelRatio || 1, [canvas, x, y] = v.pointer ?? [];
  v.seen = seenOf(v);
  showAll(v);
  v.hover = canvas ? place(v, canvas, { clientX: x, clientY: y })[1] : null;
  for (const canvas of v.canvases) drawPanel(v, canvas, ratio);
  KEPT.set(v.data.key, { camera: { ...camera }, size: { width: v.image.width, height: v.image.height }, style: v.style, filter: v.filter, opacity: v.opacity, contrast: v.contrast, side: v.side });
  readOut(v);
  root.querySelector(".zoom").textContent = `${camera.zoom.toFixed(2)}×`;
  Object.assign(root.dataset, { zoom: camera.zoom, row: camera.row, col: camera.col, flying: Boolean(v.flight), threshold: v.threshold });
  if (v.fresh) { v.fresh = false; root.dataset.ready = v.shown.image; root.dataset.title = v.shown.title; }
}

function scaled(canvas) {  // -> [width, height, context] in CSS pixels, cleared
  const ratio = devicePixelRatio || 1, w = canvas.clientWidth || 1, h = canvas.clientHeight || 1, context = canvas.getContext("2d");
  const [width, height] = [Math.round(w * ratio), Math.round(h * ratio)];
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, w, h);
  return [w, h, context];
}

// The part of the image that the panels show, in whole pixels and a few more.
function seenOf(v) {
  const { row, col, zoom } = v.camera, [w, h] = size(v), { width, height } = v.image, slack = 2;
  const low = (at, half) => Math.max(0, Math.floor(at - half / zoom) - slack), high = (at, half, most) => Math.min(most, Math.ceil(at + half / zoom) + slack);
  const x = low(col, w / 2), y = low(row, h / 2);
  return { x, y, w: Math.max(0, high(col, w / 2, width) - x), h: Math.max(0, high(row, h / 2, height) - y) };
}

function showAll(v) {
  if (!within(v.seen, v.baseRight)) paintBase(v);
  for (const name of Object.keys(v.layer)) v.layer[name].show(v.seen);
}

function drawPanel(v, canvas, ratio) {
  const { row, col, zoom } = v.camera, s = zoom * ratio, name = canvas.dataset.panel, context = scaled(canvas)[2];
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.imageSmoothingEnabled = s < 1;  // enlarged pixels stay squares
  const left = col - canvas.width / (2 * s), top = row - canvas.height / (2 * s);
  const x = Math.max(0, Math.floor(left)), y = Math.max(0, Math.floor(top));
  const w = Math.min(v.image.width, Math.ceil(left + canvas.width / s)) - x, h = Math.min(v.image.height, Math.ceil(top + canvas.height / s)) - y;
  if (w > 0 && h > 0) {
    const part = [x, y, w, h, (x - left) * s, (y - top) * s, w * s, h * s];
    context.drawImage(v.base, ...part);
    context.globalAlpha = v.opacity;
    if (v.layer[name]) context.drawImage(v.layer[name].canvas, ...part);
    context.globalAlpha = 1;
  }
  context.setTransform(s, 0, 0, s, -left * s, -top * s);
  drawBoxes(v, context, name, ratio / s);
  if (v.hover) drawCross(context, v.hover, ratio / s);
}

function drawBoxes(v, context, name, unit) {
  const regions = shownRegions(v), all = v.camera.zoom > 1.5 * fitZoom(v);  // seen whole, a box round every sliver hides the picture
  const errors = v.side === "other" ? "errors2" : "errors";
  regions.forEach((region, rank) => {
    const chosen = region.id === v.selected;
    if (!chosen && (name !== errors || (rank >= 8 && !all))) return;
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

// ---- set-up and updates

function panels(v) {
  const names = panelNames(v.shown), { root } = v;
  const titles = names.map((name) => titleOf(v, name)), wanted = `${names} ${titles}`;
  if (v.panels === wanted) return;
  v.panels = wanted;
  const old = new Map(v.canvases.map((canvas) => [canvas.dataset.panel, canvas]));  // kept: the focus may be in one
  v.canvases = names.map((name) => old.get(name) ?? newCanvas(v, name));
  for (const [name, canvas] of old) if (!names.includes(name)) { v.resized.unobserve(canvas); canvas.parentElement.remove(); }
  const grid = root.querySelector(".panels");
  v.canvases.forEach((canvas, at) => {
    canvas.parentElement.firstChild.textContent = canvas.parentElement.firstChild.title = titles[at];
    canvas.setAttribute("aria-label", `${titles[at]}. Keys: plus and minus zoom, Shift and arrows move, 0 fits, 1 is one to one, n and p go to the next and previous mistake, left and right to another image.`);
    if (grid.children[at] !== canvas.parentElement) grid.insertBefore(canvas.parentElement, grid.children[at] ?? null);
  });
  const two = names.includes("prediction2"), both = names.includes("errors");
  grid.style.setProperty("--columns", two ? Math.ceil(names.length / 2) : names.length);
  grid.style.setProperty("--columns-narrow", Math.min(names.length, 2));
  root.querySelector(".filters").hidden = root.querySelector(".mistakes").hidden = !both;
  root.querySelector(".threshold-field").hidden = !v.shown.probability;
  root.querySelector(".styles").hidden = names.length === 1;
  root.querySelector(".larger").hidden = names.length < 3;
  root.querySelector(".steps").hidden = !v.data.around.length;
  root.querySelector(".contrast").hidden = false;
  const shown = both ? LEGEND : [v.shown.labels && ["Truth", GREEN], v.shown.probability && ["Prediction", YELLOW]].filter(Boolean);
  root.querySelector(".legend").replaceChildren(...shown.map(([text, rgb]) => element("span", {}, element("i", { style: `background:${css(rgb)}` }), text)));
}

function newCanvas(v, name) {
  const canvas = element("canvas", { "data-panel": name, tabindex: 0, role: "img" });
  element("figure", { "data-panel": name }, element("figcaption"), canvas);
  listen(v, canvas);
  v.resized.observe(canvas);
  return canvas;
}

function pressed(root, name, value) {
  for (const button of root.querySelectorAll(`[data-${name}]`)) button.setAttribute("aria-pressed", String(button.dataset[name] === value));
}

function setThreshold(v, threshold, done) {
  v.threshold = threshold;
  v.dragging = !done;
  showThreshold(v);
  if (!v.layering) v.layering = requestAnimationFrame(() => {
    v.layering = 0;
    if (v.image && v.own) { moveLayers(v); showCounts(v); drawCurve(v); }
  });
  if (!done) return listHead(v);
  listRegions(v);
  v.state("threshold", v.threshold);
}

function showThreshold(v) {
  const slider = v.root.querySelector(".threshold");
  if (+slider.value !== v.threshold) slider.value = v.threshold;
  v.root.querySelector(".threshold-value").textContent = v.threshold.toFixed(2);
}

function setUp(root, key) {
  const v = { root, canvases: [], data: null, camera: null, style: "outline", filter: "both", opacity: 0.8, threshold: 0.5, contrast: { mode: null },
    selected: null, side: "own", pointer: null, layer: {}, frame: 0, seq: Date.now(), ...KEPT.get(key) };
  v.resized = new ResizeObserver(() => { if (v.image) { showContrast(v); drawCurve(v); } ask(v); });
  const opacity = root.querySelector(".opacity"), slider = root.querySelector(".threshold"), larger = root.querySelector(".larger");
  opacity.value = v.opacity;
  opacity.oninput = () => { v.opacity = +opacity.value; ask(v); };
  slider.oninput = () => setThreshold(v, +slider.value, false);
  slider.onchange = () => setThreshold(v, +slider.value, true);
  for (const name of ["style", "filter"]) for (const button of root.querySelectorAll(`[data-${name}]`)) {
    button.onclick = () => { v[name] = button.dataset[name]; pressed(root, name, v[name]); listRegions(v); paintLayers(v); };
  }
  for (const name of ["style", "filter"]) pressed(root, name, v[name]);
  for (const button of root.querySelectorAll("[data-side]")) button.onclick = () => chooseSide(v, button.dataset.side);
  larger.onclick = () => { larger.setAttribute("aria-pressed", String(root.classList.toggle("large"))); ask(v); };
  root.querySelector(".fit").onclick = () => fit(v);
  root.querySelector(".one").onclick = () => { if (v.camera) ACTS[1](v); };
  listenContrast(v);
  listenCurve(v);
  v.onPageKey = (event) => onPageKey(v, event);
  addEventListener("keydown", v.onPageKey, true);
  return v;
}

function update(v, data) {
  const before = v.data;
  v.data = data;
  const behind = v.ahead && data.heard !== v.ahead.seq && performance.now() < v.ahead.until;
  if (!behind) {
    v.ahead = null;
    v.shown = shownOf(data);
    if (!v.dragging && before?.threshold !== data.threshold) v.threshold = data.threshold;
    if (!before || before.selected !== data.selected || before.reveal !== data.reveal || before.image !== data.image) {
      v.selected = data.selected;
      if (data.selected !== null) v.side = "own";
    }
    if (before && before.reveal !== data.reveal) {
      v.flownTo = null;
      v.root.scrollIntoView({ block: "start", behavior: STILL.matches ? "auto" : "smooth" });
    }
  }
  panels(v);
  showThreshold(v);
  listRegions(v);
  if (v.image && v.own) { moveLayers(v); showCounts(v); showCurve(v); }
  load(v);
  flyToChosen(v);
  ask(v);
  if (!behind && v.pending) stepImage(v, v.pending);
}

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  const root = parentElement.querySelector(".viewer");
  let v = VIEWERS.get(root);
  if (!v) { v = setUp(root, data.key); VIEWERS.set(root, v); }
  Object.assign(v, { trigger: setTriggerValue, state: setStateValue });
  update(v, data);
  return () => { removeEventListener("keydown", v.onPageKey, true); v.resized.disconnect(); VIEWERS.delete(root); };
}
