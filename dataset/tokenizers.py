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


def _encodable(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _normalised(text: str, form: str) -> str:
    return unicodedata.normalize(form, _encodable(text))


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

    model   the bytes of the file. Texts are normalised as it says, by the library, so that the pieces
            are those that the library gives. A space becomes `▁`; a model of `train` puts none before
            the text.
    nfkc    whether texts are brought to NFKC before, which version 0.1.0 did for all models
    Needs the package `sentencepiece`. Raises ValueError when it is missing, saying how to install it,
    and when the bytes are no model.
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
            raise ValueError(f"SentencePiece: the bytes of a model wanted, got {model[:20]!r}, {len(model)} bytes")

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 8000) -> "SentencePiece":
        """A unigram model of the texts, of `vocab_size` pieces or fewer where they do not give as many.

        The texts are normalised by SentencePiece's own `nmt_nfkc`, which is NFKC with a few exceptions (it keeps
        `～`, for one), drops most control characters, and makes any white space one space. The least `vocab_size` is 3,
        for `<unk>`, `<s>` and `</s>`, and one for each distinct character of what comes out, the space among them if
        it stands between words; without the rarest ones, when the others are 99.95% of all.
        Raises ValueError for a smaller one, and when there is nothing in the texts.
        """
        package = _sentencepiece()
        texts = [_encodable(text) for text in texts]
        normalizer = package.SentencePieceNormalizer(rule_name="nmt_nfkc")
        if not any(normalizer.normalize(text).strip(" ▁") for text in texts):  # at which version 0.2.0 would exit
            raise ValueError("SentencePiece: expected texts to train on, got none, or white space alone")
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
        except (RuntimeError, ValueError, SyntaxError) as error:  # the last of 0.2.1, for a number too large
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
        return self._processor.encode(_normalised(text, "NFKC") if self.nfkc else _encodable(text), out_type=str)

    def to_json(self) -> dict:
        """The model travels along, as base64. Without "nfkc", as in files of version 0.1.0, it is true."""
        data = {"name": "sentencepiece", "model": base64.b64encode(self.model).decode("ascii")}
        return data if self.nfkc else data | {"nfkc": False}


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
    wanted, optional = ({"name", "model"}, {"nfkc"}) if name == "sentencepiece" else ({"name"}, set())
    if data.keys() - optional != wanted:
        raise ValueError(f"tokenizer_from_json: {name} with {sorted(wanted)} wanted, got {sorted(data)}")
    if name != "sentencepiece":
        return TOKENIZERS[name]()
    try:
        model = base64.b64decode(data["model"], validate=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"tokenizer_from_json: a model as base64 wanted ({error})") from None
    nfkc = data.get("nfkc", True)
    if not isinstance(nfkc, bool):
        raise ValueError(f"tokenizer_from_json: expected nfkc as true or false, got {nfkc!r}")
    return SentencePiece(model, nfkc=nfkc)


def _sentencepiece() -> ModuleType:
    try:
        import sentencepiece
    except ModuleNotFoundError:
        raise ValueError(f"SentencePiece: the package sentencepiece is missing; install it: {INSTALL}") from None
    return sentencepiece
