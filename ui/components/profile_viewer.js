// Before and after under one camera, one line through all of them, its values below. Values are the trainer's float32.
const PROFILES = new WeakMap();
const LINES = new Map();  // component key -> line as shares of height and width, so that it outlives the picture
const CAMERAS = new Map();  // component key -> {camera, size}, so that zoom outlives a change of page
const COLOURS = { zscore: "#56B4E9", background: "#E69F00", percentile: "#009E73", minmax: "#CC79A7", clahe: "#D55E00" };
const colourOf = (p, name) => name === "none" ? getComputedStyle(p.root).color : COLOURS[name] ?? "#999999";
const titleOf = (name) => name === "none" ? "Before" : name;
const short = (value) => Number.isFinite(value) ? String(+value.toPrecision(4)) : "–";

// ---- loading: each method of a picture is fetched once

async function load(p, data) {
  const wanted = data.url;
  if (p.url !== wanted) { p.layers = {}; p.labels = null; p.url = wanted; p.abort?.abort(); p.abort = new AbortController(); }
  const { signal } = p.abort, missing = ["none", ...data.methods].filter((name) => !p.layers[name]);
  try {
    if (data.labels && !p.labels) p.labels = await labelPixels(data.labels, signal);
    await Promise.all(missing.map(async (name) => {
      const [header, blobs] = unpack(await (await answer(`${wanted}&method=${name}`, signal)).arrayBuffer());
      const floats = (blob) => new Float32Array(blob.slice().buffer);
      p.layers[name] = { ...header, values: floats(blobs[0]), field: blobs[1] && floats(blobs[1]) };
    }));
  } catch (error) {
    if (error.name !== "AbortError") { p.url = null; fail(p, error.message); }
    return;
  }
  if (p.url !== wanted || p.data.url !== wanted) return;
  fail(p, "");
  const { height, width } = p.layers.none;
  const kept = CAMERAS.get(p.data.key);
  if (kept?.size.join() !== [height, width].join()) p.camera = null;
  else p.camera ??= { ...kept.camera };
  p.size = [height, width];
  p.root.style.setProperty("--aspect", `${width} / ${height}`);
  if (!p.shares) moveLine(p, [fullestRow(p), 0, fullestRow(p), width - 1]);
  p.line = p.shares.map((share, i) => Math.round(share * (p.size[i % 2] - 1)));
  paint(p);
  p.root.dataset.title = p.data.title;
  p.root.dataset.ready = `${wanted} ${shownNames(p).join()}`;
}

const fail = (p, text) => { p.root.querySelector(".message").textContent = text; };
const shownNames = (p) => ["none", ...p.data.methods].filter((name) => p.layers[name]);
const scaleOf = (p) => p.scale ?? (Object.keys(p.data.windows).length ? "all" : "picture");  // until the person has chosen
const windowOf = (p, name) => scaleOf(p) === "all" && p.data.windows[name] ? p.data.windows[name] : [p.layers[name].low, p.layers[name].high];

// ---- pictures

function paint(p) {
  for (const name of shownNames(p)) {
    const layer = p.layers[name], [low, high] = windowOf(p, name), scale = 255 / (high - low), { values, width, height } = layer;
    const grey = new Uint8Array(values.length);
    for (let i = 0; i < grey.length; i++) grey[i] = Math.max(0, Math.min(255, (values[i] - low) * scale + 0.5));  // as ui/pixels.to_bytes
    layer.base = greyCanvas(grey, width, height);
    layer.grey = grey;
  }
  if (p.labels && p.outlined !== p.url) {
    const [height, width] = p.size, line = rgba(GREEN, 255);
    p.outline = painted(width, height, (out) => eachOutline(p.labels, width, height, (i) => { out[i] = line; }));
    p.outlined = p.url;
  }
  figures(p);
  ask(p);
}

