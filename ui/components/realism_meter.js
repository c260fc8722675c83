// Gauges that fill up: one stream of JSON lines, the latest recipe wins, what is stale is hung up on.
const METERS = new WeakMap();
const VERDICTS = { good: ["✓", "fine"], watch: ["!", "look"], bad: ["✗", "too far"], unknown: ["·", "not measured"] };
const ASKED = "seglib-ask";  // heard by the live preview: {epoch} to show, {changes} to make

const one = (m, selector) => m.root.querySelector(selector);

// ---- measuring

// What is measured is told by recipe, seed and place; the same again is not measured again.
function ask(m) {
  const wanted = JSON.stringify([m.data.url, m.recipe, m.seed]);
  if (wanted === m.wanted) return;
  m.wanted = wanted;
  m.abort?.abort();
  m.abort = new AbortController();
  measure(m, m.abort.signal);
}

const query = (m, extra = {}) => new URLSearchParams({ recipe: JSON.stringify(m.recipe), seed: m.seed, ...extra });

async function measure(m, signal) {
  one(m, ".tiles").classList.add("stale");
  for (const name of ["first", "complete", "advised"]) delete m.root.dataset[name];
  progress(m, 0);
  m.started = performance.now(); m.first = null;
  try {
    const reply = await answer(`${m.data.url}&${query(m)}`, signal);
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (!signal.aborted) take(m, JSON.parse(line));
    }
  } catch (error) {
    if (!signal.aborted) { tell(m, error.message); m.wanted = null; }
  }
}

function take(m, told) {
  if (told.error) { tell(m, told.error); return; }
  if (told.of) { m.about = told; tell(m, ""); sample(m); return; }
  m.gauges = told.gauges; m.n = told.n; m.advised = !!told.advised;
  one(m, ".tiles").classList.remove("stale");
  progress(m, told.n);
  show(m);
  const spent = performance.now() - m.started;
  m.first ??= spent;
  m.root.dataset.first = Math.round(m.first);
  if (told.n === m.about.of && !m.root.dataset.complete) m.root.dataset.complete = Math.round(spent);
  m.root.dataset.advised = String(m.advised);
}

function tell(m, message) { one(m, ".message").textContent = message; }

function progress(m, n) {
  const bar = one(m, ".progress"), of = m.about?.of ?? 64;
  bar.max = of; bar.value = n;
  bar.toggleAttribute("data-done", n === of);
  one(m, ".count").textContent = n ? `${n} of ${of} draws` : "measuring …";
}

function sample(m) {
  const { pictures, n_images, unread } = m.about;
  const left = unread.length ? ` · ${unread.length} could not be read and ${unread.length > 1 ? "are" : "is"} left out` : "";
  const node = one(m, ".sample");
  node.textContent = `on ${pictures.length} of ${n_images} images, evenly spread${left}`;
  node.title = [pictures.map(([, name]) => name).join(", "), ...unread].join("\n");
}

// ---- showing

function show(m) {
  overall(m);
  const tiles = one(m, ".tiles");
  if (tiles.children.length !== m.gauges.length) tiles.replaceChildren(...m.gauges.map((gauge) => tile(m, gauge.key)));
  m.gauges.forEach((gauge, i) => fill(m, tiles.children[i], gauge));
  advice(m);
  details(m);
}

function overall(m) {
  const count = (status) => m.gauges.filter((gauge) => gauge.status === status).length;
  const [bad, watch, unknown] = ["bad", "watch", "unknown"].map(count), node = one(m, ".overall");
  const found = bad ? `✗ ${bad} too far${watch ? `, ${watch} to look at` : ""}` : watch ? `! ${watch} to look at` : "✓ Fine";
  const text = unknown ? `${found}, ${unknown} not measured` : found;
  if (node.textContent !== text) node.textContent = text;
}

function tile(m, key) {
  const node = element("button", { type: "button", "data-gauge": key, "aria-expanded": "false", onclick: () => { m.open = m.open === key ? null : key; show(m); } },
    element("span", { class: "title" }, element("span"), element("span", { class: "verdict" })),
    element("span", { class: "figure" }), element("span", { class: "unit" }));
  return node;
}

function fill(m, node, gauge) {
  const [sign, word] = VERDICTS[gauge.status], [title, figure, unit] = node.children;
  node.className = `tile ${gauge.status}`;
  title.firstChild.textContent = gauge.title; title.lastChild.textContent = `${sign} ${word}`;
  figure.textContent = gauge.value; unit.textContent = gauge.unit;
  node.title = gauge.sentence;
  node.setAttribute("aria-expanded", String(m.open === gauge.key));
  node.querySelector("svg")?.remove();
  if (gauge.sketch) node.append(sketch(gauge));
}

