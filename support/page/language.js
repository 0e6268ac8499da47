// @ts-check
// The language of the page: English, in which its texts are written, or Japanese, from a catalogue of them; at first
// the one that the browser's reader prefers.

/** @typedef {string | [string, Record<string, string | number>]} Phrase  English, or a text for `t` and its values */

const ATTRIBUTES = ["aria-label", "placeholder", "title"];

/** @type {Map<string, string>} Japanese by English */
const japanese = new Map();
/** @type {(() => void)[]} */
const redraws = [];
let language = navigator.languages.map((tag) => tag.split("-")[0]).find((tag) => ["en", "ja"].includes(tag)) ?? "en";

/** Adds to the catalogue. @param {Record<string, string>} texts Japanese by English */
export function addJapanese(texts) {
  for (const [english, text] of Object.entries(texts)) japanese.set(english, text);
}

/**
 * The text in the page's language, with the values at the names in braces.
 * @param {string} english
 * @param {Record<string, string | number>} values
 */
export function t(english, values = {}) {
  const text = language === "ja" ? (japanese.get(english) ?? english) : english;
  return text.replace(/\{(\w+)\}/g, (name, key) => String(values[key] ?? name));
}

/** A phrase that Python wrote, in the page's language. @param {Phrase} phrase */
export const phrased = (phrase) => (typeof phrase === "string" ? t(phrase) : t(...phrase));

/** Calls `redraw` whenever the language changes. @param {() => void} redraw */
export function onLanguage(redraw) {
  redraws.push(redraw);
}

/** The texts and attributes of the page as it was written. */
function staticTexts() {
  const holders = [...document.body.querySelectorAll(":not(script, noscript, #language)")];
  const nodes = holders.flatMap((holder) => [
    ...ATTRIBUTES.flatMap((name) => holder.getAttributeNode(name) ?? []),
    ...[...holder.childNodes].filter((node) => node instanceof Text),
  ]);
  return nodes.map((node) => ({ node, english: node.nodeValue ?? "" }));
}

/**
 * Writes the page in the language that the browser prefers, and lets its button switch; to be called before anything
 * else is drawn.
 * @param {Phrase} title of the window
 */
export function startLanguage(title) {
  const texts = staticTexts();
  const button = /** @type {HTMLElement} */ (document.getElementById("language"));
  const write = () => {
    document.documentElement.lang = language;
    document.title = phrased(title);
    [button.lang, button.textContent] = language === "ja" ? ["en", "English"] : ["ja", "日本語"];
    for (const { node, english } of texts) {
      const text = japanese.get(english.replace(/\s+/g, " ").trim());
      node.nodeValue = language === "ja" ? (text ?? english) : english;
    }
  };
  button.addEventListener("click", () => {
    language = language === "ja" ? "en" : "ja";
    write();
    for (const redraw of redraws) redraw();
  });
  write();
}
