// Sliders built from specs. A panel is {specs, values(), change(spec, value, done)}; buildPanel adds {rows, groups}.
const read = (values, path) => path.split(".").reduce((node, key) => node?.[key], values);
function write(values, path, value) {
  const keys = path.split("."), last = keys.pop();
  keys.reduce((node, key) => (node[key] ??= {}), values)[last] = value;
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
  // a value copied from a draw lies between the steps: the number shows one digit more, the thumb the nearest step
  const number = element("input", { type: "number", ...limits, step: "any", "aria-label": `${name}, number` });
  range.oninput = () => changed(+range.value, false);
  range.onchange = () => changed(+range.value, true);
  number.onchange = () => changed(inLimits(spec, Number.isFinite(number.valueAsNumber) ? number.valueAsNumber : spec.low), true);
  const show = (value) => {
    const text = String(+value.toFixed(digits(spec) + 1));
    if (+range.value !== value) range.value = value;
    if (number.value !== text) number.value = text;
  };
  return { range, number, show };
}

function numberRow(panel, spec) {
  const name = spec.path.includes(".") ? `${titled(spec.group)} ${spec.label}` : spec.label;
  const one = slider(spec, name, (value, done) => panel.change(spec, spec.kind === "int" ? Math.round(value) : value, done, one.range));
  const unit = spec.unit ? [element("span", { class: "unit" }, spec.unit)] : [];
  const node = element("div", { class: "row" }, ...rowHead(spec, one.number, ...unit), element("div", { class: "track" }, one.range));
  return { node, show: one.show };
}

function rangeRow(panel, spec) {
  const now = () => read(panel.values(), spec.path), name = `${titled(spec.group)} ${spec.label}`;
  // a thumb pushed past the other one takes it along, so that from ≤ to always holds
  const from = slider(spec, `${name}, from`, (value, done) => panel.change(spec, [value, Math.max(value, now()[1])], done, from.range));
  const to = slider(spec, `${name}, to`, (value, done) => panel.change(spec, [Math.min(value, now()[0]), value], done, to.range));
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

function choiceRow(panel, spec) {
  const select = element("select", { "aria-label": spec.label }, ...spec.choices.map((c) => element("option", { value: c }, c)));
  select.onchange = () => panel.change(spec, select.value, true);
  return { node: element("div", { class: "row" }, ...rowHead(spec, select)), show: (value) => { select.value = value; } };
}

function switchRow(panel, spec) {
  const box = element("input", { type: "checkbox", "aria-label": spec.label, "data-path": spec.path });
  box.onchange = () => panel.change(spec, box.checked, true);
  return { node: element("div", { class: "row" }, ...rowHead(spec, box)), show: (value) => { box.checked = value; } };
}

function row(panel, spec) {
  if (spec.choices) return choiceRow(panel, spec);
  return { range: rangeRow, bool: switchRow }[spec.kind]?.(panel, spec) ?? numberRow(panel, spec);
}

function buildPanel(panel, node) {
  const groups = new Map();
  for (const spec of panel.specs) groups.set(spec.group, [...(groups.get(spec.group) ?? []), spec]);
  panel.rows = new Map(); panel.groups = new Map();
  const nodes = [...groups].map(([name, specs], index) => {
    const state = element("span", { class: "state" }), rows = element("div", { class: "rows" });
    const warning = element("div", { class: "warning", role: "status" });
    for (const spec of specs) { const made = row(panel, spec); panel.rows.set(spec.path, { ...made, spec }); rows.append(made.node); }
    rows.append(warning);
    const details = element("details", { open: index < 2, "data-group": name }, element("summary", {}, name ? titled(name) : "Border", state), rows);
    panel.groups.set(name, { details, state, warning });
    return details;
  });
  node.replaceChildren(...nodes);
}

function showPanel(panel) {
  const values = panel.values();
  for (const [path, { show }] of panel.rows) { const value = read(values, path); if (value !== undefined) show(value); }
  for (const [name, { details, state }] of panel.groups) {
    const probability = name ? values[name]?.probability : undefined;
    const often = probability === undefined ? "" : probability > 0 ? `${Math.round(100 * probability)} %` : "off";
    state.textContent = details.classList.contains("warned") ? `⚠ ${often}` : often;
    details.classList.toggle("on", probability > 0);
  }
}

// Sentences, each under the sliders it speaks of: it begins with the name of their group, else it goes to the first.
function warnPanel(panel, sentences) {
  const first = panel.groups.keys().next().value, texts = new Map();
  for (const text of sentences) {
    const named = [...panel.groups.keys()].find((name) => name && text.startsWith(titled(name))) ?? first;
    texts.set(named, `${texts.get(named) ?? ""} ${text}`.trim());
  }
  for (const [name, { details, warning }] of panel.groups) {
    const text = texts.get(name) ?? "";
    if (warning.textContent !== text) warning.textContent = text;
    details.classList.toggle("warned", text !== "");
  }
  showPanel(panel);
}
