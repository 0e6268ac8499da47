// @ts-check
// Asks the model about what is typed or chosen, and shows what it finds.

import { t } from "../../support/page/language.js";
import { markItem } from "../../support/page/list.js";
import { inSlices, stopSlices } from "../../support/page/slices.js";
import { find, number, percent, speak, visible } from "../../support/page/text.js";
import { startTheme } from "../../support/page/theme.js";
import { changeNothing } from "./changes.js";
import { data, explain, MOST, read, reader, readers } from "./data.js";
import { startModels } from "./models.js";
import { drawSides, leaveSides, startSides } from "./side_by_side.js";
import { listTexts, startTexts } from "./texts.js";
import { showClasses, showText, startView } from "./view.js";

/** @import { Text } from "./data.js" */
/** @import { Explained } from "./forward.js" */
/** @import { Compared } from "./side_by_side.js" */

/** @type {{ tokens: string[], explained: Explained } | null} */
let current = null;
/** @type {Compared} */
let last = { text: "", label: null };

/**
 * Asks the model; a text that cannot be asked leaves the last one in place, dimmed. A later one takes the place of one
 * that takes long.
 * @param {Compared} text
 */
async function ask(text) {
  changeNothing();
  last = text;
  leaveSides(text);
  const begin = performance.now();
  const { tokens, count } = read(text);
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
    return;
  }
  const explained = await inSlices(explain(tokens));
  if (explained === null) return;
  current = { tokens, explained };
  showClasses(explained, text.label);
  showText(tokens, explained);
  find("time").textContent = `${(performance.now() - begin).toFixed(1)} ms`;
  find("view").setAttribute("aria-busy", "false");
  for (const id of ["view", "classes"]) find(id).inert = false;
  const best = Math.max(...explained.probabilities);
  speak(`${find("own").textContent} ${percent(best)}`);
}

/** @param {Text & { index: number }} text */
function choose(text) {
  find("text", HTMLTextAreaElement).value = text.text;
  markItem(text.index);
  ask(text);
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
for (const id of ["received", "output_max"]) {
  find(id).addEventListener("change", () => {
    if (current) showText(current.tokens, current.explained);
  });
}
startSides();
startModels(readers.length, () => {
  namesModel();
  listTexts();
  ask(last);
});
const field = find("text", HTMLTextAreaElement);
namesModel();
field.addEventListener("input", () => {
  markItem(null);
  ask({ text: field.value, label: null });
});
const first = startTexts(choose);
if (first) choose(first);
else ask({ text: "", label: null });
