// @ts-check
// The texts of "Side by side" and "Watch it learn" in Japanese.

import { addJapanese } from "../../support/page/language.js";

addJapanese({
  "Side by side": "並べて比べる",
  "The model that is shown below": "下に大きく示すモデル",
  "Attention map of {name}": "{name} の注意の重み",
  "no attention, so no map": "注意がないので、重みの図もない",
  "epoch {epoch}": "エポック {epoch}",
  "before training": "学習前",
  "log-probability {log}": "対数確率 {log}",
  "log-probability of the given answer {log}": "与えた答えの対数確率 {log}",
  "answers of {name}": "{name} の答え",
  "Watch it learn": "学習を追う",
  Epoch: "エポック",
  Play: "再生",
  Stop: "停止",
  "{name}, test accuracy {accuracy}": "{name}、テストの正解率 {accuracy}",
  "What it wrote after each epoch; arrow keys move": "各エポックの後の答え。矢印キーで移動",
  "This model has no attention, so there is no map. It reads the whole question into one state, and writes the answer from that alone.":
    "このモデルには注意がないので、重みの図はない。問い全体を一つの状態に読み込み、それだけを頼りに答えを書く。",
  "This model has no attention, so there is no map. It reads the whole question into one state, which it sees again at every character of the answer.":
    "このモデルには注意がないので、重みの図はない。問い全体を一つの状態に読み込み、答えの一文字ごとにその状態を改めて見る。",
  "Choose a character of the question to blank it or put another in its place.":
    "問いの文字を選ぶと、空白にしたり、別の文字に置き換えたりできる。",
});
