"""Read the vocabulary of a model of another framework: which word has which id.

- one token per line; the id is the number of the line, from 0
- ``.json``: a list of tokens, whose places are the ids; a dict from token to id, such as Keras's ``word_index`` and
  torchtext's ``stoi``; or what ``to_json`` of Keras's Tokenizer returns

`WordVocabulary` has padding at 0 and unknown words at 1; `words_of` says which words have which rows.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from dataset.files import read_text, shorten
from dataset.tokenizers import SETTINGS, KerasTokenizer
from dataset.words import SPECIAL

PADDING = "<pad>", "[PAD]", "<PAD>", "<blank>", "__PAD__", "_PAD", "PAD", "<padding>"
UNKNOWN = "<unk>", "[UNK]", "<UNK>", "<oov>", "<OOV>", "[OOV]", "OOV", "UNK", "__UNK__", "_UNK", "<unknown>"
PICKLES = ".pkl", ".pickle", ".pt", ".pth", ".bin"
FORMS = "one token per line, or .json with a list of tokens or a dict from token to id"
MOST_IDS = 2**31


class Listed(NamedTuple):
    """Tokens and their ids, as a file has them.

    path    what messages call the file
    ids     by token
    given   whether the file has the ids; else they are places in a list
    padding, unknown  the ids of padding and of unknown words; None if no token has one of their usual names
    dropped whether unknown words are left out of a text, as Keras's Tokenizer does without an ``oov_token``
    size    of such a Tokenizer with ``num_words``: the ids that it uses end before it; else None
    tokenizer  of such a Tokenizer: what finds its tokens; else None
    """

    path: str
    ids: dict[str, int]
    given: bool
    padding: int | None
    unknown: int | None
    dropped: bool = False
    size: int | None = None
    tokenizer: KerasTokenizer | None = None


def read_vocabulary(path: str | os.PathLike) -> Listed:
    """Read a vocabulary in one of the forms of this module.

    Raises ValueError, beginning with the path, for anything else, and for two tokens with one id; OSError.
    """
    path = Path(path)
    if path.suffix in PICKLES:
        how = "where it was made, `json.dump(vocabulary, open('vocabulary.json', 'w'))` writes it"
        raise ValueError(f"{path}: expected {FORMS}, got a pickle, which is not read here; {how}")
    text = read_text(path)
    if path.suffix.lower() != ".json":
        return listed(path, text.removesuffix("\n").split("\n"))  # not splitlines, whose other ends can be tokens
    try:
        data = json.loads(text, object_pairs_hook=_distinct)
        if isinstance(data, str):  # Tokenizer.to_json returns a text, which somebody wrote as JSON again
            data = json.loads(data, object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError(f"{path}: expected {FORMS}, got deeply nested JSON") from None
    except ValueError as error:
        raise ValueError(f"{path}: expected {FORMS}: {error}") from None
    if isinstance(data, list):
        return listed(path, data)
    if isinstance(data, dict) and data.get("class_name") == "Tokenizer":
        return _of_keras(path, data.get("config"))
    if not isinstance(data, dict):
        raise ValueError(f"{path}: expected {FORMS}, got {type(data).__name__}")
    return _with_ids(path, data)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{shorten(twice)} stands there twice")
    return found


def listed(path: str | os.PathLike, tokens: list[Any]) -> Listed:
    """Take a list of tokens for a vocabulary. Raises ValueError, beginning with the path, for what is none."""
    if not tokens:
        raise ValueError(f"{path}: expected {FORMS}, got an empty list")
    ids: dict[str, int] = {}
    for i, token in enumerate(tokens):
        if not isinstance(token, str):
            raise ValueError(f"{path}: expected tokens, got {token!r:.60} with id {i}")
        if token in ids:
            raise ValueError(f"{path}: expected distinct tokens, got {shorten(token)} as {ids[token]} and as {i}")
        ids[token] = i
    _expect_text(path, ids)
    padding = 0 if tokens[0] == "" else _first(ids, PADDING)  # Keras's TextVectorization pads with an empty text
    return Listed(str(path), ids, False, padding, _first(ids, UNKNOWN))


def _with_ids(path: Path, ids: dict[str, Any], oov: str | None = None, size: int | None = None) -> Listed:
    """Check the ids. oov: the token of unknown words, if it is known."""
    if not ids:
        raise ValueError(f"{path}: expected {FORMS}, got an empty dict")
    for token, i in ids.items():
        if type(i) is not int or not 0 <= i < MOST_IDS:
            raise ValueError(f"{path}: expected whole numbers from 0 as ids, got {i!r:.60} for {shorten(token)}")
    _expect_text(path, ids)
    first = min(ids.values())
    # Where ids begin at 1, as those of Keras, 0 is padding, and PAD or OOV may be words like any other.
    marked = ids if first == 0 else {token: i for token, i in ids.items() if not token.isalpha()}
    padding = _first(marked, PADDING)
    if padding is None and first > 0:
        padding = 0
    unknown = _first(marked, UNKNOWN) if oov is None else ids.get(oov)
    named = _first(ids, UNKNOWN) if oov is None else None
    if unknown is None and named == first:  # where Keras has its oov_token
        unknown = named
    tokens: dict[int, str] = {}
    for token, i in ids.items():
        if i not in tokens:
            tokens[i] = token
        elif i != unknown:  # looking a word up in torchtext's stoi adds it there, as unknown
            raise ValueError(f"{path}: expected distinct ids, got {i} for {shorten(tokens[i])} and {shorten(token)}")
    dropped = unknown is None and named is None and first > 0
    return Listed(str(path), {token: i for i, token in tokens.items()}, True, padding, unknown, dropped, size)


def _expect_text(path: str | os.PathLike, ids: dict[str, int]) -> None:
    for token, i in ids.items():
        if any("\ud800" <= char <= "\udfff" for char in token):  # halves of a character, which JSON can hold
            raise ValueError(f"{path}: expected tokens that UTF-8 can write, got {token!r:.60} with id {i}")


def _of_keras(path: Path, config: Any) -> Listed:
    """Read what a Tokenizer of Keras wrote: its word_index is JSON inside JSON."""
    try:
        ids, oov, size = json.loads(config["word_index"]), config.get("oov_token"), config.get("num_words")
        if not isinstance(ids, dict) or not isinstance(oov, str | None) or not isinstance(size, int | None):
            raise ValueError("a dict, a text or null, a whole number or null")
        tokenizer = KerasTokenizer(**{name: config[name] for name in SETTINGS["keras"] if name in config})
    except (AttributeError, TypeError, KeyError, ValueError, RecursionError) as error:
        what = "what to_json of Keras's Tokenizer returns, with its word_index, oov_token and num_words"
        raise ValueError(f"{path}: expected {what}: {error}") from None
    return _with_ids(path, ids, oov or "", size or None)._replace(tokenizer=tokenizer)


def _first(ids: dict[str, int], names: tuple[str, ...]) -> int | None:
    return next((ids[name] for name in names if name in ids), None)


def words_of(vocabulary: Listed, rows: int, padding_id: int, unknown_id: int | None) -> tuple[list[str], list[str]]:
    """Return one word for each row of an embedding, in the order of the ids, and notes on what did not fit.

    rows: of the file's embedding. unknown_id: None if the model has no row for unknown words; the words then end with
    one more, ``<unk>``. Padding and unknown words get their names here, whatever they are in the file. Ids that a file
    gives may have gaps, and may go beyond the rows; places in a list may not.
    Raises ValueError, beginning with the file, for a list that is shorter or longer, and for two words of these names.
    """
    path, ids, notes = vocabulary.path, vocabulary.ids, []
    if not vocabulary.given and len(ids) != rows:
        what = f"expected {rows:,} tokens, one for each row of the embedding, got {len(ids):,}"
        missing = "; are those of padding or unknown words missing?" if len(ids) < rows else ""
        raise ValueError(f"{path}: {what}{missing}")
    end = rows if vocabulary.size is None else min(rows, vocabulary.size)
    found = {i: token for token, i in ids.items() if i < end}
    if beyond := len(ids) - len(found):
        why = "the embedding ends there" if end == rows else "its num_words says so"
        notes.append(f"{path}: words with ids from {end:,} are unknown, {beyond:,} of {len(ids):,}: {why}")
    special = dict(zip((padding_id, unknown_id), SPECIAL, strict=True))
    for name in (*PADDING, *UNKNOWN):
        if ids.get(name, padding_id) not in special:
            notes.append(
                f"{path}: {name}, id {ids[name]:,}, is a word like any other; padding has the id {padding_id:,}"
            )
    nameless = [i for i in range(rows) if i not in found and i not in special]
    if nameless:
        notes.append(
            f"{path}: rows without a word, which no text reaches: {len(nameless):,}, the first is {nameless[0]:,}"
        )
    words = [special.get(i) or found.get(i) or f"<row {i}>" for i in range(rows)]
    if unknown_id is None:
        words.append(SPECIAL[1])
    for name in SPECIAL:
        if words.count(name) > 1:
            raise ValueError(f"{path}: {name} has the id {ids[name]}, but another was named for it")
    return words, notes
