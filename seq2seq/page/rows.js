// @ts-check
// The characters of a question and of its answer, and the verdict on each.

import { t } from "../../support/page/language.js";
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
  find("padding").textContent = length - padding < 5 ? "" : t("padding");
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
  const values = { name: nameOf(shown.input[place]), place: place + 1 };
  const is = t("{name}, character {place} of the question", values) + (place >= padding ? t(", padding") : "");
  const name = named(originalOf(shown)[place]);
  const was = isReplaced(shown, place) ? t(", in place of {name}", { name }) : "";
  if (!shown.hasMap) return is + was;
  const characters = strongest(shown, "in", place, shown.written);
  return t("{what}. Looked at by {characters}", { what: is + was, characters });
}

/**
 * @param {Shown} shown
 * @param {number} place
 */
function outputLabel(shown, place) {
  const { answer, before, best, given, input, written } = shown;
  let what = t("{name}, character {place} of the answer", { name: named(written[place]), place: place + 1 });
  if (answer !== null && isWrong(shown, place))
    what += given
      ? t(", the model would write {name}", { name: named(best[place]) })
      : t(", wrong, expected {name}", { name: named(answer[place]) });
  if (before && isFlipped(shown, place)) what += t(", {name} before the changes", { name: named(before.best[place]) });
  if (!shown.hasMap) return what;
  const characters = strongest(shown, "out", place, input);
  return changes.forced.has(place)
    ? t("{what}. Made to look at {characters}", { what, characters })
    : t("{what}. Looked at {characters}", { what, characters });
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
    .map(({ weight, other }) => ({ name: nameOf(others[other]), place: other + 1, weight: exact(weight) }))
    .map((values) => t("{name} at {place} {weight}", values))
    .join(t(", "));
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
  let note = t("no known answer to compare with");
  if (answer !== null)
    note = given
      ? t("✓ every character of the answer is right, after the given ones")
      : t("✓ every character of the answer is right");
  const counts = { wrong, all: best.length };
  if (wrong)
    note = given
      ? t("✗ {wrong} of {all} wrong; below each ✗: what the model would write", counts)
      : t("✗ {wrong} of {all} wrong; below each ✗: the right character", counts);
  find("verdict-note").textContent = note + (answer && before ? t(" (for the question as it was)") : "");
}
