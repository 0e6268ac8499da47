// @ts-check
// The texts of "Side by side" and "Watch it learn" in Japanese.

import { addJapanese } from "../../support/page/language.js";

addJapanese({
  // the head
  "seq2seq without attention, {weights} weights": "Attentionなしのseq2seq、重み{weights}個",
  "peeky seq2seq, {weights} weights": "Peeky seq2seq、重み{weights}個",
  "{name}, {weights} weights": "{name}、重み{weights}個",
  "runs {names}": "学習結果：{names}",
  "{count} epochs, {first} to {last}": "{first}から{last}までの{count}エポック",
  "{name} reads backwards": "{name}は入力を反転",
  "{name} reads forwards": "{name}は入力の反転なし",
  "weights in {precision}: of {count} questions, {changed}% change their answer":
    "重みは{precision}：質問{count}件のうち{changed}%で答えが変化",
  "weights in {precision}: of {count} questions, {changed}% change their answer ({name})":
    "重みは{precision}：質問{count}件のうち{changed}%で答えが変化（{name}）",
  "weights in {precision}: of {count} questions, {changed}% change their answer ({name}, last epoch), at most {most}% (epoch {epoch})":
    "重みは{precision}：質問{count}件のうち{changed}%で答えが変化（{name}、最後のエポック）、最大{most}%（エポック{epoch}）",

  // side by side
  "Side by side": "並べて比較",
  ": the model that is shown below": "：下に大きく表示するモデル",
  "Attention map of {name}": "{name}のAttentionの重み",
  "no attention, so no map": "Attentionがないため、マップはありません",
  "epoch {epoch}": "エポック{epoch}",
  "before training": "学習前",
  "log-probability {log}": "対数確率 {log}",
  "log-probability of the given answer {log}": "入力した正解の対数確率 {log}",
  "answers of {name}": "{name}の答え",
  "This model has no attention, so there is no map. It reads the whole question into one state, and writes the answer from that alone.":
    "このモデルにはAttentionがないため、マップはありません。質問全体を1つの状態に読み込み、それだけをもとに答えを出力します。",
  "This model has no attention, so there is no map. It reads the whole question into one state, which it sees again at every character of the answer.":
    "このモデルにはAttentionがないため、マップはありません。質問全体を1つの状態に読み込み、答えを1文字出力するたびにその状態を見ます。",
  "Choose a character of the question to blank it or put another in its place.":
    "質問の文字を選ぶと、空白にしたり別の文字に置き換えたりできます。",

  // watch it learn
  "Watch it learn": "学習の過程を見る",
  Epoch: "エポック",
  Play: "再生",
  Stop: "停止",
  "{name}, test accuracy {accuracy}": "{name}、テストの正解率{accuracy}",
  "{epoch}: {answer}": "{epoch}：{answer}",
  "What it wrote after each epoch; arrow keys move": "各エポックの後の答え。矢印キーで移動",
});
