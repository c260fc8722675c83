// Samples that follow the sliders: one request in flight, the latest value wins; views, exact values, a pinned sample.
const PREVIEWS = new WeakMap();
const KEPT = new Map();  // component key -> what outlives a change of page: view, number of samples, exact values, pin
const VIEWS = [
  ["outlines", "Outlines", "The augmented image with the outlines of its mask"],
  ["mask", "Mask", "The augmented mask alone: what the network is told to answer"],
  ["both", "Side by side", "Original and one sample, large; wheel and drag move both"],
  ["field", "Bending", "A grid of straight lines bent like the picture, and arrows of the elastic displacement"],
  ["network", "Network’s view", "Normalised crops, cut by the very code that cuts them in training"],
];
const MANY_PX = 640, ONE_PX = 1600;  // longest side of a whole picture, as WHOLE_SIDES in ui/preview.py
const NONE = [];
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const one = (p, selector) => p.root.querySelector(selector);

// ---- what is asked for

const fixed = (p) => p.kept.mode === "fixed";
const single = (p) => fixed(p) || p.kept.view === "both" || p.kept.n === 1;
const network = (p) => p.kept.view === "network";

// All that decides what the pixels of an unchanged draw look like. Another one: nothing that is held can be used.
function context(p) {
  const { view, crop, normalisation } = p.kept;
  const large = p.header && Math.max(...p.header.full) > MANY_PX;
  const most = large && single(p) && !p.dragging ? ONE_PX : MANY_PX;  // a large picture is shown smaller while a slider moves
  const cut = network(p) ? { crop, normalisation } : { crop: 0, normalisation: "none" };
  return { ...cut, field: +(view === "field"), most };
}

function address(p, query) {
  const { url } = p.data;
  return `${url}${url.includes("?") ? "&" : "?"}${new URLSearchParams({ client: p.client, turn: ++p.turn, ...query })}`;
}

function question(p, held) {
  const where = context(p), { pin } = p.kept;
  const query = { ...where, original: +(!held || !p.original), have: held ? p.samples.map((s) => s.tag).join() : "" };
  if (fixed(p)) {
    const { corner, crop } = p.kept.corner ?? {};
    return { ...query, draw: JSON.stringify(p.kept.fixed), ...(corner && crop === where.crop ? { corner: corner.join() } : {}) };
  }
  const extra = pin ? { also: `${pin.seed}.${pin.epoch}` } : {};
  const which = single(p) ? { n: 1, epoch: p.kept.epoch } : { n: p.kept.n, epoch: 0 };
  return { ...query, ...which, ...extra, recipe: JSON.stringify(p.recipe), seed: p.seed };
}

function ask(p) { p.wanted = true; pump(p); }

// Another picture, crop or view: what is on its way is for nothing.
function restart(p) { p.abort?.abort(); ask(p); }

async function pump(p) {
  if (p.busy || !p.wanted || p.gone) return;
  p.wanted = false; p.busy = true;
  p.abort = new AbortController();
  const where = JSON.stringify([p.data.url, context(p)]), start = performance.now(), moved = p.moved, { signal } = p.abort;
  let found = null;
  try {
    if (p.kept.pin && p.pinnedWhere !== where) await fetchPinned(p, where, signal);
    const held = p.where === where;
    const reply = await answer(address(p, question(p, held)), signal);
    found = unpack(await reply.arrayBuffer());
    take(p, where, held, ...found);
    tell(p, "");
  } catch (error) {
    if (error.name !== "AbortError") tell(p, error.message);
  }
  p.busy = false;
  if (p.gone) return;
  p.wanted ||= !!found && where !== JSON.stringify([p.data.url, context(p)]);  // it turned out to be a large picture
  if (p.wanted) setTimeout(() => pump(p));  // the server draws the next while these are painted
  if (!found) return;
  draw(p);
  if (moved) {
    moved.range.dataset.shows = moved.value;
    one(p, ".status").textContent = `${Math.round(performance.now() - start)} ms`;
  }
  p.root.dataset.drawn = String(+(p.root.dataset.drawn ?? 0) + 1);
}

