// @ts-check
// The map (T, T) of self-attention: which tokens each token looks at, one pixel for each pair, drawn larger.

import { argmax } from "../../common/page/layers.js";
import { t } from "../../support/page/language.js";
import { element, exact, find, visible } from "../../support/page/text.js";
import { data } from "./data.js";

/** @import { Read } from "./words.js" */

/** @type {number[] | null} the colours of the shades as pixels, until the theme changes */
let colours = null;

/**
 * The colours of the shades as the page draws them now, in whatever way its style gives them, as pixels.
 * @param {CanvasRenderingContext2D} context
 */
function shades(context) {
  return [...find("ramp").children].map((shade) => {
    context.fillStyle = getComputedStyle(shade).backgroundColor;
    context.fillRect(0, 0, 1, 1);
    return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0];
  });
}

/** @param {Read} shown */
export function drawMap({ tokens, map }) {
  find("attention-map").hidden = map === null;
  find("map").classList.toggle("alone", map === null);
  if (map === null) return;
  const labels = () => tokens.map((token) => element("span", {}, element("bdi", {}, visible(token))));
  find("grid").style.setProperty("--count", String(tokens.length));
  find("columns").replaceChildren(...labels());
  find("rows").replaceChildren(...labels());
  paint(map);
  const received = new Float32Array(tokens.length);
  for (const a of map) for (let s = 0; s < a.length; s++) received[s] += a[s];
  const most = visible(tokens[argmax(received)]);
  const name = t("Attention of {count} tokens to each other; {most} receives the most", { count: tokens.length, most });
  find("canvas").setAttribute("aria-label", name);
}

/** @param {NonNullable<Read["map"]>} map */
function paint(map) {
  const canvas = find("canvas", HTMLCanvasElement);
  const T = map.length;
  canvas.width = T;
  canvas.height = T;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return;
  colours ??= shades(context);
  const image = context.createImageData(T, T);
  const most = map.reduce((largest, a) => a.reduce((x, y) => Math.max(x, y), largest), 0);
  const pixels = new Uint32Array(image.data.buffer);
  const darkest = (colours.length - 1) / (most || 1);
  for (const [t, a] of map.entries())
    for (let s = 0; s < T; s++) pixels[t * T + s] = colours[Math.round(a[s] * darkest)];
  context.putImageData(image, 0, 0);
  find("darkest").textContent = exact(most);
}

/**
 * Marks the row and the column that are pointed at.
 * @param {{ token: number, key?: number } | null} at
 */
export function markMap(at) {
  for (const [id, place] of /** @type {const} */ ([
    ["row", at?.token],
    ["column", at?.key],
  ])) {
    find(`${id}-mark`).hidden = place === undefined;
    find(`${id}-mark`).style.setProperty("--place", String(place ?? 0));
    for (const [label, span] of [...find(`${id}s`).children].entries())
      span.classList.toggle("pointed", label === place);
  }
}

/**
 * The cell at a point of the window.
 * @param {number} x
 * @param {number} y
 */
export function cellAt(x, y) {
  const canvas = find("canvas", HTMLCanvasElement);
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const within = (/** @type {number} */ share) =>
    Math.min(canvas.width - 1, Math.max(0, Math.floor(share * canvas.width)));
  return { token: within((y - top) / height), key: within((x - left) / width) };
}

/** Draws the map again when the colours change. @param {() => Read | null} shown */
export function startMap(shown) {
  find("grid").setAttribute("lang", data.lang);
  find("grid").classList.toggle("close", data.lang !== "en");
  const again = () => {
    colours = null;
    const map = shown()?.map;
    if (map) paint(map);
  };
  for (const scheme of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "print"])
    matchMedia(scheme).addEventListener("change", again);
  find("theme").addEventListener("click", again);
}