function figures(p) {
  const names = shownNames(p), grid = p.root.querySelector(".panels");
  if (p.canvases.map((canvas) => canvas.dataset.method).join() !== names.join()) {
    p.canvases.forEach((canvas) => p.resized.unobserve(canvas));
    p.canvases = names.map((name) => element("canvas", { "data-method": name, tabindex: 0, role: "img",
      "aria-label": `${titleOf(name)}. Keys: arrows move the line, r and c lay it along a row or a column, plus and minus zoom, 0 fits.` }));
    p.canvases.forEach((canvas) => { listen(p, canvas); p.resized.observe(canvas); });
    grid.replaceChildren(...p.canvases.map((canvas) => element("figure", {},
      element("figcaption", {}, element("i", { "data-colour": canvas.dataset.method }), element("strong", {}, titleOf(canvas.dataset.method)), element("span", { class: "number" })), canvas)));
    grid.style.setProperty("--columns", Math.min(names.length, 4));
    p.root.querySelector(".legend").replaceChildren(
      ...names.map((name) => element("span", { "data-name": name }, element("i", { "data-colour": name }), element("b", {}, titleOf(name)))),
      element("span", { title: "The slow change of the background: a polynomial of degree 2 fitted around the cells" }, element("i", { style: "background: repeating-linear-gradient(90deg, currentColor 0 3px, transparent 3px 6px)" }), "background before"));
  }
  for (const mark of p.root.querySelectorAll("i[data-colour]")) mark.style.background = colourOf(p, mark.dataset.colour);
  p.canvases.forEach((canvas) => {
    const name = canvas.dataset.method, [low, high] = windowOf(p, name), { unit } = p.layers[name];
    canvas.parentElement.querySelector(".number").textContent = `black ${short(low * unit)} · white ${short(high * unit)}`;
  });
  pressed(p, "scale", scaleOf(p));
  p.root.querySelector(".scales").hidden = !Object.keys(p.data.windows).length;
  p.root.querySelector(".outline-field").hidden = !p.data.labels;
}

const sizeOf = (canvas) => [canvas.clientWidth || 1, canvas.clientHeight || 1];
const fitZoom = (p) => { const [w, h] = sizeOf(p.canvases[0]); return Math.min(w / p.size[1], h / p.size[0]); };
const wholePicture = (p) => ({ row: p.size[0] / 2, col: p.size[1] / 2, zoom: fitZoom(p), fit: true });
// At once, not with the next frame: keys that are pressed before it count from here.
function fit(p) { if (p.size && p.canvases.length) { p.camera = wholePicture(p); ask(p); } }
function ask(p) { if (!p.frame) p.frame = requestAnimationFrame(() => { p.frame = 0; draw(p); }); }

function draw(p) {
  if (!p.size || !p.canvases.length || !p.canvases[0].clientWidth) return;
  if (!p.camera || p.camera.fit) p.camera = wholePicture(p);
  const ratio = devicePixelRatio || 1;
  CAMERAS.set(p.data.key, { camera: { ...p.camera }, size: [...p.size] });
  p.root.dataset.zoom = p.camera.zoom;
  for (const canvas of p.canvases) drawPicture(p, canvas, ratio);
  drawChart(p, p.root.querySelector(".chart"), ratio);
}

function fitted(canvas, ratio) {
  const [w, h] = sizeOf(canvas).map((side) => Math.round(side * ratio));
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  return canvas.getContext("2d");
}

function drawPicture(p, canvas, ratio) {
  const context = fitted(canvas, ratio), { row, col, zoom } = p.camera, s = zoom * ratio, layer = p.layers[canvas.dataset.method];
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = s < 1;  // enlarged pixels stay squares
  context.setTransform(s, 0, 0, s, canvas.width / 2 - col * s, canvas.height / 2 - row * s);
  context.drawImage(layer.base, 0, 0);
  if (p.outline && p.outlines) context.drawImage(p.outline, 0, 0);
  const [r0, c0, r1, c1] = p.line.map((value) => value + 0.5), unit = ratio / s;
  for (const [colour, width] of [["rgba(0,0,0,.75)", 4], ["#F0E442", 2]]) {
    context.strokeStyle = context.fillStyle = colour; context.lineWidth = width * unit;
    context.beginPath(); context.moveTo(c0, r0); context.lineTo(c1, r1); context.stroke();
    for (const [r, c] of [[r0, c0], [r1, c1]]) { context.beginPath(); context.arc(c, r, (width + 2) * unit, 0, 7); context.fill(); }
  }
  if (p.at !== null) {
    const [r, c] = [r0 + p.at * (r1 - r0), c0 + p.at * (c1 - c0)];
    context.strokeStyle = "#ffffff"; context.lineWidth = 1.5 * unit;
    context.beginPath(); context.arc(c, r, 7 * unit, 0, 7); context.stroke();
  }
}

// ---- the line

function fullestRow(p) {  // the row with the most pixels of cells, else the middle
  const [height, width] = p.size;
  let best = Math.floor(height / 2), most = 0;
  if (p.labels) for (let row = 0; row < height; row++) {
    let n = 0;
    for (let i = row * width; i < (row + 1) * width; i++) if (p.labels[i] && p.labels[i] !== INVALID) n++;
    if (n > most) { most = n; best = row; }
  }
  return best;
}

