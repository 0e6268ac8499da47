// @ts-check
// The columns that both rows share, and the links between their characters.

import { shape } from "../../support/page/picture.js";
import { find } from "../../support/page/text.js";
import { data } from "./data.js";

/** @import { Shown } from "./shown.js" */

const FAINT = 0.002; // links weaker than this are not drawn
const FIT = 34; // columns that fit on a narrow screen

// Both rows share the columns of the longer one; the shorter is set wider and centred.
export const COLUMNS = Math.max(data.T_enc, data.T_dec);
const WIDER = Math.min(COLUMNS / data.T_dec, 1.8);
export const centre = {
  /** @param {number} place */
  in: (place) => (COLUMNS - data.T_enc) / 2 + place + 0.5,
  /** @param {number} place */
  out: (place) => (COLUMNS - data.T_dec * WIDER) / 2 + (place + 0.5) * WIDER,
};

/** Sets how many characters each row holds and its share of the width; rows too long for a finger scroll. */
export function layOut() {
  find("map").classList.toggle("long", COLUMNS > FIT);
  const rows = /** @type {const} */ ([
    ["padding", data.T_enc, 1],
    ["in", data.T_enc, 1],
    ["out", data.T_dec, WIDER],
    ["verdict", data.T_dec, WIDER],
  ]);
  for (const [id, count, wider] of rows) {
    find(`row-${id}`).style.setProperty("--columns", String(count));
    find(`row-${id}`).style.setProperty("--width", `${(100 * count * wider) / COLUMNS}%`);
  }
}

/**
 * The path of a link, in columns of this width and down to this height.
 * @param {number} input
 * @param {number} out
 * @param {number} column
 * @param {number} height
 */
export function linkPath(input, out, column, height) {
  const [x0, x1] = [column * centre.in(input), column * centre.out(out)];
  return `M${x0} 0C${x0} ${(55 * height) / 100} ${x1} ${(45 * height) / 100} ${x1} ${height}`;
}

/** Draws each link as strong as its weight. @param {Shown} shown */
export function drawLinks(shown) {
  const paths = shown.weights.flatMap((a, out) =>
    [...a].flatMap((weight, input) => {
      if (weight < FAINT) return [];
      const path = shape("path", { d: linkPath(input, out, 10, 100), "data-link-in": input, "data-link-out": out });
      path.style.setProperty("--w", weight.toFixed(4));
      return [path];
    }),
  );
  find("links", SVGElement).setAttribute("viewBox", `0 0 ${10 * COLUMNS} 100`);
  find("links", SVGElement).replaceChildren(...paths);
}
