// The list of mistakes, of the run or of the one beside it: choosing one, flying to it, telling Python.
const allRegions = (v) => (v.side === "other" ? v.data.other?.regions : v.data.regions) ?? [];
const shownRegions = (v) => v.ahead ? [] : allRegions(v).filter((r) => v.filter === "both" || r.kind === v.filter);

function listHead(v) {  // while the threshold is dragged the regions are still those of another one
  const n = shownRegions(v).length, total = v.side === "other" ? v.data.other?.total : v.data.total;
  const found = v.threshold === v.data.threshold ? "" : `, found at threshold ${v.data.threshold.toFixed(2)}`;
  const all = v.filter === "both" && total > n ? `${n} largest of ${total} ` : `${n} `;
  v.root.querySelector(".side-head").textContent = v.ahead ? "…" : `${all}${n === 1 ? "mistake" : "mistakes"}${found}`;
}

function listRegions(v) {
  const { other } = v.data, side = v.root.querySelector(".side"), runs = side.querySelector(".runs");
  if (!other) v.side = "own";
  side.hidden = !v.data.regions.length && !other?.regions.length && !v.ahead;
  runs.hidden = !other;
  if (other) { runs.querySelector("[data-side=own]").textContent = v.data.name || "This run"; runs.querySelector("[data-side=other]").textContent = other.name; }
  pressed(runs, "side", v.side);
  listHead(v);
  side.querySelector(".regions").replaceChildren(...shownRegions(v).slice(0, 300).map((region) => {
    const colour = element("i", { style: `background:${css(region.kind === "fp" ? ORANGE : SKY)}` });
    const label = region.label || (region.kind === "fp" ? "false positive" : "miss");
    const button = element("button", { type: "button", "aria-pressed": String(region.id === v.selected), "data-id": region.id,
      onclick: () => choose(v, region, true) }, colour, element("span", {}, label), element("span", { class: "number" }, `${region.n_pixels} px`));
    return element("li", {}, button);
  }));
}

function choose(v, region, go) {
  v.selected = region ? region.id : null;
  for (const button of v.root.querySelectorAll(".regions button")) {
    const chosen = region !== null && button.dataset.id === String(region.id);
    button.setAttribute("aria-pressed", String(chosen));
    if (chosen) showInList(button);
  }
  if (go) { v.flownTo = null; flyToChosen(v); }
  ask(v);
  clearTimeout(v.telling);  // n n n tells Python once
  v.telling = setTimeout(() => v.trigger("pick", region ? { id: region.id, row: region.row, col: region.col, run: v.side } : { id: null, run: v.side }), 120);
}

function showInList(button) {  // scrolls the list, never the page
  const list = button.closest(".regions"), item = button.getBoundingClientRect(), box = list.getBoundingClientRect();
  if (item.top < box.top) list.scrollTop += item.top - box.top;
  else if (item.bottom > box.bottom) list.scrollTop += item.bottom - box.bottom;
}

function stepMistake(v, by) {
  const regions = shownRegions(v);
  if (!regions.length) return;
  const at = regions.findIndex((r) => r.id === v.selected);
  choose(v, regions[at < 0 ? (by > 0 ? 0 : regions.length - 1) : (at + by + regions.length) % regions.length], true);
}

function flyToChosen(v) {
  const region = v.ahead ? null : allRegions(v).find((r) => r.id === v.selected), there = `${v.shown?.image} ${v.side} ${v.selected}`;
  if (!region || !v.image || v.flownTo === there) return;
  v.flownTo = there;
  const [w, h] = size(v), zoom = Math.min(16, 0.4 * Math.min(w / region.width, h / region.height));
  flyTo(v, { row: region.row + region.height / 2, col: region.col + region.width / 2, zoom: Math.max(zoom, fitZoom(v)), fit: false });
}

function chooseSide(v, side) {
  if (side === v.side) return;
  Object.assign(v, { side, selected: null });
  listRegions(v);
  ask(v);
}

function hit(v, [row, col]) {
  const slack = 4 / v.camera.zoom;
  return shownRegions(v).filter((r) => row >= r.row - slack && row <= r.row + r.height + slack && col >= r.col - slack && col <= r.col + r.width + slack)
    .sort((a, b) => a.width * a.height - b.width * b.height)[0] ?? null;
}
