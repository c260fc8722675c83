// Pictures of classes over the image, and what a threshold that moves changes in them.
const RIGHT = 1, WRONG = 2, MISSED = 3, NOT_COUNTED = 4;  // classes of a pixel; 0: rightly background

// Classes painted with two colours each: inside, and where a pixel touches another object by an edge.
class Layer {
  constructor(width, height) {
    Object.assign(this, { width, height, canvas: new OffscreenCanvas(width, height) });
    this.context = this.canvas.getContext("2d");
  }

  // ids tell objects apart, kinds (one of few numbers a pixel) choose the colours. seen: all that has to be right now.
  paint(ids, kinds, colours, seen) {
    const { width, height } = this, { inside, edge } = colours, last = width - 1;
    this.image ??= this.context.createImageData(width, height);
    this.out ??= new Uint32Array(this.image.data.buffer);
    const out = this.out;
    for (let y = 0, i = 0; y < height; y++) {
      const border = y === 0 || y === height - 1;
      for (let x = 0; x < width; x++, i++) {
        const kind = kinds[i], within = inside[kind], line = edge[kind];
        if (within === line) out[i] = within;
        else if (border || x === 0 || x === last) out[i] = atEdge(ids, i, x, y, width, height) ? line : within;
        else { const id = ids[i]; out[i] = ids[i - 1] !== id || ids[i + 1] !== id || ids[i - width] !== id || ids[i + width] !== id ? line : within; }
      }
    }
    this.put(seen);
  }

  // As paint, where only `changed` pixels have other kinds than at the last call; their neighbours' edges follow.
  repaint(ids, kinds, colours, seen, changed) {
    const { width, height, out } = this, { inside, edge } = colours;
    const again = (i, x, y) => {
      const kind = kinds[i], within = inside[kind], line = edge[kind];
      out[i] = within !== line && atEdge(ids, i, x, y, width, height) ? line : within;
    };
    for (let k = 0; k < changed.length; k++) {
      const i = changed[k], x = i % width, y = (i - x) / width;
      again(i, x, y);
      if (x) again(i - 1, x - 1, y);
      if (x < width - 1) again(i + 1, x + 1, y);
      if (y) again(i - width, x, y - 1);
      if (y < height - 1) again(i + width, x, y + 1);
    }
    if (changed.length) this.put(seen);
  }

  // To the canvas: the part that is seen, the rest when it comes into view.
  put(seen = { x: 0, y: 0, w: this.width, h: this.height }) {
    this.context.putImageData(this.image, 0, 0, seen.x, seen.y, seen.w, seen.h);
    this.right = seen;
  }

  show(seen) { if (!within(seen, this.right)) this.put(); }
}

const within = (a, b) => a.x >= b.x && a.y >= b.y && a.x + a.w <= b.x + b.w && a.y + a.h <= b.y + b.h;

function kindsOf(labels) {
  const kinds = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) kinds[i] = labels[i] === 0 ? 0 : labels[i] === INVALID ? NOT_COUNTED : 1;
  return kinds;
}

function atEdge(ids, i, x, y, width, height) {
  const id = ids[i];
  return (x && ids[i - 1] !== id) || (x < width - 1 && ids[i + 1] !== id) || (y && ids[i - width] !== id) || (y < height - 1 && ids[i + width] !== id);
}

// One prediction at a threshold that moves: counts of every cut at once, classes kept up by the pixels that change.
class Thresholded {
  constructor(q, labels) {
    Object.assign(this, { q, labels, cut: null, predicted: new Uint8Array(q.length), classes: labels && new Uint8Array(q.length) });
    const cells = this.cells = new Uint32Array(257), others = this.others = new Uint32Array(257);  // with q >= k
    if (labels) for (let i = 0; i < q.length; i++) { if (labels[i] === 0) others[q[i]]++; else if (labels[i] !== INVALID) cells[q[i]]++; }
    for (let k = 255; k >= 0; k--) { cells[k] += cells[k + 1]; others[k] += others[k + 1]; }
  }

