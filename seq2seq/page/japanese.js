// @ts-check
// The texts of the page of dates in Japanese.

import { addJapanese } from "../../support/page/language.js";

addJapanese({
  // the head and the foot
  "seq2seq with attention, {weights} weights": "Attention付きseq2seq、重み{weights}個",
  "reads backwards": "入力を反転",
  "reads forwards": "入力の反転なし",
  "questions from the command line": "コマンドラインで指定した質問",
  "questions of {file}": "{file}の質問",
  "{count} of {all} test questions of {source}": "{source}のテスト用の質問{all}件のうち{count}件",
  "{count} of {all} test questions of generated dates": "生成した日付のテスト用の質問{all}件のうち{count}件",
  "{name} has another training part, and may have seen some of the test questions":
    "{name}は別のデータで学習したため、テスト用の質問の一部を学習済みかもしれません",
  "The model looks at the whole question before it writes each character of the answer. The weights of one look sum to 1; links and cells are as strong as their weights.":
    "モデルは答えを1文字出力するたびに、質問全体を見ます。そのつどの重みの和は1で、つながりとマスは重みが大きいほど強く表示されます。",
  "Own output": "自身の出力",
  ": the model reads back what it wrote itself.": "：モデルは、自分が出力した文字を次の入力にします。",
  "Given answer": "正解を入力",
  ": it reads the right answer so far, as it did in training.": "：学習時と同じように、1つ前までの正解を入力にします。",
  "seq2seq without attention, {weights} weights": "Attentionなしのseq2seq、重み{weights}個",
  "peeky seq2seq, {weights} weights": "Peeky seq2seq、重み{weights}個",
  "Transformer, {weights} weights": "Transformer、重み{weights}個",
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

  // what is typed
  "Characters the model knows": "モデルが知っている文字",
  "{count} of {most} characters": "{count}/{most}文字",
  "{count} characters; the model reads at most {most}.": "{count}文字あります。モデルが読めるのは{most}文字までです。",
  "“{char}” (U+{code}, character {places}) {reason}.": "「{char}」（U+{code}、{places}文字目）は{reason}。",
  "“{char}” (U+{code}, characters {places}) {reason}.": "「{char}」（U+{code}、{places}文字目）は{reason}。",
  "“{char}” {reason}.": "「{char}」は{reason}。",
  "is not in the vocabulary": "語彙にありません",
  "occurs in no training question": "訓練データの質問に現れません",

  // the question and its answer
  "Weights while it writes": "どの入力で出力したときの重みか",
  "own output": "自身の出力",
  "given answer": "正解を入力",
  "Links, as strong as their weights": "文字どうしのつながり（重みが大きいほど強く表示）",
  padding: "パディング",
  "The question; arrow keys move, down goes to the answer; Delete blanks, a character replaces, Escape puts back":
    "質問。矢印キーで移動、下矢印キーで答えへ。Deleteキーで空白にし、文字を入力すると置き換え、Escapeキーで元に戻す",
  "The answer; arrow keys move, up goes to the question; with shift they move the strongest weight, u makes all weights alike, Escape gives its own back":
    "答え。矢印キーで移動、上矢印キーで質問へ。Shiftと矢印キーで最大の重みを移し、uキーですべての重みを等しくし、Escapeキーで元に戻す",
  "{name}, character {place} of the question": "{name}、質問の{place}文字目",
  ", padding": "、パディング",
  "{what}. Looked at by {characters}": "{what}。ここを見た文字：{characters}",
  "{name}, character {place} of the answer": "{name}、答えの{place}文字目",
  ", the model would write {name}": "、モデルの出力は{name}",
  ", wrong, expected {name}": "、不正解、正解は{name}",
  ", {name} before the changes": "、変更前は{name}",
  "{what}. Looked at {characters}": "{what}。見た文字：{characters}",
  "{what}. Made to look at {characters}": "{what}。見させた文字：{characters}",
  "no known answer to compare with": "正解は不明",
  "✓ every character of the answer is right": "✓ 答えは全文字正解",
  "✓ every character of the answer is right, after the given ones": "✓ 正解を入力したとき、答えは全文字正解",
  "✗ {wrong} of {all} wrong; below each ✗: the right character":
    "✗ {all}文字中{wrong}文字が不正解。各✗の下は正しい文字",
  "✗ {wrong} of {all} wrong; below each ✗: what the model would write":
    "✗ {all}文字中{wrong}文字が不正解。各✗の下はモデルの出力",
  " (for the question as it was)": "（変更前の質問）",
  "Point at a character, above or in the map, to see its weights.":
    "上の文字かマップのマスを指すと、その重みを表示します。",
  " ({percent} sure)": "（確率{percent}）",
  " looked at ": "が見た文字：",
  " was made to look at ": "に見させた文字：",
  " was looked at by ": "を見た文字：",

  // the heat map
  "Heat map": "ヒートマップ",
  "What the map shows": "マップの表示",
  "Exact weights": "重みの数値",
  "Attention weights": "Attentionの重み",
  "Change of the attention weights": "Attentionの重みの変化",
  ": one row per character of the answer, one column per character of the question": "。行は答えの文字、列は質問の文字",
  "Attention of": "Attentionの表示：",
  "mean of all heads": "全ヘッドの平均",
  "layer {layer}, head {head}": "第{layer}層のヘッド{head}",
  "{contents}, {head}": "{contents}（{head}）",
  Alignment: "対応",
  "of the weight is where the answer comes from": "の重みが、答えの元になった文字にある",
  "Pad mass": "パディング",
  "of the weight is on padding, the spaces at the end": "の重みが、末尾を埋めるスペースにある",
  Entropy: "エントロピー",
  "{entropy} nats": "{entropy}ナット",
  "from 0 (all on one character) to": "0（1文字に集中）から",
  "(even)": "（均等）まで",

  // the list
  Questions: "質問",
  "Search questions and answers": "質問と答えを検索",
  Format: "書式",
  "any format": "すべての書式",
  "like {example} ({count})": "{example} など（{count}件）",
  "Questions; arrow keys move": "質問。矢印キーで移動",

  // what if
  "Choose a character of the question to blank it or put another in its place, or one of the answer to say where it looks.":
    "質問の文字を選ぶと、空白にしたり別の文字に置き換えたりできます。答えの文字を選ぶと、どこを見るかを変えられます。",
  answer: "答え",

  // characters of the question
  "Change {name}, character {place} of the question": "質問の{place}文字目「{name}」を変更",
  "The answer before and after the changes": "変更前と変更後の答え",
  "log-probability of {answer}": "{answer}の対数確率",
  "log-probability of the given {answer}": "入力した正解{answer}の対数確率",
  "{log} ({percent})": "{log}（{percent}）",
  "{count} of {all} characters flipped": "{all}文字中{count}文字が変化",
  "No character flipped.": "変化した文字はありません。",
  "{count}: {answer}.": "{count}：{answer}。",
  "{what} Log-probability {before} before, {after} after": "{what}対数確率は変更前{before}、変更後{after}",

  // where the model looks
  "Where the model looks before {name}, character {place} of the answer": "答えの{place}文字目「{name}」の前に見る場所",
  "Look everywhere alike": "全体を均等に見る",
  "Look only at": "ここだけを見る ",
  "Its own weights": "元に戻す",
  "Every head of every layer is made to look there.": "すべての層のすべてのヘッドに、そこを見させます。",
  "Only {head} is made to look there; the others look where they choose.":
    "{head}だけにそこを見させます。ほかのヘッドは自分で見る場所を決めます。",
  "Or drag weight from one character to another, along a row of the map.":
    "マップの行に沿って、ある文字から別の文字へ重みをドラッグすることもできます。",

  // occlusion
  "One column per character of the question": "列は質問の文字",
  "For the whole answer": "答え全体について",
  "For {name}, character {place} of the answer": "答えの{place}文字目「{name}」について",
  Attention: "Attention",
  "Attention, summed over the answer": "Attention（答え全体の和）",
  "Log-probability lost without it, in nats": "隠したときに失われる対数確率（ナット）",
  "{title}; tallest bar {value}": "{title}　最も高い棒は{value}",
  "over {count} characters": "（{count}文字）",
  ". Near 1, the characters that the model looks at most are those that it can least do without. Near 0 or below, its weights do not tell which those are: the state at each character also holds what the encoder has read elsewhere.":
    "。1に近ければ、モデルがよく見ている文字ほど、なくては困る文字だといえます。0に近いか負であれば、どの文字がそうなのかは重みからはわかりません。各文字での状態には、Encoderがほかの場所で読んだ内容も含まれるからです。",

  // links
  "the given answer": "正解の入力",
  "the epoch": "エポック",
  "the head": "ヘッド",
  "forced weights": "指定した重み",
  "the chosen character": "選んだ文字",

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
