// @ts-check
// The answer to a typed date and where it comes from: the part of dataset/dates.py that the page needs.

import { data, strip } from "./data.js";

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

/**
 * answer: yyyy-mm-dd; truth: for each of its characters the places in the question that it comes from.
 * Both are null where answers are not dates, and for a text that is not a date in one of the generated forms.
 * @param {string} question
 * @returns {{ answer: string | null, truth: number[][] | null }}
 */
export function parse(question) {
  const unknown = { answer: null, truth: null };
  if (data.dates === null) return unknown;
  const found = new RegExp(`^(?:${data.dates.written})$`, "di").exec(strip(question).join(""));
  if (!found?.groups || !found.indices?.groups) return unknown;
  const { m, d, yy, month: name, day: ofMonth, year: yyyy } = found.groups;
  const ranges = found.indices.groups;
  const year = yyyy ?? (yy >= "70" ? "19" : "20") + yy;
  const month = Number(m ?? 1 + data.dates.months.indexOf(name.slice(0, 3).toLowerCase()));
  const day = Number(d ?? ofMonth);
  const date = new Date(0);
  date.setUTCFullYear(Number(year), month - 1, day);
  if (date.getUTCMonth() !== month - 1) return unknown; // a day past the end of its month falls into another one
  /** @param {...string} groups the names of the group in either form */
  const places = (...groups) => {
    const [first, end] = groups.map((group) => ranges[group]).find((range) => range) ?? [0, 0];
    return Array.from({ length: end - first }, (_, k) => first + k);
  };
  const from = new Map([
    ["Y", places("yy", "year")],
    ["M", places("m", "month")],
    ["D", places("d", "day")],
  ]);
  return {
    answer: `${year}-${two(month)}-${two(day)}`,
    truth: [..."YYYY-MM-DD"].map((part) => from.get(part) ?? []),
  };
}
