// @ts-check
// Pictures of what is shown: shapes and texts of SVG, in the colours and fonts of the page.

import { element, find, visible } from "./text.js";

const LINE = 18; // height of a line of small text
export const SMALL = 12; // its size
export const MARGIN = 24;
const JAPANESE_FONTS = '"Hiragino Sans", "Yu Gothic", "Noto Sans CJK JP", "Noto Sans JP"';

/** @typedef {Record<string, string | number>} Attributes */

/**
 * An element of a picture, or of what is drawn on the page.
 * @param {string} tag
 * @param {Attributes} attributes
 * @param {...(Node | string)} children
 */
export function shape(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes))
    node.setAttribute(name, String(typeof value === "number" ? Math.round(1e4 * value) / 1e4 : value));
  node.append(...children);
  return node;
}

/**
 * A line of text, from a point of its baseline, in parts that look different.
 * @param {number} x
 * @param {number} y
 * @param {...(Node | string)} parts
 */
export const line = (x, y, ...parts) => shape("text", { x, y, "xml:space": "preserve" }, ...parts);

/**
 * A line of text, from a point of its baseline.
 * @param {string | null} text
 * @param {number} x
 * @param {number} y
 * @param {Attributes} attributes
 */
export const label = (text, x, y, attributes = {}) =>
  shape("text", { x, y, "xml:space": "preserve", ...attributes }, visible(text ?? ""));

const ruler = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** A colour as #rrggbb, in whatever way the page's style gives it. @param {string} colour */
export function asHex(colour) {
  if (!ruler) return colour;
  ruler.fillStyle = colour;
  ruler.fillRect(0, 0, 1, 1);
  return hexOf(ruler.getImageData(0, 0, 1, 1).data);
}

/** The colour of a pixel. @param {Iterable<number>} pixel red, green and blue, 0..255 */
export const hexOf = ([red, green, blue]) =>
  `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;

/** The page's colours and fonts, as they are now. */
export function looksNow() {
  const probe = element("span");
  document.body.append(probe);
  const colour = (/** @type {string} */ name) => {
    probe.style.color = `var(--${name})`;
    return asHex(getComputedStyle(probe).color);
  };
  const font = (/** @type {string} */ name) => {
    probe.style.fontFamily = `var(--${name})`;
    return `${getComputedStyle(probe).fontFamily}, ${JAPANESE_FONTS}`;
  };
  const found = {
    paper: colour("paper"),
    panel: colour("panel"),
    ink: colour("ink"),
    muted: colour("muted"),
    rule: colour("rule"),
    edge: colour("edge"),
    pad: colour("pad"),
    mark: colour("mark"),
    wrong: colour("wrong"),
    right: colour("right"),
    mono: font("mono"),
    sans: font("sans"),
    serif: font("serif"),
  };
  probe.remove();
  return found;
}

/** @typedef {ReturnType<typeof looksNow>} Looks */

/**
 * The width of a line of text.
 * @param {string} text
 * @param {number} size of the font
 * @param {string} font
 */
export function widthOf(text, size, font) {
  if (!ruler) return text.length * size;
  ruler.font = `${size}px ${font}`;
  return ruler.measureText(text).width;
}

/**
 * The beginning of a text that fits the width.
 * @param {string} text
 * @param {number} width
 * @param {number} size
 * @param {string} font
 */
export function fitted(text, width, size, font) {
  const whole = [...visible(text)];
  const chars = whole.slice(0, Math.ceil((4 * width) / size)); // hardly any character is thinner than that
  const found = () => chars.join("") + (chars.length < whole.length ? "…" : "");
  while (chars.length && widthOf(found(), size, font) > width) chars.pop();
  return found();
}

/**
 * A small text in as many lines as it takes, broken between its words, which Japanese has no spaces between.
 * @param {string | null} text
 * @param {number} width
 * @param {Looks} look
 */
function smallLines(text, width, { sans }) {
  const lines = [""];
  for (const { segment: word } of new Intl.Segmenter(undefined, { granularity: "word" }).segment(visible(text ?? ""))) {
    const last = lines[lines.length - 1];
    // punctuation stays with the word before it, if that takes no more than a character beyond the margin
    const room = /^[\p{Pe}\p{Pf}\p{Po}]$/u.test(word) ? width + SMALL : width;
    if (widthOf(last + word, SMALL, sans) <= room) lines[lines.length - 1] = last + word;
    else lines.push(fitted(word.trimStart(), width, SMALL, sans));
  }
  return lines;
}

/** The largest share of the mark behind text. */
export const tint = () => Number(getComputedStyle(document.documentElement).getPropertyValue("--tint"));

/** What less weight is drawn with. @param {Looks} look */
export const hatch = ({ wrong }) =>
  shape(
    "pattern",
    { id: "less", width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    shape("rect", { width: 2, height: 4, fill: wrong }),
  );

/** A part of a picture that takes its whole width. @typedef {{ height: number, node: SVGElement }} Block */

/**
 * @param {number} height
 * @param {Attributes} attributes
 * @param {...(Node | string)} children
 * @returns {Block}
 */
export const block = (height, attributes, ...children) => ({ height, node: shape("g", attributes, ...children) });

/**
 * Small text in as many lines as it takes.
 * @param {string | null} text
 * @param {number} width of the picture
 * @param {Looks} look
 */
export function smallText(text, width, look) {
  const lines = smallLines(text, width - 2 * MARGIN, look);
  const labels = lines.map((line, place) => label(line, MARGIN, LINE * place + SMALL));
  return block(LINE * lines.length, { fill: look.muted, "font-size": SMALL }, ...labels);
}

/**
 * What is pointed at, in words, if anything is.
 * @param {number} width of the picture
 * @param {Looks} look
 */
export function pointedText(width, look) {
  const readout = find("readout");
  const text = [...readout.childNodes].map((part) => part.textContent?.trim()).join("  ");
  return readout.querySelector(".chip") ? [smallText(text, width, look)] : [];
}

/**
 * The whole picture: blocks below each other, on the page's background.
 * @param {number} width
 * @param {string} title for those who cannot see it
 * @param {Looks} look
 * @param {Block[]} blocks
 */
export function drawing(width, title, look, blocks) {
  let height = MARGIN;
  for (const { node, height: own } of blocks) {
    node.setAttribute("transform", `translate(0 ${height})`);
    height += own;
  }
  const size = { width: Math.ceil(width), height: Math.ceil(height + MARGIN) };
  const about = { viewBox: `0 0 ${size.width} ${size.height}`, role: "img", lang: document.documentElement.lang };
  return shape(
    "svg",
    { ...size, ...about, "font-family": look.sans, fill: look.ink },
    shape("title", {}, visible(title)),
    shape("rect", { ...size, fill: look.paper }),
    ...blocks.map(({ node }) => node),
  );
}
