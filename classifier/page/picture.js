// @ts-check
// A picture of what is shown: the classes, the tokens as dark as their weights, and their map, as they are drawn now.

import {
  asHex,
  block,
  drawing,
  fitted,
  label,
  line,
  looks,
  MARGIN,
  pointedText,
  SMALL,
  shape,
  smallText,
  widthOf,
} from "../../support/page/picture.js";
import { startSaving } from "../../support/page/saving.js";
import { find } from "../../support/page/text.js";
import { data } from "./data.js";
import { mapBlock, mapWidth } from "./map_picture.js";
import { wordLinkPath } from "./words.js";

/** @import { Looks } from "../../support/page/picture.js" */

const WIDTH = 960;
const NAME = 300; // width of a class's name
const BAR = 400; // width of a full bar
const ROW = 26; // height of a class
const WORD = 16; // size of a token
const BOX = 30; // height of a token

/** @param {string} selector */
const each = (selector) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);

/** @param {HTMLElement | SVGElement} node */
const share = (node) => Number(node.style.getPropertyValue("--w"));

/** The class that the model finds. @param {Looks} look */
function heading({ serif, muted }) {
  const found = fitted(find("own").textContent ?? "", WIDTH - 200, 20, serif);
  const best = document.querySelector("#classes .best .percent")?.textContent ?? "";
  return block(
    34,
    { "font-size": 20, "font-family": serif },
    line(
      MARGIN,
      20,
      shape("tspan", { fill: muted }, "→  "),
      shape("tspan", { "unicode-bidi": "isolate" }, found),
      shape("tspan", { fill: muted }, `  ${best}`),
    ),
  );
}

/** The probability of each class. @param {Looks} look */
function classesBlock({ sans, edge, mark, panel, right }) {
  const rows = each("#classes tbody tr").map((row, place) => {
    const name = fitted(row.querySelector("bdi")?.textContent ?? "", NAME - 100, 14, sans);
    const isRight = row.querySelector(".right")?.textContent ?? "";
    const bar = /** @type {HTMLElement} */ (row.querySelector(".share"));
    const box = { x: MARGIN + NAME, y: 3, height: 12 };
    return shape(
      "g",
      { transform: `translate(0 ${ROW * place})`, "font-weight": row.matches(".best") ? "bold" : "normal" },
      line(MARGIN, 14, name, shape("tspan", { fill: right, "font-weight": "normal" }, isRight)),
      shape("rect", { ...box, width: BAR, fill: panel }),
      shape("rect", { class: "share", ...box, width: BAR * share(bar), fill: mark }),
      shape("rect", { ...box, width: BAR, fill: "none", stroke: edge }),
      label(row.querySelector(".percent")?.textContent ?? "", MARGIN + NAME + BAR + 70, 14, { "text-anchor": "end" }),
    );
  });
  return block(ROW * rows.length + 8, { "font-size": 14 }, ...rows);
}

/**
 * The tokens in lines, and the links from the one that is pointed at.
 * @param {Looks} look
 */
function wordsBlock({ sans, ink, mark, rule }) {
  const close = find("words").matches(".close");
  const [pad, gap] = close ? [4, 1] : [7, 5];
  const over = find("words").matches(".linked") ? 30 : 0; // links lie above
  const step = BOX + (over ? 14 : 5);
  let [x, y] = [MARGIN, over];
  /** @type {SVGElement[]} */
  const outlines = [];
  /** @type {{ x: number, y: number }[]} */
  const tops = [];
  const tokens = each("#words .token").map((token) => {
    const text = fitted(token.textContent ?? "", WIDTH - 2 * MARGIN - 2 * pad, WORD, sans);
    const inside = widthOf(text, WORD, sans);
    const width = Math.max(24, inside + 2 * pad);
    if (x + width > WIDTH - MARGIN) [x, y] = [MARGIN, y + step];
    const box = { x, y, width, height: BOX, rx: close ? 0 : 4 };
    const middle = x + width / 2;
    x += width + gap;
    const { backgroundColor, color } = getComputedStyle(token);
    const parts = [
      shape("rect", { class: "token", ...box, fill: asHex(backgroundColor), stroke: rule }),
      label(text, middle, y + 21, { fill: asHex(color) }),
    ];
    if (token.matches(".unknown"))
      parts.push(
        shape("path", {
          d: `M${middle - inside / 2} ${y + 25}h${inside}`,
          stroke: asHex(color),
          "stroke-dasharray": 2,
        }),
      );
    if (token.matches(".pointed"))
      outlines.push(shape("rect", { ...box, fill: "none", stroke: ink, "stroke-width": 2.5 }));
    tops.push({ x: middle, y });
    return shape("g", {}, ...parts);
  });
  const from = tops[each("#words .token").findIndex((token) => token.matches(".pointed"))];
  const links = /** @type {SVGElement[]} */ ([...find("links", SVGElement).children]).map((link) =>
    shape("path", {
      d: wordLinkPath(from, tops[Number(link.dataset.to)]),
      "stroke-opacity": 0.25 + 0.75 * share(link),
      "stroke-width": 0.75 + 2.5 * share(link),
    }),
  );
  return block(
    y + BOX + 14,
    { "font-size": WORD, "text-anchor": "middle", lang: data.lang },
    ...tokens,
    ...outlines,
    shape("g", { fill: "none", stroke: mark, "stroke-linecap": "round" }, ...links),
  );
}

/** What the shades mean. @param {Looks} look */
function legendBlock({ sans, muted, edge }) {
  const [low, high] = each("#legend > span:not(#ramp)").map((end) => end.textContent ?? "");
  const x = MARGIN + widthOf(low, SMALL, sans) + 10;
  const shades = each("#ramp span").map((shade, k) =>
    shape("rect", { x: x + 16 * k, y: 2, width: 16, height: 12, fill: asHex(getComputedStyle(shade).backgroundColor) }),
  );
  const width = 16 * shades.length;
  return block(
    28,
    { "font-size": SMALL, fill: muted },
    label(low, MARGIN, 12),
    ...shades,
    shape("rect", { x, y: 2, width, height: 12, fill: "none", stroke: edge }),
    label(high, x + width + 10, 12),
  );
}

/** The picture of what is shown. */
function drawShown() {
  const look = looks();
  const { value: text } = find("text", HTMLTextAreaElement);
  const notes = ["unknown", "kind-note"].map((id) => find(id).textContent).filter((note) => note);
  const hasMap = !find("attention-map").hidden;
  const width = Math.max(WIDTH, hasMap ? mapWidth(look) : 0);
  const svg = drawing(width, `${text} → ${find("own").textContent}`, look, [
    heading(look),
    classesBlock(look),
    wordsBlock(look),
    ...pointedText(WIDTH, look),
    ...notes.map((note) => smallText(note, WIDTH, look)),
    ...(find("legend").hidden ? [] : [block(6, {}), legendBlock(look)]),
    ...(hasMap ? [block(12, {}), mapBlock(look)] : []),
    block(10, {}),
    smallText(find("about").textContent, WIDTH, look),
  ]);
  return { svg, text };
}

export const startPicture = () => startSaving(drawShown);
