// The film of a training. Sources are small grey PNGs, each fetched once; a canvas is drawn when it comes into view.
const FILMS = new WeakMap();
const MOST_COLUMNS = 40, CELL_PX = 84, THRESHOLD = 128, KEPT = 1500, AT_ONCE = 6;

// One fetch an address, few at a time; the newest wish first, as it is what stands on screen.
const SOURCES = new Map(), WAITING = [];
let busy = 0;

function source(url) {
  if (!SOURCES.has(url)) {
    if (SOURCES.size >= KEPT) SOURCES.delete(SOURCES.keys().next().value);
    SOURCES.set(url, new Promise((good, bad) => { WAITING.push({ url, good, bad }); work(); }));
    SOURCES.get(url).catch(() => SOURCES.delete(url));
  }
  return SOURCES.get(url);
}

function work() {
  while (busy < AT_ONCE && WAITING.length) {
    const { url, good, bad } = WAITING.pop();
    busy++;
    greyPixels(url).then(good, bad).finally(() => { busy--; work(); });
  }
}

const address = (f, frame, k) => `${f.data.root}${frame[0]}/${k}?v=${frame[1]}`;

// Width and height of a picture drawn with its longer side `px`; 0 = as it is.
function sized({ width, height }, px) {
  const scale = px ? px / Math.max(width, height) : 1;
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

// `values` at another size: the nearest pixel.
function resampled(from, width, height) {
  if (from.width === width && from.height === height) return from.values;
  const out = new Uint8Array(width * height), columns = Array.from({ length: width }, (_, x) => Math.floor((x + .5) * from.width / width));
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor((y + .5) * from.height / height) * from.width;
    for (let x = 0; x < width; x++, i++) out[i] = from.values[row + columns[x]];
  }
  return out;
}

function draw(canvas, px, grey, mask, q, mistakes) {
  const [width, height] = sized(q, px);
  const g = resampled(grey, width, height), p = resampled(q, width, height), m = mask && resampled(mask, width, height);
  const predicted = p.map((v) => Number(v >= THRESHOLD)), truth = m && m.map((v) => Number(v === 255));
  const from = painted(width, height, (out) => {
    const dim = mistakes ? .6 : 1;
    for (let i = 0; i < g.length; i++) out[i] = 0xff000000 | (Math.round(g[i] * dim) * 0x010101);
    if (mistakes && truth) {
      for (let i = 0; i < g.length; i++) if (predicted[i] !== truth[i] && m[i] !== 128) out[i] = rgba(predicted[i] ? ORANGE : SKY, 255);
    } else {
      if (truth) eachOutline(truth, width, height, (i) => { out[i] = rgba(GREEN, 255); });
      eachOutline(predicted, width, height, (i) => { out[i] = rgba(ORANGE, 255); });
    }
  });
  canvas.width = width; canvas.height = height;
  canvas.getContext("2d").drawImage(from, 0, 0);
}

async function fill(f, canvas, at, k, px) {
  const image = f.data.images[k], frame = f.data.frames[at], wanted = `${address(f, frame, k)} ${image.image} ${f.mistakes}`;
  if (canvas.dataset.wanted === wanted) return;
  canvas.dataset.wanted = wanted;
  try {
    const [grey, mask, q] = await Promise.all([source(image.image), image.mask && source(image.mask), source(address(f, frame, k))]);
    if (canvas.dataset.wanted !== wanted) return;  // the scrubber is elsewhere by now
    draw(canvas, px, grey, mask, q, f.mistakes);
    canvas.dataset.drawn = wanted;
    f.message.textContent = "";
  } catch (error) {
    if (canvas.dataset.wanted === wanted) { canvas.dataset.wanted = ""; f.message.textContent = `A picture cannot be shown: ${error.message}`; }
  }
}

async function showMask(f) {
  const image = f.data.images[f.k], truth = f.truth;
  truth.parentElement.hidden = !image.mask;
  if (!image.mask || truth.dataset.wanted === image.mask) return;
  truth.dataset.wanted = image.mask;
  const mask = await source(image.mask).catch(() => null);
  if (!mask || truth.dataset.wanted !== image.mask) return;
  truth.width = mask.width; truth.height = mask.height;
  truth.getContext("2d").drawImage(greyCanvas(mask.values, mask.width, mask.height), 0, 0);
}

const iouText = (iou) => iou === null ? "no cell in mask or prediction" : `IoU ${iou.toFixed(4)}`;

// Everything that follows from the choice of image and validation.
function show(f) {
  const { images, frames, best } = f.data, image = images[f.k], [step] = frames[f.at];
  fill(f, f.predicted, f.at, f.k, 0);
  showMask(f);
  f.caption.textContent = image.caption;
  f.now.textContent = `step ${step} · ${iouText(image.ious[f.at])}${step === best ? " · best" : ""}`;
  f.scrubber.max = frames.length - 1;
  f.scrubber.value = f.at;
  f.scrubber.setAttribute("aria-valuetext", f.now.textContent);
  const nearest = nearestColumn(f);
  for (const cell of f.sheet.querySelectorAll("button")) cell.setAttribute("aria-pressed", String(Number(cell.dataset.k) === f.k && Number(cell.dataset.at) === nearest));
  for (const near of [f.at + 1, f.at - 1]) if (frames[near]) source(address(f, frames[near], f.k)).catch(() => {});
}

function choose(f, at, k) {
  f.at = Math.max(0, Math.min(at, f.data.frames.length - 1));
  f.k = Math.max(0, Math.min(k, f.data.images.length - 1));
  f.follows = f.at === f.data.frames.length - 1;
  show(f);
  reveal(f);
}

const nearestColumn = (f) => f.columns.reduce((a, b) => Math.abs(b - f.at) < Math.abs(a - f.at) ? b : a, f.columns[0]);

