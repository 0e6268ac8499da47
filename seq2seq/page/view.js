// One question and its answer: the characters, the links between them, the heat map; and what is pointed at.

import { data } from "./data.js";
import { alignment, entropy, paddingFrom, padMass } from "./measures.js";
import { element, exact, find, glyph, named, oneStop, percent } from "./text.js";

const FAINT = 0.002; // links weaker than this are not drawn
const FIT = 34; // columns that a narrow screen has room for
const SVG = "http://www.w3.org/2000/svg";

// Both rows share the columns of the longer one; the shorter is set wider, and centred.
const COLUMNS = Math.max(data.T_enc, data.T_dec);
const WIDER = Math.min(COLUMNS / data.T_dec, 1.8);
const centre = {
  in: (place) => (COLUMNS - data.T_enc) / 2 + place + 0.5,
  out: (place) => (COLUMNS - data.T_dec * WIDER) / 2 + (place + 0.5) * WIDER,
};

let shown = null; // what `ask` returned, and the answer and truth of the question
let pinned = null; // the place that was clicked or has the focus: {in} or {out}, or both for a cell of the map
let hovered = null;

/** Draws a question that was asked. answer, truth: null where they are not known; given: whether it was fed back. */
export function showMap(asked, { answer, truth, given }) {
  shown = { ...asked, answer, truth, given };
  pinned = hovered = null;
  drawRow("in", shown.input);
  drawRow("out", shown.written);
  drawVerdict();
  drawLinks();
  drawHeat();
  drawMeasures();
  point();
}

const isWrong = (place) => shown.answer !== null && shown.best[place] !== shown.answer[place];
const isWrittenWrong = (place) => !shown.given && isWrong(place);

/** Sorted by weight, the places of the other side with their weights. */
function partners(side, place) {
  const weights = side === "out" ? [...shown.weights[place]] : shown.weights.map((a) => a[place]);
  return weights.map((weight, other) => ({ weight, other })).sort((a, b) => b.weight - a.weight);
}

function label(side, place) {
  const [char, others] = side === "out" ? [shown.written[place], shown.input] : [shown.input[place], shown.written];
  const most = partners(side, place)
    .slice(0, 3)
    .map(({ weight, other }) => `${named(others[other])} at ${other + 1} ${exact(weight)}`)
    .join(", ");
  if (side === "in") {
    const padding = place >= paddingFrom(shown.input) ? ", padding" : "";
    return `${named(char)}, character ${place + 1} of the question${padding}. Looked at by ${most}`;
  }
  let wrong = "";
  if (isWrong(place))
    wrong = shown.given
      ? `, the model would write ${named(shown.best[place])}`
      : `, wrong, ${named(shown.answer[place])} was wanted`;
  return `${named(char)}, character ${place + 1} of the answer${wrong}. Looked at ${most}`;
}

function drawRow(side, chars) {
  const row = find(`row-${side}`);
  const padding = side === "in" ? paddingFrom(chars) : chars.length;
  if (side === "in") {
    find("padding").hidden = padding === chars.length;
    find("padding").textContent = chars.length - padding < 5 ? "" : "padding";
    find("padding").style.setProperty("grid-column", `${padding + 1} / -1`);
  }
  row.replaceChildren(
    ...chars.map((char, place) => {
      const button = element(
        "button",
        {
          type: "button",
          class: `char${char === " " ? " space" : ""}${place >= padding ? " padding" : ""}`,
          [`data-${side}`]: place,
          tabindex: place ? -1 : 0,
          "aria-label": label(side, place),
        },
        element("span", { class: "glyph" }, place >= padding ? "·" : glyph(char)),
      );
      if (side === "out" && isWrittenWrong(place)) button.classList.add("wrong");
      return button;
    }),
  );
}