function take(p, where, held, header, blobs) {
  const old = new Map(held ? p.samples.map((s) => [s.tag, s]) : []), queue = [...blobs];
  const layer = (width, height) => ({ grey: queue.shift(), marks: queue.shift(), width, height, token: ++p.tokens });
  if (header.has_original) p.original = { ...layer(header.original[1], header.original[0]), outside: header.outside };
  p.samples = header.samples.map((told) => (told.kept ? old.get(told.tag) : { ...told, ...layer(header.width, header.height) }));
  Object.assign(p, { header, where });
  warnPanel(fixed(p) ? p.panels.fixed : p.panels.random, header.warnings);
}

async function fetchPinned(p, where, signal) {
  const { pin } = p.kept;
  const query = { ...context(p), original: 0, n: 0, also: `${pin.seed}.${pin.epoch}`, recipe: JSON.stringify(pin.recipe) };
  const [header, [grey, marks]] = unpack(await (await answer(address(p, query), signal)).arrayBuffer());
  p.pinned = { ...header.samples[0], grey, marks, width: header.width, height: header.height, token: ++p.tokens };
  p.pinnedWhere = where;
}

// An error leaves the pictures of before, faded: they are not what was asked for.
function tell(p, message) {
  one(p, ".message").textContent = message;
  one(p, ".samples").classList.toggle("stale", message !== "");
}

// ---- figures: {key, layer, title, about, kind}

function wanted(p) {
  const samples = p.kept.pin && !fixed(p) ? p.samples.slice(0, -1) : p.samples;
  const [height, width] = p.header.full, scale = p.header.factor > 1 ? ` · shown at 1 : ${p.header.factor}` : "";
  const original = { key: "original", layer: p.original, title: `Original · ${height} × ${width} px${scale}`, about: "", kind: "original" };
  const drawn = samples.map((s, i) => ({
    key: `sample ${i}`, layer: s, kind: "sample", number: fixed(p) ? null : s.epoch, about: fixed(p) ? "" : s.text,
    title: fixed(p) ? "Exactly these values" : `${network(p) ? "Crop" : "Sample"} ${s.epoch + 1}`,
  }));
  return p.kept.view === "both" || !single(p) || network(p) ? [original, ...drawn] : drawn;
}

function pairWanted(p) {
  const { pin } = p.kept;
  if (!pin || fixed(p) || !p.pinned) return [];
  const which = `sample ${pin.epoch + 1} of seed ${pin.seed}`, b = p.samples.at(-1);
  return [
    { key: "a", layer: p.pinned, title: `A · pinned: ${pin.label}`, about: `${which}: ${p.pinned.text}`, kind: "pair-of" },
    { key: "b", layer: b, title: `B · now: ${labelOf(p)}`, about: `${which}: ${b.text}`, kind: "pair-of" },
  ];
}

function figure(p, kind) {
  const layers = [element("canvas", { "aria-hidden": "true" }), element("canvas", { class: "over", "aria-hidden": "true" })];
  const frame = kind === "sample" ? element("button", { type: "button", class: "frame" }, ...layers) : element("div", { role: "img", class: "frame" }, ...layers);
  const node = element("figure", { class: kind }, frame, element("figcaption", {}, element("b"), element("span")));
  frame.onclick = () => { if (node.number !== undefined && !p.wasDragged) choose(p, node.number); };
  steer(frame, p.camera, () => p.kept.view === "both" || kind === "pair-of", () => { p.wasDragged = true; aimAll(p); });
  frame.addEventListener("pointerdown", () => { p.wasDragged = false; });
  return node;
}