  counts(cut) { return { tp: this.cells[cut], fp: this.others[cut], fn: this.cells[0] - this.cells[cut] }; }

  iou(cut) { const { tp, fp, fn } = this.counts(cut); return tp + fp + fn ? tp / (tp + fp + fn) : NaN; }

  // Foreground becomes q >= cut. -> the pixels that changed, null for "take all as changed".
  move(cut) {
    const before = this.cut, { q } = this;
    this.cut = cut;
    if (before === null) { for (let i = 0; i < q.length; i++) this.set(i, q[i] >= cut); return null; }
    this.sort();
    const changed = this.sorted.subarray(this.start[Math.min(before, cut)], this.start[Math.max(before, cut)]);
    for (let k = 0; k < changed.length; k++) this.set(changed[k], q[changed[k]] >= cut);
    return changed.length > q.length / 8 ? null : changed;
  }

  set(i, is) {
    this.predicted[i] = is ? 1 : 0;
    if (!this.classes) return;
    const label = this.labels[i];
    this.classes[i] = label === INVALID ? NOT_COUNTED : label ? (is ? RIGHT : MISSED) : is ? WRONG : 0;
  }

  sort() {  // pixels by q, at the first move
    if (this.sorted) return;
    const { q } = this, start = this.start = new Uint32Array(258), sorted = this.sorted = new Uint32Array(q.length);
    for (let i = 0; i < q.length; i++) start[q[i] + 1]++;
    for (let k = 0; k < 257; k++) start[k + 1] += start[k];
    const next = start.slice();
    for (let i = 0; i < q.length; i++) sorted[next[q[i]]++] = i;
  }
}

const cutOf = (threshold) => Math.ceil(255 * threshold);  // foreground is q >= 255 T, as everywhere in seglib

function maskColours(colour, style) {
  const inside = new Uint32Array(8), edge = new Uint32Array(8);
  inside[1] = style === "fill" ? rgba(colour, 150) : 0;
  edge[1] = rgba(colour, 255);
  return { inside, edge };
}

function errorColours(style, filter) {
  const fill = style === "fill", inside = new Uint32Array(8);
  inside[RIGHT] = filter === "both" ? rgba(GREEN, fill ? 90 : 40) : 0;
  inside[NOT_COUNTED] = rgba(GREY, 150);
  const edge = inside.slice();
  for (const [kind, colour, other] of [[WRONG, ORANGE, "fn"], [MISSED, SKY, "fp"]]) {
    if (filter === other) continue;
    edge[kind] = rgba(colour, 255);
    inside[kind] = rgba(colour, fill ? 255 : 110);
  }
  return { inside, edge };
}

// Everything anew: another image, style or filter.
function paintLayers(v) {
  if (!v.image) return;
  const { width, height } = v.image, layer = (name) => v.layer[name] ??= new Layer(width, height);
  if (v.labels) layer("truth").paint(v.labels, v.kinds, maskColours(GREEN, v.style));
  for (const [run, suffix] of [[v.own, ""], [v.other, "2"]]) {
    if (!run) continue;
    if (run.cut !== cutOf(v.threshold)) run.move(cutOf(v.threshold));
    layer(`prediction${suffix}`).paint(run.predicted, run.predicted, maskColours(YELLOW, v.style));
    if (run.classes) layer(`errors${suffix}`).paint(run.classes, run.classes, errorColours(v.style, v.filter));
  }
  ask(v);
}

// Another threshold: only what it changes.
function moveLayers(v) {
  const mask = maskColours(YELLOW, v.style), errors = errorColours(v.style, v.filter);
  for (const [run, suffix] of [[v.own, ""], [v.other, "2"]]) {
    if (!run || run.cut === cutOf(v.threshold)) continue;
    const changed = run.move(cutOf(v.threshold)), how = changed ? "repaint" : "paint";
    v.layer[`prediction${suffix}`][how](run.predicted, run.predicted, mask, v.seen, changed);
    if (run.classes) v.layer[`errors${suffix}`][how](run.classes, run.classes, errors, v.seen, changed);
  }
  ask(v);
}
