// @ts-check
// What the page holds: data, and arrays by name.

/** @param {string} id */
export const held = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "");

/** The bytes that base64 stands for. @param {string} base64 */
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return bytes.buffer;
}

/** The number that sixteen bits stand for: a sign, 5 bits of exponent, 10 of fraction. @param {number} bits */
function half(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
}

/** @typedef {Record<string, { shape: number[], values: Float32Array<ArrayBuffer> }>} Params  named as in a model file */
/**
 * What support/packed_weights.py writes; scales: of the rows of int8. Numbers are little-endian, the order of every
 * machine that runs a browser.
 * @typedef {{ shape: number[], type: string, base64: string, scales?: string }} Packed
 */

/** @param {Packed} packed */
function unpacked({ shape, type, base64, scales }) {
  const bytes = bytesOf(base64);
  if (type === "float32") return new Float32Array(bytes);
  if (type === "float16") return Float32Array.from(new Uint16Array(bytes), half);
  const values = Float32Array.from(new Int8Array(bytes));
  const length = values.length / shape[0];
  for (const [row, scale] of new Float32Array(bytesOf(scales ?? "")).entries())
    for (let k = row * length; k < (row + 1) * length; k++) values[k] *= scale;
  return values;
}

/** @type {Record<string, Packed> | null} */
let packedWeights = null;

/**
 * The weights whose names begin with the prefix, under the rest of their names.
 * @param {string} prefix
 * @returns {Params}
 */
export function heldWeights(prefix = "") {
  packedWeights ??= /** @type {Record<string, Packed>} */ (held("weights"));
  const mine = Object.entries(packedWeights).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(
    mine.map(([name, packed]) => [name.slice(prefix.length), { shape: packed.shape, values: unpacked(packed) }]),
  );
}
