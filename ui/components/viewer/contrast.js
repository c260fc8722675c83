// Which grey value is black and which is white. Own: what the file holds; the screen has 256 steps.
const AUTO_SHARE = 0.001;  // of the pixels darker than black, and as many brighter than white

// How often each value occurs: whole numbers one by one, floats in 4096 steps from the least to the greatest.
function greyHistogram({ values, type }) {
  if (type !== "float32") {
    const counts = new Uint32Array(type === "uint8" ? 256 : 65536);
    for (let i = 0; i < values.length; i++) counts[values[i]]++;
    return { counts, first: 0, step: 1 };
  }
  let least = Infinity, most = -Infinity;
  for (let i = 0; i < values.length; i++) { if (values[i] < least) least = values[i]; if (values[i] > most) most = values[i]; }
  const counts = new Uint32Array(4096), step = (most - least) / 4095 || 1;
  for (let i = 0; i < values.length; i++) counts[Math.round((values[i] - least) / step)]++;
  return { counts, first: least, step };
}

function share({ counts, first, step }, part) {  // the value below which so large a part of the pixels lies
  let left = part * counts.reduce((sum, n) => sum + n, 0), at = 0;
  while (at < counts.length - 1 && (left -= counts[at]) < 0 === false) at++;
  return first + at * step;
}

// Ends of the sliders, and the windows that the two buttons stand for.
function greyWindows(image) {
  const histogram = greyHistogram(image), { counts, first, step } = histogram;
  const low = first + step * counts.findIndex(Boolean), high = first + step * counts.findLastIndex(Boolean);
  const wide = (a, b) => [a, b > a ? b : a + step];
  const ends = image.type === "uint8" ? [0, 255] : wide(low, high);
  return { histogram, ends, full: ends, auto: wide(share(histogram, AUTO_SHARE), share(histogram, 1 - AUTO_SHARE)) };
}

// Chosen by hand: the same values in every image. Else each image's own, 8 bits as they are.
function greyWindow(v) {
  const { mode, low, high } = v.contrast;
  if (mode === "hand") return [low, high];
  return v.windows[mode ?? (v.image.type === "uint8" ? "full" : "auto")];
}

// `seen`: the part that has to be right now, else all of it.
function paintBase(v, seen = { x: 0, y: 0, w: v.image.width, h: v.image.height }) {
  const { width, values, type } = v.image, [low, high] = greyWindow(v), scale = 255 / (high - low);
  const grey = (value) => 0xff000000 | (Math.max(0, Math.min(255, (value - low) * scale + 0.5)) | 0) * 0x010101;
  v.baseRight = seen;
  if (!seen.w || !seen.h) return;
  const context = v.base.getContext("2d"), image = context.createImageData(seen.w, seen.h), out = new Uint32Array(image.data.buffer);
  const table = type === "float32" ? null : Uint32Array.from(v.windows.histogram.counts, (_, value) => grey(value));
  for (let y = 0, k = 0; y < seen.h; y++) {
    const from = (seen.y + y) * width + seen.x, to = from + seen.w;
    if (table) for (let i = from; i < to; i++) out[k++] = table[values[i]];
    else for (let i = from; i < to; i++) out[k++] = grey(values[i]);
  }
  context.putImageData(image, seen.x, seen.y);
}

// ---- the two-handed slider

function showContrast(v) {
  const field = v.root.querySelector(".contrast"), [low, high] = greyWindow(v), { ends, histogram } = v.windows;
  const from = Math.min(ends[0], low), to = Math.max(ends[1], high), whole = v.image.type !== "float32";
  for (const [name, value] of [["black", low], ["white", high]]) {
    const slider = field.querySelector(`.${name}`);
    Object.assign(slider, { min: from, max: to, step: whole ? 1 : (to - from) / 2000 });
    slider.value = value;
  }
  const mode = v.contrast.mode ?? (v.image.type === "uint8" ? "full" : "auto");
  pressed(field, "window", mode === "hand" ? "" : mode);
  const short = (value) => whole ? String(Math.round(value)) : String(+value.toPrecision(3));
  field.querySelector(".window-value").textContent = `${short(low)} – ${short(high)}`;
  drawHistogram(field.querySelector("canvas"), histogram, from, to, low, high);
}

function drawHistogram(canvas, { counts, first, step }, from, to, low, high) {
  const [w, h, context] = scaled(canvas), bars = new Float64Array(Math.ceil(w));
  counts.forEach((n, at) => {
    const place = Math.round((first + at * step - from) / (to - from) * (bars.length - 1));
    if (n && place >= 0 && place < bars.length) bars[place] += n;
  });
  const most = Math.max(...bars), x = (value) => (value - from) / (to - from) * w;
  context.fillStyle = getComputedStyle(canvas).color;
  bars.forEach((n, place) => {
    context.globalAlpha = place < x(low) - 0.5 || place > x(high) + 0.5 ? 0.25 : 0.7;
    const height = n && (0.06 + 0.94 * Math.sqrt(n / most)) * h;  // the root: few pixels are seen too
    context.fillRect(place, h - height, 1, height);
  });
  context.globalAlpha = 1;
}

function contrastSet(v, contrast) {
  v.contrast = contrast;
  if (!v.windows || v.contrasting) return;
  v.contrasting = requestAnimationFrame(() => { v.contrasting = 0; paintBase(v, v.seen); showContrast(v); ask(v); });
}

function listenContrast(v) {
  const field = v.root.querySelector(".contrast"), black = field.querySelector(".black"), white = field.querySelector(".white");
  const moved = (own, other, sign) => () => {  // a handle stops one step before the other
    const gap = +own.step || 1, limit = +other.value - sign * gap;
    if (sign * (+own.value - limit) > 0) own.value = limit;
    contrastSet(v, { mode: "hand", low: +black.value, high: +white.value });
  };
  black.oninput = moved(black, white, 1);
  white.oninput = moved(white, black, -1);
  for (const button of field.querySelectorAll("[data-window]")) button.onclick = () => contrastSet(v, { mode: button.dataset.window });
}
