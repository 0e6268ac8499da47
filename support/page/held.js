// @ts-check
// What the page holds: data, and arrays by name.

/** @param {string} id */
export const held = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "");

/** Base64 of little-endian float32, the order of every machine that runs a browser. @param {string} base64 */
function floats(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return new Float32Array(bytes.buffer);
}

/** @typedef {Record<string, { shape: number[], values: Float32Array<ArrayBuffer> }>} Params  named as in a model file */

/** The weights. @returns {Params} */
export function heldWeights() {
  /** @type {Record<string, { shape: number[], base64: string }>} */
  const weights = held("weights");
  return Object.fromEntries(
    Object.entries(weights).map(([name, { shape, base64 }]) => [name, { shape, values: floats(base64) }]),
  );
}
