// @ts-check
// Text on the page: always inserted as text, never as markup.

import { t } from "./language.js";

/**
 * The element with this id, an HTMLElement unless another class is named.
 * @template {Element} [E=HTMLElement]
 * @param {string} id
 * @param {{ new (): E }} [kind]
 * @returns {E}
 */
export function find(id, kind) {
  const found = /** @type {Element | null} */ (document.getElementById(id));
  if (found instanceof (kind ?? HTMLElement)) return /** @type {E} */ (found);
  throw new Error(`page: expected an ${(kind ?? HTMLElement).name} with the id ${id}, got ${found}`);
}

/**
 * An element with attributes and children; a string becomes a text node.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean>} attributes
 * @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

const SHOWS_NOTHING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const SHORT = new Map([
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\r", "\\r"],
]);

/** The character's code point in hexadecimal. @param {string} char */
export const codeOf = (char) => (char.codePointAt(0) ?? 0).toString(16);

/** @param {string} char */
function escaped(char) {
  const hex = codeOf(char);
  if (hex.length > 4) return `\\U${hex.padStart(8, "0")}`;
  return SHORT.get(char) ?? (hex.length > 2 ? `\\u${hex.padStart(4, "0")}` : `\\x${hex.padStart(2, "0")}`);
}

/**
 * The text, with characters that are invisible or move their neighbours escaped as in Python.
 * @param {string} text
 */
export const visible = (text) => [...text].map((char) => (SHOWS_NOTHING.test(char) ? escaped(char) : char)).join("");

/** One character, for a cell of its own. @param {string} char */
export function glyph(char) {
  if (char === " ") return "␣";
  if (SHOWS_NOTHING.test(char)) return "□";
  return /\p{M}/u.test(char) ? `◌${char}` : char;
}

/** Whether the character is a space to Python; to JavaScript others are. @param {string} char */
export const isSpace = (char) => char !== "\ufeff" && (/\s/u.test(char) || "\x1c\x1d\x1e\x1f\x85".includes(char));

/** A character's name in a sentence. @param {string} char */
export const named = (char) => (char === " " ? t("space") : visible(char));

/**
 * Makes `stop` the only one of the buttons that the tab key reaches; arrow keys reach the others.
 * @param {Iterable<HTMLElement | SVGElement>} buttons
 * @param {EventTarget | null} stop
 */
export function oneStop(buttons, stop) {
  for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
}

let pause = 0;

/** Tells screen readers, once the text has rested for a while rather than at every key. @param {string} text */
export function speak(text) {
  clearTimeout(pause);
  pause = setTimeout(() => {
    find("said").textContent = text;
  }, 600);
}

/** @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(1)}%`;
/** @param {number} weight */
export const exact = (weight) => weight.toFixed(4);
/**
 * A number with so many decimals, its minus as wide as a plus.
 * @param {number} value
 * @param {number} decimals
 */
export const rounded = (value, decimals) => value.toFixed(decimals).replace("-", "−");
/** A change, with its sign. @param {number} change */
export const signed = (change) => (change < 0 ? "−" : "+") + exact(Math.abs(change));
/** @param {number} count */
export const number = (count) => count.toLocaleString(document.documentElement.lang);
