// @ts-check
// What the mouse, a finger or the keys point at: hovered, or else pinned, which was clicked or has the focus.

import { oneStop } from "./text.js";

/**
 * placeOf: the place that an element and a point of the window stand for; neighbour: the button that a key leads to;
 * show: called with the place that is pointed at.
 * @template Place
 * @typedef {object} Pointable
 * @property {(target: Element, x: number, y: number) => Place | null} placeOf
 * @property {(button: HTMLElement, key: string) => HTMLElement | SVGElement | null | undefined} neighbour
 * @property {(place: Place | null) => void} show
 */

/**
 * Follows what is pointed at within the map, whose buttons have the class. Returns what forgets it, and what shows it
 * again.
 * @template Place
 * @param {HTMLElement} map
 * @param {string} button
 * @param {Pointable<Place>} pointable
 */
export function followPointing(map, button, { placeOf, neighbour, show }) {
  /** @type {{ pinned: Place | null, hovered: Place | null }} */
  let pointed = { pinned: null, hovered: null };
  const pointAt = (/** @type {Partial<typeof pointed>} */ change) => {
    pointed = { ...pointed, ...change };
    show(pointed.hovered ?? pointed.pinned);
  };
  const forget = () => pointAt({ pinned: null, hovered: null });
  const at = (/** @type {EventTarget | null} */ target, x = 0, y = 0) =>
    target instanceof Element ? placeOf(target, x, y) : null;

  map.addEventListener("pointermove", ({ pointerType, target, clientX: x, clientY: y }) => {
    // touch keeps sending events to the element touched first
    const place = at(pointerType === "mouse" ? target : document.elementFromPoint(x, y), x, y);
    if (JSON.stringify(place) !== JSON.stringify(pointed.hovered)) pointAt({ hovered: place });
  });
  map.addEventListener("pointerleave", (event) => {
    // lifting the finger chooses
    const { pinned, hovered } = pointed;
    pointAt({ pinned: event.pointerType === "mouse" ? pinned : (hovered ?? pinned), hovered: null });
  });
  map.addEventListener("click", ({ target, clientX, clientY }) => pointAt({ pinned: at(target, clientX, clientY) }));
  map.addEventListener("focusin", ({ target }) => {
    const row = target instanceof HTMLElement && target.matches(`.${button}`) ? target.parentElement : null;
    if (row) oneStop(/** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll(`.${button}`)), target);
    pointAt({ pinned: at(target) ?? pointed.pinned });
  });
  map.addEventListener("keydown", (event) => {
    if (event.key === "Escape") forget();
    const from = event.target instanceof Element ? event.target.closest(`.${button}`) : null;
    const next = from instanceof HTMLElement ? neighbour(from, event.key) : null;
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  return { forget, again: () => pointAt({}) };
}
