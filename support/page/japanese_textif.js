// @ts-check
// Japanese for changes of what the model reads, on both pages.

import { addJapanese } from "./language.js";

addJapanese({
  "at {place}": "{place}番目",
  "{count} of {all} …": "{all}のうち{count} …",
  stopped: "中断した",
  "none, as one row is all equal, {over}": "なし(片方の値がすべて等しい)、{over}",
  "What if": "もしも",
  "Blank it": "空白にする",
  "Put it back": "元に戻す",
  "Put everything back": "すべて元に戻す",
  "Occlude each in turn": "一つずつ隠す",
  before: "変更前",
  after: "変更後",
  change: "変化",
  "more weight than before the changes,": "変更前より重みが増えた、",
  less: "減った",
});
