// Sliders built from specs; samples fetched while they move: one request in flight, the latest value wins.
const PREVIEWS = new WeakMap();
const INSIDE = 1, OUTLINE = 2, OUTSIDE = 4, GRID = 8;  // bits of a mark map, as in ui/pixels.py
const OUTLINES = [[0, 224, 150], GREEN];  // one pixel wide: lighter on dark pixels than on light ones

const read = (recipe, path) => path.split(".").reduce((node, key) => node?.[key], recipe);
function write(recipe, path, value) {
  const keys = path.split("."), last = keys.pop();
  keys.reduce((node, key) => (node[key] ??= {}), recipe)[last] = value;
}
const titled = (word) => word.charAt(0).toUpperCase() + word.slice(1).replaceAll("_", " ");
const digits = (spec) => Math.max(0, Math.min(6, Math.ceil(-Math.log10(spec.step) - 1e-9)));
const rounded = (spec, value) => +(Math.round(value / spec.step) * spec.step).toFixed(digits(spec));
const inLimits = (spec, value) => Math.min(spec.high ?? Infinity, Math.max(spec.low ?? -Infinity, value));

// ---- one row for one setting; each returns {node, show(value)}

function rowHead(spec, ...right) {
  const text = element("div", { class: "help-text", hidden: true }, spec.help);
  const help = element("button", { type: "button", class: "help", "aria-label": `What is ${spec.label}?`, "aria-expanded": "false", title: spec.help,
    onclick: () => { text.hidden = !text.hidden; help.setAttribute("aria-expanded", String(!text.hidden)); } }, "?");
  return [element("div", { class: "row-head" }, element("span", {}, spec.label), help, element("span", { class: "numbers" }, ...right)), text];
}

function slider(spec, name, changed) {
  const limits = { min: spec.low, max: spec.high, step: spec.step };
  const range = element("input", { type: "range", ...limits, "aria-label": name, "data-path": spec.path });
  const number = element("input", { type: "number", ...limits, "aria-label": `${name}, number` });
  range.oninput = () => changed(+range.value, false);
  range.onchange = () => changed(+range.value, true);
  number.onchange = () => changed(inLimits(spec, Number.isFinite(number.valueAsNumber) ? number.valueAsNumber : spec.low), true);
  const show = (value) => { if (+range.value !== value) range.value = value; if (number.valueAsNumber !== value) number.value = value; };
  return { range, number, show };
}

function numberRow(p, spec) {
  const one = slider(spec, `${titled(spec.group)} ${spec.label}`, (value, done) => change(p, spec, spec.kind === "int" ? Math.round(value) : value, done));
  const unit = spec.unit ? [element("span", { class: "unit" }, spec.unit)] : [];
  const node = element("div", { class: "row" }, ...rowHead(spec, one.number, ...unit), element("div", { class: "track" }, one.range));
  return { node, show: one.show };
}

function rangeRow(p, spec) {
  const now = () => read(p.recipe, spec.path), name = `${titled(spec.group)} ${spec.label}`;
  // a thumb pushed past the other one takes it along, so that from ≤ to always holds
  const from = slider(spec, `${name}, from`, (value, done) => change(p, spec, [value, Math.max(value, now()[1])], done));
  const to = slider(spec, `${name}, to`, (value, done) => change(p, spec, [Math.min(value, now()[0]), value], done));
  const track = element("div", { class: "track two" }, from.range, to.range);
  const unit = spec.unit ? [element("span", { class: "unit" }, spec.unit)] : [];
  const node = element("div", { class: "row" }, ...rowHead(spec, from.number, "–", to.number, ...unit), track);
  const share = (value) => `${100 * (value - spec.low) / (spec.high - spec.low)}%`;
  const show = ([low, high]) => {
    from.show(low); to.show(high);
    track.style.setProperty("--from", share(low)); track.style.setProperty("--to", share(high));
    from.range.style.zIndex = low > (spec.low + spec.high) / 2 ? 2 : 1;  // both at the upper end: the lower thumb must be reachable
  };
  return { node, show };
}

function choiceRow(p, spec) {
  const select = element("select", { "aria-label": spec.label }, ...spec.choices.map((c) => element("option", { value: c }, c)));
  select.onchange = () => change(p, spec, select.value, true);
  return { node: element("div", { class: "row" }, ...rowHead(spec, select)), show: (value) => { select.value = value; } };
}

function switchRow(p, spec) {
  const box = element("input", { type: "checkbox", "aria-label": spec.label });
  box.onchange = () => change(p, spec, box.checked, true);
  return { node: element("div", { class: "row" }, ...rowHead(spec, box)), show: (value) => { box.checked = value; } };
}

function row(p, spec) {
  if (spec.choices) return choiceRow(p, spec);
  return { range: rangeRow, bool: switchRow }[spec.kind]?.(p, spec) ?? numberRow(p, spec);
}

