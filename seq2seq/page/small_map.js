// @ts-check
// The attention map of one of several models, small: drawn as SVG, whose colours follow the theme.

import { shape } from "../../support/page/picture.js";
import { glyph } from "../../support/page/text.js";
import { data } from "./data.js";
import { signOf } from "./shown.js";

/** @import { Shown } from "./shown.js" */

const FAINTEST = 0.01; // weights below this are not drawn
export const HEAD = 1.25; // the height of the question above it, in rows
export const SIDE = 1.25; // and the width of the answer beside it, in columns

/** A picture without a map yet. @param {string} label what it shows */
export function smallMap(label) {
  const [width, height] = [data.T_enc + SIDE, data.T_dec + HEAD];
  const svg = shape("svg", { class: "small-map", role: "img", viewBox: `${-SIDE} ${-HEAD} ${width} ${height}` });
  svg.setAttribute("aria-label", label);
  return svg;
}

/**
 * Draws one row per character of the answer, one column per character of the question.
 * @param {Element} svg
 * @param {Shown} shown
 */
export function drawSmallMap(svg, shown) {
  const cells = shown.weights.flatMap((a, out) =>
    [...a].flatMap((weight, input) => {
      if (weight < FAINTEST) return [];
      const cell = shape("rect", { x: input, y: out, width: 1, height: 1 });
      cell.setAttribute("fill-opacity", weight.toFixed(3));
      return [cell];
    }),
  );
  const question = shown.input.map((_, input) => shape("text", { x: input + 0.5, y: -HEAD / 2 }, signOf(shown, input)));
  const answer = shown.written.map((char, out) => shape("text", { x: -SIDE / 2, y: out + 0.5 }, glyph(char)));
  const ground = shape("rect", { class: "ground", width: data.T_enc, height: data.T_dec });
  svg.replaceChildren(ground, ...cells, ...question, ...answer);
}
