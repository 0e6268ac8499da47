// @ts-check
// The map (T, T) of self-attention: which tokens each token looks at, one pixel for each pair, drawn larger.

import { argmax } from "../../common/page/layers.js";
import { t } from "../../support/page/language.js";
import { element, exact, find } from "../../support/page/text.js";
import { changeOfMap, nameOf, signOf } from "./shown.js";

/** @import { Vector } from "../../common/page/layers.js" */
/** @import { Read } from "./shown.js" */

const FINE = 1600; // pixels along the side of a map of changes, about: they are hatched
const HATCH = 2; // pixels

/** @type {number[] | null} the colours of the shades as pixels, until the theme changes */
let colours = null;

/**
 * The colours of shades as the page draws them now, in whatever way its style gives them, as pixels.
 * @param {CanvasRenderingContext2D} context
 * @param {string} legend what holds the shades
 */
function shades(context, legend) {
  return [...find(legend).querySelectorAll(".shade")].map((shade) => {
    context.fillStyle = getComputedStyle(shade).backgroundColor;
    context.fillRect(0, 0, 1, 1);
    return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0];
  });
}

/** @param {Read} shown */
export function drawMap(shown) {
  const { tokens, map } = shown;
  find("attention-map").hidden = map === null;
  find("map").classList.toggle("alone", map === null);
  if (map === null) return;
  const labels = () => tokens.map((token) => element("span", {}, element("bdi", {}, signOf(token))));
  find("grid").style.setProperty("--count", String(tokens.length));
  find("columns").replaceChildren(...labels());
  find("rows").replaceChildren(...labels());
  paint(shown);
  const received = new Float32Array(tokens.length);
  for (const a of map) for (let s = 0; s < a.length; s++) received[s] += a[s];
  const most = nameOf(tokens[argmax(received)]);
  const name = t("Attention of {count} tokens to each other; {most} receives the most", { count: tokens.length, most });
  find("canvas").setAttribute("aria-label", shown.isChange ? t("Change of the attention to each other") : name);
}

/** @param {Read} shown */
function paint(shown) {
  const change = shown.isChange && changeOfMap(shown);
  if (change) paintChange(change);
  else if (shown.map) paintMap(shown.map);
}

/**
 * The canvas's pixels, `scale` of them along the side of each of T * T cells.
 * @param {number} T
 * @param {number} scale
 * @param {(context: CanvasRenderingContext2D, pixels: Uint32Array) => void} fill
 */
function paintPixels(T, scale, fill) {
  const canvas = find("canvas", HTMLCanvasElement);
  canvas.width = canvas.height = T * scale;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return;
  const image = context.createImageData(canvas.width, canvas.height);
  fill(context, new Uint32Array(image.data.buffer));
  context.putImageData(image, 0, 0);
}

/** @param {Vector[]} map */
function paintMap(map) {
  const T = map.length;
  const most = map.reduce((largest, a) => a.reduce((x, y) => Math.max(x, y), largest), 0);
  paintPixels(T, 1, (context, pixels) => {
    colours ??= shades(context, "ramp");
    const darkest = (colours.length - 1) / (most || 1);
    for (const [row, a] of map.entries())
      for (let s = 0; s < T; s++) pixels[row * T + s] = colours[Math.round(a[s] * darkest)];
  });
  find("darkest").textContent = exact(most);
}

/** More weight fills a cell, less hatches it: the more opaque, the larger the change. @param {number[][]} change */
function paintChange(change) {
  const T = change.length;
  const scale = Math.max(2, Math.min(8, Math.floor(FINE / T)));
  const most = change.reduce((largest, a) => a.reduce((x, y) => Math.max(x, Math.abs(y)), largest), 0);
  paintPixels(T, scale, (context, pixels) => {
    const [more, less] = shades(context, "change-note").map((colour) => colour & 0xffffff);
    const side = T * scale;
    for (let y = 0; y < side; y++) {
      const a = change[Math.floor(y / scale)];
      for (let x = 0; x < side; x++) {
        const by = a[Math.floor(x / scale)] / (most || 1);
        const isHatched = (x + y) % (2 * HATCH) < HATCH;
        if (by >= 0 || isHatched)
          pixels[y * side + x] = (by < 0 ? less : more) | (Math.round(255 * Math.abs(by)) << 24);
      }
    }
  });
  find("darkest").textContent = `±${exact(most)}`;
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
  const { left, top, width, height } = find("canvas").getBoundingClientRect();
  const count = find("rows").children.length;
  const within = (/** @type {number} */ share) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return { token: within((y - top) / height), key: within((x - left) / width) };
}

/** Draws the map again when the colours change. @param {() => Read | null} shown */
export function startMap(shown) {
  const again = () => {
    colours = null;
    const read = shown();
    if (read) paint(read);
  };
  for (const scheme of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "print"])
    matchMedia(scheme).addEventListener("change", again);
  find("theme").addEventListener("click", again);
}
