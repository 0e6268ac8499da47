"""Generate synthetic Japanese sentences in the style of blogs, in four classes.

    python -m dataset.blogs --count 8000 --seed 1 > blogs.tsv

A small grammar generates them, so that a classifier of Japanese can be trained without a corpus. About 66
of 100 sentences mention one class; 22 mention two, and only the grammar tells which one they are about
(「ラーメンを食べるより試合に行くほうが楽しい。」 is about sports); 12 only hint at two or three classes.
All classes share openings, times, feelings and endings. A model that counts words cannot classify every
sentence correctly, and no model can classify every hint correctly.

Source of the four classes: the Kyoto University and NTT Blog Corpus; none of its sentences is used.
"""

import re
from collections.abc import Iterator, Sequence

from support import entry  # first: it reports a missing package in one line

# isort: split
from dataset import generator
from dataset.labelled import LabelledTexts

COUNT = 8000
CLASSES = ("グルメ", "携帯電話", "京都", "スポーツ")


def _entries(text: str) -> tuple[str, ...]:
    """Split a table into its entries at white space; `-` is an empty entry."""
    return tuple(entry.replace("-", "") for entry in text.split())


# In all tables, {name} is an entry of another table, and [a|b] holds the plain and the polite style.
NOUNS = {
    "food": _entries("""
        ラーメン カレー パスタ 餃子 寿司 うどん 天ぷら ハンバーグ 唐揚げ 焼き鳥 お好み焼き ピザ とんかつ 海鮮丼
        親子丼 パンケーキ チーズケーキ モンブラン プリン コロッケ 担々麺 オムライス"""),
    "shop": _entries("レストラン 定食屋 居酒屋 ビストロ パン屋 洋食屋 寿司屋 屋台 食堂 ラーメン屋"),
    "phone": _entries("スマホ スマートフォン 携帯 携帯電話 ガラケー 新機種 折りたたみ携帯 アンドロイド"),
    "gear": _entries("""
        充電器 保護フィルム スマホケース モバイルバッテリー 液晶パネル 携帯ストラップ ワイヤレス充電器"""),
    "feature": _entries("""
        アプリ 着信音 待ち受け画面 留守電 タッチパネル 赤外線通信 料金プラン ワンセグ 指紋認証 着メロ 文字入力"""),
    "place": _entries("""
        京都 鴨川 清水寺 金閣寺 銀閣寺 嵐山 祇園 伏見稲荷 哲学の道 南禅寺 八坂神社 錦市場 渡月橋 下鴨神社 東寺
        二条城 平安神宮 先斗町 貴船 四条河原町"""),
    "festival": _entries("祇園祭 葵祭 時代祭 五山の送り火 都をどり"),
    "sight": _entries("舞妓さん 京町家 石畳の路地 五重塔 枯山水"),
    "sport": _entries("""
        野球 サッカー テニス マラソン バスケ バレーボール 卓球 駅伝 相撲 水泳 ラグビー 柔道 ゴルフ 陸上"""),
    "match": _entries("試合 決勝戦 延長戦 開幕戦 ナイター 代表戦 練習試合 準決勝 日本シリーズ"),
    "player": _entries("監督 選手 先発投手 ゴールキーパー 四番打者 代表チーム"),
}

