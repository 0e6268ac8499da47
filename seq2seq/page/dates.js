// The answer to a typed date, and where it comes from: the page's share of dataset/dates.py.

import { data, strip } from "./data.js";

const two = (number) => String(number).padStart(2, "0");

/**
 * answer: yyyy-mm-dd; truth: for each of its characters the places in the question that it comes from.
 * Both null for a text that is no date in one of the forms of the generated ones, and where answers are no dates.
 */
export function parse(question) {
  const found = data.dates && new RegExp(`^(?:${data.dates.written})$`, "di").exec(strip(question).join(""));
  const unknown = { answer: null, truth: null };
  if (!found) return unknown;
  const { m, d, yy, month: name, day: ofMonth, year: yyyy } = found.groups;
  const year = yyyy ?? (yy >= "70" ? "19" : "20") + yy;
  const month = Number(m ?? 1 + data.dates.months.indexOf(name.slice(0, 3).toLowerCase()));
  const day = Number(d ?? ofMonth);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1) return unknown; // a day that there is not is one of another month
  const places = (...groups) => {
    const [first, end] = groups.map((group) => found.indices.groups[group]).find((range) => range);
    return Array.from({ length: end - first }, (_, k) => first + k);
  };
  const from = { Y: places("yy", "year"), M: places("m", "month"), D: places("d", "day"), "-": [] };
  return { answer: `${year}-${two(month)}-${two(day)}`, truth: [..."YYYY-MM-DD"].map((part) => from[part]) };
}
