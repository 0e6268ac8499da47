// @ts-check
// Long computations in slices, between which the page answers its reader.

const SLICE = 30; // ms
const SHORT_SLICE = 8; // ms, for what the reader does not wait for

/** @type {Map<string, number>} how many computations have begun on each line */
const begun = new Map();

/** Begins on a line; returns whether nothing has begun there since. @param {string} line */
function begin(line) {
  const mine = (begun.get(line) ?? 0) + 1;
  begun.set(line, mine);
  return () => begun.get(line) === mine;
}

/**
 * The result of a computation that pauses often; null when a later one on the same line has begun meanwhile. One that
 * takes less than a slice has its result before the page is painted again.
 * @template T
 * @param {Generator<void, T>} steps
 * @param {string} line
 * @returns {Promise<T | null>}
 */
export async function inSlices(steps, line = "") {
  return go(steps, begin(line), SLICE);
}

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/**
 * As inSlices, but begins once what is drawn now is on the screen, and lets the reader be first more often.
 * @template T
 * @param {Generator<void, T>} steps
 * @param {string} line
 * @returns {Promise<T | null>}
 */
export async function inSlicesLater(steps, line) {
  const isLatest = begin(line);
  await nextFrame();
  await nextFrame();
  return isLatest() ? go(steps, isLatest, SHORT_SLICE) : null;
}

/**
 * @template T
 * @param {Generator<void, T>} steps
 * @param {() => boolean} isLatest
 * @param {number} slice in ms
 * @returns {Promise<T | null>}
 */
async function go(steps, isLatest, slice) {
  let end = performance.now() + slice;
  for (;;) {
    const { done, value } = steps.next();
    if (!done && performance.now() < end) continue;
    await (done ? null : new Promise((resolve) => setTimeout(resolve)));
    if (!isLatest()) return null;
    if (done) return value;
    end = performance.now() + slice;
  }
}

/** Ends the computation that is going on, if any. @param {string} line */
export function stopSlices(line = "") {
  begin(line);
}
