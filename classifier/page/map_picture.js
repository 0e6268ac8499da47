// @ts-check
// The map of self-attention in a picture, as it is drawn now.

import { block, fitted, hexOf, label, MARGIN, SMALL, shape, widthOf } from "../../support/page/picture.js";
import { find } from "../../support/page/text.js";

/** @import { Looks } from "../../support/page/picture.js" */

const CELL = { most: 24, readable: 14 }; // width of a cell, and the one from which labels are easy to read
const MAP = { least: 700, most: 1400 }; // width of a map with cells between, or below both
const LABEL = 96; // the most that a label takes
const SHAPES = 40_000; // cells that are drawn as shapes; more are one image

/** @param {string} id */
const names = (id) => [...find(id).children].map((name) => name.textContent ?? "");

/** The sizes of the map. @param {Looks} look */
function sizes({ sans }) {
  const tokens = names("rows");
  const whole = Math.min(MAP.most, Math.max(MAP.least, CELL.readable * tokens.length));
  const cell = Math.min(CELL.most, whole / tokens.length);
  const size = Math.min(13, 0.85 * cell);
  const texts = tokens.map((token) => fitted(token, LABEL, size, sans));
  const labels = texts.reduce((most, text) => Math.max(most, widthOf(text, size, sans)), 0) + 8;
  return { cell, size, texts, labels, upright: texts.every((text) => [...text].length === 1) };
}

/** @param {Looks} look */
export function mapWidth(look) {
  const { cell, texts, labels } = sizes(look);
  return 2 * MARGIN + labels + cell * texts.length;
}

/** @param {Looks} look */
export function mapBlock(look) {
  const { cell, size, texts, labels, upright } = sizes(look);
  const top = 24 + (upright ? size + 8 : labels);
  const left = MARGIN + labels;
  const whole = cell * texts.length;
  const middle = (/** @type {number} */ place) => cell * (place + 0.5) + 0.36 * size;
  const columns = texts.map((text, place) => {
    if (upright) return label(text, left + cell * (place + 0.5), top - 5, { "text-anchor": "middle" });
    const at = `translate(${left + middle(place)} ${top - 5}) rotate(-90)`;
    return label(text, 0, 0, { transform: at });
  });
  const rows = texts.map((text, place) => label(text, left - 5, top + middle(place), { "text-anchor": "end" }));
  const caption = find("map-caption");
  return block(
    top + whole + 8,
    {},
    label(caption.textContent, MARGIN, 12, { "font-size": SMALL, "font-weight": 600, fill: look.muted }),
    label(caption.nextElementSibling?.textContent ?? "", MARGIN + whole + labels, 12, {
      "font-size": SMALL,
      fill: look.muted,
      "text-anchor": "end",
    }),
    shape("g", { "font-size": size, lang: find("grid").lang }, ...columns, ...rows),
    shape(
      "g",
      { transform: `translate(${left} ${top}) scale(${cell})`, "shape-rendering": "crispEdges" },
      ...cells(texts.length),
    ),
    shape("rect", { x: left, y: top, width: whole, height: whole, fill: "none", stroke: look.rule }),
    ...marks(left, top, cell, whole, look),
  );
}

/**
 * The cells, each one wide: a path for each colour, or an image where they are many, or changes, which are hatched.
 * @param {number} count of tokens
 */
function cells(count) {
  const canvas = find("canvas", HTMLCanvasElement);
  const { width, height } = canvas;
  const all = { width: count, height: count, preserveAspectRatio: "none", "image-rendering": "pixelated" };
  const context = canvas.getContext("2d");
  if (!context || width !== count || width * height > SHAPES)
    return [shape("image", { ...all, href: canvas.toDataURL() })];
  const pixels = context.getImageData(0, 0, width, height).data;
  /** @type {Map<string, string[]>} */
  const paths = new Map();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = hexOf(pixels.subarray(4 * (y * width + x), 4 * (y * width + x) + 3));
      if (!paths.has(colour)) paths.set(colour, []);
      paths.get(colour)?.push(`M${x} ${y}h1v1h-1z`);
    }
  }
  return [...paths].map(([fill, parts]) => shape("path", { class: "cells", fill, d: parts.join("") }));
}

/**
 * The outlines of the row and the column that are pointed at.
 * @param {number} left
 * @param {number} top
 * @param {number} cell
 * @param {number} whole
 * @param {Looks} look
 */
function marks(left, top, cell, whole, { ink }) {
  const place = (/** @type {string} */ id) => cell * Number(find(id).style.getPropertyValue("--place"));
  const look = { fill: "none", stroke: ink, "stroke-width": Math.min(1, cell / 4) };
  const row = { x: left, y: top + place("row-mark"), width: whole, height: cell, ...look };
  const column = { x: left + place("column-mark"), y: top, width: cell, height: whole, ...look };
  return [
    ...(find("row-mark").hidden ? [] : [shape("rect", row)]),
    ...(find("column-mark").hidden ? [] : [shape("rect", column)]),
  ];
}
