// @ts-check
// The tokens of a text, each as dark as its weight, and the links from the one that is pointed at.

import { t } from "../../support/page/language.js";
import { shape } from "../../support/page/picture.js";
import { element, exact, find, oneStop, visible } from "../../support/page/text.js";
import { isUnknown, reader } from "./data.js";
import { changeOfWeights, nameOf, replacedAt, shownChange, signOf } from "./shown.js";
import { numbers, shadeOf, signedNumbers, tokenTable } from "./table.js";

/** @import { Vector } from "../../common/page/layers.js" */
/** @import { Read } from "./shown.js" */

const LINKS = 12; // drawn from one token, the strongest
const FAINT = 0.1; // of the strongest link: weaker ones are not drawn
const SIGNED = 0.1; // of the largest change: one from here on shows its sign

/**
 * The places that a token looked at most, the strongest first; without sorting all of them.
 * @param {Vector} a
 * @param {number} count
 */
function strongest(a, count) {
  /** @type {{ weight: number, place: number }[]} */
  const found = [];
  for (const [place, weight] of a.entries()) {
    if (found.length === count && weight <= found[count - 1].weight) continue;
    const after = found.findIndex((other) => other.weight < weight);
    found.splice(after < 0 ? found.length : after, 0, { weight, place });
    found.length = Math.min(found.length, count);
  }
  return found;
}

/**
 * Draws the tokens, which `shadeWords` shades, into the buttons that are there, which keep the focus.
 * @param {Read} shown
 */
export function drawWords(shown) {
  const { tokens, rows, map } = shown;
  const weights = rows && numbers(rows.map(({ weight }) => weight));
  const change = changeOfWeights(shown);
  const changes = change && signedNumbers(change);
  const words = find("words");
  while (words.children.length > tokens.length) words.lastElementChild?.remove();
  for (let place = words.children.length; place < tokens.length; place++)
    words.append(element("button", { type: "button", "data-token": place, tabindex: place ? -1 : 0 }));
  for (const [place, token] of tokens.entries()) {
    const button = /** @type {HTMLElement} */ (words.children[place]);
    const was = replacedAt(shown, place);
    const unknown = isUnknown(token);
    let label = t("{token}, token {place} of {count}", {
      token: nameOf(token),
      place: place + 1,
      count: tokens.length,
    });
    if (unknown) label += t(", unknown");
    if (was !== null) label += t(", in place of {name}", { name: visible(was) });
    if (rows && weights)
      label += t(", weight {weight}, rank {rank}", { weight: weights[place], rank: rows[place].rank });
    if (changes) label += t(", change {by}", { by: changes[place] });
    if (map) label += looks(tokens, map[place]);
    button.className = `token${unknown ? " unknown" : ""}${was === null ? "" : " changed"}`;
    button.ariaLabel = label;
    button.replaceChildren(
      ...(was === null ? [] : [element("del", {}, visible(was))]),
      element("bdi", {}, signOf(token)),
    );
  }
  if (![...words.children].some((button) => /** @type {HTMLElement} */ (button).tabIndex === 0))
    oneStop(/** @type {Iterable<HTMLElement>} */ (words.children), words.firstElementChild);
  words.classList.toggle("linked", map !== null);
  words.classList.toggle("change", shown.isChange);
  const unknown = [...new Set(tokens.filter(isUnknown))];
  const nothing = tokens.every(isUnknown) ? t(" (all: the model read nothing but their number)") : "";
  find("unknown").textContent = unknown.length
    ? t("Unknown to the model: {tokens}", { tokens: unknown.map(visible).join(" ") }) + nothing
    : "";
}

/**
 * What a token looks at most, in words.
 * @param {string[]} tokens
 * @param {Vector} a
 */
function looks(tokens, a) {
  if (a.every((weight) => weight === 0)) return t(". Looks at nothing");
  return t(". Looks at {tokens}", { tokens: listed(tokens, strongest(a, 3)) });
}

/**
 * @param {string[]} tokens
 * @param {{ weight: number, place: number }[]} places
 */
function listed(tokens, places) {
  return places
    .map(({ weight, place }) => ({ name: nameOf(tokens[place]), place: place + 1, weight: exact(weight) }))
    .map((values) => t("{name} at {place} {weight}", values))
    .join(t(", "));
}

/**
 * Shades the tokens as the one that is pointed at looks at them, or by their weights if none is; or by how these have
 * changed.
 * @param {Read} shown
 * @param {number | undefined} pointed
 */
