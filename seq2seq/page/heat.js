// @ts-check
// The heat map of the weights and the measures below it.

import { element, exact, find, glyph, percent } from "../../support/page/text.js";
import { data } from "./data.js";
import { alignment, entropy, paddingFrom, padMass } from "./measures.js";
import { isWrittenWrong } from "./shown.js";

/** @import { Shown } from "./shown.js" */

/** @param {Shown} shown */
export function drawHeat(shown) {
  const padding = paddingFrom(shown.input);
  const inPadding = (/** @type {number} */ input) => (input >= padding ? "padding" : "");
  const head = shown.input.map((char, input) =>
    element("th", { scope: "col", "data-in": input, class: inPadding(input) }, input >= padding ? "·" : glyph(char)),
  );
  const rows = shown.written.map((char, out) => {
    const cells = [...shown.weights[out]].map((weight, input) => {
      const attributes = { "data-in": input, "data-out": out, class: inPadding(input) };
      const cell = element("td", attributes, element("span", {}, exact(weight)));
      cell.style.setProperty("--w", exact(weight));
      return cell;
    });
    const wrong = isWrittenWrong(shown, out) ? "wrong" : "";
    return element("tr", {}, element("th", { scope: "row", "data-out": out, class: wrong }, glyph(char)), ...cells);
  });
  const table = find("heat", HTMLTableElement);
  table.tHead?.replaceChildren(element("tr", {}, element("td"), ...head));
  table.tBodies[0].replaceChildren(...rows);
}

/** @param {Shown} shown */
export function drawMeasures({ weights, input, truth }) {
  const aligned = truth && alignment(weights, truth);
  find("alignment").parentElement?.toggleAttribute("hidden", aligned === null);
  if (aligned !== null) find("alignment").textContent = percent(aligned);
  find("pad-mass").textContent = percent(padMass(weights, input));
  find("entropy").textContent = `${entropy(weights).toFixed(2)} nats`;
  find("entropy-most").textContent = Math.log(data.T_enc).toFixed(2);
}

/** Sets the number of columns, and lets the reader switch the numbers in the cells on and off. */
export function startHeat() {
  find("heat").style.setProperty("--columns", String(data.T_enc + 1));
  const button = find("numbers");
  button.addEventListener("click", () => {
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    find("heat").classList.toggle("with-numbers", pressed);
  });
}
