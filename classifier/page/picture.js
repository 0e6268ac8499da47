// @ts-check
// A picture of what is shown: the classes, the tokens as dark as their weights, and their map, as they are drawn now.

import {
  asHex,
  block,
  drawing,
  fitted,
  hatch,
  label,
  line,
  looksNow,
  MARGIN,
  pointedText,
  SMALL,
  shape,
  smallText,
  tint,
  widthOf,
} from "../../support/page/picture.js";
import { startSaving } from "../../support/page/saving.js";
import { find } from "../../support/page/text.js";
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

/** The rows of the classes: with the reader's changes, if there are any. */
const classesShown = () => each(find("changed").hidden ? "#classes tbody tr" : "#outcome-table tbody tr");

/** The class that the model finds. @param {Looks} look */
function heading({ serif, muted }) {
  const best = classesShown().find((row) => row.matches(".best, :has(:last-child.best)"));
  const found = fitted(best?.querySelector("bdi")?.textContent ?? "", WIDTH - 200, 20, serif);
  return block(
    34,
    { "font-size": 20, "font-family": serif },
    line(
      MARGIN,
      20,
      shape("tspan", { fill: muted }, "→  "),
      shape("tspan", { "unicode-bidi": "isolate" }, found),
      shape("tspan", { fill: muted }, `  ${best?.lastElementChild?.textContent}`),
    ),
  );
}

/** The probability of each class, and what it was before the changes. @param {Looks} look */
function classesBlock({ sans, edge, mark, muted, panel, right }) {
  const isChange = !find("changed").hidden;
  const then = find("outcome-table").querySelector("thead th")?.textContent ?? "";
  const rows = classesShown().map((row, place) => {
    const name = fitted(row.querySelector("bdi")?.textContent ?? "", NAME - 100, 14, sans);
    const isRight = row.querySelector(".right")?.textContent ?? "";
    const now = /** @type {HTMLElement} */ (row.lastElementChild);
    const bar = /** @type {HTMLElement} */ (now.querySelector(".share"));
    const box = { x: MARGIN + NAME, y: 3, height: 12 };
    const end = MARGIN + NAME + BAR + 70;
    return shape(
      "g",
      {
        transform: `translate(0 ${ROW * place})`,
        "font-weight": row.matches(".best, :has(:last-child.best)") ? "bold" : "normal",
      },
      line(MARGIN, 14, name, shape("tspan", { fill: right, "font-weight": "normal" }, isRight)),
      shape("rect", { ...box, width: BAR, fill: panel }),
      shape("rect", { class: "share", ...box, width: BAR * share(bar), fill: mark }),
      shape("rect", { ...box, width: BAR, fill: "none", stroke: edge }),
      label(now.textContent, end, 14, { "text-anchor": "end" }),
      label(isChange ? `${then} ${row.children[1].textContent}` : "", end + 16, 14, {
        fill: muted,
        "font-weight": "normal",
      }),
    );
  });
  return block(ROW * rows.length + 8, { "font-size": 14 }, ...rows);
}

/**
 * The tokens in lines, and the links from the one that is pointed at.
 * @param {Looks} look
 */