function place(p, grid, list) {
  while (grid.children.length > list.length) grid.lastChild.remove();
  return list.map((item, i) => {
    if (grid.children[i]?.className !== item.kind) {
      const made = figure(p, item.kind);
      if (grid.children[i]) grid.children[i].replaceWith(made); else grid.append(made);
    }
    const node = grid.children[i], [frame, caption] = node.children, label = [item.title, item.about].filter(Boolean).join(": ");
    node.number = item.number ?? undefined;
    frame.setAttribute("aria-label", label); frame.title = label;
    if (item.kind === "sample" && !single(p)) frame.setAttribute("aria-pressed", String(item.number === p.kept.epoch));
    else frame.removeAttribute("aria-pressed");
    caption.firstChild.textContent = item.title;
    caption.lastChild.textContent = item.about && ` · ${item.about}`;
    return [frame.firstChild, item];
  });
}

function colouring(p, kind) {
  const { view, outlines } = p.kept;
  if (view === "mask") return "mask";
  if (view === "field") return kind === "original" && network(p) ? "picture" : "field";
  return outlines ? "outlined" : "picture";
}

function draw(p) {
  if (!p.header || !p.samples.length) return;
  const many = !single(p), layout = one(p, ".samples");
  layout.dataset.layout = many ? "many" : p.kept.view === "both" || network(p) ? "two" : "one";
  const pair = pairWanted(p);
  one(p, ".pair").hidden = !pair.length;
  p.shown = [...place(p, one(p, ".pair"), pair), ...place(p, layout, wanted(p))];
  for (const [canvas, item] of p.shown) paintOne(p, canvas, item);
  aimAll(p);
  captions(p);
}

function paintOne(p, canvas, { layer, kind }) {
  const longest = Math.max(...p.samples.map((s) => s.longest_px ?? 0));
  const shown = p.blink && p.original.width === layer.width && p.original.height === layer.height ? p.original : layer;
  paintLayer(canvas, shown, colouring(p, kind));
  const drawn = p.kept.view === "field" && shown.arrows?.length && longest > 0;
  const scale = network(p) ? 1 : p.header.factor, times = drawn ? 0.9 * shown.every_px * scale / longest : 0;
  paintArrows(canvas.nextElementSibling, drawn ? shown.arrows : NONE, layer.width, times);
}

function aimAll(p) { aim(p.camera, [...p.root.querySelectorAll(".frame")]); }

function captions(p) {
  const { header } = p, { crop, normalisation, view, pin } = p.kept;
  const seen = [p.original, ...p.samples].some((layer) => layer.outside);
  const precise = (value) => value.toPrecision(3), longest = Math.max(...p.samples.map((s) => s.longest_px ?? 0));
  const folds = p.samples.filter((s) => s.folded > 0).length;
  one(p, ".note").textContent = [
    network(p) && `Crops of ${crop} × ${crop} px in full resolution; ${normalisation === "none" ? "not normalised" : `normalised by ${normalisation}`}: black is ${precise(header.low)}, white ${precise(header.high)}.`,
    !network(p) && header.factor > 1 && `This picture is large: it is augmented and shown at 1 : ${header.factor}, with every length in px scaled along${single(p) && p.dragging ? "; larger when the slider is let go" : ""}. “Network’s view” cuts from full resolution.`,
    view === "field" && (longest > 0 ? `Arrows: elastic displacement only; the longest is ${longest.toFixed(1)} px. The grid shows everything that moves pixels.` : "No bending in these draws: the grid shows flips, turns, rotation and scale."),
    view === "field" && folds > 0 && `Orange: folded over itself (${p.samples.filter((s) => s.folded > 0).map((s) => `${(100 * s.folded).toFixed(s.folded < 0.01 ? 2 : 1)} %`).join(", ")} of the pixels): no microscope shows that.`,
    seen && (view === "mask" ? "Grey: left out of training and scores." : "Darker: left out of training and scores, such as what lies outside the picture."),
  ].filter(Boolean).join(" ");
  const sample = chosen(p);
  one(p, ".told").textContent = fixed(p) ? sample.text : `Sample ${sample.epoch + 1} of seed ${sample.seed}: ${sample.text}`;
  one(p, ".large").textContent = single(p) ? "Show many" : "Show large";
  one(p, ".pin").textContent = pin ? "Unpin" : "Pin to compare";
}

