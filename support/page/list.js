// @ts-check
// The list of what can be chosen: search, filter, choose.

import { onLanguage, t } from "./language.js";
import { element, find, number, oneStop, speak } from "./text.js";

/**
 * What a page lists. right: whether the model is, null where that is unknown; searched: what the search looks through;
 * filters: ids of the page's own filters, and passes, whether an item passes them; parts: the item as it stands there.
 * @template Item
 * @typedef {object} Listing
 * @property {Item[]} items
 * @property {(item: Item) => boolean | null} right
 * @property {(item: Item) => string} searched
 * @property {string[]} filters
 * @property {(item: Item) => boolean} passes
 * @property {(item: Item) => (Node | string)[]} parts
 * @property {(item: Item) => void} choose
 */

const AT_ONCE = 200;

let limit = AT_ONCE;
/** @type {number | null} */
let chosen = null;

/** @param {boolean | null} right */
function verdictOn(right) {
  if (right === null) return [t("no answer given"), "·"];
  return right ? [t("right"), "✓"] : [t("wrong"), "✗"];
}

/**
 * @template Item
 * @param {Listing<Item>} listing
 * @param {Item} item
 * @param {number} index
 */
function entry(listing, item, index) {
  const right = listing.right(item);
  const [meaning, mark] = verdictOn(right);
  const button = element(
    "button",
    { type: "button", class: `question${right === false ? " is-wrong" : ""}`, "data-index": index },
    element("span", { class: "mark", title: meaning, "aria-hidden": true }, mark),
    ...listing.parts(item),
    element("span", { class: "spoken" }, meaning),
  );
  button.addEventListener("click", () => listing.choose(item));
  return element("li", {}, button);
}

/** @template Item @param {Listing<Item>} listing */
function list(listing) {
  const text = find("search", HTMLInputElement).value.toLowerCase();
  const verdict = find("verdict", HTMLSelectElement).value;
  const found = [...listing.items.entries()].filter(
    ([, item]) =>
      listing.searched(item).includes(text) &&
      (verdict === "" || String(listing.right(item)) === verdict) &&
      listing.passes(item),
  );
  const wrong = found.filter(([, item]) => listing.right(item) === false).length;
  const counts = { found: found.length, all: listing.items.length, wrong };
  const written = Object.entries(counts).map(([name, count]) => [name, number(count)]);
  find("found").textContent = t("{found} of {all}, {wrong} wrong", Object.fromEntries(written));
  find("list").replaceChildren(...found.slice(0, limit).map(([index, item]) => entry(listing, item, index)));
  find("more").hidden = found.length <= limit;
  markItem(chosen);
}

const buttons = () => [...find("list").querySelectorAll("button")];

/** Which item is chosen; null for none. */
export const chosenItem = () => chosen;

/** Marks an item as chosen; null for none. @param {number | null} index */
export function markItem(index) {
  chosen = index;
  const current = buttons().find((button) => Number(button.dataset.index) === index);
  for (const button of buttons()) button.setAttribute("aria-current", String(button === current));
  oneStop(buttons(), current ?? buttons()[0]);
}

/**
 * Moves along the buttons of a list by keys: these, and Home and End.
 * @param {HTMLElement} list
 * @param {string[]} forward
 * @param {string[]} back
 */
export function moveByKeys(list, forward, back) {
  const all = () => [...list.querySelectorAll("button")];
  list.addEventListener("focusin", ({ target }) => oneStop(all(), target));
  list.addEventListener("keydown", (event) => {
    const { key } = event;
    const place = all().indexOf(/** @type {HTMLButtonElement} */ (event.target));
    /** @type {HTMLButtonElement | undefined} */
    let next;
    if (forward.includes(key)) next = all()[place + 1];
    else if (back.includes(key)) next = all()[place - 1];
    else if (key === "Home") next = all()[0];
    else if (key === "End") next = all().at(-1);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

/** Fills the list. Returns what fills it again. @template Item @param {Listing<Item>} listing */
export function startList(listing) {
  for (const id of ["search", "verdict", ...listing.filters]) {
    find(id).addEventListener("input", () => {
      limit = AT_ONCE;
      list(listing);
      speak(find("found").textContent ?? "");
    });
  }
  find("more").addEventListener("click", () => {
    const shown = buttons().length;
    limit += AT_ONCE;
    list(listing);
    buttons()[shown].focus();
  });
  moveByKeys(find("list"), ["ArrowDown"], ["ArrowUp"]);
  onLanguage(() => list(listing));
  list(listing);
  return () => list(listing);
}
