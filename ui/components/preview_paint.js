// Painting of samples: grey values and marks through one table of colours; arrows above; one camera for all pictures.
const INSIDE = 1, OUTLINE = 2, OUTSIDE = 4, GRID = 8, FOLDED = 16;  // bits of a mark, as in ui/preview.py
const OUTLINES = [[0, 224, 150], GREEN];  // one pixel wide: lighter on dark pixels than on light ones
const VERMILION = [213, 94, 0];
const PALETTES = new Map();

const grey = (g) => [g, g, g];
const blend = (a, b, share) => a.map((value, i) => Math.round(value * (1 - share) + b[i] * share));

const COLOURS = {
  picture: (g, m) => (m & OUTSIDE ? grey(g >> 1) : grey(g)),  // never trained on: darker
  outlined: (g, m) => (m & OUTLINE ? OUTLINES[+(g >= 128)] : COLOURS.picture(g, m)),
  mask: (g, m) => {
    const colour = m & OUTLINE ? GREEN : m & INSIDE ? grey(235) : grey(20);
    return m & OUTSIDE ? blend(colour, grey(110), 0.65) : colour;
  },
  field: (g, m) => {
    const base = grey(Math.round((m & OUTSIDE ? g >> 1 : g) * 0.6 + 20));
    if (m & FOLDED) return m & GRID ? [255, 150, 60] : blend(base, VERMILION, 0.75);
    return m & GRID ? SKY : base;
  },
};

function palette(name) {
  if (!PALETTES.has(name)) {
    const table = new Uint32Array(32 * 256);
    for (let m = 0; m < 32; m++) for (let g = 0; g < 256; g++) table[(m << 8) | g] = rgba(COLOURS[name](g, m), 255);
    PALETTES.set(name, table);
  }
  return PALETTES.get(name);
}

const PAINTED = new WeakMap();  // canvas -> {what, image}: what it shows, and memory that is filled again

// A canvas that shows `layer` in this colouring already is left alone.
function paintLayer(canvas, layer, colouring) {
  const { width, height } = layer, what = `${layer.token} ${colouring}`;
  let kept = PAINTED.get(canvas);
  if (kept?.what === what) return;
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; kept = null; }
  const context = canvas.getContext("2d", { alpha: false });
  const image = kept?.image ?? context.createImageData(width, height);
  const out = kept?.out ?? new Uint32Array(image.data.buffer), table = palette(colouring), { grey, marks } = layer;
  for (let k = 0; k < out.length; k++) out[k] = table[(marks[k] << 8) | grey[k]];
  context.putImageData(image, 0, 0);
  PAINTED.set(canvas, { what, image, out });
}

// Arrows [row, col, down, right] in px of a picture `width` px wide, drawn `times` as long as they are, at the screen's
// own resolution on a canvas that lies over it.
function paintArrows(canvas, arrows, width, times) {
  const what = `${arrows.length} ${times}`, side = canvas.clientWidth * devicePixelRatio, kept = PAINTED.get(canvas);
  if (kept?.arrows === arrows && kept.what === what && canvas.width === Math.round(side)) return;
  PAINTED.set(canvas, { arrows, what });
  canvas.width = Math.round(side); canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (!arrows.length) return;
  const context = canvas.getContext("2d"), scale = side / width, head = 4 * devicePixelRatio;
  context.strokeStyle = `rgb(${YELLOW})`; context.lineWidth = 1.3 * devicePixelRatio;
  context.beginPath();
  for (const [row, col, down, right] of arrows) {
    const dy = down * times * scale, dx = right * times * scale, length = Math.hypot(dx, dy);
    if (length < devicePixelRatio) continue;
    const top = row * scale, left = col * scale, y = top + dy, x = left + dx, share = Math.min(head, length / 2) / length;
    const uy = dy * share, ux = dx * share;
    context.moveTo(left, top); context.lineTo(x, y);
    context.moveTo(x - ux - uy * 0.6, y - uy + ux * 0.6); context.lineTo(x, y); context.lineTo(x - ux + uy * 0.6, y - uy - ux * 0.6);
  }
  context.stroke();
}

// ---- one camera {scale, x, y} for all frames of a root; x, y: left and top of what is seen, as a share of the picture

function aim(camera, frames) {
  const most = 1 - 1 / camera.scale;
  camera.x = Math.min(most, Math.max(0, camera.x)); camera.y = Math.min(most, Math.max(0, camera.y));
  for (const frame of frames) {
    const [canvas, over] = frame.children;
    canvas.style.transform = over.style.transform = camera.scale === 1 ? "" : `scale(${camera.scale}) translate(${-100 * camera.x}%, ${-100 * camera.y}%)`;
    // pixels stay square where they are enlarged; where the picture is made smaller, thin lines would come and go
    canvas.classList.toggle("enlarged", frame.clientWidth * camera.scale * devicePixelRatio >= canvas.width);
  }
}

function zoomAt(camera, factor, x = 0.5, y = 0.5) {  // (x, y): the point that stays, as a share of the frame
  const scale = Math.min(32, Math.max(1, camera.scale * factor));
  camera.x += x / camera.scale - x / scale; camera.y += y / camera.scale - y / scale;
  camera.scale = scale;
}

// Wheel and drag on a frame move all of them; `moved` is called after each.
function steer(frame, camera, active, moved) {
  let held = null;
  frame.addEventListener("wheel", (event) => {
    if (!active()) return;
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    zoomAt(camera, Math.exp(-event.deltaY / 400), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    moved();
  }, { passive: false });
  frame.onpointerdown = (event) => { if (active() && camera.scale > 1) { held = [event.clientX, event.clientY]; frame.setPointerCapture(event.pointerId); } };
  frame.onpointerup = frame.onpointercancel = () => { held = null; };
  frame.onpointermove = (event) => {
    if (!held) return;
    camera.x -= (event.clientX - held[0]) / frame.clientWidth / camera.scale;
    camera.y -= (event.clientY - held[1]) / frame.clientHeight / camera.scale;
    held = [event.clientX, event.clientY];
    moved();
  };
}
