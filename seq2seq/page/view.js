// @ts-check
// One question and its answer: the characters, the links between them, the heat map, and what is pointed at.

import { drawHeat, drawMeasures, startHeat } from "./heat.js";
import { drawLinks, layOut } from "./links.js";
import { pointAtNothing, startPointing } from "./pointing.js";
import { drawRows } from "./rows.js";

/** @import { Asked } from "./data.js" */

/**
 * Draws a question that was asked.
 * @param {Asked} asked
 * @param {{ answer: string[] | null, truth: number[][] | null, given: boolean }} known
 */
export function showMap(asked, known) {
  const shown = { ...asked, ...known };
  drawRows(shown);
  drawLinks(shown);
  drawHeat(shown);
  drawMeasures(shown);
  pointAtNothing(shown);
}

export function startMap() {
  layOut();
  startHeat();
  startPointing();
}
