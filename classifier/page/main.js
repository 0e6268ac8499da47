// @ts-check
// Asks the model about what is typed or chosen, and shows what it finds.

import { t } from "../../support/page/language.js";
import { markItem } from "../../support/page/list.js";
import { inSlices, stopSlices } from "../../support/page/slices.js";
import { find, number, percent, speak, visible } from "../../support/page/text.js";
import { startTheme } from "../../support/page/theme.js";
import { changes } from "./changes.js";
import { data, explain, MOST, read, reader, readers } from "./data.js";
import { startModels } from "./models.js";
import { drawSides, leaveSides, sameTokens, startSides } from "./side_by_side.js";
import { listTexts, startTexts } from "./texts.js";
import { askAgain, leaveText, showClasses, showText, startView } from "./view.js";

/** @import { Text } from "./data.js" */
/** @import { Compared } from "./side_by_side.js" */

/** @type {Compared} */
let last = { text: "", label: null };
/** @type {string[]} */
let lastTokens = [];

/**
 * Asks the model; a text that cannot be asked leaves the last one in place, dimmed. A later one takes the place of one
 * that takes long. Returns whether its text is shown.
 * @param {Compared} text
 */
async function ask(text) {
  leaveText();
  leaveSides(text);
  last = text;
  const begin = performance.now();
  const { tokens, count } = read(text);
  lastTokens = tokens;
  const refused =
    tokens.length > MOST ? `${number(tokens.length)} tokens; this page reads at most ${number(MOST)}.` : "";
  find("reasons").textContent = refused;
  find("text").setAttribute("aria-invalid", String(refused !== ""));
  const unread = count > tokens.length ? ` of ${number(count)}` : "";
  find("count").textContent = `${number(tokens.length)}${unread} tokens`;
  const asked = tokens.length > 0 && !refused;
  find("view").setAttribute("aria-busy", String(asked));
  if (!asked) {
    stopSlices();
    for (const id of ["view", "classes"]) find(id).inert = true;
    find("own").textContent = find("time").textContent = "";
    speak(refused);
    drawSides(null);
    return false;
  }
  const explained = await inSlices(explain(tokens));
  if (explained === null) return false;
  showClasses(explained, text.label);
  showText(tokens, explained);
  find("time").textContent = `${(performance.now() - begin).toFixed(1)} ms`;
  find("view").setAttribute("aria-busy", "false");
  for (const id of ["view", "classes"]) find(id).inert = false;
  const best = Math.max(...explained.probabilities);
  speak(`${find("own").textContent} ${percent(best)}`);
  return true;
}

/** @param {Text & { index: number }} text */
function choose(text) {
  find("text", HTMLTextAreaElement).value = text.text;
  markItem(text.index);
  ask(text);
}

/** Shows another model, with the reader's changes where it reads the same tokens. */
async function showAnother() {
  const kept = sameTokens(lastTokens, read(last).tokens) ? [...changes] : [];
  namesModel();
  listTexts();
  if (!(await ask(last))) return;
  for (const [place, token] of kept) changes.set(place, token);
  if (kept.length) askAgain();
}

/** Says which model is shown, and whether it can be asked about any text. */
function namesModel() {
  const { settings, tokenizer } = reader();
  const typed = tokenizer !== null;
  find("text", HTMLTextAreaElement).readOnly = !typed;
  find("try-heading").textContent = typed ? "Try your own" : "The text";
  find("pieces").hidden = typed;
  if (readers.length > 1) find("view-heading").textContent = t("What {name} reads", { name: visible(settings.name) });
}

startTheme();
find("about").textContent = visible(data.about.join(" · "));
startView();
startSides();
startModels(readers.length, showAnother);
const field = find("text", HTMLTextAreaElement);
namesModel();
field.addEventListener("input", () => {
  markItem(null);
  ask({ text: field.value, label: null });
});
const first = startTexts(choose);
if (first) choose(first);
else ask({ text: "", label: null });
