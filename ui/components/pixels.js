// Shared by all components: fetch pixels from our routes, decode them, paint them. Colours: Okabe & Ito, colour-blind safe.
const ORANGE = [230, 159, 0], SKY = [86, 180, 233], GREEN = [0, 158, 115], YELLOW = [240, 228, 66], GREY = [128, 128, 128];
const INVALID = 65535;

async function answer(url, signal) {
  const reply = await fetch(url, { signal });
  if (!reply.ok) throw new Error((await reply.text()).slice(0, 300) || `${reply.status} ${url}`);
  return reply;
}

// An 8-bit grey PNG as {width, height, values: Uint8Array}, without any colour management.
async function greyPixels(url, signal) {
  const blob = await (await answer(url, signal)).blob();
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const colour = context.getImageData(0, 0, width, height).data, values = new Uint8Array(width * height);
  for (let i = 0; i < values.length; i++) values[i] = colour[4 * i];
  return { width, height, values };
}

// A zlib-packed uint16 label map.
async function labelPixels(url, signal) {
  const reply = await answer(url, signal);
  const stream = reply.body.pipeThrough(new DecompressionStream("deflate"));
  return new Uint16Array(await new Response(stream).arrayBuffer());
}

// uint32 header length, JSON header, blobs of header.parts lengths.
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let offset = 4 + length;
  const blobs = header.parts.map((n) => { const blob = new Uint8Array(buffer, offset, n); offset += n; return blob; });
  return [header, blobs];
}

// One pixel for putImageData; every machine that runs a browser is little-endian.
const rgba = ([r, g, b], alpha) => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;

function painted(width, height, fill) {
  const canvas = document.createElement("canvas");
  canvas.width = width; canvas.height = height;
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  context.putImageData(image, 0, 0);
  return canvas;
}

const greyCanvas = (values, width, height) => painted(width, height, (out) => {
  for (let i = 0; i < values.length; i++) out[i] = 0xff000000 | (values[i] * 0x010101);
});

// Calls mark(i) for every pixel of an object that touches another object or the background by an edge.
function eachOutline(ids, width, height, mark) {
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) {
    const id = ids[i];
    if (id && id !== INVALID && ((x && ids[i - 1] !== id) || (x < width - 1 && ids[i + 1] !== id)
      || (y && ids[i - width] !== id) || (y < height - 1 && ids[i + width] !== id))) mark(i);
  }
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node[name] = value;
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}