// The chosen cell into view, sideways only.
function reveal(f) {
  const cell = f.sheet.querySelector("button[aria-pressed=true]");
  if (!cell) return;
  const left = cell.offsetLeft - f.sheet.offsetLeft - 96, right = left + 96 + cell.offsetWidth;
  if (left < f.sheet.scrollLeft) f.sheet.scrollLeft = left;
  else if (right > f.sheet.scrollLeft + f.sheet.clientWidth) f.sheet.scrollLeft = right - f.sheet.clientWidth;
}

// Which validations get a column: all, or so many of them spread evenly, the best and the last among them.
function columnsOf({ frames, best }) {
  if (frames.length <= MOST_COLUMNS) return frames.map((_, i) => i);
  const chosen = new Set(Array.from({ length: MOST_COLUMNS }, (_, i) => Math.round(i * (frames.length - 1) / (MOST_COLUMNS - 1))));
  const at = frames.findIndex(([step]) => step === best);
  if (at >= 0) chosen.add(at);
  return [...chosen].sort((a, b) => a - b);
}

function buildSheet(f) {
  const { images, frames, best } = f.data;
  f.watch?.disconnect();
  f.watch = new IntersectionObserver((seen) => seen.filter((s) => s.isIntersecting).forEach(({ target }) => fillCell(f, target)), { root: f.sheet, rootMargin: "0px 200px" });
  f.columns = columnsOf(f.data);
  f.sheet.style.gridTemplateColumns = `96px repeat(${f.columns.length}, 88px)`;
  const head = f.columns.map((at) => element("div", { class: `step number${frames[at][0] === best ? " best" : ""}` }, `${frames[at][0]}${frames[at][0] === best ? " ★" : ""}`));
  const rows = images.map((image, k) => [
    element("div", { class: "name", title: image.caption }, element("span", {}, image.caption)),
    ...f.columns.map((at) => {
      const canvas = element("canvas", {});
      const label = `${image.caption}, step ${frames[at][0]}, ${iouText(image.ious[at])}`;
      return element("button", { type: "button", tabindex: -1, title: label, "aria-label": label, "data-k": k, "data-at": at, onclick: () => choose(f, at, k) }, canvas);
    })]);
  f.sheet.replaceChildren(element("div", { class: "name" }, element("span", {}, "step")), ...head, ...rows.flat());
  f.sheet.querySelectorAll("button").forEach((cell) => f.watch.observe(cell));
}

function fillCell(f, cell) {
  fill(f, cell.firstElementChild, Number(cell.dataset.at), Number(cell.dataset.k), Math.round(CELL_PX * Math.min(2, devicePixelRatio || 1)));
}

function redrawn(f, mistakes) {
  f.mistakes = mistakes;
  f.root.classList.toggle("mistakes", mistakes);
  f.root.querySelector(".mask-word").textContent = mistakes ? "missed" : "your mask";
  f.root.querySelector(".prediction-word").textContent = mistakes ? "too much" : "the prediction";
  f.root.querySelector(".as-outlines").setAttribute("aria-pressed", String(!mistakes));
  f.root.querySelector(".as-mistakes").setAttribute("aria-pressed", String(mistakes));
  const left = f.sheet.scrollLeft, right = left + f.sheet.clientWidth;
  f.sheet.querySelectorAll("button").forEach((cell) => {
    const x = cell.offsetLeft - f.sheet.offsetLeft;
    if (x < right + 200 && x > left - 300) fillCell(f, cell);
    else { f.watch.unobserve(cell); f.watch.observe(cell); }
  });
  show(f);
}

function pressed(f, event) {
  const by = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1], Home: [-Infinity, 0], End: [Infinity, 0] }[event.key];
  if (!by || event.ctrlKey || event.altKey || event.metaKey) return;
  choose(f, f.at + by[0], f.k + by[1]);
  event.preventDefault();
  event.stopPropagation();
}

function made(root) {
  const part = (name) => root.querySelector(`.${name}`);
  const f = { root, at: 0, k: 0, follows: true, mistakes: false, shown: null };
  for (const name of ["predicted", "truth", "caption", "now", "scrubber", "sheet", "message"]) f[name] = part(name);
  root.onkeydown = (event) => pressed(f, event);
  f.scrubber.oninput = () => choose(f, Number(f.scrubber.value), f.k);
  part("back").onclick = () => choose(f, f.at - 1, f.k);
  part("on").onclick = () => choose(f, f.at + 1, f.k);
  part("to-best").onclick = () => choose(f, f.data.frames.findIndex(([step]) => step === f.data.best), f.k);
  part("to-last").onclick = () => choose(f, Infinity, f.k);
  part("as-outlines").onclick = () => redrawn(f, false);
  part("as-mistakes").onclick = () => redrawn(f, true);
  part("mistakes-of").onclick = () => f.trigger("pick", f.data.images[f.k].id);
  return f;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".film");
  let f = FILMS.get(root);
  if (!f) FILMS.set(root, f = made(root));
  f.trigger = setTriggerValue;
  const shown = JSON.stringify(data);
  if (f.shown !== shown) {
    const step = f.data?.frames[f.at]?.[0], newer = data.frames.findIndex(([s]) => s === step);
    f.shown = shown;
    f.data = data;
    f.at = f.follows || newer < 0 ? data.frames.length - 1 : newer;
    f.k = Math.min(f.k, data.images.length - 1);
    root.querySelector(".to-best").hidden = !data.frames.some(([s]) => s === data.best);
    buildSheet(f);
    show(f);
    if (f.follows) reveal(f);
    root.dataset.ready = data.frames.length;
  }
  return () => { f.watch?.disconnect(); FILMS.delete(root); };
}