// ---- what is chosen

const chosen = (p) => p.samples.find((s) => !fixed(p) && s.epoch === p.kept.epoch && s.seed === p.seed) ?? p.samples[0];
const labelOf = (p) => `${p.data.label}${same(p.recipe, p.data.loaded) ? "" : ", changed"}`;

function choose(p, epoch) { p.kept.epoch = epoch; draw(p); }

function setView(p, view) {
  p.kept.view = view;
  Object.assign(p.camera, { scale: 1, x: 0, y: 0 });
  bar(p); restart(p);
}

function setMode(p, mode) {
  p.kept.mode = mode;
  bar(p); showAll(p); restart(p);
}

function fix(p) {
  if (fixed(p) || !p.samples.length) return;
  const sample = chosen(p);
  remember(p);
  p.kept.fixed = structuredClone(sample.draw);
  p.kept.corner = network(p) ? { corner: sample.corner, crop: p.kept.crop } : null;
  setMode(p, "fixed");
}

function pin(p) {
  if (fixed(p) || !p.samples.length) return;
  const { seed, epoch } = chosen(p);
  p.kept.pin = p.kept.pin ? null : { recipe: structuredClone(p.recipe), label: labelOf(p), seed, epoch };
  p.pinned = p.pinnedWhere = null;
  zoomAt(p.camera, 0);
  bar(p); restart(p);
}

function large(p) {
  if (fixed(p)) return;
  if (single(p)) { p.kept.n = p.kept.many ?? 8; if (p.kept.view === "both") p.kept.view = "outlines"; }
  else { p.kept.many = p.kept.n; p.kept.n = 1; }
  bar(p); restart(p);
}

function next(p) {
  if (!fixed(p)) return newSeed(p, p.seed + 1, true);
  remember(p);
  for (const name of ["elastic_seed", "noise_seed", "background_seed"]) p.kept.fixed[name] = String((BigInt(p.kept.fixed[name]) + 1n) % 10n ** 18n);
  ask(p);
}

// The buttons as they stand.
function bar(p) {
  const { mode, view, n, crop, normalisation, outlines } = p.kept;
  for (const node of p.root.querySelectorAll(".views button")) node.setAttribute("aria-pressed", String(node.dataset.view === view));
  for (const node of p.root.querySelectorAll(".mode button")) node.setAttribute("aria-pressed", String(node.dataset.mode === mode));
  one(p, ".controls.random").hidden = mode === "fixed"; one(p, ".controls.fixed").hidden = mode !== "fixed";
  for (const node of p.root.querySelectorAll(".random-only")) node.hidden = mode === "fixed";
  one(p, ".acts").hidden = mode === "fixed";
  one(p, ".many").hidden = mode === "fixed" || view === "both";
  one(p, ".line").hidden = view === "mask" || view === "field";
  one(p, ".net").hidden = view !== "network"; one(p, ".zooms").hidden = view !== "both" && !p.kept.pin;
  one(p, ".next").textContent = mode === "fixed" ? "Other bending and grain" : "Next seed";
  one(p, ".count").value = n; one(p, ".crop").value = crop; one(p, ".normalisation").value = normalisation; one(p, ".outlines").checked = outlines;
}

// ---- changes, undo and redo: the values as they were before each drag, each typed number and each recipe loaded

const MOST_STEPS = 100;
const snapshot = (p) => structuredClone({ recipe: p.recipe, fixed: p.kept.fixed, mode: p.kept.mode });

function remember(p) {
  p.history.push(snapshot(p));
  if (p.history.length > MOST_STEPS) p.history.shift();
  p.future = [];
  steps(p);
}

function steps(p) { one(p, ".undo").disabled = !p.history.length; one(p, ".redo").disabled = !p.future.length; }

function travel(p, from, to) {
  if (!from.length) return;
  to.push(snapshot(p));
  const { recipe, fixed: values, mode } = from.pop(), told = !same(recipe, p.recipe);
  p.recipe = recipe; p.kept.fixed = values;
  steps(p); setMode(p, mode);
  if (told) p.state("recipe", structuredClone(recipe));
}

