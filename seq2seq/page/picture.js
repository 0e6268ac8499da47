// @ts-check
// A picture of what is shown: the question, its answer, the links between them and the heat map, as they are drawn now.

import {
  asHex,
  block,
  drawing,
  fitted,
  label,
  line,
  looksNow,
  MARGIN,
  pointedText,
  SMALL,
  shape,
  smallText,
  tint,
} from "../../support/page/picture.js";
import { startSaving } from "../../support/page/saving.js";
import { find } from "../../support/page/text.js";
import { cardsBlocks } from "./cards_picture.js";
import { BASELINE, captionBlock, heatBlock, strength, wave } from "./heat_picture.js";
import { COLUMNS, centre, linkPath } from "./links.js";

/** @import { Pen } from "./heat_picture.js" */

const NARROW = 640; // the least width: the texts need it
const NAMES = 40; // width of the characters beside the heat map
const PLAIN = 28; // width of a cell
const NUMBERED = 46; // with its exact weight
const LINKS_TALL = 190;

/** @param {ParentNode} node @param {string} selector */
const each = (node, selector) => /** @type {HTMLElement[]} */ ([...node.querySelectorAll(selector)]);

/** The question and its answer, and which of both the model reads. @param {Pen} pen */
function heading({ width, serif, mono, muted }) {
  const question = fitted(find("asked").textContent ?? "", width / 2, 20, serif);
  const answer = each(find("row-out"), ".glyph").map((glyph) => glyph.textContent);
  const mode = find("mode").querySelector(":checked + span")?.textContent ?? "";
  return block(
    34,
    { "font-size": 20 },
    line(
      MARGIN,
      20,
      shape("tspan", { "font-family": serif, "unicode-bidi": "isolate" }, question),
      shape("tspan", { fill: muted }, "  →  "),
      shape("tspan", { "font-family": mono, "unicode-bidi": "isolate" }, answer.join("")),
      shape("tspan", { fill: muted, "font-size": SMALL }, `    ${mode}`),
    ),
  );
}

/** What the reader has changed. @param {Pen} pen */
function changesBlock({ mono, muted }) {
  const row = find("before").parentElement;
  const name = `${row?.querySelector("th")?.textContent} `;
  return block(
    22,
    { fill: muted, "font-size": 14 },
    line(
      MARGIN,
      14,
      name,
      shape("tspan", { "font-family": mono }, find("before").textContent ?? ""),
      ` · ${find("flipped").textContent}`,
    ),
  );
}

/**
 * A character of either row, above or below the links.
 * @param {HTMLElement} button
 * @param {number} x its middle
 * @param {number} width
 * @param {number} height
 * @param {number} size of the font
 * @param {Pen} pen
 */
function character(button, x, width, height, size, { mark, edge, ink, wrong }) {
  const box = { x: x - width / 2 + 1, y: 1, width: width - 2, height: height - 2, rx: 4 };
  const glyph = /** @type {HTMLElement} */ (button.firstElementChild);
  const parts = [];
  if (strength(button)) parts.push(shape("rect", { ...box, fill: mark, "fill-opacity": tint() * strength(button) }));
  if (button.matches(".pointed"))
    parts.push(shape("rect", { ...box, fill: "none", stroke: mark, "stroke-width": 1.5 }));
  if (button.matches(".changed"))
    parts.push(shape("rect", { ...box, fill: "none", stroke: edge, "stroke-dasharray": "3 2" }));
  if (button.matches(".forced"))
    parts.push(shape("path", { d: `M${box.x} 0h${box.width}`, stroke: ink, "stroke-width": 2, "stroke-dasharray": 2 }));
  const y = height / 2 + BASELINE * size;
  parts.push(label(glyph.textContent, x, y, { fill: asHex(getComputedStyle(glyph).color) }));
  if (button.matches(".wrong")) parts.push(wave(x, y + 5, wrong));
  return parts;
}

