// One place at a time, judged by a key. The next one is drawn at once, the word follows: the list of words that the
// server has not confirmed is sent as a whole, so that none is lost however fast they come.
const TRIAGES = new WeakMap();
const WORDS = [["label_wrong", "l", "Label is wrong"], ["ignore", "i", "Ignore this area"], ["hard_negative", "h", "Hard negative"],
  ["model_error", "m", "Model error"], ["unsure", "u", "Unsure"]];
const FILTERS = [["open", "to look at"], ["all", "all"], ...WORDS.map(([name, , text]) => [name, text.toLowerCase()])];
const PANELS = [["image", "Image"], ["truth", "Label"], ["prediction", "Prediction"], ["agreement", "Models that never saw it"]];

const wordOn = (t, item) => { const said = t.words.findLast((word) => word.id === item.id); return said ? said.verdict : item.verdict; };
const whyOf = (t, item) => { const said = t.words.findLast((word) => word.id === item.id); return said ? said.why : item.why ?? ""; };
const fits = (t, item) => t.filter === "all" || (t.filter === "open" ? !wordOn(t, item) : wordOn(t, item) === t.filter);
const current = (t) => t.items.find((item) => item.id === t.at);

// The nearest place in that direction that the filter lets through; at an end the other side, so that none is missed.
function beside(t, by) {
  const from = t.items.findIndex((item) => item.id === t.at), n = t.items.length;
  for (let i = 1; i <= n; i++) { const item = t.items[(from + by * i + n * i) % n]; if (item && item.id !== t.at && fits(t, item)) return item.id; }
  return t.at;
}

function go(t, id) { t.touched = true; t.at = id; t.why.value = ""; draw(t); }

function say(t, verdict) {
  const item = current(t);
  if (!item) return;
  t.past.push([item.id, wordOn(t, item), whyOf(t, item)]);
  send(t, item.id, verdict, t.why.value.trim());
  const name = WORDS.find(([word]) => word === verdict)[2];
  const next = beside(t, 1);
  t.said = `${name}: noted. ${next === item.id || !fits(t, t.items.find((other) => other.id === next)) ? "That was the last one." : ""}`;
  go(t, next);
}

function undo(t) {
  let last = t.past.pop();
  if (!last) { // after a reload: the newest word that is in the file
    const newest = t.items.filter((item) => wordOn(t, item)).reduce((a, b) => (a && a.when > b.when ? a : b), null);
    if (!newest) { t.said = "Nothing to take back."; return draw(t); }
    last = [newest.id, null, ""];
  }
  send(t, ...last);
  t.said = "Taken back.";
  go(t, last[0]);
}

function send(t, id, verdict, why) {
  t.words = [...t.words, { n: `${t.mount}-${t.count++}`, id, verdict, why }];
  t.setState("words", t.words);
}

function figure(t, item, [name, caption]) {
  const box = element("figure", {}, element("img", { alt: `${caption}, ${item.title}`, src: item.urls[name] }),
    element("figcaption", {}, item.captions?.[name] ?? caption));
  return box;
}

function draw(t) {
  const item = current(t), looked = t.items.filter((other) => wordOn(t, other)).length, ask = (name) => t.root.querySelector(name);
  ask(".count").textContent = `${looked} of ${t.items.length} looked at`;
  Object.assign(ask(".done"), { max: Math.max(1, t.items.length), value: looked });
  t.root.classList.toggle("nothing", !item);
  ask(".empty").textContent = item ? "" : t.items.length ? "No place with this verdict." : "There is no place to look at.";
  t.root.dataset.at = item ? item.id : ""; t.root.dataset.looked = looked; t.root.dataset.waiting = t.words.length;
  if (!item) return;
  const verdict = wordOn(t, item), place = t.items.indexOf(item) + 1;
  ask(".about").textContent = `${t.said ? t.said + " " : ""}${place}. ${item.title}: ${item.about}`;
  t.root.dataset.verdict = verdict ?? "";
  if (t.drawn !== item.id || t.urls !== JSON.stringify(item.urls)) {
    t.drawn = item.id; t.urls = JSON.stringify(item.urls);
    ask(".panels").replaceChildren(...PANELS.filter(([name]) => item.urls[name]).map((panel) => figure(t, item, panel)));
  }
  for (const button of ask(".verdicts").children) button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
  if (verdict && !t.why.value && t.shadow().activeElement !== t.why) t.why.value = whyOf(t, item);
  let ahead = item.id; // the pictures of the next places are fetched while this one is looked at
  for (let i = 0; i < 3; i++) {
    const at = t.at; t.at = ahead; ahead = beside(t, 1); t.at = at;
    for (const url of Object.values(t.items.find((other) => other.id === ahead)?.urls ?? {})) if (!t.fetched.has(url)) { t.fetched.add(url); new Image().src = url; }
  }
}

