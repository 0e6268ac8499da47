// @ts-check
// The attention map of one of several models, small: drawn as SVG, whose colours follow the theme.

import { glyph } from "../../support/page/text.js";
import { data } from "./data.js";
import { signOf } from "./shown.js";

/** @import { Shown } from "./shown.js" */

const FAINTEST = 0.01; // weights below this are not drawn
const HEAD = 1.25; // the height of the question above it, in rows
const SIDE = 1.25; // and the width of the answer beside it, in columns

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
function shape(name, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.textContent = text;
  return node;
}

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
