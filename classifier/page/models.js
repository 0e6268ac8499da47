// @ts-check
// Which of the page's models is the one shown at large.

let shownIndex = 0;
let following = { models: 1, shows: () => {} };

export const shownModel = () => shownIndex;

/** Shows another model; the number of one that the page does not have changes nothing. @param {number} index */
export function showModel(index) {
  if (index === shownIndex || ![...Array(following.models).keys()].includes(index)) return;
  shownIndex = index;
  following.shows();
}

/**
 * @param {number} models how many the page has
 * @param {() => void} shows called when another one is shown
 */
export function startModels(models, shows) {
  following = { models, shows };
}