// Keys work anywhere on the page but in a text field, a list, a viewer with keys of its own, or under a dialog.
function pressed(t, event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const path = event.composedPath(), mine = path.includes(t.root);
  if (path.some((node) => node instanceof Element && (node.matches("input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable=true], [role=dialog], [role=listbox], [role=combobox]") || (!mine && node.matches("canvas, .root"))))) return;
  if (document.querySelector('[data-testid="stDialog"]') || !t.root.isConnected || t.root.offsetParent === null) return;
  const key = event.key.toLowerCase(), word = WORDS.find(([, letter]) => letter === key);
  const act = word ? () => say(t, word[0]) : { n: () => go(t, beside(t, 1)), p: () => go(t, beside(t, -1)), z: () => undo(t), v: () => fly(t) }[key];
  if (!act) return;
  event.preventDefault(); event.stopImmediatePropagation();
  if (!word && key !== "z") t.said = "";
  if (!event.repeat) act();
}

const fly = (t) => { if (current(t)) t.trigger("show", t.at); };

function build(t) {
  const ask = (name) => t.root.querySelector(name);
  t.why = ask(".why");
  ask(".filter").replaceChildren(...FILTERS.map(([value, text]) => element("option", { value }, text)));
  ask(".filter").onchange = (event) => { t.filter = event.target.value; t.said = ""; const item = current(t); if (!item || !fits(t, item)) { const next = beside(t, 1), found = t.items.find((other) => other.id === next); t.at = found && fits(t, found) ? next : null; } draw(t); };
  ask(".verdicts").replaceChildren(...WORDS.map(([name, key, text]) => element("button", { type: "button", "data-verdict": name,
    "aria-keyshortcuts": key, "aria-pressed": "false", onclick: () => say(t, name) }, text, " ", element("kbd", {}, key))));
  ask(".previous").onclick = () => { t.said = ""; go(t, beside(t, -1)); };
  ask(".next").onclick = () => { t.said = ""; go(t, beside(t, 1)); };
  ask(".undo").onclick = () => undo(t);
  ask(".fly").onclick = () => fly(t);
  t.why.onkeydown = (event) => { if (event.key === "Enter" || event.key === "Escape") { if (event.key === "Escape") t.why.value = ""; t.why.blur(); event.preventDefault(); event.stopPropagation(); } };
  t.onkeydown = (event) => pressed(t, event);
  document.addEventListener("keydown", t.onkeydown, true);
  window.seglibTriage = t.root; // the viewer leaves n and p to it
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".triage");
  let t = TRIAGES.get(root);
  if (!t) {
    t = { root, filter: "open", words: [], past: [], fetched: new Set(), count: 0, mount: Date.now().toString(36), at: null, said: "" };
    TRIAGES.set(root, t);
    t.shadow = () => root.getRootNode();
    build(t);
  }
  Object.assign(t, { items: data.items, setState: setStateValue, trigger: setTriggerValue });
  const seen = new Set(data.seen);
  t.words = t.words.filter((word) => !seen.has(word.n));
  // until something was judged the first is shown, also when suggestions come later
  if (!current(t) || !t.touched) t.at = (t.items.find((item) => fits(t, item)) ?? (t.filter === "open" ? t.items[0] : null))?.id ?? null;
  draw(t);
  return () => { document.removeEventListener("keydown", t.onkeydown, true); TRIAGES.delete(root); };
}