function setLine(p, kind) {
  const [h, w] = p.size.map((side) => side - 1), middle = p.line ? [(p.line[0] + p.line[2]) / 2, (p.line[1] + p.line[3]) / 2].map(Math.round) : [Math.round(h / 2), Math.round(w / 2)];
  moveLine(p, kind === "row" ? [middle[0], 0, middle[0], w] : kind === "col" ? [0, middle[1], h, middle[1]] : [0, 0, h, w]);
}

function moveLine(p, line) {
  p.line = line.map((value, i) => Math.max(0, Math.min(p.size[i % 2] - 1, Math.round(value))));
  p.shares = p.line.map((value, i) => value / Math.max(1, p.size[i % 2] - 1));
  LINES.set(p.data.key, p.shares);
  ask(p);
}

function shift(p, rows, cols) {  // the whole line, as far as it stays inside
  const [r0, c0, r1, c1] = p.line, [h, w] = p.size;
  const r = Math.max(-Math.min(r0, r1), Math.min(h - 1 - Math.max(r0, r1), Math.round(rows))), c = Math.max(-Math.min(c0, c1), Math.min(w - 1 - Math.max(c0, c1), Math.round(cols)));
  moveLine(p, [r0 + r, c0 + c, r1 + r, c1 + c]);
}

function tell(p) {
  clearTimeout(p.telling);
  p.telling = setTimeout(() => p.state("line", p.line), 250);
}

// One sample a pixel of the longer way: the nearest pixel, so that every value is one of the picture's.
function samples(p) {
  const [r0, c0, r1, c1] = p.line, n = Math.max(Math.abs(r1 - r0), Math.abs(c1 - c0)) + 1, width = p.size[1];
  return Array.from({ length: n }, (_, i) => {
    const t = n > 1 ? i / (n - 1) : 0;
    return Math.round(r0 + t * (r1 - r0)) * width + Math.round(c0 + t * (c1 - c0));
  });
}

// ---- the chart

function curves(p, places) {
  const all = shownNames(p).map((name) => {
    const layer = p.layers[name], [low, high] = windowOf(p, name);
    const scaled = (value) => p.axis === "shown" ? (value - low) / (high - low) : value;
    return { name, dashed: false, y: places.map((place) => scaled(layer.values[place])), scaled, layer };
  });
  const before = all[0];
  return [...all, { name: "none", dashed: true, y: places.map((place) => before.scaled(before.layer.field[place])) }];
}

function drawChart(p, canvas, ratio) {
  const context = fitted(canvas, ratio), [w, h] = sizeOf(canvas), places = samples(p), lines = curves(p, places);
  const left = 52, right = 12, top = 10, bottom = 30, ink = getComputedStyle(p.root).color, n = places.length;
  let low = Infinity, high = -Infinity;
  for (const line of lines) for (const value of line.y) { if (value < low) low = value; if (value > high) high = value; }
  if (!(high > low)) { low -= 0.5; high += 0.5; }
  const pad = 0.05 * (high - low), x = (i) => left + (w - left - right) * (n > 1 ? i / (n - 1) : 0), y = (v) => top + (h - top - bottom) * (1 - (v - low + pad) / (high - low + 2 * pad));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, w, h);
  shadeCells(p, context, places, x, top, h - bottom);
  context.font = `12px ${getComputedStyle(p.root).fontFamily}`;
  context.fillStyle = ink; context.strokeStyle = ink;
  grid(context, { low: low - pad, high: high + pad, length: lengthOf(p), x, y, n, left, w, h, right, bottom, top });
  for (const line of [...lines.slice(1), lines[0]]) {
    context.strokeStyle = colourOf(p, line.name);
    context.lineWidth = line.dashed ? 1.2 : line.name === "none" ? 2 : 1.6;
    context.setLineDash(line.dashed ? [4, 4] : []);
    context.beginPath();
    line.y.forEach((value, i) => context[i ? "lineTo" : "moveTo"](x(i), y(value)));
    context.stroke();
  }
  context.setLineDash([]);
  sayHidden(p, lines, high - low);
  if (p.at !== null) { context.strokeStyle = ink; context.lineWidth = 1; context.beginPath(); context.moveTo(x(p.at * (n - 1)), top); context.lineTo(x(p.at * (n - 1)), h - bottom); context.stroke(); }
  p.chart = { left, right, w, n };
  readOut(p, places);
}

function sayHidden(p, lines, range) {  // scaling and shifting alone change nothing on a scale of one's own: the curves coincide
  for (const line of lines) if (!line.dashed && line.name !== "none") {
    const same = line.y.every((value, i) => Math.abs(value - lines[0].y[i]) < 0.004 * range);
    const node = p.root.querySelector(`.legend [data-name="${line.name}"] b`), text = titleOf(line.name) + (same ? " (lies on Before)" : "");
    if (node.textContent !== text) node.textContent = text;
  }
}

