// @ts-check
// The texts that several pages have, in Japanese.

import { addJapanese } from "./language.js";

addJapanese({
  // the frame
  "Where the model looks": "モデルはどこを見ているか",
  "Where the model looks: {name}": "モデルはどこを見ているか：{name}",
  "run {name}": "学習結果：{name}",
  "Light theme": "ライトテーマ",
  "Dark theme": "ダークテーマ",
  "Nothing leaves this page: it holds the weights of the model and makes no requests.":
    "入力した内容がこのページの外に出ることはありません。モデルの重みはページに含まれており、通信は行いません。",

  // what is typed
  "Try your own": "試してみる",
  "Text for the model": "モデルに入力するテキスト",
  "The model's answer": "モデルの答え",
  "{name} at {place} {weight}": "{place}番目の「{name}」{weight}",
  ", ": "、",
  space: "スペース",

  // pictures
  "Picture of the map": "図の画像",
  "Save SVG": "SVGで保存",
  "Save PNG": "PNGで保存",
  "Saved {name}.": "{name}を保存しました。",
  "Drawn at {scale} times the size of the SVG: browsers draw no larger pictures.":
    "SVGの{scale}倍の大きさで描きました。ブラウザはこれより大きい画像を描けません。",
  "The browser cannot draw a picture of this size; save it as SVG.":
    "ブラウザはこの大きさの画像を描けません。SVGで保存してください。",

  // the list
  Search: "検索",
  "Right or wrong": "正誤",
  "right and wrong": "正解と不正解",
  "only wrong": "不正解のみ",
  "only right": "正解のみ",
  right: "正解",
  wrong: "不正解",
  "no answer given": "正解は不明",
  "{found} of {all}, {wrong} wrong": "{all}件中{found}件、うち不正解{wrong}件",
  "Show more": "さらに表示",

  // links
  "Copy link": "リンクをコピー",
  "Link to this view": "この表示へのリンク",
  "Link copied.": "リンクをコピーしました。",
  "Link copied. It opens this file on this computer; for a copy of the file elsewhere, add the part from # to its address.":
    "リンクをコピーしました。開くのは、このコンピュータにあるこのファイルです。ほかの場所にあるファイルでは、そのアドレスに#以降を付けてください。",
  "The browser does not let this page copy. The link is selected: copy it yourself.":
    "ブラウザの設定により、このページからはコピーできません。リンクを選択してあるので、コピーしてください。",
  "The text is too long for a link.": "テキストが長すぎて、リンクにできません。",
  "The link is too long for this page.": "リンクが長すぎて、このページでは開けません。",
  "The link is for another page. Left out: {what}.": "別のページへのリンクです。開けなかったもの：{what}。",
  "the place in the list": "一覧での位置",
  "the text": "テキスト",
  "the model": "モデル",
  blanks: "空白にしたもの",
  "what was put in": "置き換えたもの",
  "what is shown": "表示の切り替え",
  "what was done with the text": "テキストについての操作",
  "what only another page knows": "別のページにしかないもの",

  // what if
  "What if": "もし変えたら",
  "at {place}": "{place}番目",
  Change: "変更",
  "Blank it": "空白にする",
  Put: "これを ",
  "in its place": " に置き換える",
  "Put it back": "元に戻す",
  "Put everything back": "すべて元に戻す",
  blank: "空白",
  ", in place of {name}": "、元は{name}",
  before: "変更前",
  after: "変更後",
  change: "変化",
  "more weight than before the changes,": " 変更前より重みが大きい　",
  less: " 小さい",

  // occlusion
  "Occlude each in turn": "1つずつ隠す",
  "{count} of {all} …": "{count}/{all}…",
  stopped: "中止しました",
  "Spearman correlation of the two:": "2つの間のスピアマンの順位相関：",
  "{rho} {over}": "{rho}{over}",
  "none, as one row is all equal, {over}": "なし、片方の値がすべて等しいため{over}",
});
