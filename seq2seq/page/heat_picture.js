// @ts-check
// The heat map in a picture, as it is drawn now.

import { asHex, block, hatch, label, MARGIN, SMALL, shape, tint } from "../../support/page/picture.js";
import { find } from "../../support/page/text.js";

/** @import { Looks } from "../../support/page/picture.js" */
/**
 * What a picture is drawn with. left: where the columns begin; column: their width.
 * @typedef {Looks & { left: number, column: number, width: number }} Pen
 */

const TALL = 28; // height of a cell
export const BASELINE = 0.36; // of text, below its middle, in sizes of the font

/** How strongly the page draws an element, 0..1. @param {HTMLElement | SVGElement} node */
export const strength = (node) => Number(node.style.getPropertyValue("--w"));

/**
 * The line under a wrong character.
 * @param {number} x its middle
 * @param {number} y
 * @param {string} stroke
 */
export const wave = (x, y, stroke) =>
  shape("path", { d: `M${x - 8} ${y}q2 -3 4 0t4 0t4 0t4 0`, fill: "none", stroke, "stroke-width": 1.5 });

/** What the heat map shows, and its shades. @param {Pen} pen */
export function captionBlock({ left, width, mark, muted, rule }) {
  const change = find("heat").matches(".change");
  const strongest = find("heat").matches(".change, .with-numbers") ? tint() : 1;
  const steps = Array.from({ length: 11 }, (_, k) => (change ? k / 5 - 1 : k / 10));
  const end = width - MARGIN - 24;
  const shades = steps.map((step, k) => {
    const box = { x: end - 14 * (steps.length - k), y: 2, width: 14, height: 12 };
    return shape("rect", { ...box, fill: step < 0 ? "url(#less)" : mark, "fill-opacity": strongest * Math.abs(step) });
  });
  return block(
    26,
    { "font-size": SMALL, fill: muted },
    label(find("heat-contents").textContent, left, 12, { "font-weight": 600 }),
    label(change ? "−1" : "0", end - 14 * steps.length - 6, 12, { "text-anchor": "end" }),
    ...shades,
    shape("rect", {
      x: end - 14 * steps.length,
      y: 2,
      width: 14 * steps.length,
      height: 12,
      fill: "none",
      stroke: rule,
    }),
    label(change ? "+1" : "1", end + 6, 12),
  );
}

/** @param {Pen} pen */
export function heatBlock(pen) {
  const { left, column, mark, rule, mono } = pen;
  const table = find("heat", HTMLTableElement);
  const [[, ...head], ...rows] = [...table.rows].map((row) => [...row.cells]);
  const strongest = table.matches(".change, .with-numbers") ? tint() : 1;
  const numbers = table.matches(".with-numbers");
  const [right, bottom] = [left + head.length * column, TALL * (rows.length + 1)];
  const names = [
    ...head.map((name, place) => heatName(name, left + column * (place + 0.5), 0, column, pen)),
    ...rows.map(([name], place) => heatName(name, left - 16, TALL * (place + 1), 24, pen)),
  ];
  /** @type {SVGElement[]} */
  const behind = [];
  /** @type {SVGElement[]} */
  const shades = [];
  /** @type {SVGElement[]} */
  const texts = [];
  for (const [out, [, ...cells]] of rows.entries()) {
    for (const [input, cell] of cells.entries()) {
      const [x, y] = [left + column * input, TALL * (out + 1)];
      const box = { x: x + 0.5, y: y + 0.5, width: column - 1, height: TALL - 1 };
      behind.push(shape("rect", { ...box, fill: cell.matches(".padding") ? pen.pad : pen.panel }));
      const fill = cell.matches(".less") ? "url(#less)" : mark;
      shades.push(shape("rect", { class: "cell", ...box, "fill-opacity": strongest * strength(cell), fill }));
      const text = numbers ? cell.textContent : cell.dataset.sign;
      const size = numbers ? 10.5 : 15;
      if (text) texts.push(label(text, x + column / 2, y + TALL / 2 + BASELINE * size, { "font-size": size }));
    }
  }
  const lines = [...head, 0].map((_, place) => `M${left + column * place} ${TALL}V${bottom}`);
  lines.push(...[...rows, 0].map((_, place) => `M${left} ${TALL * (place + 1)}H${right}`));
  return block(
    bottom,
    { "font-family": mono, "text-anchor": "middle" },
    shape("defs", {}, hatch(pen)),
    ...names,
    ...behind,
    ...shades,
    shape("path", { d: lines.join(""), stroke: rule }),
    ...texts,
    ...crossed(head, rows, pen),
  );
}

/**
 * A character at the edge of the heat map.
 * @param {HTMLElement} name
 * @param {number} x its middle
 * @param {number} y
 * @param {number} width
 * @param {Pen} pen
 */
function heatName(name, x, y, width, { edge, ink, wrong }) {
  const box = { x: x - width / 2 + 1, y: y + 3, width: width - 2, height: TALL - 6 };
  const style = getComputedStyle(name);
  const parts = [];
  if (name.matches(".across, .down")) parts.push(shape("rect", { ...box, fill: ink }));
  if (name.matches(".changed"))
    parts.push(shape("rect", { ...box, fill: "none", stroke: edge, "stroke-dasharray": "3 2" }));
  parts.push(label(name.textContent, x, y + TALL / 2 + BASELINE * 15, { "font-size": 15, fill: asHex(style.color) }));
  if (name.matches(".wrong")) parts.push(wave(x, y + TALL / 2 + 10, wrong));
  return shape("g", {}, ...parts);
}

/**
 * The outlines of the row and the column that are pointed at.
 * @param {HTMLElement[]} head
 * @param {HTMLElement[][]} rows
 * @param {Pen} pen
 */
function crossed(head, rows, { left, column, edge }) {
  const down = head.findIndex((name) => name.matches(".down"));
  const across = rows.findIndex(([name]) => name.matches(".across"));
  const look = { fill: "none", stroke: edge, "stroke-width": 2 };
  const width = head.length * column;
  const height = rows.length * TALL;
  return [
    ...(down < 0 ? [] : [shape("rect", { x: left + column * down, y: TALL, width: column, height, ...look })]),
    ...(across < 0 ? [] : [shape("rect", { x: left, y: TALL * (across + 1), width, height: TALL, ...look })]),
  ];
}
