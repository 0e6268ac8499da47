// @ts-check
// Asks the model about what is typed or chosen, and shows what it finds.

import { onLanguage, phrased, startLanguage, t } from "../../support/page/language.js";
import { markItem } from "../../support/page/list.js";
import { startSharing } from "../../support/page/share.js";
import { inSlices, stopSlices } from "../../support/page/slices.js";
import { find, number, percent, speak, visible } from "../../support/page/text.js";
import { startTheme } from "../../support/page/theme.js";
import { changes } from "./changes.js";
import { data, explain, MOST, read, reader, readers } from "./data.js";
import { startModels } from "./models.js";
import { drawSides, leaveSides, sameTokens, startSides } from "./side_by_side.js";
import { sharedText } from "./state.js";
import { listTexts, startTexts } from "./texts.js";
import { askAgain, leaveText, showClasses, showText, startView } from "./view.js";

/** @import { Text } from "./data.js" */
/** @import { Explained } from "./forward.js" */
/** @import { Compared } from "./side_by_side.js" */

/** @type {Compared} what was asked last, which may have been refused */
let lastAsked = { text: "", label: null };
/** @type {string[]} those of it that were read */
let lastTokens = [];
/** @type {[number, string][]} the reader's changes of it, until the model that is shown now has read it without them */
let carried = [];
/** @type {{ explained: Explained, label: string | null } | null} what was found in it; null: it was refused */
let current = null;

/** Says how much of a text is read. Returns what is wrong with it; "" if nothing is. @param {ReturnType<typeof read>} found */
function drawCounts({ tokens, count }) {
  const values = { count: number(tokens.length), all: number(count), most: number(MOST) };
  let refused = tokens.length > MOST ? t("{count} tokens; this page reads at most {most}.", values) : "";
  if (count > 0 && tokens.length === 0)
    refused = t("All of it is unknown to the model, which leaves out unknown words.");
  find("reasons").textContent = refused;
  find("text").setAttribute("aria-invalid", String(refused !== ""));
  find("count").textContent = tokens.length === 1 ? t("{count} token", values) : t("{count} tokens", values);
  if (count > tokens.length) find("count").textContent = t("{count} of {all} tokens", values);
  return refused;
}

/**
 * Asks the model; a text that cannot be asked leaves the last one in place, dimmed. Returns whether its text is shown.
 * @param {Compared} text
 */
async function ask(text) {
  leaveText();
  leaveSides(text);
  const begin = performance.now();
  if (text !== lastAsked) carried = [];
  lastAsked = text;
  const found = read(text);
  const refused = drawCounts(found);
  const { tokens } = found;
  lastTokens = tokens;
  const asked = tokens.length > 0 && !refused;
  find("view").setAttribute("aria-busy", String(asked));
  if (!asked) {
    stopSlices();
    current = null;
    for (const id of ["view", "classes"]) find(id).inert = true;
    find("own").textContent = find("time").textContent = "";
    speak(refused);
    drawSides(null);
    return false;
  }
  const explained = await inSlices(explain(tokens));
  if (explained === null) return false; // a later one takes its place
  current = { explained, label: text.label };
  find("asked").textContent = visible(text.text);
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
  return ask(text);
}

/** Shows another model, with the reader's changes where it reads the same tokens. */
async function showAnother() {
  carried = sameTokens(lastTokens, read(lastAsked).tokens) ? [...carried, ...changes] : [];
  drawTexts();
  listTexts();
  if (!(await ask(lastAsked))) return;
  const kept = carried;
  carried = [];
  for (const [place, token] of kept) changes.set(place, token);
  if (kept.length) askAgain();
}

/** Says which models there are, which of them is shown, and whether it can be asked about any text. */
function drawTexts() {
  const { settings, tokenizer } = reader();
  find("about").textContent = visible(data.about.map(phrased).join(" · "));
  field.readOnly = tokenizer === null;
  find("pieces").hidden = !field.readOnly;
  find("try-heading").textContent = field.readOnly ? t("The text") : t("Try your own");
  if (readers.length > 1) find("view-heading").textContent = t("What “{name}” reads", { name: visible(settings.name) });
}

const field = find("text", HTMLTextAreaElement);
startLanguage(data.title);
startTheme();
drawTexts();
onLanguage(() => {
  drawTexts();
  drawCounts(read(lastAsked));
  if (current) showClasses(current.explained, current.label);
});
startView();
startSides();
startModels(readers.length, showAnother);
function typed() {
  markItem(null);
  return ask({ text: field.value, label: null });
}
field.addEventListener("input", typed);
const first = startTexts(choose);
if (first) choose(first);
else ask({ text: "", label: null });
startSharing(
  sharedText({
    choose: (index) => choose({ ...data.texts[index], index }),
    type: (text) => {
      field.value = text;
      return typed();
    },
  }),
);
