// @ts-check
// What a link holds of the view of a text: the text, the reader's changes, and what is chosen and shown.

import { BLANK, replace } from "../../support/page/changes.js";
import { t } from "../../support/page/language.js";
import {
  changesInLink,
  modelInLink,
  showModelInLink,
  showTextInLink,
  textInLink,
} from "../../support/page/linked_text.js";
import { isOccluded } from "../../support/page/occluding.js";
import { placeOutOf, putOutOf } from "../../support/page/share.js";
import { find } from "../../support/page/text.js";
import { changes } from "./changes.js";
import { data, isUnknown, read, reader } from "./data.js";
import { showModel, shownModel } from "./models.js";
import { askAgain, pin, pinned, tokensShown } from "./view.js";

/** @import { Showing } from "../../support/page/linked_text.js" */
/** @import { Link, Shareable, State } from "../../support/page/share.js" */

const readable = data.texts.map(({ text }) => text);
const modelNames = data.models.map(({ name }) => name);

/** @param {string} id */
const isChecked = (id) => find(id, HTMLInputElement).checked;

/** @returns {State} */
function viewState() {
  const at = pinned();
  const text = { ...textInLink(readable), model: modelInLink(modelNames, shownModel()) };
  if (find("view").inert) return text;
  const show = {
    feature: !find("mode").hidden && isChecked("output_max"),
    change: changes.size > 0 && isChecked("change-shown"),
    occlusion: isOccluded(),
  };
  return {
    ...text,
    ...changesInLink(changes),
    token: at === null ? [] : [String(at.token + 1)],
    key: at?.key === undefined ? [] : [String(at.key + 1)],
    show: Object.entries(show).flatMap(([name, is]) => (is ? [name] : [])),
  };
}

/** The token that this is to the model; undefined if it is none, or several. @param {string} text */
function asToken(text) {
  if (reader().tokenizer === null) return isUnknown(text) ? undefined : text;
  const { tokens, count } = read({ text });
  return count === 1 ? tokens[0] : undefined;
}

/** Takes the reader's changes from a link. @param {Link} link */
async function showEdits(link) {
  const tokens = tokensShown();
  for (const place of link.take("blank", t("blanks"), placeOutOf(tokens.length)))
    replace(changes, place, BLANK, tokens[place]);
  for (const { place, put } of link.take("put", t("what was put in"), putOutOf(tokens.length, asToken)))
    replace(changes, place, put, tokens[place]);
  if (changes.size) await askAgain();
}

/** @param {Link} link @param {Showing} showing */
async function showLinked(link, showing) {
  const names = ["feature", "change", "occlusion"];
  const shown = link.take("show", t("what is shown"), (name) => (names.includes(name) ? name : undefined));
  find(shown.includes("feature") ? "output_max" : "received", HTMLInputElement).checked = true;
  find(shown.includes("change") ? "change-shown" : "weights-shown", HTMLInputElement).checked = true;
  showModelInLink(link, modelNames, showModel);
  if (!(await showTextInLink(link, readable, showing))) return;
  if (shown.includes("feature") && find("mode").hidden) link.misfits.add(t("what is shown"));
  await showEdits(link);
  if (link.isOver) return;
  const place = placeOutOf(tokensShown().length);
  const [token] = link.take("token", t("the chosen token"), place);
  const [key] = link.take("key", t("the chosen token"), (value) =>
    find("attention-map").hidden ? undefined : place(value),
  );
  pin(token === undefined ? null : { token, ...(key !== undefined && { key }) });
  if (shown.includes("occlusion")) find("occlude").click();
}

/** @param {Showing} showing @returns {Shareable} */
export const sharedText = (showing) => ({ state: viewState, restore: (link) => showLinked(link, showing) });