/** How many characters each row holds, and how much of the width it takes; a finger has to scroll those too long. */
function layOut() {
  find("map").classList.toggle("long", COLUMNS > FIT);
  find("heat").style.setProperty("--columns", data.T_enc + 1);
  for (const [id, count, wider] of [
    ["padding", data.T_enc, 1],
    ["in", data.T_enc, 1],
    ["out", data.T_dec, WIDER],
    ["verdict", data.T_dec, WIDER],
  ]) {
    find(`row-${id}`).style.setProperty("--columns", count);
    find(`row-${id}`).style.setProperty("--width", `${(100 * count * wider) / COLUMNS}%`);
  }
}

/** Under each character of the answer: whether it is right, and what else was wanted or would have been written. */
function drawVerdict() {
  const { answer, best, given } = shown;
  const row = find("row-verdict");
  row.replaceChildren(
    ...(answer ?? []).map((char, place) =>
      isWrong(place)
        ? element("span", { class: "wrong" }, "✗", element("b", {}, glyph(given ? best[place] : char)))
        : element("span", { class: "right" }, "✓"),
    ),
  );
  const wrong = best.filter((_, place) => isWrong(place)).length;
  let note = "no answer is known, so nothing is marked";
  if (answer !== null) note = `✓ every character of the answer is right${given ? ", after the given ones" : ""}`;
  if (wrong)
    note = `✗ ${wrong} of ${best.length} wrong; below ✗ ${given ? "what the model would write" : "what was wanted"}`;
  find("verdict-note").textContent = note;
}

function drawLinks() {
  const paths = shown.weights.flatMap((a, out) =>
    [...a].flatMap((weight, input) => {
      if (weight < FAINT) return [];
      const [x0, x1] = [10 * centre.in(input), 10 * centre.out(out)];
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", `M${x0} 0C${x0} 55 ${x1} 45 ${x1} 100`);
      path.style.setProperty("--w", weight.toFixed(4));
      path.dataset.linkIn = input;
      path.dataset.linkOut = out;
      return [path];
    }),
  );
  find("links").setAttribute("viewBox", `0 0 ${10 * COLUMNS} 100`);
  find("links").replaceChildren(...paths);
}

function drawHeat() {
  const padding = paddingFrom(shown.input);
  const head = shown.input.map((char, input) =>
    element(
      "th",
      { scope: "col", "data-in": input, class: input >= padding ? "padding" : "" },
      input >= padding ? "·" : glyph(char),
    ),
  );
  const rows = shown.written.map((char, out) => {
    const cells = [...shown.weights[out]].map((weight, input) => {
      const cell = element(
        "td",
        { "data-in": input, "data-out": out, class: input >= padding ? "padding" : "" },
        element("span", {}, exact(weight)),
      );
      cell.style.setProperty("--w", weight.toFixed(4));
      return cell;
    });
    const wrong = isWrittenWrong(out) ? "wrong" : "";
    return element("tr", {}, element("th", { scope: "row", "data-out": out, class: wrong }, glyph(char)), ...cells);
  });
  find("heat").tHead.replaceChildren(element("tr", {}, element("td"), ...head));
  find("heat").tBodies[0].replaceChildren(...rows);
}

function drawMeasures() {
  const { weights, input, truth } = shown;
  const aligned = truth && alignment(weights, truth);
  find("alignment").parentElement.hidden = aligned === null;
  if (aligned !== null) find("alignment").textContent = percent(aligned);
  find("pad-mass").textContent = percent(padMass(weights, input));
  find("entropy").textContent = `${entropy(weights).toFixed(2)} nats`;
  find("entropy-most").textContent = Math.log(data.T_enc).toFixed(2);
}

/** Shows what is pointed at, on both rows, the links and the map at once. */
function point() {
  const at = hovered ?? pinned ?? {};
  const [out, input] = [at.out ?? null, at.in ?? null];
  for (const button of document.querySelectorAll("button.char")) {
    const place = { in: Number(button.dataset.in ?? -1), out: Number(button.dataset.out ?? -1) };
    let weight = 0;
    if (out !== null && place.in >= 0) weight = shown.weights[out][place.in];
    if (out === null && input !== null && place.out >= 0) weight = shown.weights[place.out][input];
    button.style.setProperty("--w", weight.toFixed(4));
    button.classList.toggle("pointed", place.out === out || place.in === input);
  }
  for (const path of find("links").children) {
    const { linkOut, linkIn } = path.dataset;
    const off = out !== null ? linkOut !== String(out) : input !== null && linkIn !== String(input);
    path.classList.toggle("off", off);
  }
  for (const cell of find("heat").querySelectorAll("[data-in],[data-out]")) {
    cell.classList.toggle("across", out !== null && cell.dataset.out === String(out));
    cell.classList.toggle("down", input !== null && cell.dataset.in === String(input));
  }
  readOut(out, input);
}

