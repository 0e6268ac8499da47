// @ts-check
// The characters of a question and of its answer, and the verdict on each.

import { element, exact, find, glyph, named } from "../../support/page/text.js";
import { changes } from "./changes.js";
import {
  isFlipped,
  isReplaced,
  isWrittenWrong,
  isWrong,
  nameOf,
  originalOf,
  paddingOfShown,
  partners,
  signOf,
} from "./shown.js";

/** @import { Shown, Side } from "./shown.js" */

/** @param {Shown} shown */
export function drawRows(shown) {
  const padding = paddingOfShown(shown);
  const { length } = shown.input;
  find("padding").hidden = padding === length;
  find("padding").textContent = length - padding < 5 ? "" : "padding";
  find("padding").style.setProperty("grid-column", `${padding + 1} / -1`);
  drawReplaced(shown);
  drawRow(shown, "in", padding);
  drawRow(shown, "out", shown.written.length);
  drawVerdict(shown);
}

/** What stood in the question before the changes, above what stands there now. @param {Shown} shown */
function drawReplaced(shown) {
  const gone = [...shown.input.keys()].filter((place) => isReplaced(shown, place));
  const struck = gone.map((place) => {
    const char = element("del", {}, glyph(originalOf(shown)[place]));
    char.style.setProperty("grid-column", String(place + 1));
    return char;
  });
  find("row-padding").replaceChildren(find("padding"), ...struck);
}

/**
 * Draws the characters into the buttons that are there, which keep the focus.
 * @param {Shown} shown
 * @param {Side} side
 * @param {number} padding where it begins
 */
function drawRow(shown, side, padding) {
  const chars = side === "in" ? shown.input : shown.written;
  const row = find(`row-${side}`);
  for (const place of Array(chars.length - row.children.length).keys()) {
    const attributes = { type: "button", [`data-${side}`]: place, tabindex: place ? -1 : 0 };
    row.append(element("button", attributes, element("span", { class: "glyph" })));
  }
  for (const [place, char] of chars.entries()) {
    const button = row.children[place];
    const classes = {
      space: char === " ",
      padding: place >= padding,
      changed: side === "in" ? isReplaced(shown, place) : isFlipped(shown, place),
      wrong: side === "out" && isWrittenWrong(shown, place),
      forced: side === "out" && changes.forced.has(place),
    };
    button.className = ["char", ...Object.entries(classes).flatMap(([name, is]) => (is ? [name] : []))].join(" ");
    button.ariaLabel = side === "in" ? inputLabel(shown, place, padding) : outputLabel(shown, place);
    button.children[0].textContent = side === "in" ? signOf(shown, place) : glyph(char);
  }
}

/**
 * @param {Shown} shown
 * @param {number} place
 * @param {number} padding where it begins
 */
function inputLabel(shown, place, padding) {
  const was = isReplaced(shown, place) ? `, in place of ${named(originalOf(shown)[place])}` : "";
  const is = `${nameOf(shown.input[place])}, character ${place + 1} of the question${place >= padding ? ", padding" : ""}`;
  if (!shown.hasMap) return `${is}${was}`;
  return `${is}${was}. Looked at by ${strongest(shown, "in", place, shown.written)}`;
}

/**
 * @param {Shown} shown
 * @param {number} place
 */
function outputLabel(shown, place) {
  const { answer, before, best, given, input, written } = shown;
  const flipped = before && isFlipped(shown, place) ? `, ${named(before.best[place])} before the changes` : "";
  let wrong = "";
  if (answer !== null && isWrong(shown, place))
    wrong = given ? `, the model would write ${named(best[place])}` : `, wrong, expected ${named(answer[place])}`;
  const is = `${named(written[place])}, character ${place + 1} of the answer${wrong}${flipped}`;
  if (!shown.hasMap) return is;
  return `${is}. ${changes.forced.has(place) ? "Made to look" : "Looked"} at ${strongest(shown, "out", place, input)}`;
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
    .map(({ weight, other }) => `${nameOf(others[other])} at ${other + 1} ${exact(weight)}`)
    .join(", ");
}

/**
 * Marks each character of the answer as right or wrong, with the right one, or the one that would be written, below.
 * @param {Shown} shown
 */
function drawVerdict(shown) {
  const { answer, before, best, given } = shown;
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
  find("verdict-note").textContent = note + (answer && before ? " (for the question as it was)" : "");
}