function change(p, values, spec, value, done, range) {
  if (!p.dragging) remember(p);
  p.dragging = !done;
  const round = (v) => (spec.kind === "range" || spec.kind === "float" ? rounded(spec, v) : v);
  write(values, spec.path, Array.isArray(value) ? value.map(round) : round(value));
  if (range) p.moved = { range, value: range.value };
  if (values === p.recipe) wake(p, spec);
  showPanel(values === p.recipe ? p.panels.random : p.panels.fixed);
  if (done && !fixed(p) && !one(p, ".lock").checked) newSeed(p, p.seed + 1, false);
  ask(p);
  if (done && values === p.recipe) p.state("recipe", structuredClone(p.recipe));
}

// Moving a strength of something that is switched off would show nothing: it is switched on.
function wake(p, spec) {
  const part = p.recipe[spec.group];
  if (spec.path.endsWith(".probability") || !part || part.probability !== 0) return;
  part.probability = 1;
}

function newSeed(p, seed, tell) {
  p.seed = Math.min(2147483647, Math.max(0, Math.round(seed) || 0));
  one(p, ".seed").value = p.seed;
  ask(p);
  if (tell || p.toldSeed !== p.seed) { p.toldSeed = p.seed; p.state("seed", p.seed); }
}

function showAll(p) { showPanel(p.panels.random); showPanel(p.panels.fixed); }

// ---- the rest of the page: hears of the recipe at once, and asks for a draw to be shown or for settings to be changed

function told(setState, name, value) {
  setState(name, value);
  document.dispatchEvent(new CustomEvent(`seglib-${name}`, { detail: value }));
}

function asked(p, { epoch, changes }) {
  if (fixed(p)) setMode(p, "random");
  if (changes) {
    remember(p);
    for (const [path, value] of Object.entries(changes)) write(p.recipe, path, value);
    showAll(p); ask(p);
    p.state("recipe", structuredClone(p.recipe));
  } else {
    p.kept.epoch = epoch;
    if (single(p)) restart(p); else large(p);
    p.root.scrollIntoView({ behavior: "smooth", block: "start" });
  }
}

// ---- keys: anywhere on the page but where somebody types

function pressed(p, event) {
  const target = event.composedPath()[0], typed = target.tagName === "INPUT" && !["range", "checkbox"].includes(target.type);
  if (typed || ["TEXTAREA", "SELECT"].includes(target.tagName) || target.isContentEditable || event.altKey || document.querySelector("[role=dialog]")) return;
  const key = event.key.toLowerCase(), command = event.ctrlKey || event.metaKey;
  const undo = () => travel(p, p.history, p.future), redo = () => travel(p, p.future, p.history);
  const does = command ? { z: event.shiftKey ? redo : undo, y: redo }[key]
    : { n: () => next(p), u: undo, f: () => fix(p), p: () => pin(p), l: () => large(p), "?": () => one(p, ".keyboard").click(), o: () => blink(p, true) }[key]
      ?? (VIEWS[key - 1] && (() => setView(p, VIEWS[key - 1][0])));
  if (!does) return;
  event.preventDefault();
  does();
}

function blink(p, on) { if (!!p.blink !== on) { p.blink = on; draw(p); } }

// ---- set-up and updates

const START = { view: "outlines", n: 8, crop: 256, normalisation: "zscore", mode: "random", epoch: 0, outlines: true, pin: null };

