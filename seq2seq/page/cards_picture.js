// @ts-check
// Several models side by side in a picture, as they are drawn now.

import { block, fitted, label, line, MARGIN, SMALL, shape } from "../../support/page/picture.js";
import { find } from "../../support/page/text.js";
import { data } from "./data.js";
import { HEAD, SIDE } from "./small_map.js";

/** @import { Block } from "../../support/page/picture.js" */
/** @import { Pen } from "./heat_picture.js" */

const ACROSS = 3; // models beside each other
const GAP = 16;
const TEXTS = 76; // height of what stands above a small map

/** The models side by side, where there are several. @param {Pen} pen @returns {Block[]} */
export function cardsBlocks(pen) {
  if (find("side-by-side").hidden) return [];
  const cards = [...find("cards").children];
  const across = Math.min(ACROSS, cards.length);
  const wide = (pen.width - 2 * MARGIN - GAP * (across - 1)) / across;
  const unit = (wide - 24) / (data.T_enc + SIDE);
  const high = TEXTS + unit * (data.T_dec + HEAD) + 12;
  const drawn = cards.map((card, place) => {
    const [x, y] = [MARGIN + (wide + GAP) * (place % across), (high + GAP) * Math.floor(place / across)];
    return shape("g", { transform: `translate(${x} ${y})` }, ...cardParts(card, wide, high, unit, pen));
  });
  return [block((high + GAP) * Math.ceil(cards.length / across), {}, ...drawn)];
}

/**
 * @param {Element} card
 * @param {number} wide
 * @param {number} high
 * @param {number} unit width of a cell
 * @param {Pen} pen
 */
function cardParts(card, wide, high, unit, { ink, mark, rule, panel, muted, wrong, sans, mono }) {
  const part = (/** @type {string} */ name) => /** @type {Element} */ (card.querySelector(name));
  const isShown = card.querySelector(":checked") !== null;
  const name = fitted(part("bdi").textContent ?? "", wide - 110, 14, sans);
  const isWrong = { fill: wrong, "font-weight": "bold", "text-decoration": "underline" };
  const wrote = [...part(".wrote").children].map((char) =>
    shape("tspan", char.matches("del") ? isWrong : {}, char.textContent ?? ""),
  );
  const map = card.querySelector(".small-map");
  const at = { x: 12, y: TEXTS + 20, "font-size": SMALL, fill: muted };
  const small = { fill: mark, transform: `translate(${12 + SIDE * unit} ${TEXTS + HEAD * unit}) scale(${unit})` };
  return [
    shape("rect", {
      width: wide,
      height: high,
      rx: 8,
      fill: panel,
      stroke: isShown ? mark : rule,
      "stroke-width": isShown ? 2 : 1,
    }),
    line(
      12,
      24,
      shape("tspan", { "font-size": 14, "font-weight": 600 }, name),
      shape("tspan", { "font-size": SMALL, fill: muted }, `  ${part(".at").textContent}`),
    ),
    shape("g", { "font-family": mono, "font-size": 18 }, line(12, 48, ...wrote)),
    label(part(".sure").textContent, 12, 68, { "font-size": SMALL, fill: muted }),
    map
      ? shape("g", small, ...smallParts(map, ink, rule, mono))
      : shape("text", at, fitted(part(".no-map").textContent ?? "", wide - 24, SMALL, sans)),
  ];
}

/**
 * A copy of a small map, whose colours and fonts come from the page's style.
 * @param {Element} map
 * @param {string} ink
 * @param {string} rule
 * @param {string} mono
 */
function smallParts(map, ink, rule, mono) {
  return [...map.children].map((child) => {
    const x = Number(child.getAttribute("x"));
    const y = Number(child.getAttribute("y"));
    if (child.localName === "text")
      return label(child.textContent, x, y + 0.33, {
        "font-family": mono,
        "font-size": 0.95,
        "text-anchor": "middle",
        fill: ink,
      });
    const box = { x, y, width: Number(child.getAttribute("width")), height: Number(child.getAttribute("height")) };
    if (child.matches(".ground")) return shape("rect", { ...box, fill: "none", stroke: rule, "stroke-width": 0.06 });
    return shape("rect", { ...box, "fill-opacity": child.getAttribute("fill-opacity") ?? "1" });
  });
}
