// @ts-check
// Saves a picture as SVG, or as PNG, which the browser makes of it; no request is made.

import { onLanguage, t } from "./language.js";
import { element, find, number, speak } from "./text.js";

const SCALE = 3; // of a PNG, where the browser can draw it
const LONGEST_SIDE = 16_000; // pixels of a side that browsers draw
const MOST_PIXELS = 2 ** 24; // pixels in all
const NAMED = 60; // characters of a text in the name of its file
const NOT_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

/** @typedef {{ svg: SVGElement, text: string }} Picture  with the text that names its file */

/** The file of a picture: XML has no place for some characters. @param {SVGElement} svg */
const toXml = (svg) => `${new XMLSerializer().serializeToString(svg).replace(NOT_XML, "\ufffd")}\n`;

/**
 * A PNG of the picture, and how much larger it is; null where the browser cannot draw it.
 * @param {SVGElement} svg
 * @returns {Promise<{ blob: Blob, scale: number } | null>}
 */
async function toPng(svg) {
  const [width, height] = ["width", "height"].map((name) => Number(svg.getAttribute(name)));
  const scale = Math.min(SCALE, LONGEST_SIDE / Math.max(width, height), Math.sqrt(MOST_PIXELS / (width * height)));
  const image = new Image();
  const loaded = await new Promise((resolve) => {
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = `data:image/svg+xml,${encodeURIComponent(toXml(svg))}`;
  });
  const canvas = document.createElement("canvas");
  canvas.width = Math.floor(width * scale);
  canvas.height = Math.floor(height * scale);
  const context = canvas.getContext("2d");
  if (!loaded || !context) return null;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return blob && { blob, scale };
}

/**
 * Hands the reader a file, which the page made itself.
 * @param {Blob} blob
 * @param {string} name
 */
function download(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A name that every file system has room for. @param {string} text */
const fileName = (text) =>
  [
    "attention",
    ...[...text]
      .slice(0, NAMED)
      .join("")
      .split(/[^\p{L}\p{M}\p{N}]+/u),
  ]
    .filter((part) => part)
    .join("-");

/** @param {"svg" | "png"} kind @param {Picture} picture */
async function save(kind, { svg, text }) {
  const name = `${fileName(text)}.${kind}`;
  const png = kind === "png" ? await toPng(svg) : { blob: new Blob([toXml(svg)], { type: "image/svg+xml" }), scale: 1 };
  let note = "";
  if (png === null) note = t("The browser cannot draw a picture of this size; save it as SVG.");
  else {
    download(png.blob, name);
    const scale = number(Math.round(100 * png.scale) / 100);
    if (kind === "png" && png.scale < SCALE)
      note = t("Drawn at {scale} times the size of the SVG: browsers draw no larger pictures.", { scale });
  }
  find("save-note").textContent = note;
  speak(png === null ? note : `${t("Saved {name}.", { name })} ${note}`);
}

/** Offers the picture to the reader. @param {() => Picture} draw */
export function startSaving(draw) {
  for (const kind of /** @type {const} */ (["svg", "png"]))
    find(`save-${kind}`).addEventListener("click", () => save(kind, draw()));
  onLanguage(() => {
    find("save-note").textContent = "";
  });
}
