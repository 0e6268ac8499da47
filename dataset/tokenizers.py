"""From a text to its tokens. A tokeniser is called with a text and gives a list of strings.

`to_json` gives what `tokenizer_from_json` makes an equal tokeniser of; a checkpoint stores it. Lone
surrogates, which a terminal or a JSON file may give and no encoding can write, become U+FFFD.
"""

import base64
import io
import os
import re
import unicodedata
from collections.abc import Iterable
from types import ModuleType

from dataset.files import read_bytes

INSTALL = "pip install 'attention-from-scratch[japanese]'"


def _normalised(text: str, form: str) -> str:
    return unicodedata.normalize(form, re.sub("[\ud800-\udfff]", "\ufffd", text))


class Words:
    """English words in lower case, each mark of punctuation a token of its own.

    An apostrophe inside a word is part of it: "it's" stays one token. A hyphen is a mark: "all-night"
    gives three. Line breaks of HTML, `<br />`, are dropped; a curly apostrophe becomes a straight one.
    """

    def __call__(self, text: str) -> list[str]:
        text = re.sub(r"(?i)<br\s*/?>", " ", _normalised(text, "NFC").replace("’", "'"))
        return re.findall(r"\w+(?:'\w+)*|[^\w\s]", text.lower())

    def to_json(self) -> dict:
        return {"name": "words"}


class Characters:
    """Every character but white space; the default for Japanese.

    The text is brought to NFKC first, so that full and half width, and a letter with its mark as one
    character or as two, are the same token. A combining character without such a form is a token.
    """

    def __call__(self, text: str) -> list[str]:
        return [char for char in _normalised(text, "NFKC") if not char.isspace()]

    def to_json(self) -> dict:
        return {"name": "characters"}


class SentencePiece:
    """Pieces of a SentencePiece model; `train` makes one of texts, `load` reads a file `*.model`.

    model   the bytes of the file. A space becomes `▁` in the pieces; a model of `train` puts none
            before the text.
    Needs the package `sentencepiece`. Raises ValueError when it is missing, saying how to install it,
    and when the bytes are no model.
    Source: Kudo and Richardson 2018, "SentencePiece: A simple and language independent subword
    tokenizer and detokenizer for Neural Text Processing".
    """

    def __init__(self, model: bytes):
        package = _sentencepiece()
        self.model = model
        self._processor = package.SentencePieceProcessor()
        try:
            loaded = self._processor.LoadFromSerializedProto(model)
        except RuntimeError:
            loaded = False
        if not loaded:
            raise ValueError(f"SentencePiece: the bytes of a model wanted, got {model[:20]!r}, {len(model)} bytes")

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 8000) -> "SentencePiece":
        """A unigram model of the texts, of `vocab_size` pieces or fewer where they do not give as many.

        Raises ValueError when the texts are empty or have more distinct characters than that.
        """
        writer = io.BytesIO()
        try:
            _sentencepiece().SentencePieceTrainer.train(
                sentence_iterator=(_normalised(text, "NFKC") for text in texts),
                model_writer=writer,
                vocab_size=vocab_size,
                hard_vocab_limit=False,
                add_dummy_prefix=False,
                max_sentence_length=1 << 20,  # bytes; longer texts are left out
                minloglevel=3,
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"SentencePiece: no model of {vocab_size} pieces could be trained: {reason}") from None
        return cls(writer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike) -> "SentencePiece":
        """The model of a file. Raises ValueError as the class, with the path before it, and OSError."""
        data = read_bytes(path)
        try:
            return cls(data)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def __call__(self, text: str) -> list[str]:
        return self._processor.encode(_normalised(text, "NFKC"), out_type=str)

    def to_json(self) -> dict:
        """The model travels along, as base64."""
        return {"name": "sentencepiece", "model": base64.b64encode(self.model).decode("ascii")}


Tokenizer = Words | Characters | SentencePiece
TOKENIZERS: dict[str, type[Tokenizer]] = {"words": Words, "characters": Characters, "sentencepiece": SentencePiece}


def fitting(texts: Iterable[str]) -> str:
    """The name of a tokeniser for texts that name none: characters where most letters are Japanese, else words.

    Japanese has no spaces: whole clauses would be words, of which hardly one is met again.
    """
    text = "".join(texts)
    japanese = len(re.findall("[\u3041-\u30ff\u3400-\u9fff\uff66-\uff9d]", text))
    return "characters" if 2 * japanese > sum(map(str.isalpha, text)) else "words"


def tokenizer_from_json(data: dict) -> Tokenizer:
    """The tokeniser that `to_json` described. Raises ValueError for a name outside TOKENIZERS, or wrong entries."""
    name = data.get("name") if isinstance(data, dict) else data
    if name not in tuple(TOKENIZERS):  # which may be unhashable, in a file of someone else's
        raise ValueError(f"tokenizer_from_json: one of {', '.join(TOKENIZERS)} wanted, got {name!r}")
    wanted = {"name", "model"} if name == "sentencepiece" else {"name"}
    if set(data) != wanted:
        raise ValueError(f"tokenizer_from_json: {name} with {sorted(wanted)} wanted, got {sorted(data)}")
    if name != "sentencepiece":
        return TOKENIZERS[name]()
    try:
        model = base64.b64decode(data["model"], validate=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"tokenizer_from_json: a model as base64 wanted ({error})") from None
    return SentencePiece(model)


def _sentencepiece() -> ModuleType:
    try:
        import sentencepiece
    except ModuleNotFoundError:
        raise ValueError(f"SentencePiece: the package sentencepiece is missing; install it: {INSTALL}") from None
    return sentencepiece
