// @ts-check
// The texts of the models side by side, in Japanese.

import { addJapanese } from "../../support/page/language.js";

addJapanese({
  // the head
  "{name}: bidirectional GRU, {weights} weights": "{name}：双方向GRU、重み{weights}個",
  "{name}: self-attention and LSTM, {weights} weights": "{name}：Self-AttentionとLSTM、重み{weights}個",
  "{name}, weights in {precision}: of {count} texts, {changed}% change their class; the largest difference of a probability is {difference}":
    "{name}の重みは{precision}（テキスト{count}件のうち{changed}%でクラスが変わり、確率の差は最大{difference}）",
  "{name} has another training part, and may have seen some of the test texts":
    "{name}は別のデータで学習したため、テスト用のテキストの一部を学習済みかもしれません",

  // the models
  "Side by side": "並べて比較",
  "The models; choose the one that is shown at large": "モデル。選んだものを下に大きく表示",
  "What {name} reads": "{name}が読むもの",
  "bidirectional GRU": "双方向GRU",
  "self-attention and LSTM": "Self-AttentionとLSTM",
  "masks padding": "パディングをマスク",
  "reads padding": "パディングも読む",
  "✓ right": "✓ 正解",
  "✗ wrong": "✗ 不正解",
  "{name}: {found}": "{name}：{found}",
  "The text as {name} weighs it": "{name}の重みで色をつけたテキスト",
  "It finds no token to read.": "読めるトークンがありません。",
  "It reads pieces that SentencePiece finds, which this page cannot: choose one of the texts.":
    "SentencePieceで分割したトークンを読みますが、このページでは分割できません。一覧からテキストを選んでください。",
  "It reads other tokens: here without your changes.": "読むトークンが異なるため、ここには変更を反映していません。",

  // the list
  "Whether the models agree": "モデルの一致・不一致",
  "the models agree or differ": "モデルが一致・不一致",
  "only where the models differ": "モデルの答えが異なるもののみ",
  "only where the models agree": "モデルの答えが同じもののみ",
});
