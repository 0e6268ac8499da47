// @ts-check
// What a link holds of the view of a text: the text, and what is chosen and shown.

import { t } from "../../support/page/language.js";
import { showTextInLink, textInLink } from "../../support/page/linked_text.js";
import { placeOutOf } from "../../support/page/share.js";
import { find } from "../../support/page/text.js";
import { data } from "./data.js";
import { pin, pinned, tokensShown } from "./view.js";

/** @import { Showing } from "../../support/page/linked_text.js" */
/** @import { Link, Shareable, State } from "../../support/page/share.js" */

const readable = data.texts.map(({ text }) => text);

/** @returns {State} */
function viewState() {
  const at = pinned();
  if (find("view").inert) return textInLink(readable);
  const isFeature = !find("mode").hidden && find("output_max", HTMLInputElement).checked;
  return {
    ...textInLink(readable),
    token: at === null ? [] : [String(at.token + 1)],
    key: at?.key === undefined ? [] : [String(at.key + 1)],
    show: isFeature ? ["feature"] : [],
  };
}

/** @param {Link} link @param {Showing} showing */
async function showLinked(link, showing) {
  const shown = link.take("show", t("what is shown"), (name) => (name === "feature" ? name : undefined));
  find(shown.length ? "output_max" : "received", HTMLInputElement).checked = true;
  if (!(await showTextInLink(link, readable, showing))) return;
  if (shown.length && find("mode").hidden) link.misfits.add(t("what is shown"));
  const place = placeOutOf(tokensShown());
  const [token] = link.take("token", t("the chosen token"), place);
  const [key] = link.take("key", t("the chosen token"), (value) =>
    find("attention-map").hidden ? undefined : place(value),
  );
  pin(token === undefined ? null : { token, ...(key !== undefined && { key }) });
}

/** @param {Showing} showing @returns {Shareable} */
export const sharedText = (showing) => ({ state: viewState, restore: (link) => showLinked(link, showing) });
