// @ts-check
// Long computations in slices, between which the page answers its reader.

const SLICE = 30; // ms

/** @typedef {{ latest: number }} Lane  of computations, each of which takes the place of the one before */

/** @type {Lane} */
const foremost = { latest: 0 };

/**
 * The result of a computation that pauses often; null when a later one has begun meanwhile. One that takes less than a
 * slice has its result before the page is painted again.
 * @template T
 * @param {Generator<void, T>} steps
 * @param {Lane} lane
 * @returns {Promise<T | null>}
 */
export async function inSlices(steps, lane = foremost) {
  lane.latest += 1;
  const mine = lane.latest;
  let end = performance.now() + SLICE;
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() < end) continue;
    await new Promise((resolve) => setTimeout(resolve));
    if (mine !== lane.latest) return null;
    end = performance.now() + SLICE;
  }
}

/** Ends the computation that is going on, if any. */
export function stopSlices(lane = foremost) {
  lane.latest += 1;
}

/** Once the page has been painted. @returns {Promise<void>} */
export const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