function readOut(out, input) {
  const readout = find("readout");
  if (out === null && input === null) {
    readout.textContent = "Point at a character, above or in the map, to see its weights.";
    return;
  }
  const side = out !== null ? "out" : "in";
  const others = side === "out" ? shown.input : shown.written;
  const char = side === "out" ? shown.written[out] : shown.input[input];
  const listed = partners(side, side === "out" ? out : input);
  const wanted = out !== null && input !== null ? listed.filter(({ other }) => other === input) : listed.slice(0, 4);
  const chips = wanted.map(({ weight, other }) =>
    element("span", { class: "chip" }, element("b", {}, glyph(others[other])), ` ${exact(weight)}`),
  );
  const sure = out !== null && !shown.given ? ` (${percent(shown.p[out])} sure)` : "";
  readout.replaceChildren(
    element("b", { class: "subject" }, glyph(char)),
    side === "out" ? `${sure} looked at ` : " was looked at by ",
    ...chips,
  );
}

function placeOf(target) {
  const holder = target?.closest?.("#map [data-in], #map [data-out]");
  if (!holder) return null;
  const { in: input, out } = holder.dataset;
  return { ...(input && { in: Number(input) }), ...(out && { out: Number(out) }) };
}

function set(change) {
  if (shown === null) return;
  change();
  point();
}

/** The character that an arrow key leads to: along the row, or across to where the strongest link ends. */
function neighbour(button, key) {
  const side = button.dataset.in === undefined ? "out" : "in";
  const place = Number(button.dataset[side]);
  const row = find(`row-${side}`).children;
  if (key === "ArrowLeft") return row[Math.max(0, place - 1)];
  if (key === "ArrowRight") return row[Math.min(row.length - 1, place + 1)];
  if (key === "Home") return row[0];
  if (key === "End") return row[row.length - 1];
  const across = (key === "ArrowDown" && side === "in") || (key === "ArrowUp" && side === "out");
  return across ? find(`row-${side === "in" ? "out" : "in"}`).children[partners(side, place)[0].other] : null;
}

export function startMap() {
  layOut();
  const map = find("map");
  map.addEventListener("pointermove", (event) => {
    // a finger holds on to what it touched first
    const target =
      event.pointerType === "mouse" ? event.target : document.elementFromPoint(event.clientX, event.clientY);
    const place = placeOf(target);
    if (JSON.stringify(place) !== JSON.stringify(hovered))
      set(() => {
        hovered = place;
      });
  });
  map.addEventListener("pointerleave", (event) => {
    // a finger that was lifted has chosen
    set(() => {
      if (event.pointerType !== "mouse") pinned = hovered ?? pinned;
      hovered = null;
    });
  });
  map.addEventListener("click", (event) =>
    set(() => {
      pinned = placeOf(event.target);
    }),
  );
  map.addEventListener("focusin", ({ target }) => {
    if (target.matches(".char")) oneStop(target.parentElement.children, target);
    set(() => {
      pinned = placeOf(target) ?? pinned;
    });
  });
  map.addEventListener("keydown", (event) => {
    if (event.key === "Escape")
      set(() => {
        pinned = hovered = null;
      });
    const button = event.target.closest("button.char");
    const next = button && neighbour(button, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  find("numbers").addEventListener("click", ({ currentTarget }) => {
    const pressed = currentTarget.getAttribute("aria-pressed") !== "true";
    currentTarget.setAttribute("aria-pressed", pressed);
    find("heat").classList.toggle("with-numbers", pressed);
  });
}