function build(p) {
  const groups = new Map();
  for (const spec of p.data.specs) groups.set(spec.group, [...(groups.get(spec.group) ?? []), spec]);
  p.rows = new Map(); p.groups = new Map();
  const nodes = [...groups].map(([name, specs], index) => {
    const state = element("span", { class: "state" }), rows = element("div", { class: "rows" });
    const warning = element("div", { class: "warning", role: "status" });
    for (const spec of specs) { const made = row(p, spec); p.rows.set(spec.path, { ...made, spec }); rows.append(made.node); }
    rows.append(warning);
    const details = element("details", { open: index < 2, "data-group": name }, element("summary", {}, name ? titled(name) : "Border", state), rows);
    p.groups.set(name, { details, state, warning });
    return details;
  });
  p.root.querySelector(".controls").replaceChildren(...nodes);
}

function showAll(p) {
  for (const [path, { show }] of p.rows) { const value = read(p.recipe, path); if (value !== undefined) show(value); }
  for (const [name, { details, state }] of p.groups) {
    const probability = name ? p.recipe[name]?.probability : undefined;
    const often = probability === undefined ? "" : probability > 0 ? `${Math.round(100 * probability)} %` : "off";
    state.textContent = details.classList.contains("warned") ? `⚠ ${often}` : often;
    details.classList.toggle("on", probability > 0);
  }
}

// The recipe's own sentences, each under the sliders it speaks of: it begins with the name of their group.
function warn(p, sentences) {
  const first = p.groups.keys().next().value, texts = new Map();
  for (const text of sentences) {
    const named = [...p.groups.keys()].find((name) => name && text.startsWith(titled(name))) ?? first;
    texts.set(named, `${texts.get(named) ?? ""} ${text}`.trim());
  }
  for (const [name, { details, warning }] of p.groups) {
    const text = texts.get(name) ?? "";
    if (warning.textContent !== text) warning.textContent = text;
    details.classList.toggle("warned", text !== "");
  }
  showAll(p);
}

// ---- undo: the recipe as it was before each drag, each typed number and each recipe that was loaded

const MOST_STEPS = 100;

function remember(p) {
  p.history.push(structuredClone(p.recipe));
  if (p.history.length > MOST_STEPS) p.history.shift();
  p.root.querySelector(".undo").disabled = false;
}

function undo(p) {
  if (!p.history.length) return;
  p.recipe = p.history.pop();
  p.root.querySelector(".undo").disabled = !p.history.length;
  showAll(p); ask(p);
  p.state("recipe", structuredClone(p.recipe));
}

// ---- a change: show it, fetch it, tell Python when the slider is let go

function change(p, spec, value, done) {
  if (!p.dragging) remember(p);
  p.dragging = !done;
  const round = (v) => (spec.kind === "range" || spec.kind === "float" ? rounded(spec, v) : v);
  write(p.recipe, spec.path, Array.isArray(value) ? value.map(round) : round(value));
  wake(p, spec);
  showAll(p);
  if (done && !p.root.querySelector(".lock").checked) newSeed(p, p.seed + 1, false);
  ask(p);
  if (done) p.state("recipe", structuredClone(p.recipe));
}

// Moving a strength of something that is switched off would show nothing: it is switched on.
function wake(p, spec) {
  const part = p.recipe[spec.group];
  if (spec.path.endsWith(".probability") || !part || part.probability !== 0) return;
  part.probability = 1;
}

function newSeed(p, seed, tell) {
  p.seed = Math.min(2147483647, Math.max(0, Math.round(seed) || 0));
  p.root.querySelector(".seed").value = p.seed;
  ask(p);
  if (tell || p.toldSeed !== p.seed) { p.toldSeed = p.seed; p.state("seed", p.seed); }
}

// ---- fetching

function ask(p) { p.wanted = true; pump(p); }

async function pump(p) {
  if (p.busy || !p.wanted || p.gone) return;
  p.wanted = false; p.busy = true;
  const { url, n, crop, normalisation } = p.data;
  const grid = +p.root.querySelector(".grid").checked;
  const query = new URLSearchParams({ recipe: JSON.stringify(p.recipe), seed: p.seed, n, crop, normalisation, grid });
  const start = performance.now();
  try {
    const reply = await answer(`${url}${url.includes("?") ? "&" : "?"}${query}`);
    const [header, blobs] = unpack(await reply.arrayBuffer());
    Object.assign(p, { header, blobs, shown: { crop, normalisation } });
    paint(p);
    warn(p, header.warnings);
    tell(p, "");
    p.root.querySelector(".status").textContent = `${Math.round(performance.now() - start)} ms`;
    p.root.dataset.drawn = String(+(p.root.dataset.drawn ?? 0) + 1);
  } catch (error) {
    tell(p, error.message);
  }
  p.busy = false;
  requestAnimationFrame(() => pump(p));
}