# An object and its verb: dictionary form, past, stem before ます.
VERBS = {
    "グルメ": (
        "{food}を 食べる 食べた 食べ",
        "{shop}で{food}を 食べる 食べた 食べ",
        "{shop}に 行く 行った 行き",
        "{food}を 頼む 頼んだ 頼み",
        "{food}を 作る 作った 作り",
        "{food}をおかわり する した し",
        "{shop}を 探す 探した 探し",
        "{food}の列に 並ぶ 並んだ 並び",
        "{food}の写真を 撮る 撮った 撮り",
        "{food}の値段を 調べる 調べた 調べ",
        "{shop}を 予約する 予約した 予約し",
    ),
    "携帯電話": (
        "{phone}を 使い始める 使い始めた 使い始め",
        "{phone}を 充電する 充電した 充電し",
        "{phone}を 見る 見た 見",
        "{phone}を 探す 探した 探し",
        "{phone}で写真を 撮る 撮った 撮り",
        "{phone}の売り場に 並ぶ 並んだ 並び",
        "{gear}を 買う 買った 買い",
        "{gear}を 頼む 頼んだ 頼み",
        "{feature}を 試す 試した 試し",
        "{feature}の使い方を 調べる 調べた 調べ",
    ),
    "京都": (
        "{place}を 歩く 歩いた 歩き",
        "{place}に 行く 行った 行き",
        "{place}の写真を 撮る 撮った 撮り",
        "{place}で紅葉を 見る 見た 見",
        "{place}で一休み する した し",
        "{place}を 案内する 案内した 案内し",
        "{place}への道を 調べる 調べた 調べ",
        "{festival}を 見る 見た 見",
        "{festival}の列に 並ぶ 並んだ 並び",
        "{sight}を 探す 探した 探し",
        "{sight}の写真を 撮る 撮った 撮り",
    ),
    "スポーツ": (
        "{sport}を 見る 見た 見",
        "{sport}を 始める 始めた 始め",
        "{sport}の練習を する した し",
        "{sport}の{match}を 見る 見た 見",
        "{match}に 行く 行った 行き",
        "{match}の入場列に 並ぶ 並んだ 並び",
        "{match}の結果を 調べる 調べた 調べ",
        "{player}を 応援する 応援した 応援し",
        "{player}の写真を 撮る 撮った 撮り",
        "{sport}の道具を 買う 買った 買い",
        "{sport}仲間を 探す 探した 探し",
    ),
}
TOPICS = {  # what a clause can be about
    "グルメ": ("{food}", "{food}", "{shop}", "{shop}の{food}"),
    "携帯電話": ("{phone}", "{gear}", "{feature}", "{phone}の{feature}"),
    "京都": ("{place}", "{place}", "{festival}", "{sight}"),
    "スポーツ": ("{sport}", "{match}", "{player}", "{sport}の{match}"),
}
DEEDS = {  # words that occur in the verbs of one class only
    "グルメ": "食べ おかわり",
    "携帯電話": "充電 使い",
    "京都": "紅葉 一休み 案内",
    "スポーツ": "練習 応援 道具 仲間 結果",
}

# The words that determine a class. No word belongs to two classes or occurs in another table.
_GROUPS = {
    "グルメ": ("food", "shop"),
    "携帯電話": ("phone", "gear", "feature"),
    "京都": ("place", "festival", "sight"),
    "スポーツ": ("sport", "match", "player"),
}
CUES = {name: sum((NOUNS[group] for group in _GROUPS[name]), tuple(DEEDS[name].split())) for name in CLASSES}
_CUE = re.compile("|".join(sorted((cue for cues in CUES.values() for cue in cues), key=len, reverse=True)))

CLEAR = (
    "{open}{time}{this.past}{end}{tail}",
    "{why}{time}{this.past}{end}{tail}",
    "{why}{time}{this.past}{end}{tail}",
    "{open}{this.topic}{feel}{end}{tail}",
    "{open}{this.topic}{feel}{end}{tail}",
    "{open}{time}{this.doing}、{mood}{end}",
    "{why}{this.past}。{this.topic}{feel}{end}",
    "{open}{this.does}のが{habit}{end}{tail}",
    "{open}{this.did}と{person}から聞[いた|きました]{end}{tail}",
)
# Sentences of two classes: {this} is what they are about; it comes first in half of them, last in the others.
MIXED = (
    "{open}{other.does}より{this.does}ほうが{better}{end}",
    "{open}{this.does}ほうが{other.does}より{better}{end}",
    "{open}{other.topic}の話はさておき、{this.topic}{feel}{end}",
    "{open}{this.topic}{feel}。{other.topic}の話はまた今度に[する|します]{end}",
    "{why}{other.does}つもりだったのに、結局{this.past}{end}",
    "{why}{this.past}。{other.does}つもりだったのに{end}",
    "{open}{time}{other.did}あとで{this.past}{end}",
    "{open}{time}{this.past}。{other.did}あとの話[だ|です]{end}",
    "{open}{other.does}のをやめて、{time}{this.past}{end}",
    "{open}{time}{this.past}ので、{other.does}のはやめ[た|ました]{end}",
    "{open}{other.doing}いる間も、{this.topic}のことばかり考えてい[た|ました]{end}",
    "{open}{this.topic}のことばかり考えていて、{other.does}のを忘れ[た|ました]{end}",
    "{open}{other.topic}もいい[けど|ですが]、やっぱり{this.topic}{feel}{end}",
    "{open}{this.topic}{feel}。もちろん{other.topic}もいい[けど|ですが]{end}",
)
VAGUE = ("{open}{hint}{end}{tail}", "{open}{hint}。{mood}{end}")

