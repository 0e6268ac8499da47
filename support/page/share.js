// @ts-check
// A link to the view as it is: the page's address, with the state of the view in its fragment, which browsers send
// nowhere.

import { onLanguage, t } from "./language.js";
import { codeOf, find, speak } from "./text.js";

/** @typedef {Record<string, string[]>} State  values by name, in the order in which they stand in a link */
/**
 * What a page lets a link hold. state: of the view as it is; restore: shows what a link holds.
 * @typedef {{ state: () => State, restore: (link: Link) => Promise<void> }} Shareable
 */

const LONGEST = 30_000; // characters of a fragment

/** @type {Shareable} */
let shareable = { state: () => ({}), restore: async () => {} };
/** @type {Link | null} the one that is being shown */
let opening = null;
/** @type {string | null} the fragment of the view that the address leads to, once it is shown */
let linked = null;

/** With half characters, which no address can hold, escaped as in JSON. @param {string} text */
const withEscapes = (text) => text.replace(/\\|\p{Cs}/gu, (char) => (char === "\\" ? "\\\\" : `\\u${codeOf(char)}`));

/** @param {string} text */
const withoutEscapes = (text) =>
  text.replace(/\\(?:u(d[89a-f][\da-f]{2})|\\)/g, (_, code) => (code ? String.fromCharCode(parseInt(code, 16)) : "\\"));

/** The state as a form would send it, but for harmless marks, which stay readable. @param {State} state */
function fragmentOf(state) {
  const pairs = Object.entries(state).flatMap(([name, values]) => values.map((value) => [name, withEscapes(value)]));
  const encoded = new URLSearchParams(pairs).toString().replace(/%(?:2C|2F|3A)/g, (code) => decodeURIComponent(code));
  // a mail or a chat does not take a mark at the end for part of an address
  return encoded.replace(/[^\w=]$/, (mark) => `%${mark === "+" ? "20" : codeOf(mark).toUpperCase()}`);
}

/** What a fragment holds. It may come from anybody: whatever is taken from it is checked. */
export class Link {
  /** @param {string} fragment */
  constructor(fragment) {
    /** @type {Map<string, string[]>} */
    this.values = new Map();
    /** @type {Set<string>} in words, what does not fit this page */
    this.misfits = new Set();
    /** Whether the reader has done something else meanwhile. */
    this.isOver = false;
    for (const [name, value] of new URLSearchParams(fragment)) {
      if (!this.values.has(name)) this.values.set(name, []);
      this.values.get(name)?.push(withoutEscapes(value));
    }
  }

  /**
   * Takes the values with this name.
   * @template T
   * @param {string} name
   * @param {string} what they are, in words
   * @param {(value: string) => T | undefined} read gives undefined for a value that does not fit
   */
  take(name, what, read) {
    const found = (this.values.get(name) ?? []).map(read);
    this.values.delete(name);
    if (found.includes(undefined)) this.misfits.add(what);
    return found.flatMap((value) => (value === undefined ? [] : [value]));
  }

  /** Leaves out all that was not taken yet. @param {string} what it is, in words */
  leaveOut(what) {
    this.values.clear();
    this.misfits.add(what);
  }
}

/** What reads a place out of so many: in links they are counted from 1, as on the page. @param {number} count */
export const placeOutOf = (count) => (/** @type {string} */ value) =>
  /^[1-9]\d{0,8}$/.test(value) && Number(value) <= count ? Number(value) - 1 : undefined;

/**
 * What reads `3:x`: x is put at the place 3, out of so many.
 * @template T
 * @param {number} count
 * @param {(x: string) => T | undefined} read gives undefined for an x that does not fit
 */
export const putOutOf = (count, read) => (/** @type {string} */ value) => {
  const [, number = "", x = ""] = /^(\d+):(.+)$/su.exec(value) ?? [];
  const [place, put] = [placeOutOf(count)(number), read(x)];
  return place === undefined || put === undefined ? undefined : { place, put };
};

/** Says to eye and ear what became of a link. @param {string} text */
function note(text) {
  find("link-note").textContent = text;
  speak(text);
}

function noteNothing() {
  find("link-note").textContent = "";
  find("link").hidden = true;
}

/** Makes the address that of the page with this fragment. @param {string} fragment */
function setFragment(fragment) {
  const url = new URL(location.href);
  url.hash = fragment;
  history.replaceState(null, "", url);
  return url.href;
}

async function copyLink() {
  const field = find("link", HTMLInputElement);
  const fragment = fragmentOf(shareable.state());
  field.hidden = true;
  if (fragment.length > LONGEST) {
    note(t("The text is too long for a link."));
    return;
  }
  linked = fragment;
  const href = setFragment(fragment);
  try {
    await navigator.clipboard.writeText(href);
  } catch {
    // where a page is not allowed to, or by http, not able to
    field.value = href;
    field.hidden = false;
    field.select();
    note(t("The browser does not let this page copy. The link is selected: copy it yourself."));
    return;
  }
  note(
    location.protocol === "file:"
      ? t(
          "Link copied. It opens this file on this computer; for a copy of the file elsewhere, add the part from # to its address.",
        )
      : t("Link copied."),
  );
}

/** Shows what the fragment holds, if it is a link's. */
async function openLink() {
  const { hash } = location;
  if (!hash.includes("=")) return;
  if (opening !== null) opening.isOver = true;
  opening = null;
  noteNothing();
  if (hash.length > LONGEST) {
    linked = fragmentOf(shareable.state());
    note(t("The link is too long for this page."));
    return;
  }
  linked = null;
  const link = new Link(hash.slice(1));
  opening = link;
  await shareable.restore(link);
  if (opening !== link) return; // there is another one now
  opening = null;
  if (link.isOver) {
    setFragment("");
    return;
  }
  linked = fragmentOf(shareable.state());
  if (link.values.size) link.leaveOut(t("what only another page knows"));
  const what = [...link.misfits].join(t(", "));
  if (what) note(t("The link is for another page. Left out: {what}.", { what }));
}

/** Takes the fragment from an address that leads to another view than the one that is shown. */
function checkAddress() {
  if (linked === null || fragmentOf(shareable.state()) === linked) return;
  linked = null;
  setFragment("");
  noteNothing();
}

/** @param {Event} event */
function heard({ isTrusted }) {
  if (opening !== null && isTrusted) opening.isOver = true;
  setTimeout(checkAddress); // after all that the event does
}

/** Opens the link that the page was opened with, and offers to copy others. @param {Shareable} shared */
export function startSharing(shared) {
  shareable = shared;
  find("share").addEventListener("click", copyLink);
  addEventListener("hashchange", openLink);
  onLanguage(noteNothing);
  for (const event of ["click", "input", "change", "keydown", "pointerup", "focusin"])
    document.addEventListener(event, heard, true);
  openLink();
}
