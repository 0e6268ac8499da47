// @ts-check
// One question and its answer: the characters, the links between them, the heat map, and what is pointed at.

import { onLanguage, t } from "../../support/page/language.js";
import { inSlicesLater } from "../../support/page/slices.js";
import { find } from "../../support/page/text.js";
import { data } from "./data.js";
import { startHeads } from "./heads.js";
import { drawHeat, drawMeasures, startHeat } from "./heat.js";
import { drawEpochs, startLearning } from "./learning.js";
import { drawLinks, layOut } from "./links.js";
import { shownModel } from "./models.js";
import { startPicture } from "./picture.js";
import { pointAgain, startPointing } from "./pointing.js";
import { drawRows } from "./rows.js";
import { drawCards, startCards } from "./side_by_side.js";
import { drawWhatIf, startWhatIf } from "./what_if.js";

/** @import { Shown } from "./shown.js" */

/** @type {Shown | null} */
let drawn = null;

/** The question that is drawn. */
export const drawnMap = () => drawn;

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
  drawOthers(shown);
}

function whyNoMap() {
  return data.models[shownModel()].kind === "peeky"
    ? t(
        "This model has no attention, so there is no map. It reads the whole question into one state, which it sees again at every character of the answer.",
      )
    : t(
        "This model has no attention, so there is no map. It reads the whole question into one state, and writes the answer from that alone.",
      );
}

/** Asks the other models and epochs, once the picture of the shown one is on the screen. @param {Shown} shown */
async function drawOthers(shown) {
  function* all() {
    yield* drawCards(shown);
    yield* drawEpochs(shown);
    return true;
  }
  find("others").setAttribute("aria-busy", "true");
  if (await inSlicesLater(all(), "others")) find("others").setAttribute("aria-busy", "false");
}

/** @param {Shown} shown */
function drawAnswer(shown) {
  drawRows(shown);
  drawHeat(shown);
  drawMeasures(shown);
  find("map").classList.toggle("without-map", !shown.hasMap);
  find("no-map").textContent = shown.hasMap ? "" : whyNoMap();
}

/** @param {() => void} askAgain what to do when the reader has changed something of the question */
export function startMap(askAgain) {
  layOut();
  startHeat();
  startHeads();
  startWhatIf(askAgain);
  startPointing();
  startPicture();
  startCards();
  startLearning();
  onLanguage(() => {
    if (drawn === null) return;
    drawAnswer(drawn);
    pointAgain(drawn, true);
    drawOthers(drawn);
  });
  for (const id of ["weights-shown", "change-shown"]) {
    find(id).addEventListener("change", () => {
      if (drawn === null) return;
      drawHeat(drawn);
      pointAgain(drawn, true);
    });
  }
}
