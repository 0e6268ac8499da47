// @ts-check
// The texts of the page of texts in Japanese.

import { addJapanese } from "../../support/page/language.js";

addJapanese({
  // the head and the foot
  "bidirectional GRU, {weights} weights": "双方向GRU、重み{weights}個",
  "self-attention and LSTM, {weights} weights": "Self-AttentionとLSTM、重み{weights}個",
  "texts from the command line": "コマンドラインで指定したテキスト",
  "texts of {file}": "{file}のテキスト",
  "{count} of {all} test texts of {source}": "{source}のテスト用のテキスト{all}件のうち{count}件",
  "{count} of {all} test texts of generated sentences": "生成した文のテスト用のテキスト{all}件のうち{count}件",
  "weights in {precision}: of {count} texts, {changed}% change their class; the largest difference of a probability is {difference}":
    "重みは{precision}（テキスト{count}件のうち{changed}%でクラスが変わり、確率の差は最大{difference}）",
  "The shade of a token says how far its weight is above the mean of its text. Attention says where the model looked, not why it decides: see what changes when a word is taken out.":
    "トークンの色は、重みがテキスト内の平均をどれだけ上回るかを表します。Attentionが示すのは、モデルがどこを見たかであって、判断の理由ではありません。単語を除くと結果がどう変わるかも確かめてください。",
  "{name}: bidirectional GRU, {weights} weights": "{name}：双方向GRU、重み{weights}個",
  "{name}: self-attention and LSTM, {weights} weights": "{name}：Self-AttentionとLSTM、重み{weights}個",
  "{name}, weights in {precision}: of {count} texts, {changed}% change their class; the largest difference of a probability is {difference}":
    "{name}の重みは{precision}（テキスト{count}件のうち{changed}%でクラスが変わり、確率の差は最大{difference}）",
  "{name} has another training part, and may have seen some of the test texts":
    "{name}は別のデータで学習したため、テスト用のテキストの一部を学習済みかもしれません",

  // what is typed, and its classes
  "The model reads pieces that SentencePiece finds, which this page cannot: choose one of the texts below, whose pieces it holds.":
    "このモデルはSentencePieceで分割したトークンを読みますが、このページでは分割できません。分割済みのテキストを下から選んでください。",
  "The text": "テキスト",
  "{count} token": "{count}トークン",
  "{count} tokens": "{count}トークン",
  "{count} of {all} tokens": "{all}トークン中{count}トークン",
  "{count} tokens; this page reads at most {most}.":
    "{count}トークンあります。このページで読めるのは{most}トークンまでです。",
  "All of it is unknown to the model, which leaves out unknown words.":
    "モデルの知っている単語がありません。このモデルは知らない単語を読み飛ばします。",
  "Probability of each class": "各クラスの確率",
  class: "クラス",
  probability: "確率",
  " ✓ right class": " ✓ 正解",

  // the tokens
  "What the model reads": "モデルが読むもの",
  "Weight of a token": "トークンの重み",
  "attention received": "受けたAttention",
  "largest feature": "特徴量の最大値",
  "The tokens; arrow keys move, Delete blanks, a character replaces, Escape puts back":
    "トークン。矢印キーで移動。Deleteキーで空白にし、文字を入力すると置き換え、Escapeキーで元に戻す",
  "{token}, token {place} of {count}": "{token}、{count}トークン中{place}番目",
  ", unknown": "、未知",
  ", weight {weight}, rank {rank}": "、重み{weight}、順位{rank}",
  ", change {by}": "、変化{by}",
  ". Looks at {tokens}": "。見ているトークン：{tokens}",
  ". Looks at nothing": "。どのトークンも見ていません",
  "Unknown to the model: {tokens}": "モデルの知らないトークン：{tokens}",
  " (all: the model read nothing but their number)": "（すべて。モデルが読み取れたのは個数だけです）",
  "The model has no attention: tokens have no weights.": "このモデルにはAttentionがなく、トークンに重みはありません。",
  "Point at a token to see its weight.": "トークンを指すと、その重みを表示します。",
  "Point at a token to see what it looks at.": "トークンを指すと、それが見ているトークンを表示します。",
  " weight {weight}, rank {rank} of {count}": "重み{weight}（{count}個中{rank}位）　",
  "; looks at ": "見ているトークン：",
  " looks at ": "見ているトークン：",
  "; looks at nothing": "どのトークンも見ていません",
  " looks at nothing": "どのトークンも見ていません",
  "Weight: the attention of the final states to the token.": "重み：最後の隠れ状態からトークンへのAttention。",
  "Weight: the attention that the token receives, the mean of its column of the map.":
    "重み：トークンが受けたAttention。マップの列の平均。",
  "Weight: the largest feature of the token's vector after attention, which is not an attention weight.":
    "重み：Attentionを通したあとのトークンのベクトルの最大の要素。Attentionの重みではありません。",
  " {percent} of the attention is on padding.": "Attentionの{percent}はパディングに向いています。",
  "at or below the mean": "平均以下",
  largest: "最大",

  // the map and the table
  "Where each token looks": "各トークンが見ている場所",
  "row → column, up to": "行→列、最大",
  "Attention of {count} tokens to each other; {most} receives the most":
    "{count}個のトークンの間のAttention。最も多く受けているのは{most}",
  "Change of the attention to each other": "トークンの間のAttentionの変化",
  "Each token and its weight": "各トークンとその重み",
  token: "トークン",
  weight: "重み",
  rank: "順位",
  normalized: "正規化",
  attention: "注目",
  yes: "あり",
  no: "なし",
  ": 1 for the largest weight;": "：重みが最大のものが1　",
  ": the weight above the mean of its text;": "：テキスト内の平均を上回る分　",
  ": whether there is any.": "：正規化した値が正かどうか",

  // the list
  Texts: "テキスト",
  "Search texts and classes": "テキストとクラスを検索",
  Class: "クラス",
  "any class": "すべてのクラス",
  "Texts; arrow keys move": "テキスト。矢印キーで移動",

  // links
  "the chosen token": "選んだトークン",

  // what if
  "What words, map and table show": "トークン・マップ・表の表示",
  "Choose a token to blank it or put another in its place.":
    "トークンを選ぶと、空白にしたり別のトークンに置き換えたりできます。",
  "Change {name}, token {place} of {count}": "{count}トークン中{place}番目の「{name}」を変更",
  "“{text}” has no token in it.": "「{text}」にはトークンがありません。",
  "“{text}” is {count} tokens; put one.": "「{text}」は{count}トークンになります。1つだけ入力してください。",
  "“{text}” is unknown to the model, which leaves out unknown words.":
    "「{text}」はモデルの知らない単語です。このモデルは知らない単語を読み飛ばします。",
  "“{text}” is not a piece that the model knows.": "「{text}」はモデルの語彙にありません。",
  "The probability of each class before and after the changes": "変更前と変更後の各クラスの確率",
  "log-probability of {name}": "{name}の対数確率",
  "The class stays {to}.": "クラスは{to}のままです。",
  "The class flips from {from} to {to}.": "クラスが{from}から{to}に変わりました。",
  "Log-probability {before} before, {after} after": "対数確率は変更前{before}、変更後{after}",

  // occlusion
  "What “{name}” loses without each token": "各トークンを隠したときに「{name}」が失うもの",
  Attention: "Attention",
  ", tallest bar": "　最も高い棒は",
  "log-probability lost without it, in nats, tallest bar": " 隠したときに失われる対数確率（ナット）　最も高い棒は",
  "gained without it": " 隠すと増える",
  "Each token: its weight, and the log-probability lost without it": "各トークンの重みと、隠したときに失われる対数確率",
  "Log-probability lost without it: {lost}": "隠したときに失われる対数確率：{lost}",
  "over 1 token": "（1トークン）",
  "over {count} tokens": "（{count}トークン）",
  " (without regard to signs, {rho})": "、符号を無視すると{rho}",
  ". Near 1, the tokens that weigh most are those that the model can least do without. Near 0 or below, its weights do not tell which those are: what it computes at each token also holds what stands around it.":
    "。1に近ければ、重みの大きいトークンほど、モデルにとってなくては困るものだといえます。0に近いか負であれば、どのトークンがそうなのかは重みからはわかりません。各トークンでの計算には、その前後の内容も含まれるからです。",

  // the models
  "Side by side": "並べて比較",
  "The models; choose the one that is shown at large": "モデル。選んだものを下に大きく表示",
  "What “{name}” reads": "「{name}」が読むもの",
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