function setUp(root, data) {
  if (!KEPT.has(data.key)) KEPT.set(data.key, { ...START, ...(innerWidth < 1000 ? { n: 4 } : {}), ...data.start, fixed: structuredClone(data.fixed) });
  const p = { root, data, kept: KEPT.get(data.key), recipe: null, seed: 0, history: [], future: [], samples: [], tokens: 0, turn: 0,
    client: crypto.randomUUID?.() ?? String(Math.random()), camera: { scale: 1, x: 0, y: 0 } };
  p.panels = {
    random: { values: () => p.recipe, change: (...args) => change(p, p.recipe, ...args) },
    fixed: { values: () => p.kept.fixed, change: (...args) => change(p, p.kept.fixed, ...args) },
  };
  one(p, ".views").replaceChildren(...VIEWS.map(([view, label, title]) => element("button", { type: "button", "data-view": view, title, onclick: () => setView(p, view) }, label)));
  for (const node of root.querySelectorAll(".mode button")) node.onclick = () => setMode(p, node.dataset.mode);
  const pick = (selector, key, options, number) => {
    const select = one(p, selector);
    if (options) select.replaceChildren(...options.map((value) => element("option", { value }, key === "crop" ? `${value} px` : value)));
    select.onchange = () => { p.kept[key] = number ? +select.value : select.value; bar(p); restart(p); };
  };
  pick(".count", "n", null, true); pick(".crop", "crop", data.crops, true); pick(".normalisation", "normalisation", data.normalisations, false);
  one(p, ".outlines").onchange = (event) => { p.kept.outlines = event.target.checked; draw(p); };
  one(p, ".undo").onclick = () => travel(p, p.history, p.future); one(p, ".redo").onclick = () => travel(p, p.future, p.history);
  one(p, ".next").onclick = () => next(p); one(p, ".fix").onclick = () => fix(p); one(p, ".pin").onclick = () => pin(p); one(p, ".large").onclick = () => large(p);
  one(p, ".seed").onchange = (event) => newSeed(p, event.target.valueAsNumber, true);
  one(p, ".keyboard").onclick = (event) => { const keys = one(p, ".keys"); keys.hidden = !keys.hidden; event.target.setAttribute("aria-expanded", String(!keys.hidden)); };
  for (const [selector, factor] of [[".zoom-in", 1.5], [".zoom-out", 1 / 1.5], [".zoom-fit", 0]]) one(p, selector).onclick = () => { zoomAt(p.camera, factor); aimAll(p); };
  p.onkeydown = (event) => pressed(p, event); p.onkeyup = (event) => { if (event.key.toLowerCase() === "o") blink(p, false); };
  p.onask = (event) => asked(p, event.detail);
  document.addEventListener("keydown", p.onkeydown); document.addEventListener("keyup", p.onkeyup); document.addEventListener("seglib-ask", p.onask);
  return p;
}

function tearDown(p) {
  p.gone = true; p.abort?.abort();
  document.removeEventListener("keydown", p.onkeydown); document.removeEventListener("keyup", p.onkeyup); document.removeEventListener("seglib-ask", p.onask);
  PREVIEWS.delete(p.root);
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".preview");
  let p = PREVIEWS.get(root);
  if (!p) { p = setUp(root, data); PREVIEWS.set(root, p); }
  const elsewhere = p.data.url !== data.url || !p.recipe, loaded = p.version !== data.version, specs = JSON.stringify([data.specs, data.fixed_specs]);
  Object.assign(p, { data, state: (name, value) => told(setStateValue, name, value) });
  if (p.specs !== specs) {
    p.specs = specs;
    p.panels.random.specs = data.specs; p.panels.fixed.specs = data.fixed_specs;
    p.recipe ??= structuredClone(data.recipe);
    buildPanel(p.panels.random, one(p, ".controls.random")); buildPanel(p.panels.fixed, one(p, ".controls.fixed"));
  }
  if (loaded) {  // between loads the sliders are the truth: a rerun must not pull one back that is being dragged
    if (p.version !== undefined) remember(p);
    p.version = data.version; p.recipe = structuredClone(data.recipe);
    if (p.kept.mode === "fixed" && p.header) p.kept.mode = "random";  // a recipe was picked: it is to be seen
  }
  if (p.toldSeed === undefined) { p.seed = p.toldSeed = data.seed; one(p, ".seed").value = p.seed; }
  bar(p); showAll(p);
  if (elsewhere) restart(p); else if (loaded) ask(p);
  return () => tearDown(p);
}
