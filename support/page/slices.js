// @ts-check
// Long computations in slices, between which the page answers its reader.

const SLICE = 30; // ms

let latest = 0;

/**
 * The result of a computation that pauses often; null when a later one has begun meanwhile. One that takes less than a
 * slice has its result before the page is painted again.
 * @template T
 * @param {Generator<void, T>} steps
 * @returns {Promise<T | null>}
 */
export async function inSlices(steps) {
  latest += 1;
  const mine = latest;
  let end = performance.now() + SLICE;
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() < end) continue;
    await new Promise((resolve) => setTimeout(resolve));
    if (mine !== latest) return null;
    end = performance.now() + SLICE;
  }
}

/** Ends the computation that is going on, if any. */
export function stopSlices() {
  latest += 1;
}
