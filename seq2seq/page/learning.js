// @ts-check
// "Watch it learn": a slider through the epochs of which the page has the weights, and what was written after each.

import { onLanguage, t } from "../../support/page/language.js";
import { moveByKeys } from "../../support/page/list.js";
import { element, find, oneStop, percent, speak } from "../../support/page/text.js";
import { data } from "./data.js";
import { epochsHere, showEpoch, shownEpoch, shownModel, stateAt, whenShown } from "./models.js";
import { markWrong } from "./shown.js";
import { beside, nameOfEpoch, verdictInWords } from "./side_by_side.js";

/** @import { Shown } from "./shown.js" */

const PACE = 800; // ms for each epoch while it plays

/** @type {number | undefined} */
let playing;

const epochButtons = () => [...find("epochs").querySelectorAll("button")];
const lastEpoch = () => epochsHere.length - 1;
const placeShown = () => epochsHere.indexOf(shownEpoch() ?? -1);

/** The epoch that is shown, and how good the shown model was then. */
function epochInWords() {
  const epoch = shownEpoch();
  const state = stateAt(shownModel(), epoch);
  const accuracy = state.epoch === epoch ? state.accuracy : null;
  const name = nameOfEpoch(epoch);
  return accuracy === null ? name : t("{name}, test accuracy {accuracy}", { name, accuracy: percent(accuracy) });
}

function drawSlider() {
  const slider = find("epoch", HTMLInputElement);
  slider.value = String(placeShown());
  slider.setAttribute("aria-valuetext", epochInWords());
  find("epoch-shown").textContent = epochInWords();
  markEpoch();
}

function markEpoch() {
  const { epoch } = stateAt(shownModel(), shownEpoch());
  const current = epochButtons().find((button) => Number(button.value) === epoch);
  for (const button of epochButtons()) button.setAttribute("aria-current", String(button === current));
  oneStop(epochButtons(), current ?? epochButtons()[0]);
  const list = find("epochs");
  if (current) list.scrollTop = current.offsetTop - (list.clientHeight - current.offsetHeight) / 2;
}

/** The buttons of the shown model's epochs, made anew for another model. */
function makeEpochs() {
  const epochs = data.models[shownModel()].epochs.flatMap(({ epoch }) => epoch ?? []);
  find("epochs").hidden = epochs.length === 0;
  const buttons = epochs.map((epoch) => {
    const name = element("span", { class: "small" }, nameOfEpoch(epoch));
    const [wrote, verdict] = [element("span", { class: "wrote" }), element("span", { class: "spoken" })];
    const button = element("button", { type: "button", value: epoch }, name, wrote, verdict);
    button.addEventListener("click", () => {
      stopPlaying();
      showEpoch(epoch);
    });
    return button;
  });
  find("epochs").replaceChildren(...buttons.map((button) => element("li", {}, button)));
  markEpoch();
}

/**
 * Draws what the shown model writes after each of its epochs.
 * @param {Shown} shown
 * @returns {Generator<void, void>}
 */
export function* drawEpochs(shown) {
  for (const button of epochButtons()) {
    const { best, answer } = beside(shown, shownModel(), Number(button.value));
    button.children[1].replaceChildren(...markWrong(best, answer));
    button.children[2].textContent = verdictInWords(best, answer);
    yield;
  }
}

function stopPlaying() {
  clearTimeout(playing);
  playing = undefined;
  find("play").textContent = t("Play");
}

function playOn() {
  playing = setTimeout(() => {
    const next = placeShown() + 1;
    if (next < lastEpoch()) playOn();
    else stopPlaying(); // and speak of the last one
    showEpoch(epochsHere[next]);
    find("epoch").dispatchEvent(new Event("change", { bubbles: true })); // as if the reader had moved it
  }, PACE);
}

function play() {
  if (playing !== undefined) {
    stopPlaying();
    return;
  }
  find("play").textContent = t("Stop");
  playOn();
  if (placeShown() === lastEpoch()) showEpoch(epochsHere[0]);
}

export function startLearning() {
  if (epochsHere.length < 2) return;
  find("learning").hidden = false;
  const slider = find("epoch", HTMLInputElement);
  slider.max = String(lastEpoch());
  slider.addEventListener("input", () => {
    stopPlaying();
    showEpoch(epochsHere[Number(slider.value)]);
  });
  find("play").addEventListener("click", play);
  // a link holds one epoch, both the one that is copied and the one that is opened
  find("share").addEventListener("click", stopPlaying);
  addEventListener("hashchange", stopPlaying);
  moveByKeys(find("epochs"), ["ArrowRight", "ArrowDown"], ["ArrowLeft", "ArrowUp"]);
  whenShown((which) => {
    if (which === "model") makeEpochs();
    drawSlider();
    if (which === "epoch" && playing === undefined)
      speak(t("{epoch}: {answer}", { epoch: epochInWords(), answer: find("own").textContent ?? "" }));
  });
  const draw = () => {
    makeEpochs();
    drawSlider();
    find("play").textContent = playing === undefined ? t("Play") : t("Stop");
  };
  onLanguage(draw);
  draw();
}
