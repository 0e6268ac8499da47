// @ts-check
// The heat map of the weights and the measures below it.

import { element, exact, find, glyph, percent, signed } from "../../support/page/text.js";
import { changes } from "./changes.js";
import { data } from "./data.js";
import { alignment, entropy, padMass } from "./measures.js";
import { isReplaced, isWrittenWrong, paddingOfShown, signOf } from "./shown.js";

/** @import { Shown } from "./shown.js" */

const SIGNED = 0.05; // a change from here on shows its sign in the cell

/** @param {Shown} shown */
export function drawHeat(shown) {
  const { before } = shown;
  const change = before !== null && find("change-shown", HTMLInputElement).checked;
  find("shown").hidden = before === null;
  find("change-note").hidden = !change;
  find("heat-contents").textContent = change ? "Change of the attention weights" : "Attention weights";
  find("heat").classList.toggle("change", change);
  const padding = paddingOfShown(shown);
  const inPadding = (/** @type {number} */ input) => (input >= padding ? "padding" : "");
  const head = shown.input.map((_, input) => {
    const kind = isReplaced(shown, input) ? "changed" : inPadding(input);
    return element("th", { scope: "col", "data-in": input, class: kind }, signOf(shown, input));
  });
  const rows = shown.written.map((char, out) => {
    const cells = [...shown.weights[out]].map((weight, input) => {
      const attributes = { "data-in": input, "data-out": out, class: inPadding(input) };
      const by = weight - (before?.weights[out][input] ?? 0);
      const cell = element("td", attributes, element("span", {}, change ? signed(by) : exact(weight)));
      cell.style.setProperty("--w", exact(change ? Math.abs(by) : weight));
      if (change && Math.abs(by) >= SIGNED) cell.dataset.sign = signed(by)[0];
      if (change && by < 0) cell.classList.add("less");
      return cell;
    });
    const kind = [isWrittenWrong(shown, out) && "wrong", changes.forced.has(out) && "changed"]
      .filter(Boolean)
      .join(" ");
    return element("tr", {}, element("th", { scope: "row", "data-out": out, class: kind }, glyph(char)), ...cells);
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
  for (const id of ["heat", "parts-table"]) find(id).style.setProperty("--columns", String(data.T_enc + 1));
  const button = find("numbers");
  button.addEventListener("click", () => {
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    find("heat").classList.toggle("with-numbers", pressed);
  });
}
