// @ts-check
// Japanese for changes of a text, and what comes of them.

import { addJapanese } from "../../support/page/language.js";

addJapanese({
  blank: "空白",
  "Looks at nothing": "何も見ていない",
  " looks at nothing": " は何も見ていない",
  ", in place of {token}": "、元は {token}",
  ", change {by}": "、変化 {by}",
  ", log-probability lost without it {lost}": "、隠すと失われる対数確率 {lost}",
  attention: "注意の重み",
  "attention received": "受ける注意の重み",
  "largest feature": "最大の特徴量",
  "What “{name}” loses without each token": "各トークンを隠すと「{name}」が失うもの",
  "over 1 token": "(1トークン)",
  "over {count} tokens": "({count}トークン)",
  " (without regard to signs, {rho})": "、符号を無視すると {rho}",
  "Change {name}, token {place} of {count}": "{count}トークン中{place}番目の {name} を変える",
  "log-probability of {name}": "{name} の対数確率",
  "The class stays {to}.": "クラスは {to} のまま。",
  "The class flips from {from} to {to}.": "クラスが {from} から {to} に変わった。",
  "Log-probability {before} before, {after} after": "対数確率は変更前 {before}、変更後 {after}",
  "“{text}” has no token in it.": "「{text}」にはトークンがない。",
  "“{text}” is {count} tokens; put one.": "「{text}」は{count}トークンになる。一つだけ入れる。",
  "“{text}” is unknown to the model, which leaves out unknown words.":
    "「{text}」はこのモデルの知らない単語で、モデルはそれを読み飛ばす。",
  "“{text}” is not a piece that the model knows.": "「{text}」はモデルの知っているピースではない。",
  "Change of the attention to each other": "互いへの注意の重みの変化",
  "The tokens; arrow keys move, Delete blanks, a character replaces, Escape puts back":
    "トークン。矢印キーで移動、Deleteで空白に、文字キーで置き換え、Escapeで元に戻す",
  "What words, map and table show": "単語・マップ・表に示すもの",
  "Choose a token to blank it or put another in its place.":
    "トークンを選ぶと、空白にしたり、別のトークンに置き換えたりできる。",
  Put: "代わりに",
  "in its place": "を入れる",
  "The probability of each class before and after the changes": "変更前と変更後の各クラスの確率",
  "tallest bar": "最も高い棒",
  "log-probability lost without it, in nats, tallest bar": "隠すと失われる対数確率(ナット)、最も高い棒",
  "gained without it": "隠すと増える",
  "Each token: its weight, and the log-probability lost without it": "各トークンの重みと、隠すと失われる対数確率",
  "Spearman correlation of the two:": "両者のスピアマン相関:",
  "Near 1, the tokens that weigh most are those that the model can least do without. Near 0 or below, its weights do not tell which those are: what it computes at each token also holds what stands around it.":
    "1に近ければ、重みの大きいトークンほどモデルに欠かせない。0付近か負なら、どれが欠かせないかは重みからは分からない。各トークンでの計算には周りのトークンの情報も含まれるからである。",
});
