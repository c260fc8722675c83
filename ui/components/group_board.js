// One row a group. Python is the truth: a click is shown at once and told, the next data confirms it.
const BOARDS = new WeakMap();
const SIDES = [["train", "Train"], ["val", "Val"], ["", "Not used"]];
const COLUMNS = [
  ["Tick", null], ["Pictures", null], ["Group", "name"], ["Pictures", "n"], ["Cells", "cells"], ["Foreground", "foreground"], ["Frames", "frames"], ["Fold", "fold"], ["Side", "side"],
];
const RIGHT = new Set(["n", "cells", "foreground", "frames", "fold"]);
const MOST = 400;  // rows drawn at once; the rest is found by name
const natural = new Intl.Collator("en", { numeric: true });

const shownGroups = (b) => b.data.groups.filter((group) => group.name.toLowerCase().includes(b.search)).sort((x, y) => {
  if (!b.sort) return 0;
  const [a, c] = [x[b.sort] ?? "", y[b.sort] ?? ""];
  return b.way * (typeof a === "number" && typeof c === "number" ? a - c : natural.compare(String(a), String(c)));
});

function assign(b, names, side) {
  for (const group of b.data.groups) if (names.includes(group.name)) { group.side = side; group.used = side ? group.labelled : 0; }
  draw(b);
  // A list, not the last click: of two runs asked for in quick succession Streamlit may do only the second.
  b.clicks = [...b.clicks, { id: `${Date.now()}-${Math.random()}`, groups: names, side }].slice(-20);
  b.state("clicks", b.clicks);
}

function sideButtons(b, group) {
  if (!group.labelled) return element("span", { class: "quiet" }, "no masks");
  const buttons = SIDES.map(([side, text]) => element("button", { type: "button", "data-side": side,
    "aria-pressed": String(group.side === side), onclick: () => assign(b, [group.name], side) }, text));
  const line = element("span", { class: "group side", role: "group", "aria-label": `Side of ${group.name}` }, ...buttons);
  return group.side === "both" ? element("span", {}, element("span", { class: "both" }, "on both sides: choose one"), line) : line;
}

function small(group) {
  const parts = [];
  if (group.labelled < group.n) parts.push(`${group.n - group.labelled} without a mask`);
  if (group.side && group.used < group.labelled) parts.push(`${group.labelled - group.used} not used`);
  return parts.join(" · ");
}

const figure = (text, unit) => element("td", { class: "figure", "data-unit": unit }, text);

function row(b, group) {
  const box = element("input", { type: "checkbox", "aria-label": `Tick ${group.name}` });
  box.checked = b.ticked.has(group.name);
  box.onchange = (event) => tick(b, group.name, box.checked);
  box.onclick = (event) => { if (event.shiftKey) range(b, group.name, box.checked); };
  const pictures = group.thumbs.map((thumb) => element("img", { loading: "lazy", alt: "", "data-plain": thumb.plain, "data-outlined": thumb.outlined,
    src: b.outlines && thumb.outlined ? thumb.outlined : thumb.plain, onerror: (event) => event.target.remove() }));
  const name = element("td", { class: "name" }, group.name);
  if (small(group)) name.append(element("small", {}, small(group)));
  return element("tr", { "data-group": group.name, class: b.ticked.has(group.name) ? "picked" : null },
    element("td", {}, box), element("td", { class: "thumbs" }, ...pictures), name,
    figure(group.n.toLocaleString("en"), group.n === 1 ? "picture" : "pictures"),
    figure(group.cells === null ? "–" : group.cells.toLocaleString("en"), "cells"),
    figure(group.foreground === null ? "–" : `${(100 * group.foreground).toFixed(1)} %`, "foreground"),
    figure(group.frames || "–", "frames"), ...(b.folded ? [figure(group.fold === "" ? "–" : group.fold, "fold")] : []),
    element("td", {}, sideButtons(b, group)));
}

function header(b) {
  const cells = COLUMNS.filter(([, key]) => key !== "fold" || b.folded).map(([text, key]) => {
    const sorted = key && b.sort === key ? (b.way > 0 ? "ascending" : "descending") : null;
    const inner = key ? element("button", { type: "button", title: "Sort", onclick: () => sortBy(b, key) }, text) : element("span", { class: "unseen" }, text);
    return element("th", { class: RIGHT.has(key) ? "figure" : null, scope: key ? "col" : null, "aria-sort": sorted }, inner);
  });
  b.root.querySelector("thead tr").replaceChildren(...cells);
}