HINTS = {  # phrases that fit several classes, and which ones
    "朝早くから並[んだ|びました]": "グルメ 携帯電話 スポーツ",
    "店員さんがとても親切[だった|でした]": "グルメ 携帯電話",
    "思い出に写真を何枚も撮[った|りました]": "グルメ 京都 スポーツ",
    "人が多くて少し疲れ[た|ました]": "京都 スポーツ",
    "値段のわりに満足でき[た|ました]": "グルメ 携帯電話",
    "早めに予約しておいてよかった[|です]": "グルメ 京都 携帯電話",
    "画面が大きくて迫力があ[った|りました]": "携帯電話 スポーツ",
    "バッテリーが最後まで頑張ってくれ[た|ました]": "携帯電話 スポーツ",
    "抹茶の香りに癒やされ[た|ました]": "グルメ 京都",
    "新作の発表がとても待ち遠しい[|です]": "グルメ 携帯電話",
    "チケットがなかなか取れな[かった|かったです]": "京都 スポーツ",
    "たくさん歩いて足が棒になってしま[った|いました]": "京都 スポーツ",
    "スタンドがいっぱいで座れな[かった|かったです]": "グルメ スポーツ",
    "ホームがとても見やすくなってい[た|ました]": "携帯電話 スポーツ",
    "和菓子をお土産にたくさん買[った|いました]": "グルメ 京都",
    "夜遅くまでみんなで盛り上が[った|りました]": "グルメ スポーツ",
    "説明が長くて眠くなってしま[った|いました]": "携帯電話 京都",
    "軽くて手になじむのが気に入[った|りました]": "携帯電話 スポーツ",
    "古いものにもよさがあると知[った|りました]": "携帯電話 京都",
    "川沿いの風がとても気持ちよかった[|です]": "京都 スポーツ",
    "限定の色に一目ぼれしてしま[った|いました]": "携帯電話 スポーツ",
    "老舗の味はやっぱり違[う|います]": "グルメ 京都",
    "夏に行くと混んでいて大変[だ|です]": "グルメ 京都 スポーツ",
    "去年よりも値上がりしてい[た|ました]": "グルメ 携帯電話",
}
SHARED = {
    "open": _entries("""
        - - - - さて、 さて、 実は、 ところで、 正直に言うと、 なんだかんだで、 こんにちは。 少し前の話[だ|です]。
        今日もいい天気[だ|です]。 最近ずっと忙しい[|です]。 久しぶりの更新[だ|です]。 朝から雨が降ってい[る|ます]。
        もうすぐ週末[だ|です]。 ここだけの話[だけど|ですが]、 前にも書いた[けど|のですが]、 眠くて仕方がない[|です]。
        急に寒くな[った|りました]。 お久しぶり[|です]。 やっと落ち着[いた|きました]。"""),
    "why": _entries("""
        友達に誘われて、 用事が早く済んだので、 休みが取れたので、 雨がやんだので、 娘と一緒に、 ひとりで、
        予定がなくなったので、 ふと思い立って、 母に頼まれて、 せっかくの休みなので、 少し寝坊した[けど|のですが]、
        テレビで紹介されていたので、 会社の先輩と、 ずっと気になっていたので、 給料日だったので、 気が向いたので、"""),
    "time": _entries("""
        - - - - 昨日は 今朝は 先週の土曜日に 連休に 夕方から 帰り道に 久しぶりに お昼過ぎに ようやく 初めて
        日曜日の朝に また ついに 先月 いつものように 朝いちばんに"""),
    "feel": _entries("""
        が最高[だった|でした] が期待以上[だった|でした] は思ったよりよかった[|です] がやっぱり好き[だ|です]
        のことが忘れられない[|です] が頭から離れない[|です] は少しだけ残念[だった|でした] が毎日の楽しみ[だ|です]
        は評判どおり[だった|でした] は想像と違ってい[た|ました] が話題になってい[る|ます] はいま大人気[だ|です]
        にはまってしま[った|いました] の話で盛り上が[った|りました] がとにかくすごい[|です] に夢中[だ|です]
        のことをもっと知りたい[|です] は何度でも楽しめ[る|ます] はあまり好みではな[かった|かったです]"""),
    "mood": _entries("""
        すっかり元気にな[った|りました] 幸せな一日[だった|でした] 気分がよくな[った|りました] ほっとし[た|ました]
        あっという間に夜にな[った|りました] 家族に報告し[た|ました] お財布が軽くな[った|りました] 少し疲れ[た|ました]
        大満足[だった|でした] 明日も頑張れそう[だ|です] 早めに寝[た|ました] いい思い出にな[った|りました]"""),
    "habit": _entries("""
        最近の楽しみ[だ|です] ひそかな夢[だった|でした] 昔から好き[だ|です] 少し苦手[だ|です] 週末の予定[だ|です]
        いちばんの息抜き[だ|です] 待ちきれない[|です] 久しぶりで楽しみ[だ|です] 何より好き[だ|です]"""),
    "better": _entries("""
        ずっと楽しい[|です] 性に合ってい[る|ます] 元気が出[る|ます] 面白そう[だ|です] 落ち着[く|きます]
        気分転換にな[る|ります] ずっと大事[だ|です] 今の自分には合ってい[る|ます] ずっと大変[だった|でした]"""),
    "person": _entries("妹 弟 母 隣の人 同僚 友達 先輩 夫 妻 近所の人 いとこ"),
    "end": _entries("。 。 。 。 ！ ！ ♪ [なあ|ね]。 よ。 [なあ|ね]〜。"),
    "tail": _entries("""
        - - - - - - また来週も楽しみ[だ|です]。 写真はまた今度載せ[る|ます]。 明日も頑張[ろう|りましょう]。
        おやすみなさい。 それではまた。 気づいたらもう夜[だった|でした]。 天気にも恵まれ[た|ました]。 続きはまた明日。
        帰りの電車で寝てしま[った|いました]。 長くなったので今日はここまで。 みんなにもおすすめ[だ|です]。"""),
}
_SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}|\[(.*?)\|(.*?)\]")
_DRAWS = 24  # per sentence, more than any sentence needs
_HIGH = 2**31


