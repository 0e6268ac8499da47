// @ts-check
// One question and its answer: the characters, the links between them, the heat map, and what is pointed at.

import { onLanguage } from "../../support/page/language.js";
import { find } from "../../support/page/text.js";
import { drawHeat, drawMeasures, startHeat } from "./heat.js";
import { drawLinks, layOut } from "./links.js";
import { startPicture } from "./picture.js";
import { pointAgain, startPointing } from "./pointing.js";
import { drawRows } from "./rows.js";
import { drawWhatIf, startWhatIf } from "./what_if.js";

/** @import { Shown } from "./shown.js" */

/** @type {Shown | null} */
let drawn = null;

/**
 * Draws a question that was asked.
 * @param {Shown} shown
 * @param {boolean} again whether it was shown before the last change, so that what is pointed at stays
 */
export function showMap(shown, again) {
  drawn = shown;
  drawAnswer(shown);
  drawLinks(shown);
  drawWhatIf(shown);
  pointAgain(shown, again);
}

/** @param {Shown} shown */
function drawAnswer(shown) {
  drawRows(shown);
  drawHeat(shown);
  drawMeasures(shown);
}

/** @param {() => void} askAgain what to do when the reader has changed something of the question */
export function startMap(askAgain) {
  layOut();
  startHeat();
  startWhatIf(askAgain);
  startPointing();
  startPicture();
  onLanguage(() => {
    if (drawn === null) return;
    drawAnswer(drawn);
    pointAgain(drawn, true);
  });
  for (const id of ["weights-shown", "change-shown"]) {
    find(id).addEventListener("change", () => {
      if (drawn === null) return;
      drawHeat(drawn);
      pointAgain(drawn, true);
    });
  }
}
