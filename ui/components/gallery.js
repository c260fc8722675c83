// A grid of buttons with lazily loaded pictures. Arrow keys move, Enter picks.
const GALLERIES = new WeakMap();
const KNOWN = ["train", "val", "unlabelled", "unused"];

function image(g, item) {
  const picture = element("img", { loading: "lazy", decoding: "async", alt: "", "data-plain": item.thumb, "data-outlined": item.outlined,
    onload: () => picture.classList.add("loaded"),
    onerror: () => picture.replaceWith(element("span", { class: "broken" }, "cannot be read")), src: g.outlines && item.outlined ? item.outlined : item.thumb });
  return picture;
}

function card(g, item, index) {
  const picture = item.beside ? element("span", { class: "pair" }, image(g, item), image(g, item.beside)) : image(g, item);
  const line = element("span", { class: "line" }, element("span", { class: "caption" }, item.caption ?? String(item.id)));
  if (item.badge) line.append(element("span", { class: `badge ${KNOWN.includes(item.badge) ? item.badge : ""}` }, item.badge));
  const button = element("button", { type: "button", title: item.caption, tabindex: index ? -1 : 0, "data-index": index,
    "aria-pressed": String(item.id === g.selected), onclick: () => pick(g, index) }, picture, line);
  if (item.course) button.append(course(item.course));
  if (item.note) button.append(element("span", { class: "note" }, item.note));
  return button;
}

// Little bars, one a number; nothing there is a dash. The note says it in words.
function course(numbers) {
  const most = Math.max(...numbers, 1), bars = element("span", { class: "course", "aria-hidden": "true" });
  for (const number of numbers) {
    const bar = element("span", { class: number ? "" : "none" });
    bar.style.height = number ? `${Math.max(15, 100 * number / most)}%` : "2px";
    bars.append(bar);
  }
  return bars;
}

function pick(g, index) {
  g.selected = g.data.items[index].id;
  [...g.grid.children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
  g.trigger("pick", g.selected);
}

// The chosen card into a strip's view, without moving the page.
function reveal(g) {
  const card = g.grid.querySelector('[aria-pressed=true]');
  if (!g.data.strip || !card) return;
  const left = card.offsetLeft - g.grid.offsetLeft, right = left + card.offsetWidth;
  if (left < g.grid.scrollLeft || right > g.grid.scrollLeft + g.grid.clientWidth) g.grid.scrollLeft = left - (g.grid.clientWidth - card.offsetWidth) / 2;
}

function move(g, event) {
  const buttons = [...g.grid.children], at = buttons.indexOf(event.target.closest("button"));
  if (at < 0) return;
  const columns = getComputedStyle(g.grid).gridTemplateColumns.split(" ").length;
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -at, End: buttons.length - 1 - at }[event.key];
  if (by === undefined) return;
  const next = buttons[at + by];
  if (next) { buttons[at].tabIndex = -1; next.tabIndex = 0; next.focus(); }
  event.preventDefault();
  event.stopPropagation();
}

function outline(g, on) {
  g.outlines = on;
  for (const picture of g.grid.querySelectorAll("img")) {
    picture.src = on && picture.dataset.outlined ? picture.dataset.outlined : picture.dataset.plain;
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  let g = GALLERIES.get(root);
  if (!g) {
    g = { grid: root.querySelector(".grid"), outlines: data.outlines, shown: null };
    GALLERIES.set(root, g);
    g.grid.onkeydown = (event) => move(g, event);
    const box = root.querySelector(".outlines");
    box.checked = g.outlines;
    box.onchange = () => outline(g, box.checked);
  }
  Object.assign(g, { data, trigger: setTriggerValue, selected: data.selected ?? g.selected });
  root.style.setProperty("--size", `${data.size}px`);
  root.classList.toggle("strip", Boolean(data.strip));
  root.classList.toggle("smooth", Boolean(data.smooth));
  root.querySelector(".bar").hidden = data.toggle === null;
  if (data.toggle === null && g.outlines !== data.outlines) outline(g, data.outlines);
  const shown = JSON.stringify(data.items), [one, many] = data.noun ?? ["image", "images"];
  if (g.shown !== shown) {
    g.shown = shown;
    g.grid.replaceChildren(...data.items.map((item, index) => card(g, item, index)));
    root.querySelector(".outlines-field").hidden = !data.items.some((item) => item.outlined);
    root.querySelector(".toggle").textContent = data.toggle ?? "Mask outlines";
    root.querySelector(".count").textContent = `${data.items.length} ${data.items.length === 1 ? one : many}`;
    root.dataset.ready = data.items.length;
  } else if (g.selected !== g.before) {
    [...g.grid.children].forEach((button, i) => button.setAttribute("aria-pressed", String(data.items[i].id === g.selected)));
  }
  g.before = g.selected;
  reveal(g);
  return () => GALLERIES.delete(root);
}