function sortBy(b, key) {
  b.way = b.sort === key ? -b.way : 1;
  b.sort = key;
  draw(b);
}

function tick(b, name, on) {
  on ? b.ticked.add(name) : b.ticked.delete(name);
  b.last = name;
  draw(b);
  tell(b);
}

function range(b, name, on) {  // shift-click: all from the one ticked before to this one
  const names = shownGroups(b).map((group) => group.name), from = names.indexOf(b.last), to = names.indexOf(name);
  if (from >= 0 && to >= 0) for (const each of names.slice(Math.min(from, to), Math.max(from, to) + 1)) on ? b.ticked.add(each) : b.ticked.delete(each);
}

function tell(b) {
  clearTimeout(b.telling);
  b.telling = setTimeout(() => b.state("selected", [...b.ticked]), 150);
}

function draw(b) {
  const groups = shownGroups(b), focused = b.root.getRootNode().activeElement, place = focused?.closest?.("tr")?.dataset.group, side = focused?.dataset?.side;
  b.folded = b.data.groups.some((group) => group.fold !== "");
  header(b);
  const body = b.root.querySelector("tbody");
  body.replaceChildren(...groups.slice(0, MOST).map((group) => row(b, group)));
  if (groups.length > MOST) body.append(element("tr", {}, element("td", { class: "none", colspan: 9 }, `… and ${groups.length - MOST} more: type a part of a name above, or sort.`)));
  if (!groups.length) body.append(element("tr", {}, element("td", { class: "none", colspan: 9 }, "No group has this in its name.")));
  if (place !== undefined) {  // the keyboard stays where it was
    const again = [...body.children].find((line) => line.dataset.group === place);
    again?.querySelector(side === undefined ? "input" : `button[data-side="${side}"]`)?.focus({ preventScroll: true });
  }
  const all = b.root.querySelector(".all"), names = groups.map((group) => group.name);
  all.checked = names.length > 0 && names.every((name) => b.ticked.has(name));
  all.indeterminate = !all.checked && names.some((name) => b.ticked.has(name));
  b.root.querySelector(".all-text").textContent = b.search ? `All ${names.length} found` : `All ${names.length} ${names.length === 1 ? "group" : "groups"}`;
  b.root.querySelector(".bulk").hidden = !b.ticked.size;
  b.root.querySelector(".picked").textContent = `${b.ticked.size} ticked`;
  b.root.querySelector(".search-field").hidden = b.data.groups.length < 6;
  b.root.dataset.ready = b.data.groups.length;
}

function setUp(root, data) {
  const b = { root, search: "", sort: "", way: 1, ticked: new Set(), last: null, clicks: [], outlines: data.outlines };
  const search = root.querySelector(".search"), all = root.querySelector(".all"), outlines = root.querySelector(".outlines");
  search.oninput = () => { b.search = search.value.trim().toLowerCase(); draw(b); };
  all.onchange = () => {
    for (const group of shownGroups(b)) all.checked ? b.ticked.add(group.name) : b.ticked.delete(group.name);
    draw(b);
    tell(b);
  };
  for (const button of root.querySelectorAll("[data-bulk]")) button.onclick = () => {
    const names = b.data.groups.filter((group) => b.ticked.has(group.name) && group.labelled).map((group) => group.name);
    b.ticked.clear();
    assign(b, names, button.dataset.bulk);
    tell(b);
  };
  outlines.checked = b.outlines;
  outlines.onchange = () => {
    b.outlines = outlines.checked;
    for (const picture of root.querySelectorAll("img")) picture.src = b.outlines && picture.dataset.outlined ? picture.dataset.outlined : picture.dataset.plain;
  };
  return b;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".board");
  let b = BOARDS.get(root);
  if (!b) { b = setUp(root, data); BOARDS.set(root, b); }
  const shown = JSON.stringify(data.groups);
  Object.assign(b, { data: { ...data, groups: JSON.parse(shown) }, state: setStateValue });
  const names = new Set(b.data.groups.map((group) => group.name));
  for (const name of [...b.ticked]) if (!names.has(name)) b.ticked.delete(name);
  draw(b);
  return () => { clearTimeout(b.telling); BOARDS.delete(root); };
}
