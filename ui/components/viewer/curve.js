// IoU over the threshold: of this image, computed here from its pixels, and of all images, given.
const STEPS = Array.from({ length: 99 }, (_, i) => (i + 1) / 100);  // what the slider can stand at

// The threshold of the greatest IoU; of equals the nearest to 0.5.
function bestThreshold(iouAt) {
  let best = null;
  for (const t of STEPS) {
    const value = iouAt(t);
    if (value === value && (best === null || value > best.value || (value === best.value && Math.abs(t - 0.5) < Math.abs(best.t - 0.5)))) best = { t, value };
  }
  return best;
}

function curvesOf(v) {
  const given = (curve) => curve && ((t) => curve[cutOf(t)] ?? NaN), own = (run) => run?.classes && ((t) => run.iou(cutOf(t)));
  return [
    { name: "this image", at: own(v.own), dash: [], width: 1.4 },
    { name: `all ${v.data.split} images`, at: given(v.data.curve), dash: [], width: 3 },
    { name: v.data.other?.name, at: own(v.other), dash: [5, 3], width: 1.4 },
    { name: `all, ${v.data.other?.name}`, at: given(v.data.other?.curve), dash: [5, 3], width: 3 },
  ].filter(({ at }) => at);
}

function showCurve(v) {
  const field = v.root.querySelector(".curve"), curves = v.image ? curvesOf(v) : [];
  field.hidden = !curves.length;
  v.curves = curves;
  if (!curves.length) return;
  const best = v.best = { here: bestThreshold(curves[0].at), all: v.data.curve && bestThreshold(curves[1].at) };
  const button = (name, text, t) => {
    const node = v.root.querySelector(`[data-jump=${name}]`);
    node.hidden = t === undefined || t === null;
    node.textContent = `${text} ${(t ?? 0).toFixed(2)}`;
    node.onclick = () => setThreshold(v, t, true);
  };
  button("default", "Default", 0.5);
  button("here", "Best here", best.here?.t);
  button("all", "Best of all", best.all?.t);
  field.querySelector(".curve-names").replaceChildren(...curves.map(({ name, dash, width }) =>
    element("span", {}, element("i", { class: dash.length ? "dashed" : "", style: `border-top-width: ${width}px` }), name)));
  v.root.querySelector(".curve-note").textContent = v.data.curve_note;
  drawCurve(v);
}

function drawCurve(v) {
  if (!v.curves?.length) return;
  const canvas = v.root.querySelector(".curve canvas"), [w, h, context] = scaled(canvas), ink = getComputedStyle(canvas).color;
  const x = (t) => t * w, y = (value) => 3 + (h - 6) * (1 - value);
  context.strokeStyle = context.fillStyle = ink;
  context.globalAlpha = 0.2; context.lineWidth = 1;
  for (const value of [0, 0.5, 1]) { context.beginPath(); context.moveTo(0, y(value)); context.lineTo(w, y(value)); context.stroke(); }
  context.globalAlpha = 0.6; context.setLineDash([2, 3]);
  context.beginPath(); context.moveTo(x(0.5), 0); context.lineTo(x(0.5), h); context.stroke();
  for (const { at, dash, width } of v.curves) {
    context.globalAlpha = width > 2 ? 0.45 : 0.95; context.lineWidth = width; context.setLineDash(dash);
    context.beginPath();
    let drawn = false;
    for (const t of STEPS) { const value = at(t); if (value === value) { context[drawn ? "lineTo" : "moveTo"](x(t), y(value)); drawn = true; } else drawn = false; }
    context.stroke();
  }
  context.setLineDash([]); context.globalAlpha = 1;
  for (const [best, radius] of [[v.best.here, 3], [v.best.all, 4]]) if (best) { context.beginPath(); context.arc(x(best.t), y(best.value), radius, 0, 7); context.fill(); }
  context.strokeStyle = css(ORANGE); context.lineWidth = 2;
  context.beginPath(); context.moveTo(x(v.threshold), 0); context.lineTo(x(v.threshold), h); context.stroke();
}

function listenCurve(v) {
  const canvas = v.root.querySelector(".curve canvas");
  const at = (event, done) => {
    const box = canvas.getBoundingClientRect(), t = Math.round(100 * (event.clientX - box.left) / box.width) / 100;
    setThreshold(v, Math.max(0.01, Math.min(0.99, t)), done);
  };
  canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); at(event, false); };
  canvas.onpointermove = (event) => { if (event.buttons) at(event, false); };
  canvas.onpointerup = (event) => at(event, true);
}
