// @ts-check
// Occludes each part of what the model read in turn, in slices: any key or touch ends it.

import { onLanguage, t } from "./language.js";
import { inSlices, stopSlices } from "./slices.js";
import { find, number } from "./text.js";

let isOccluding = false;
let hasStopped = false;

/** Whether what is shown was occluded, or is being. */
export const isOccluded = () => isOccluding || !find("parts").hidden;

/**
 * Says how far it is.
 * @param {number} count
 * @param {number} all
 */
export function sayOccluded(count, all) {
  find("occlude-note").textContent = t("{count} of {all} …", { count: number(count), all: number(all) });
}

/**
 * What the steps find; null when they were stopped.
 * @template T
 * @param {Generator<void, T>} steps
 * @returns {Promise<T | null>}
 */
export async function occludeInTurn(steps) {
  forgetOccluded();
  isOccluding = true;
  const found = await inSlices(steps);
  if (found === null) return null;
  isOccluding = false;
  find("occlude-note").textContent = "";
  return found;
}

/** Ends it, if it is going on. */
export function stopOccluding() {
  if (!isOccluding) return;
  stopSlices();
  isOccluding = false;
  hasStopped = true;
  writeStopped();
}

function writeStopped() {
  find("occlude-note").textContent = hasStopped ? t("stopped") : "";
}

/** Hides what was found of something else. */
export function forgetOccluded() {
  stopOccluding();
  find("parts").hidden = true;
  hasStopped = false;
  writeStopped();
}

/** @param {() => void} occlude what the button does */
export function startOccluding(occlude) {
  find("occlude").addEventListener("click", occlude);
  onLanguage(writeStopped);
  for (const input of ["keydown", "pointerdown", "input"]) document.addEventListener(input, stopOccluding, true);
}
