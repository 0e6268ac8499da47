// @ts-check
// The characters of a question and of its answer, and the verdict on each.

import { element, exact, find, glyph, named } from "../../support/page/text.js";
import { paddingFrom } from "./measures.js";
import { isWrittenWrong, isWrong, partners } from "./shown.js";

/** @import { Shown, Side } from "./shown.js" */

/** @param {Shown} shown */
export function drawRows(shown) {
  const padding = paddingFrom(shown.input);
  const { length } = shown.input;
  find("padding").hidden = padding === length;
  find("padding").textContent = length - padding < 5 ? "" : "padding";
  find("padding").style.setProperty("grid-column", `${padding + 1} / -1`);
  drawRow(shown, "in", padding);
  drawRow(shown, "out", shown.written.length);
  drawVerdict(shown);
}

/**
 * @param {Shown} shown
 * @param {Side} side
 * @param {number} padding where it begins
 */
function drawRow(shown, side, padding) {
  const chars = side === "in" ? shown.input : shown.written;
  const buttons = chars.map((char, place) => {
    const button = element(
      "button",
      {
        type: "button",
        class: `char${char === " " ? " space" : ""}${place >= padding ? " padding" : ""}`,
        [`data-${side}`]: place,
        tabindex: place ? -1 : 0,
        "aria-label": side === "in" ? inputLabel(shown, place, padding) : outputLabel(shown, place),
      },
      element("span", { class: "glyph" }, place >= padding ? "·" : glyph(char)),
    );
    if (side === "out" && isWrittenWrong(shown, place)) button.classList.add("wrong");
    return button;
  });
  find(`row-${side}`).replaceChildren(...buttons);
}

/**
 * @param {Shown} shown
 * @param {number} place
 * @param {number} padding where it begins
 */
function inputLabel(shown, place, padding) {
  const is = `${named(shown.input[place])}, character ${place + 1} of the question${place >= padding ? ", padding" : ""}`;
  return `${is}. Looked at by ${strongest(shown, "in", place, shown.written)}`;
}

/**
 * @param {Shown} shown
 * @param {number} place
 */
function outputLabel(shown, place) {
  const { answer, best, given, input, written } = shown;
  let wrong = "";
  if (answer !== null && isWrong(shown, place))
    wrong = given ? `, the model would write ${named(best[place])}` : `, wrong, expected ${named(answer[place])}`;
  const is = `${named(written[place])}, character ${place + 1} of the answer${wrong}`;
  return `${is}. Looked at ${strongest(shown, "out", place, input)}`;
}

/**
 * @param {Shown} shown
 * @param {Side} side
 * @param {number} place
 * @param {string[]} others the characters of the other side
 */
function strongest(shown, side, place, others) {
  return partners(shown, side, place)
    .slice(0, 3)
    .map(({ weight, other }) => `${named(others[other])} at ${other + 1} ${exact(weight)}`)
    .join(", ");
}

/**
 * Marks each character of the answer as right or wrong, with the right one, or the one that would be written, below.
 * @param {Shown} shown
 */
function drawVerdict(shown) {
  const { answer, best, given } = shown;
  const verdicts = (answer ?? []).map((char, place) =>
    isWrong(shown, place)
      ? element("span", { class: "wrong" }, "✗", element("b", {}, glyph(given ? best[place] : char)))
      : element("span", { class: "right" }, "✓"),
  );
  find("row-verdict").replaceChildren(...verdicts);
  const wrong = best.filter((_, place) => isWrong(shown, place)).length;
  let note = "no known answer to compare with";
  if (answer !== null) note = `✓ every character of the answer is right${given ? ", after the given ones" : ""}`;
  if (wrong)
    note = `✗ ${wrong} of ${best.length} wrong; below each ✗: ${given ? "what the model would write" : "the right character"}`;
  find("verdict-note").textContent = note;
}
