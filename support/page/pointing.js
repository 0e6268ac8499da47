// @ts-check
// What the mouse, a finger or the keys point at: hovered, or else pinned, which was clicked or has the focus.

import { oneStop } from "./text.js";

/**
 * placeOf: the place that an element and a point of the window stand for; hoverOf: likewise under the pointer, placeOf
 * if left out; neighbour: the button that a key leads to; show: called with the place that is pointed at, and choose
 * with each that is pinned.
 * @template Place
 * @typedef {object} Pointable
 * @property {(target: EventTarget | null, x: number, y: number) => Place | null} placeOf
 * @property {(target: EventTarget | null, x: number, y: number) => Place | null} [hoverOf]
 * @property {(button: HTMLElement, key: string) => HTMLElement | SVGElement | null | undefined} neighbour
 * @property {(place: Place | null) => void} show
 * @property {(place: Place | null) => void} [choose]
 */

/**
 * Follows what is pointed at within the map, whose buttons have the class. Returns what forgets it, what shows it again,
 * what pins a place, and what tells the one that is pinned.
 * @template Place
 * @param {HTMLElement} map
 * @param {string} button
 * @param {Pointable<Place>} pointable
 */
export function followPointing(map, button, { placeOf, hoverOf = placeOf, neighbour, show, choose }) {
  /** @type {{ pinned: Place | null, hovered: Place | null }} */
  let pointed = { pinned: null, hovered: null };
  const pointAt = (/** @type {Partial<typeof pointed>} */ change) => {
    pointed = { ...pointed, ...change };
    show(pointed.hovered ?? pointed.pinned);
    if (change.pinned !== undefined) choose?.(change.pinned);
  };
  const forget = () => pointAt({ pinned: null, hovered: null });

  map.addEventListener("pointermove", ({ pointerType, target, clientX: x, clientY: y }) => {
    // touch keeps sending events to the element touched first
    const place = hoverOf(pointerType === "mouse" ? target : document.elementFromPoint(x, y), x, y);
    if (JSON.stringify(place) !== JSON.stringify(pointed.hovered)) pointAt({ hovered: place });
  });
  map.addEventListener("pointerleave", (event) => {
    // lifting the finger chooses
    const { pinned, hovered } = pointed;
    pointAt({ pinned: event.pointerType === "mouse" ? pinned : (hovered ?? pinned), hovered: null });
  });
  map.addEventListener("click", ({ target, clientX, clientY }) => {
    // a button or a switch is for what is chosen
    const place = placeOf(target, clientX, clientY);
    if (place || !(target instanceof Element && target.closest("button, label, input, select")))
      pointAt({ pinned: place });
  });
  map.addEventListener("focusin", ({ target }) => {
    const row = target instanceof HTMLElement && target.matches(`.${button}`) ? target.parentElement : null;
    if (row) oneStop(/** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll(`.${button}`)), target);
    pointAt({ pinned: placeOf(target, 0, 0) ?? pointed.pinned });
  });
  map.addEventListener("keydown", (event) => {
    if (event.defaultPrevented) return; // it was for something else
    if (event.key === "Escape") forget();
    const from = event.target instanceof Element ? event.target.closest(`.${button}`) : null;
    const next = from instanceof HTMLElement ? neighbour(from, event.key) : null;
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  return {
    forget,
    again: () => pointAt({ pinned: pointed.pinned }),
    pin: (/** @type {Place | null} */ pinned) => pointAt({ pinned, hovered: null }),
    pinned: () => pointed.pinned,
  };
}