export function shadeWords(shown, pointed) {
  const { tokens, rows, map } = shown;
  const looks = map && pointed !== undefined ? tokenTable(map[pointed]) : rows;
  const change = shownChange(shown, pointed);
  const largest = change && (Math.max(...change.map(Math.abs)) || 1);
  const buttons = /** @type {HTMLCollectionOf<HTMLElement>} */ (find("words").children);
  for (const place of tokens.keys()) {
    const button = buttons[place];
    for (const name of [...button.classList]) if (/^s\d+$/.test(name)) button.classList.remove(name);
    button.classList.add(looks && !change ? shadeOf(looks[place].shade) : "s0");
    button.classList.toggle("pointed", place === pointed);
    const by = change && largest ? change[place] / largest : 0;
    button.style.setProperty("--w", Math.abs(by).toFixed(4));
    button.classList.toggle("less", by < 0);
    if (Math.abs(by) >= SIGNED) button.dataset.sign = by < 0 ? "−" : "+";
    else delete button.dataset.sign;
  }
}

/**
 * The path of a link between two points above tokens.
 * @param {{ x: number, y: number }} from
 * @param {{ x: number, y: number }} to
 */
export function wordLinkPath(from, to) {
  const high = Math.min(from.y, to.y) - Math.min(28, 6 + Math.abs(to.x - from.x) / 8);
  return `M${from.x} ${from.y}C${from.x} ${high} ${to.x} ${high} ${to.x} ${to.y}`;
}

/**
 * Draws the links from the token that is pointed at to those that it looks at most, as strong as their weights.
 * @param {Read} shown
 * @param {number | undefined} pointed
 */
export function drawWordLinks({ map }, pointed) {
  const svg = find("links", SVGElement);
  if (map === null || pointed === undefined) {
    svg.replaceChildren();
    return;
  }
  const box = svg.getBoundingClientRect();
  const buttons = find("words").children;
  const middle = (/** @type {number} */ place) => {
    const { left, top, width } = buttons[place].getBoundingClientRect();
    return { x: left + width / 2 - box.left, y: top - box.top };
  };
  const from = middle(pointed);
  const drawn = strongest(map[pointed], LINKS);
  const most = drawn[0].weight;
  const paths = drawn
    .filter(({ weight, place }) => weight > 0 && weight >= FAINT * most && place !== pointed)
    .map(({ weight, place }) => {
      const path = shape("path", { d: wordLinkPath(from, middle(place)), "data-to": place });
      path.style.setProperty("--w", (weight / most).toFixed(4));
      return path;
    });
  svg.replaceChildren(...paths);
}

/**
 * Says in words what is pointed at: the token, its weight, and what it looks at, or how much it looks at one.
 * @param {Read} shown
 * @param {{ token: number, key?: number } | null} at
 */
export function readOutWords({ tokens, rows, map }, at) {
  const readout = find("readout");
  if (at === null) {
    readout.textContent = t("The model has no attention: tokens have no weights.");
    if (rows) readout.textContent = t("Point at a token to see its weight.");
    if (map) readout.textContent = t("Point at a token to see what it looks at.");
    return;
  }
  const { lang } = reader().settings;
  const chip = (/** @type {{ weight: number, place: number }} */ { weight, place }) =>
    element("span", { class: "chip" }, element("b", { lang }, signOf(tokens[place])), ` ${exact(weight)}`);
  const subject = element("b", { class: "subject", lang }, signOf(tokens[at.token]));
  let said = "";
  if (rows && at.key === undefined) {
    const { weight, rank } = rows[at.token];
    const values = { weight: numbers([weight])[0], rank, count: tokens.length };
    said = t(" weight {weight}, rank {rank} of {count}", values);
  }
  /** @type {Node[]} */
  let chips = [];
  if (map) {
    const { key } = at;
    const looked = key === undefined ? strongest(map[at.token], 4) : [{ weight: map[at.token][key], place: key }];
    const looksAtSome = map[at.token].some((weight) => weight > 0);
    if (key === undefined) said += looksAtSome ? t("; looks at ") : t("; looks at nothing");
    else said += looksAtSome ? t(" looks at ") : t(" looks at nothing");
    if (looksAtSome) chips = looked.map(chip);
  }
  readout.replaceChildren(subject, said, ...chips);
}
