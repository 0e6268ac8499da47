// @ts-check
// Asks the model about what is typed or chosen, and shows what it finds.

import { markItem } from "../../support/page/list.js";
import { inSlices, stopSlices } from "../../support/page/slices.js";
import { find, number, percent, speak, visible } from "../../support/page/text.js";
import { startTheme } from "../../support/page/theme.js";
import { data, explain, MOST, read } from "./data.js";
import { startTexts } from "./texts.js";
import { leaveText, showClasses, showText, startView } from "./view.js";

/** @import { Text } from "./data.js" */

/**
 * Asks the model; a text that cannot be asked leaves the last one in place, dimmed. A later one takes the place of one
 * that takes long.
 * @param {Pick<Text, "text" | "label" | "tokens">} text
 */
async function ask(text) {
  leaveText();
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
    return;
  }
  const explained = await inSlices(explain(tokens));
  if (explained === null) return;
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

startTheme();
find("about").textContent = visible(data.about.join(" · "));
startView();
const field = find("text", HTMLTextAreaElement);
field.readOnly = data.tokenizer === null;
if (field.readOnly) {
  find("try-heading").textContent = "The text";
  find("pieces").hidden = false;
}
field.addEventListener("input", () => {
  markItem(null);
  ask({ text: field.value, label: null });
});
const first = startTexts(choose);
if (first) choose(first);
else ask({ text: "", label: null });