const SVG = "http://www.w3.org/2000/svg";
function svg(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

// Grey bars: the data set's cells. Line: the augmented ones.
function sketch({ title, sketch: { before, after } }) {
  const n = before.length, top = Math.max(...before, ...after, 1e-9), y = (share) => 30 - 28 * share / top;
  const drawn = svg("svg", { viewBox: `0 0 ${n} 30`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}: cells of the data set (grey) and augmented cells (line)` });
  const bars = before.map((share, i) => `M${i} 30V${y(share)}H${i + 1}V30Z`).join("");
  const line = after.map((share, i) => `${i ? "" : `M0 ${y(share)}`}V${y(share)}H${i + 1}`).join("");
  drawn.append(svg("path", { class: "before", d: bars }), svg("path", { class: "after", d: line }));
  return drawn;
}

// One line for every gauge that is not green; gauges that are not measured for one reason share theirs.
function advice(m) {
  const list = m.gauges.filter((gauge) => gauge.status === "bad" || gauge.status === "watch");
  list.sort((a, b) => (a.status === b.status ? 0 : a.status === "bad" ? -1 : 1));
  one(m, ".advice").replaceChildren(...list.map((gauge) => element("li", { class: gauge.status, "data-gauge": gauge.key },
    element("span", { class: "what" }, element("b", {}, `${VERDICTS[gauge.status][0]} ${gauge.title}. `), gauge.sentence), ...setter(m, gauge))),
    ...[...new Set(m.gauges.filter((gauge) => gauge.status === "unknown").map((gauge) => gauge.sentence))].map((text) => element("li", { class: "unknown" }, text)));
}

function setter(m, gauge) {
  if (!m.advised || !Object.keys(gauge.changes).length) return [];
  const set = () => document.dispatchEvent(new CustomEvent(ASKED, { detail: { changes: gauge.changes } }));
  return [element("button", { type: "button", class: "set", title: "Moves the sliders; Undo takes it back", onclick: set }, "Set it")];
}

function details(m) {
  const node = one(m, ".details"), gauge = m.gauges.find(({ key }) => key === m.open);
  node.hidden = !gauge;
  if (!gauge) { m.detailed = null; return; }
  const held = JSON.stringify([gauge, m.wanted, m.advised]);
  if (m.detailed === held) return;
  m.detailed = held;
  node.className = `details ${gauge.status}`;
  const rows = gauge.details.map(([what, figure]) => element("tr", {}, element("th", { scope: "row" }, what), element("td", {}, figure)));
  const left = element("div", {}, element("h4", {}, gauge.title), element("p", {}, gauge.sentence),
    ...(gauge.sketch ? large(gauge) : []), element("p", { class: "quiet" }, gauge.reason));
  node.replaceChildren(left, element("div", {}, element("table", {}, element("tbody", {}, ...rows))), worst(m, gauge));
}

function large(gauge) {
  const { edges } = gauge.sketch, text = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));
  return [element("div", { class: "large" }, sketch(gauge)),
    element("div", { class: "ends" }, element("span", {}, text(edges[0])), element("span", {}, text(edges.at(-1)))),
    element("div", { class: "legend" }, element("span", {}, element("i", { class: "was" }), "data set"), element("span", {}, element("i", { class: "is" }), "augmented"))];
}

function worst(m, gauge) {
  const whole = m.n === m.about.of, names = new Map(m.about.pictures);
  if (!gauge.worst.length || !whole) return element("div", { class: "draws" }, element("p", { class: "quiet" }, whole ? "No draw shows it." : "The draws that show it most come when all are measured."));
  const figures = gauge.worst.map(({ index, epoch, place, figure }) => {
    const words = `${names.get(index)}, draw ${epoch + 1}`;
    const source = `${m.data.url.replace("?", "/draw?")}&${query(m, { place, epoch })}`;
    const image = element("img", { src: source, alt: `${words}: before and after, with the outlines of the cells`, loading: "lazy", decoding: "async" });
    const button = element("button", { type: "button", onclick: () => look(m, index, epoch) }, "Show");
    return element("figure", {}, image, element("figcaption", {}, element("span", {}, `${words}: ${figure}`), button));
  });
  return element("div", { class: "draws" }, element("h4", {}, "Draws that show it most, beside the image they are of"), element("div", { class: "worst" }, ...figures));
}

// The page brings the image into the preview; the preview chooses the draw.
function look(m, index, epoch) {
  document.dispatchEvent(new CustomEvent(ASKED, { detail: { epoch } }));
  m.trigger("show", index);
}

// ---- set-up and updates

function setUp(root) {
  const m = { root, open: null, gauges: [] };
  m.onrecipe = ({ detail }) => { m.recipe = structuredClone(detail); ask(m); };
  m.onseed = ({ detail }) => { m.seed = detail; ask(m); };
  document.addEventListener("seglib-recipe", m.onrecipe); document.addEventListener("seglib-seed", m.onseed);
  return m;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".meter");
  let m = METERS.get(root);
  if (!m) { m = setUp(root); METERS.set(root, m); }
  // a run of the page that began before the last event must not bring back what stood then
  const told = JSON.stringify([data.recipe, data.seed]);
  const news = m.told !== told;
  Object.assign(m, { data, trigger: setTriggerValue, told });
  if (news) { m.recipe = data.recipe; m.seed = data.seed; }
  ask(m);
  return () => {
    m.abort?.abort();
    document.removeEventListener("seglib-recipe", m.onrecipe); document.removeEventListener("seglib-seed", m.onseed);
    METERS.delete(root);
  };
}
