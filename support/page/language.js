// @ts-check
// The language of the page: English, in which its texts are written, or another one, from a catalogue of them.

/** @type {Map<string, string>} Japanese by English */
const japanese = new Map();

/** Adds to the catalogue. @param {Record<string, string>} texts Japanese by English */
export function addJapanese(texts) {
  for (const [english, text] of Object.entries(texts)) japanese.set(english, text);
}

/** @type {"en" | "ja"} */
const language = "en";

/**
 * The text in the page's language, with the values at the names in braces.
 * @param {string} english
 * @param {Record<string, string | number>} values
 */
export function t(english, values = {}) {
  const text = (language === "ja" && japanese.get(english)) || english;
  return text.replace(/\{(\w+)\}/g, (name, key) => String(values[key] ?? name));
}