function wordsBlock(look) {
  const { ink, mark } = look;
  const words = find("words");
  const gap = words.matches(".close") ? 1 : 5;
  const over = words.matches(".linked") ? 30 : 0; // links lie above
  const step = BOX + (over ? 14 : 5);
  let [x, y] = [MARGIN, over];
  /** @type {SVGElement[]} */
  const outlines = [];
  /** @type {{ x: number, y: number }[]} */
  const tops = [];
  const tokens = each("#words .token").map((token) => {
    const { width, parts } = tokenParts(token, look);
    if (x + width > WIDTH - MARGIN) [x, y] = [MARGIN, y + step];
    const outline = { x, y, width, height: BOX, fill: "none", stroke: ink, "stroke-width": 2.5 };
    if (token.matches(".pointed")) outlines.push(shape("rect", outline));
    tops.push({ x: x + width / 2, y });
    const drawn = shape("g", { transform: `translate(${x} ${y})` }, ...parts);
    x += width + gap;
    return drawn;
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
    { "font-size": WORD, lang: words.lang },
    shape("defs", {}, hatch(look)),
    shape("g", { fill: "none", stroke: mark, "stroke-linecap": "round" }, ...links),
    ...tokens,
    ...outlines,
  );
}

/**
 * A token: what stood there before the reader's changes, and what stands there now.
 * @param {HTMLElement} token
 * @param {Looks} look
 */
function tokenParts(token, { sans, mark, muted, edge, rule }) {
  const pad = find("words").matches(".close") ? 4 : 7;
  const most = WIDTH / 2 - MARGIN - 2 * pad;
  const text = fitted(token.querySelector("bdi")?.textContent ?? "", most, WORD, sans);
  const gone = token.querySelector("del");
  const was = gone ? `${fitted(gone.textContent ?? "", most, WORD, sans)} ` : "";
  const sign = token.dataset.sign ?? "";
  const [wasWide, textWide] = [was, text].map((each) => widthOf(each, WORD, sans));
  const width = Math.max(24, wasWide + textWide + 2 * pad + (sign ? 12 : 0));
  const x = (width - (sign ? 12 : 0) - wasWide - textWide) / 2;
  const isChanged = token.matches(".changed");
  const { backgroundColor, color } = getComputedStyle(token);
  const box = { width, height: BOX, rx: find("words").matches(".close") ? 0 : 4 };
  const change = { fill: token.matches(".less") ? "url(#less)" : mark, "fill-opacity": tint() * share(token) };
  const struck = { fill: muted, "text-decoration": "line-through" };
  const parts = [
    shape("rect", { class: "token", ...box, fill: asHex(backgroundColor), stroke: isChanged ? edge : rule }),
    ...(find("words").matches(".change") ? [shape("rect", { ...box, ...change })] : []),
    shape(
      "g",
      { fill: asHex(color) },
      line(x, 21, ...(was ? [shape("tspan", struck, was)] : []), text),
      label(sign, width - 6, 13, { "font-size": SMALL, "text-anchor": "end" }),
    ),
  ];
  if (isChanged) parts[0].setAttribute("stroke-dasharray", "3 2");
  if (token.matches(".unknown")) {
    const dots = { stroke: asHex(color), "stroke-dasharray": 2 };
    parts.push(shape("path", { d: `M${x + wasWide} 25h${textWide}`, ...dots }));
  }
  return { width, parts };
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

/** What each model finds, where there are several. */
const sides = () =>
  each("#side:not([hidden]) .side").map((side) =>
    ["button", ".verdict", ".best .percent", ".note"].map((part) => side.querySelector(part)?.textContent).join("  "),
  );

/** The picture of what is shown. */
function drawShown() {
  const look = looksNow();
  const { value: text } = find("text", HTMLTextAreaElement);
  const notes = ["unknown", "kind-note"].map((id) => find(id).textContent).filter((note) => note);
  const hasMap = !find("attention-map").hidden;
  const width = Math.max(WIDTH, hasMap ? mapWidth(look) : 0);
  const svg = drawing(width, `${text} → ${find("own").textContent}`, look, [
    heading(look),
    classesBlock(look),
    ...(find("changed").hidden ? [] : [smallText(find("flipped").textContent, WIDTH, look)]),
    ...sides().map((side) => smallText(side, WIDTH, look)),
    smallText(find("view-heading").textContent, WIDTH, look),
    wordsBlock(look),
    ...pointedText(WIDTH, look),
    ...notes.map((note) => smallText(note, WIDTH, look)),
    ...(find("legend").hidden ? [] : [block(6, {}), legendBlock(look)]),
    ...(find("change-note").hidden ? [] : [smallText(find("change-note").textContent, WIDTH, look)]),
    ...(hasMap ? [block(12, {}), mapBlock(look)] : []),
    block(10, {}),
    smallText(find("about").textContent, WIDTH, look),
  ]);
  return { svg, text };
}

export const startPicture = () => startSaving(drawShown);
