"""Tokenisers: callables that split a text into a list of strings.

`to_json` describes a tokeniser, and `tokenizer_from_json` rebuilds it; a checkpoint stores the description. Lone
surrogates, which a terminal or a JSON file can contain and no encoding can write, become U+FFFD.
"""

import base64
import io
import os
import re
import unicodedata
from collections.abc import Iterable
from types import ModuleType
from typing import Literal

from dataset.files import read_bytes
from support.install import SENTENCEPIECE


def _encodable(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _normalised(text: str, form: Literal["NFC", "NFKC"]) -> str:
    return unicodedata.normalize(form, _encodable(text))


class Words:
    """English words in lower case; each punctuation mark is a separate token.

    An apostrophe inside a word is part of it: "it's" stays one token. A hyphen is a mark: "all-night"
    gives three tokens. HTML line breaks, `<br />`, are dropped; a curly apostrophe becomes a straight one.
    """

    def __call__(self, text: str) -> list[str]:
        text = re.sub(r"(?i)<br\s*/?>", " ", _normalised(text, "NFC").replace("’", "'"))
        return re.findall(r"\w+(?:'\w+)*|[^\w\s]", text.lower())

    def to_json(self) -> dict:
        return {"name": "words"}


class Characters:
    """Every character except white space; the default for Japanese.

    The text is normalised to NFKC first: full width and half width give the same token, as do a letter
    composed with its mark and a letter followed by it. A combining character that does not compose is a token.
    """

    def __call__(self, text: str) -> list[str]:
        return [char for char in _normalised(text, "NFKC") if not char.isspace()]

    def to_json(self) -> dict:
        return {"name": "characters"}


class Spaces:
    """What stands between white space, unchanged: for texts that another program has divided, such as MeCab or spaCy.

    Only so does a model of another framework read exactly the tokens that it was trained on.
    """

    def __call__(self, text: str) -> list[str]:
        return _encodable(text).split()

    def to_json(self) -> dict:
        return {"name": "spaces"}


class KerasTokenizer:
    """What Keras's Tokenizer finds in a text, whose settings these are, with its defaults.

    filters     characters that become ``split``; a list of them, too
    lower       whether the text becomes lower case first
    split       where the text is divided; empty tokens are dropped
    char_level  whether each character is a token; ``filters`` and ``split`` then do nothing
    Raises ValueError for other settings.
    Source: ``text_to_word_sequence`` and ``Tokenizer`` in ``keras.preprocessing.text`` of Keras 2.
    """

    def __init__(
        self,
        filters: str | list[str] = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
    ):
        if not (isinstance(filters, str) or (isinstance(filters, list) and all(map(_is_character, filters)))):
            raise ValueError(f"KerasTokenizer: expected characters as filters, got {filters!r:.60}")
        if not isinstance(split, str) or not (split or char_level):
            raise ValueError(f"KerasTokenizer: expected a text that is not empty as split, got {split!r:.60}")
        for name, flag in (("lower", lower), ("char_level", char_level)):
            if not isinstance(flag, bool):
                raise ValueError(f"KerasTokenizer: expected {name} as true or false, got {flag!r:.60}")
        self.filters, self.lower, self.split, self.char_level = "".join(filters), lower, split, char_level

    def __call__(self, text: str) -> list[str]:
        text = _encodable(text)
        if self.lower:
            text = text.lower()
        if self.char_level:
            return list(text)
        text = text.translate({ord(char): self.split for char in self.filters})
        return [token for token in text.split(self.split) if token]

    def to_json(self) -> dict:
        return {"name": "keras"} | {name: getattr(self, name) for name in SETTINGS["keras"]}


def _is_character(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1


class SentencePiece:
    """Pieces of a SentencePiece model; `train` builds a model from texts, `load` reads one from a `*.model` file.

    model   the bytes of the file. The library normalises texts as the model specifies, so the pieces are
            the library's. A space becomes `▁`; a model from `train` adds no `▁` before the text.
    nfkc    whether to normalise texts to NFKC first, as version 0.1.0 did for all models
    Needs the package `sentencepiece`. Raises ValueError when it is missing, saying how to install it,
    and when the bytes are not a model.
    Source: Kudo and Richardson 2018, "SentencePiece: A simple and language independent subword
    tokenizer and detokenizer for Neural Text Processing".
    """

    def __init__(self, model: bytes, *, nfkc: bool = False):
        package = _sentencepiece()
        self.model, self.nfkc = model, nfkc
        self._processor = package.SentencePieceProcessor()
        try:
            loaded = self._processor.LoadFromSerializedProto(model)
        except RuntimeError:
            loaded = False
        if not loaded:
            raise ValueError(f"SentencePiece: expected the bytes of a model, got {model[:20]!r}, {len(model)} bytes")

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 8000) -> "SentencePiece":
        """Train a unigram model of `vocab_size` pieces, or of fewer if the texts do not yield that many.

        SentencePiece normalises the texts with its own `nmt_nfkc`: NFKC with a few exceptions (it keeps `～`, for
        example), without most control characters, and with each run of white space reduced to one space. The smallest
        possible `vocab_size` is 3, for `<unk>`, `<s>` and `</s>`, plus one for each distinct character that remains,
        including the space if it occurs between words; the rarest ones do not count, up to 0.05% of all characters.
        Raises ValueError for a smaller `vocab_size`, and when the texts are empty.
        """
        package = _sentencepiece()
        texts = [_encodable(text) for text in texts]
        normalizer = package.SentencePieceNormalizer(rule_name="nmt_nfkc")
        if not any(normalizer.normalize(text).strip(" ▁") for text in texts):  # version 0.2.0 would end the process
            raise ValueError("SentencePiece: expected texts to train on, got none, or only white space")
        if vocab_size < 4:
            raise ValueError(f"SentencePiece: expected a vocab_size of 3 and one for each character, got {vocab_size}")
        writer = io.BytesIO()
        try:
            package.SentencePieceTrainer.train(
                sentence_iterator=iter(texts),
                model_writer=writer,
                vocab_size=vocab_size,
                hard_vocab_limit=False,
                add_dummy_prefix=False,
                max_sentence_length=1 << 20,  # bytes; longer texts are left out
                minloglevel=3,
            )
        except (RuntimeError, ValueError, SyntaxError) as error:  # SyntaxError: version 0.2.1, for a number too large
            reason = " ".join(str(error).split())
            raise ValueError(f"SentencePiece: could not train a model of {vocab_size} pieces: {reason}") from None
        return cls(writer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike) -> "SentencePiece":
        """Load the model in a file. Raises ValueError like the class, beginning with the path, and OSError."""
        data = read_bytes(path)
        try:
            return cls(data)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def __call__(self, text: str) -> list[str]:
        return self._processor.encode(_normalised(text, "NFKC") if self.nfkc else _encodable(text), out_type=str)

    def to_json(self) -> dict:
        """Include the model as base64. A missing "nfkc", as in files of version 0.1.0, means true."""
        data = {"name": "sentencepiece", "model": base64.b64encode(self.model).decode("ascii")}
        return data if self.nfkc else data | {"nfkc": False}


Tokenizer = Words | Characters | Spaces | KerasTokenizer | SentencePiece
Plain = Words | Characters | Spaces  # fully described by a name
PLAIN: dict[str, type[Plain]] = {"words": Words, "characters": Characters, "spaces": Spaces}
TOKENIZERS: dict[str, type[Tokenizer]] = {**PLAIN, "keras": KerasTokenizer, "sentencepiece": SentencePiece}
SETTINGS = {"keras": ("filters", "lower", "split", "char_level"), "sentencepiece": ("model",)}  # besides the name


def fitting(texts: Iterable[str]) -> str:
    """Choose the name of a tokeniser for the texts: characters if most letters are Japanese, else words.

    Japanese has no spaces: a word would be a whole clause, and hardly any clause occurs twice.
    """
    text = "".join(texts)
    japanese = len(re.findall("[\u3041-\u30ff\u3400-\u9fff\uff66-\uff9d]", text))
    return "characters" if 2 * japanese > sum(map(str.isalpha, text)) else "words"


def tokenizer_from_json(data: dict) -> Tokenizer:
    """Rebuild the tokeniser that `to_json` described. Raises ValueError for an unknown name and for wrong entries."""
    name = data.get("name") if isinstance(data, dict) else data
    if name not in tuple(TOKENIZERS):  # a tuple, because a foreign file can hold an unhashable name
        raise ValueError(f"tokenizer_from_json: expected one of {', '.join(TOKENIZERS)}, got {name!r}")
    required, optional = {"name", *SETTINGS.get(name, ())}, {"nfkc"} if name == "sentencepiece" else set()
    if data.keys() - optional != required:
        raise ValueError(f"tokenizer_from_json: expected {sorted(required)} for {name}, got {sorted(data)}")
    if name in PLAIN:
        return PLAIN[name]()
    if name == "keras":
        return KerasTokenizer(*(data[setting] for setting in SETTINGS[name]))
    try:
        model = base64.b64decode(data["model"], validate=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"tokenizer_from_json: expected a model as base64 ({error})") from None
    nfkc = data.get("nfkc", True)
    if not isinstance(nfkc, bool):
        raise ValueError(f"tokenizer_from_json: expected nfkc as true or false, got {nfkc!r}")
    return SentencePiece(model, nfkc=nfkc)


def _sentencepiece() -> ModuleType:
    try:
        import sentencepiece
    except ModuleNotFoundError:
        raise ValueError(f"SentencePiece: the package sentencepiece is missing; install it: {SENTENCEPIECE}") from None
    return sentencepiece