function shadeCells(p, context, places, x, top, end) {
  if (!p.labels) return;
  context.fillStyle = "rgba(0, 158, 115, .16)";
  const half = places.length > 1 ? (x(1) - x(0)) / 2 : 0;
  const inCell = (i) => i < places.length && p.labels[places[i]] && p.labels[places[i]] !== INVALID;
  for (let i = 0, from = -1; i <= places.length; i++) {  // whole stretches: single bars would leave seams
    if (inCell(i)) { if (from < 0) from = i; }
    else if (from >= 0) { context.fillRect(x(from) - half, top, Math.max(1, x(i - 1) - x(from) + 2 * half), end - top); from = -1; }
  }
}

const lengthOf = (p) => Math.hypot(p.line[2] - p.line[0], p.line[3] - p.line[1]);

function grid(context, f) {
  context.lineWidth = 1;
  context.textAlign = "right"; context.textBaseline = "middle";
  for (const value of ticks(f.low, f.high, 5)) {
    context.globalAlpha = 0.15; context.beginPath(); context.moveTo(f.left, f.y(value)); context.lineTo(f.w - f.right, f.y(value)); context.stroke();
    context.globalAlpha = 0.85; context.fillText(short(value), f.left - 6, f.y(value));
  }
  context.textAlign = "center"; context.textBaseline = "top";
  for (const px of ticks(0, f.length, 8)) context.fillText(short(px), f.left + (f.w - f.left - f.right) * (f.length ? px / f.length : 0), f.h - f.bottom + 4);
  context.fillText("px along the line", f.left + (f.w - f.left - f.right) / 2, f.h - 13);
  context.globalAlpha = 1;
}

function ticks(low, high, about) {
  const rough = (high - low) / about || 1, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find((m) => m * power >= rough) * power, found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9 * step; value += step) found.push(+value.toPrecision(10));
  return found;
}

function readOut(p, places) {
  const [r0, c0, r1, c1] = p.line, node = p.root.querySelector(".readout"), width = p.size[1];
  p.root.querySelector(".place").textContent = `row ${r0}, col ${c0} to row ${r1}, col ${c1} · ${lengthOf(p).toFixed(0)} px`;
  p.root.dataset.line = p.line.join();
  if (p.at === null) { node.textContent = p.labels ? "Green: cells of the mask. Move over the chart to read values." : "Move over the chart to read values."; return; }
  const place = places[Math.round(p.at * (places.length - 1))];
  const parts = shownNames(p).map((name) => `${titleOf(name)} ${short(p.layers[name].values[place] * p.layers[name].unit)}`);
  const where = p.labels ? ` ${p.labels[place] === INVALID ? "not counted" : p.labels[place] ? "cell" : "background"}` : "";
  node.textContent = `row ${Math.floor(place / width)}, col ${place % width}${where}:  ${parts.join("   ")}`;
}

// ---- mouse and keys

function placeAt(p, canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [p.camera.row + (event.clientY - box.top - box.height / 2) / p.camera.zoom, p.camera.col + (event.clientX - box.left - box.width / 2) / p.camera.zoom];
}

function grip(p, [row, col]) {  // which part of the line is under the finger: an end, the middle, or none
  const near = 12 / p.camera.zoom, [r0, c0, r1, c1] = p.line.map((value) => value + 0.5), long2 = (r1 - r0) ** 2 + (c1 - c0) ** 2;
  if (Math.hypot(row - r0, col - c0) < near) return "start";
  if (Math.hypot(row - r1, col - c1) < near) return "end";
  const t = long2 ? ((row - r0) * (r1 - r0) + (col - c0) * (c1 - c0)) / long2 : -1;
  return t > 0 && t < 1 && Math.hypot(row - r0 - t * (r1 - r0), col - c0 - t * (c1 - c0)) < near * 0.6 ? "middle" : "none";
}

function listen(p, canvas) {
  let drag = null;
  canvas.addEventListener("wheel", (event) => { if (p.camera) { event.preventDefault(); zoomBy(p, Math.exp(-event.deltaY * 0.0015), placeAt(p, canvas, event)); } }, { passive: false });
  canvas.onpointerdown = (event) => {
    if (!p.camera || event.button) return;
    canvas.setPointerCapture(event.pointerId);
    const at = placeAt(p, canvas, event);
    drag = { from: at, line: [...p.line], camera: { ...p.camera }, x: event.clientX, y: event.clientY, what: event.shiftKey ? "pan" : grip(p, at) };
  };
  canvas.onpointermove = (event) => { if (drag) dragged(p, drag, canvas, event); };
  canvas.onpointerup = canvas.onpointercancel = () => { if (drag && drag.what !== "pan") tell(p); drag = null; };
  canvas.ondblclick = () => fit(p);
  canvas.onkeydown = (event) => onKey(p, event);
}