/** @param {Pen} pen */
function questionBlock(pen) {
  const { left, column, mono, muted, rule } = pen;
  const at = (/** @type {number} */ place) => left + column * centre.in(place);
  const buttons = each(find("row-in"), "button");
  const above = each(find("row-padding"), "del").map((gone) => {
    const x = at(Number.parseInt(gone.style.gridColumn, 10) - 1);
    return [
      label(gone.textContent, x, 14, { fill: muted, "font-size": SMALL }),
      shape("path", { d: `M${x - 6} 10h12`, stroke: muted }),
    ];
  });
  if (!find("padding").hidden) {
    const from = at(Number.parseInt(find("padding").style.gridColumn, 10) - 1) - column / 2;
    const to = at(buttons.length - 1) + column / 2;
    above.push([
      shape("path", { d: `M${from} 20V2H${to}V20`, fill: "none", stroke: rule }),
      label(find("padding").textContent, from + 5, 14, { fill: muted, "font-size": 11, "text-anchor": "start" }),
    ]);
  }
  const below = buttons.flatMap((button, place) => character(button, at(place), column, 34, 18, pen));
  return block(
    54,
    { "font-family": mono, "text-anchor": "middle" },
    ...above.flat(),
    shape("g", { transform: "translate(0 20)", "font-size": 18 }, ...below),
  );
}

/** @param {Pen} pen */
function linksBlock({ left, column, mark }) {
  const paths = /** @type {SVGElement[]} */ ([...find("links", SVGElement).children]).map((path) =>
    shape("path", {
      d: linkPath(Number(path.dataset.linkIn), Number(path.dataset.linkOut), column, LINKS_TALL),
      "stroke-opacity": strength(path) * (path.matches(".off") ? 0.06 : 1),
      "stroke-width": 0.75 + 5 * strength(path),
    }),
  );
  const lines = shape("g", { transform: `translate(${left} 0)` }, ...paths);
  return block(LINKS_TALL, { fill: "none", stroke: mark, "stroke-linecap": "round" }, lines);
}

/** The answer, and the verdict on each of its characters. @param {Pen} pen */
function answerBlock(pen) {
  const { left, column, mono, right, wrong } = pen;
  const wide = column * (centre.out(1) - centre.out(0));
  const at = (/** @type {number} */ place) => left + column * centre.out(place);
  const written = each(find("row-out"), "button").flatMap((button, place) =>
    character(button, at(place), wide, 42, 24, pen),
  );
  const verdicts = each(find("row-verdict"), "span").map((verdict, place) =>
    shape(
      "g",
      { fill: verdict.matches(".wrong") ? wrong : right },
      label(verdict.firstChild?.textContent ?? "", at(place), 54, { "font-size": SMALL }),
      label(verdict.querySelector("b")?.textContent ?? "", at(place), 74, { "font-size": 16, "font-weight": "bold" }),
    ),
  );
  return block(
    verdicts.some((verdict) => verdict.children[1].textContent) ? 84 : 64,
    { "font-family": mono, "text-anchor": "middle" },
    shape("g", { "font-size": 24 }, ...written),
    ...verdicts,
  );
}

/** @param {Pen} pen */
function measuresBlock({ left, muted, serif }) {
  const measures = each(find("measures"), "div").filter((measure) => !measure.hidden);
  const texts = measures.flatMap((measure, place) => [
    label(measure.querySelector("dt")?.textContent ?? "", left + 150 * place, 28, { fill: muted, "font-size": SMALL }),
    label(measure.querySelector("dd")?.textContent ?? "", left + 150 * place, 50, { "font-family": serif }),
  ]);
  return block(66, { "font-size": 18 }, ...texts);
}

/** The picture of what is shown. */
function drawShown() {
  const column = find("heat").matches(".with-numbers") ? NUMBERED : PLAIN;
  const left = MARGIN + NAMES;
  const width = Math.max(NARROW, left + COLUMNS * column + MARGIN);
  const pen = { ...looksNow(), left, column, width };
  const text = find("asked").textContent ?? "";
  const hasMap = !find("map").matches(".without-map");
  const links = hasMap ? [linksBlock(pen)] : [];
  const map = hasMap ? [captionBlock(pen), heatBlock(pen), measuresBlock(pen)] : [];
  const svg = drawing(width, `${text} → ${find("row-out").textContent}`, pen, [
    heading(pen),
    ...(find("changed").hidden ? [] : [changesBlock(pen)]),
    ...(find("learning").hidden ? [] : [smallText(find("epoch-shown").textContent, width, pen)]),
    ...cardsBlocks(pen),
    questionBlock(pen),
    ...links,
    answerBlock(pen),
    smallText(find("verdict-note").textContent, width, pen),
    ...pointedText(width, pen),
    block(16, {}),
    ...map,
    ...(hasMap ? [] : [smallText(find("no-map").textContent, width, pen), block(16, {})]),
    smallText(find("about").textContent, width, pen),
  ]);
  return { svg, text };
}

export const startPicture = () => startSaving(drawShown);