def generate(count: int = COUNT, seed: int = generator.SEED) -> LabelledTexts:
    """Generate `count` sentences; all classes are equally likely, as are the plain and the polite style.

    Each sentence has its own row of draws: the first k for a seed are the same for every count.
    Raises ValueError for a count below 1 or a seed outside 0 .. 2**32 - 1.
    """
    draws = generator.draws(_HIGH, (count, _DRAWS), seed)
    labels = draws[:, 0] % len(CLASSES)
    texts = [_Sentence(CLASSES[label], row[1:].tolist()).text for label, row in zip(labels, draws, strict=True)]
    return LabelledTexts(texts, labels, CLASSES, f"python -m dataset.blogs --count {count} --seed {seed}")


def lines(count: int = COUNT, seed: int = generator.SEED) -> list[str]:
    """Generate synthetic Japanese blog sentences as lines `class<TAB>text`."""
    data = generate(count, seed)
    return [f"{CLASSES[label]}\t{text}" for label, text in zip(data.labels, data.texts, strict=True)]


def cue_spans(text: str) -> list[tuple[int, int]]:
    """Find (start, end) of each word of CUES in a generated sentence, in order; the longest if several begin."""
    return [match.span() for match in _CUE.finditer(text)]


class _Sentence:
    """A sentence about `topic`, determined by the draws."""

    def __init__(self, topic: str, draws: list[int]):
        self.draws: Iterator[int] = iter(draws)
        self.polite = next(self.draws) % 2
        kind = next(self.draws) % 100
        others = [name for name in CLASSES if name != topic]
        self.classes = {"this": topic, "other": self.pick(others)}
        self.text = self.expand(self.pick(CLEAR if kind < 66 else MIXED if kind < 88 else VAGUE))

    def pick(self, options: Sequence[str]) -> str:
        return options[next(self.draws) % len(options)]

    def expand(self, rule: str) -> str:
        return _SLOT.sub(self.fill, rule)

    def fill(self, match: re.Match) -> str:
        name, form, plain, polite = match.groups()
        if name is None:
            return polite if self.polite else plain
        if form:
            return self.expand(self.phrase(self.classes[name], form))
        if name == "hint":
            return self.expand(
                self.pick([hint for hint, fits in HINTS.items() if self.classes["this"] in fits.split()])
            )
        return self.expand(self.pick(SHARED[name] if name in SHARED else NOUNS[name]))

    def phrase(self, about: str, form: str) -> str:
        if form == "topic":
            return self.pick(TOPICS[about])
        thing, does, did, stem = self.pick(VERBS[about]).split()
        doing = did[:-1] + {"た": "て", "だ": "で"}[did[-1]]
        return thing + {"does": does, "did": did, "doing": doing, "past": f"[{did}|{stem}ました]"}[form]


if __name__ == "__main__":
    entry.run(lambda: generator.main(lines, "blogs", count=COUNT))