// An error leaves the pictures of before, faded: they are not what was asked for.
function tell(p, message) {
  p.root.querySelector(".message").textContent = message;
  p.root.querySelector(".samples").classList.toggle("stale", message !== "");
}

// ---- painting

function captions(p) {
  const { header } = p, { crop, normalisation } = p.shown, [height, width] = header.full, size = `${height} × ${width} px`;
  const seen = p.blobs.some((blob, i) => i % 2 && blob.some((mark) => mark & OUTSIDE));
  const shrunk = header.factor > 1, scale = shrunk ? ` · shown at 1 : ${header.factor}` : "";
  const texts = [...p.root.querySelectorAll("figcaption")];
  texts.forEach((node, i) => { node.textContent = i ? `${crop ? "Crop" : "Sample"} ${i}` : `Original · ${size}${scale}`; });
  const grey = (value) => value.toPrecision(3);
  p.root.querySelector(".note").textContent = [
    crop && `Crops of ${crop} × ${crop} px in full resolution; ${normalisation === "none" ? "not normalised" : `normalised by ${normalisation}`}: black is ${grey(header.low)}, white ${grey(header.high)}.`,
    !crop && shrunk && `This picture is large: it is augmented and shown at 1 : ${header.factor}, with every length in px scaled along. “What the network sees” cuts from full resolution.`,
    seen && "Darker: left out of training and scores, such as what lies outside the picture.",
  ].filter(Boolean).join(" ");
}

function figures(p, count) {
  const grid = p.root.querySelector(".samples");
  while (grid.children.length > count) grid.lastChild.remove();
  while (grid.children.length < count) {
    const i = grid.children.length, text = i ? `Sample ${i}` : "Original";
    grid.append(element("figure", { class: i ? "" : "original" }, element("canvas", { role: "img", "aria-label": text }), element("figcaption", {}, text)));
  }
  return [...grid.querySelectorAll("canvas")];
}

function paint(p) {
  const outlines = p.root.querySelector(".outlines").checked, { header, blobs } = p;
  const canvases = figures(p, header.n + 1);
  canvases.forEach((canvas, i) => {
    const [height, width] = i ? [header.height, header.width] : header.original;
    const grey = blobs[2 * i], marks = blobs[2 * i + 1], [onDark, onLight] = OUTLINES.map((colour) => rgba(colour, 255)), lattice = rgba(SKY, 255);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const context = canvas.getContext("2d"), image = context.createImageData(width, height), out = new Uint32Array(image.data.buffer);
    for (let k = 0; k < out.length; k++) {
      if (outlines && marks[k] & OUTLINE) out[k] = grey[k] < 128 ? onDark : onLight;
      else if (marks[k] & GRID) out[k] = lattice;
      else if (marks[k] & OUTSIDE) out[k] = 0xff000000 | ((grey[k] >> 1) * 0x010101);  // never trained on: darker
      else out[k] = 0xff000000 | (grey[k] * 0x010101);
    }
    context.putImageData(image, 0, 0);
  });
  captions(p);
  sharpen(canvases);
}

// Pixels stay square where they are enlarged; where the picture is made smaller, thin lines would come and go.
function sharpen(canvases) {
  for (const canvas of canvases) canvas.classList.toggle("enlarged", canvas.clientWidth * devicePixelRatio >= canvas.width);
}

// ---- set-up and updates

function setUp(root) {
  const p = { root, recipe: null, seed: 0, rows: new Map(), groups: new Map(), history: [], dragging: false, busy: false, wanted: false };
  root.querySelector(".outlines").onchange = () => { if (p.blobs) paint(p); };
  root.querySelector(".grid").onchange = () => ask(p);
  root.querySelector(".undo").onclick = () => undo(p);
  root.querySelector(".next").onclick = () => newSeed(p, p.seed + 1, true);
  root.querySelector(".seed").onchange = (event) => newSeed(p, event.target.valueAsNumber, true);
  return p;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".preview");
  let p = PREVIEWS.get(root);
  if (!p) { p = setUp(root); PREVIEWS.set(root, p); }
  Object.assign(p, { data, state: setStateValue });
  const specs = JSON.stringify(data.specs), asked = [data.url, data.n, data.crop, data.normalisation].join();
  const loaded = p.version !== data.version;
  const news = p.specs !== specs || p.asked !== asked || loaded;
  if (p.specs !== specs) { p.specs = specs; build(p); }
  if (loaded) {  // between loads the sliders are the truth: a rerun must not pull one back that is being dragged
    if (p.recipe) remember(p);
    p.version = data.version; p.recipe = structuredClone(data.recipe);
  }
  if (p.toldSeed === undefined) { p.seed = p.toldSeed = data.seed; root.querySelector(".seed").value = p.seed; }
  p.asked = asked;
  showAll(p);
  if (news) ask(p);
  return () => { p.gone = true; PREVIEWS.delete(root); };
}
