// Texts on the page: always as text, never as markup.

export const find = (id) => document.getElementById(id);

/** An element with attributes and children; a string becomes a text node. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const SHOWS_NOTHING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const SHORT = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function escaped(char) {
  const hex = char.codePointAt(0).toString(16);
  if (char in SHORT) return SHORT[char];
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** The text, with characters that show nothing, or move what stands beside them, escaped as in Python. */
export const visible = (text) => [...text].map((char) => (SHOWS_NOTHING.test(char) ? escaped(char) : char)).join("");

/** One character for a cell of its own. */
export function glyph(char) {
  if (char === " ") return "␣";
  if (SHOWS_NOTHING.test(char)) return "□";
  return /\p{M}/u.test(char) ? `◌${char}` : char;
}

/** A character as it is spoken of. */
export const named = (char) => (char === " " ? "space" : visible(char));

/** The one of the buttons to which the tab key leads; arrow keys lead to the others. */
export function oneStop(buttons, stop) {
  for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
}

let pause = 0;

/** To screen readers, once nothing has changed for a while: not at every key. */
export function speak(text) {
  clearTimeout(pause);
  pause = setTimeout(() => {
    find("said").textContent = text;
  }, 600);
}

export const percent = (share) => `${(100 * share).toFixed(1)}%`;
export const exact = (weight) => weight.toFixed(4);
export const number = (count) => count.toLocaleString("en");
