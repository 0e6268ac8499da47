// @ts-check
// The heat map of the weights and the measures below it.

import { t } from "../../support/page/language.js";
import { element, exact, find, glyph, percent, signed } from "../../support/page/text.js";
import { changes } from "./changes.js";
import { data } from "./data.js";
import { headInWords } from "./heads.js";
import { alignment, entropy, padMass } from "./measures.js";
import { isReplaced, isWrittenWrong, paddingOfShown, signOf } from "./shown.js";

/** @import { Shown } from "./shown.js" */

const SIGNED = 0.05; // a change from here on shows its sign in the cell

/** The rows of the map, made once: most of a change stays as it is, and need not be laid out again. */
function heatRows() {
  const table = find("heat", HTMLTableElement);
  if (!table.rows.length) {
    const inputs = [...Array(data.T_enc).keys()];
    const head = inputs.map((input) => element("th", { scope: "col", "data-in": input }, ""));
    table.tHead?.append(element("tr", {}, element("td"), ...head));
    for (const out of Array(data.T_dec).keys()) {
      const cells = inputs.map((input) =>
        element("td", { "data-in": input, "data-out": out }, element("span", {}, "")),
      );
      const name = element("th", { scope: "row", "data-out": out }, "");
      table.tBodies[0].append(element("tr", {}, name, ...cells));
    }
  }
  return [...table.rows].map((row) => [...row.cells]);
}

/**
 * @param {Element} node
 * @param {string} text
 */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Shown} shown */
export function drawHeat(shown) {
  const { before } = shown;
  const change = before !== null && find("change-shown", HTMLInputElement).checked;
  find("shown").hidden = before === null;
  find("change-note").hidden = !change;
  const contents = change ? t("Change of the attention weights") : t("Attention weights");
  const which = headInWords();
  find("heat-contents").textContent = which ? t("{contents}, {head}", { contents, head: which }) : contents;
  find("heat").classList.toggle("change", change);
  const padding = paddingOfShown(shown);
  const [[, ...head], ...rows] = heatRows();
  for (const [input, name] of head.entries()) {
    write(name, signOf(shown, input));
    name.classList.toggle("padding", input >= padding);
    name.classList.toggle("changed", isReplaced(shown, input));
  }
  for (const [out, [name, ...cells]] of rows.entries()) {
    write(name, glyph(shown.written[out]));
    name.classList.toggle("wrong", isWrittenWrong(shown, out));
    name.classList.toggle("changed", changes.forced.has(out));
    for (const [input, cell] of cells.entries()) {
      const weight = shown.weights[out][input];
      const by = change ? weight - before.weights[out][input] : 0;
      write(cell.children[0], change ? signed(by) : exact(weight));
      cell.style.setProperty("--w", exact(change ? Math.abs(by) : weight));
      cell.classList.toggle("padding", input >= padding);
      cell.classList.toggle("less", by < 0);
      if (Math.abs(by) >= SIGNED) cell.dataset.sign = signed(by)[0];
      else delete cell.dataset.sign;
    }
  }
}

/** @param {Shown} shown */
export function drawMeasures({ weights, input, truth }) {
  const aligned = truth && alignment(weights, truth);
  find("alignment").parentElement?.toggleAttribute("hidden", aligned === null);
  if (aligned !== null) find("alignment").textContent = percent(aligned);
  find("pad-mass").textContent = percent(padMass(weights, input));
  find("entropy").textContent = t("{entropy} nats", { entropy: entropy(weights).toFixed(2) });
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