function dragged(p, drag, canvas, event) {
  if (drag.what === "pan") {
    Object.assign(p.camera, { row: drag.camera.row - (event.clientY - drag.y) / p.camera.zoom, col: drag.camera.col - (event.clientX - drag.x) / p.camera.zoom, fit: false });
    return ask(p);
  }
  const at = placeAt(p, canvas, event), [row, col] = at.map((value) => Math.floor(value)), [r0, c0, r1, c1] = drag.line;
  if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < 3) return;
  if (drag.what === "start") moveLine(p, [row, col, r1, c1]);
  else if (drag.what === "end") moveLine(p, [r0, c0, row, col]);
  else if (drag.what === "none") moveLine(p, [Math.floor(drag.from[0]), Math.floor(drag.from[1]), row, col]);
  else { p.line = [...drag.line]; shift(p, at[0] - drag.from[0], at[1] - drag.from[1]); }
}

function zoomBy(p, factor, [row, col] = [p.camera.row, p.camera.col]) {
  const zoom = Math.max(fitZoom(p) * 0.5, Math.min(64, p.camera.zoom * factor)), ratio = p.camera.zoom / zoom;
  p.camera = { row: row + (p.camera.row - row) * ratio, col: col + (p.camera.col - col) * ratio, zoom, fit: false };
  ask(p);
}

function onKey(p, event) {
  if (!p.camera || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = event.shiftKey ? 10 : 1, moves = { ArrowUp: [-by, 0], ArrowDown: [by, 0], ArrowLeft: [0, -by], ArrowRight: [0, by] };
  if (moves[event.key]) { shift(p, ...moves[event.key]); tell(p); }
  else if (event.key === "r" || event.key === "c") { setLine(p, event.key === "r" ? "row" : "col"); tell(p); }
  else if (event.key === "+" || event.key === "=") zoomBy(p, 1.25);
  else if (event.key === "-") zoomBy(p, 0.8);
  else if (event.key === "0") fit(p);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

// ---- set-up and updates

function pressed(p, name, value) {
  for (const button of p.root.querySelectorAll(`[data-${name}]`)) button.setAttribute("aria-pressed", String(button.dataset[name] === value));
}

function setUp(root, key) {
  const p = { root, canvases: [], layers: {}, camera: null, line: null, shares: LINES.get(key) ?? null, scale: null, axis: "shown", outlines: true, at: null, frame: 0 };
  p.resized = new ResizeObserver(() => ask(p));
  for (const button of root.querySelectorAll("[data-line]")) button.onclick = () => { if (p.size) { setLine(p, button.dataset.line); tell(p); } };
  for (const button of root.querySelectorAll("[data-scale]")) button.onclick = () => { p.scale = button.dataset.scale; pressed(p, "scale", p.scale); if (p.size) paint(p); };
  for (const button of root.querySelectorAll("[data-axis]")) button.onclick = () => { p.axis = button.dataset.axis; pressed(p, "axis", p.axis); ask(p); };
  pressed(p, "axis", p.axis);
  const outlines = root.querySelector(".outlines"), chart = root.querySelector(".chart");
  outlines.onchange = () => { p.outlines = outlines.checked; ask(p); };
  root.querySelector(".fit").onclick = () => fit(p);
  const along = (clientX) => { const { left, right, w } = p.chart; return Math.max(0, Math.min(1, (clientX - chart.getBoundingClientRect().left - left) / (w - left - right))); };
  chart.onpointermove = (event) => { if (p.chart) { p.at = along(event.clientX); ask(p); } };
  chart.onpointerleave = () => { p.at = null; ask(p); };
  chart.onkeydown = (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || !p.chart) return;
    p.at = Math.max(0, Math.min(1, (p.at ?? 0.5) + way * (event.shiftKey ? 10 : 1) / Math.max(1, p.chart.n - 1)));
    ask(p);
    event.preventDefault();
  };
  p.resized.observe(chart);
  return p;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".profiles");
  let p = PROFILES.get(root);
  if (!p) { p = setUp(root, data.key); PROFILES.set(root, p); }
  Object.assign(p, { data, state: setStateValue });
  load(p, data);
  return () => { p.abort?.abort(); clearTimeout(p.telling); p.resized.disconnect(); PROFILES.delete(root); };
}
