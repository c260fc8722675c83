// Pixels by address, fetched and decoded once: those of the last images stay, and those of the next are there already.
const FETCHED = new Map();  // address -> {pixels: a promise, bytes}; the latest used last
const MOST_BYTES = 256e6;

function fetched(url, read) {
  if (!url) return Promise.resolve(null);
  const known = FETCHED.get(url) ?? { pixels: read(url), bytes: 0 };
  FETCHED.delete(url);
  FETCHED.set(url, known);
  known.pixels.then((pixels) => { known.bytes = (pixels.values ?? pixels).byteLength; forget(); }, () => FETCHED.delete(url));
  return known.pixels;
}

function forget() {
  let bytes = 0;
  for (const { bytes: own } of FETCHED.values()) bytes += own;
  for (const [url, { bytes: own }] of FETCHED) {
    if (bytes <= MOST_BYTES) return;
    FETCHED.delete(url);
    bytes -= own;
  }
}

// -> {width, height, values, type, colour}: grey values as they stand in the file, 8 or 16 bits or float.
async function imageValues(url) {
  const [{ width, height, type, colour }, [blob]] = unpack(await (await answer(url)).arrayBuffer());
  const Values = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array }[type];
  return { width, height, type, colour, values: new Values(blob.buffer, blob.byteOffset, width * height) };
}

const pixelsOf = (shown) => Promise.all([
  fetched(shown.image, imageValues), fetched(shown.labels, labelPixels),
  fetched(shown.probability, greyPixels), fetched(shown.other_probability, greyPixels),
]);
