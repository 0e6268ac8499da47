"""Map words to ids, and read word vectors for them from a file."""

import codecs
import gzip
import io
import math
import os
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, takewhile
from operator import index
from pathlib import Path

import numpy as np

from support.array import Array

PAD, UNK = 0, 1
SPECIAL = ["<pad>", "<unk>"]
MOST_BYTES = 2**20  # per line of word vectors; a file may have any number of lines
SAMPLE = 10  # lines from which the number of values per vector is inferred
BLANKS = b" \t\r\n"
UNFIT, EMPTY = "with another number of values", "empty"  # reasons to skip a line


class WordVocabulary:
    """Tokens and their ids 0 .. V - 1, in the order of `words`; id 0 is padding, 1 any unknown token.

    To rebuild a vocabulary, store its `words`. Vocabularies compare by their words and, like lists, are not hashable.
    Raises ValueError when `words` does not begin with `<pad>`, `<unk>`, or contains a word twice.
    """

    PAD, UNK = PAD, UNK

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        if self.words[:2] != SPECIAL:
            raise ValueError(f"WordVocabulary: expected {SPECIAL} as the first two words, got {self.words[:2]}")
        self._ids = {word: i for i, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            twice = next(word for i, word in enumerate(self.words) if self._ids[word] != i)
            raise ValueError(f"WordVocabulary: expected distinct words, got {twice!r} twice")
        del self._ids[SPECIAL[PAD]]  # a token spelled `<pad>` is unknown, not masked

    @classmethod
    def build(
        cls, token_lists: Iterable[Iterable[str]], *, min_count: int = 1, max_size: int | None = None
    ) -> "WordVocabulary":
        """Build a vocabulary of the tokens that occur at least `min_count` times, the most frequent first.

        Equally frequent tokens stay in the order of their first appearance.
        max_size   limits the vocabulary, including `<pad>` and `<unk>`; None sets no limit
        Raises ValueError for a min_count below 1 or a max_size below 2.
        """
        if min_count < 1:
            raise ValueError(f"WordVocabulary: expected a min_count of 1 or more, got {min_count}")
        if max_size is not None and max_size < len(SPECIAL):
            raise ValueError(f"WordVocabulary: expected a max_size of {len(SPECIAL)} or more, got {max_size}")
        counts = Counter(token for tokens in token_lists for token in tokens)
        frequent = [word for word, count in counts.most_common() if count >= min_count and word not in SPECIAL]
        return cls((SPECIAL + frequent)[:max_size])

    def encode(self, tokens: Iterable[str]) -> Array:
        """Return the ids of the tokens, int32 (T,): 1 for unknown tokens, never 0."""
        return np.array([self._ids.get(token, UNK) for token in tokens], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the words of the ids. Raises ValueError that names an id outside 0 .. V - 1."""
        try:
            ids = [index(i) for i in ids]
        except TypeError:
            raise ValueError("WordVocabulary.decode: expected whole numbers as ids, in one dimension") from None
        outside = [i for i in ids if not 0 <= i < len(self)]
        if outside:
            raise ValueError(f"id {outside[0]} is not in the vocabulary of {len(self)} words")
        return [self.words[i] for i in ids]

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __eq__(self, other: object) -> bool:
        return self.words == other.words if isinstance(other, WordVocabulary) else NotImplemented

    def __repr__(self) -> str:
        return f"WordVocabulary of {len(self)} words"


def read_word_vectors(
    path: str | os.PathLike, vocabulary: WordVocabulary, *, encoding: str = "utf-8", dimensions: int | None = None
) -> tuple[Array, Array]:
    """Read the vectors of the vocabulary's words from a text file of word2vec, GloVe or fastText, gzipped or not.

    Each line is ``word v1 ... vD``, separated by any number of spaces and tabs. The last D fields are the vector, which
    leaves room for words with spaces (GloVe's ``. . .``); a line with more than D numbers has too many. A first line of
    two whole numbers is word2vec's header, ``count dimensions``, even where D is 1; GloVe's files have no header.
    The file is read line by line, keeping only words of the vocabulary, without `<pad>` and `<unk>`.

    encoding    any in which spaces, tabs and line ends are the bytes of ASCII, such as UTF-8 or EUC-JP
    dimensions  D; None takes the header's if one of the first SAMPLE lines has as many values, else the most common
    Returns ids int32 (K,), in the order of the file, and their vectors float32 (K, D).
    Skips empty lines and lines with another number of values; for known words also lines with a value that is not
    finite in float32, and every line after a word's first. One warning counts them, and says if the header is wrong.
    Raises ValueError when no line fits, for a line of more than MOST_BYTES, a damaged gzip file, and for anything
    but text, such as word2vec's binary format.
    """
    path = Path(path)
    if dimensions is not None and dimensions < 1:
        raise ValueError(f"read_word_vectors: expected dimensions of 1 or more, got {dimensions}")
    known = _in_bytes(vocabulary, encoding)
    vectors: dict[int, np.ndarray] = {}
    skipped: dict[str, list[int]] = {}  # maps a reason to [how many, the first line]
    with path.open("rb") as file:
        lines = enumerate(_lines(path, file), 1)
        sample = list(islice(lines, SAMPLE + 1))
        header = _header(sample[0][1]) if sample else None
        sample = sample[header is not None :]
        usual = _dimensions(path, header, [line for _, line in sample])
        D = dimensions or usual
        number = 0
        word: bytes | None
        for number, line in chain(sample, lines):
            reason = None
            line = line.strip(BLANKS)
            word, _, values = line.partition(b" ")
            # searching for two spaces in a row is slow: only for known words, where it matters
            if values.count(b" ") != D - 1 or not values or b"\t" in line or (word in known and b"  " in line):
                word, values = _parted(line, D)
            if word is None:
                reason = UNFIT if line else EMPTY
            elif (i := known.get(word)) is not None:
                vector = _vector(values)
                if vector is None:
                    reason = "with a value not finite in float32"
                elif i in vectors:
                    reason = "for a word that an earlier line has"
                else:
                    vectors[i] = vector
            if reason is not None:
                skipped.setdefault(reason, [0, number])[0] += 1
    words = number - (header is not None) - skipped.get(EMPTY, [0])[0]
    _tell(path, header, (words, D), usual, skipped)
    return np.array(list(vectors), dtype=np.int32), np.array(list(vectors.values()), np.float32).reshape(-1, D)


def _in_bytes(vocabulary: WordVocabulary, encoding: str) -> dict[bytes, int]:
    """Encode the vocabulary rather than decode the file: most words in the file are not needed."""
    known = {}
    for i, word in enumerate(vocabulary.words[UNK + 1 :], UNK + 1):
        try:
            known[word.encode(encoding)] = i
        except UnicodeEncodeError:
            pass  # cannot occur in a file of this encoding
        except LookupError:
            raise ValueError(f"read_word_vectors: expected the name of an encoding, got {encoding!r}") from None
    return known


def _lines(path: Path, file: io.BufferedReader) -> Iterator[bytes]:
    """Yield the lines of a file, decompressed if necessary, without a byte order mark."""
    start, number = file.peek(4)[:4], 0  # not the suffix: a download can lose it, or keep it after unpacking
    if start == b"PK\3\4":
        raise ValueError(f"{path}: expected a text file, gzipped or not, got a ZIP archive; unpack it first")
    if start[:2] == b"\x1f\x8b":
        file = io.BufferedReader(gzip.GzipFile(fileobj=file), MOST_BYTES)
    try:
        for number, line in enumerate(iter(lambda: file.readline(MOST_BYTES + 1), b""), 1):
            if len(line) > MOST_BYTES:
                raise ValueError(f"{path}:{number}: expected a line of at most {MOST_BYTES:,} bytes, got a longer one")
            yield line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: expected a whole gzip file, got {number} lines and then: {error}") from None


def _header(line: bytes) -> tuple[int, int] | None:
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() and len(part) < 19 for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _dimensions(path: Path, header: tuple[int, int] | None, lines: list[bytes]) -> int:
    """Return the number of values per line: the header's if one of the lines has as many, else the most common."""
    found: Counter[int] = Counter()
    for line in lines:
        values = _fields(line)[:0:-1]  # from the last to the second
        found[len(list(takewhile(_is_number, values)))] += 1
    del found[0]
    if not found:
        got = "binary data" if re.search(b"[\0-\x08\x0e-\x1f]", b"".join(lines)) else "no line of that kind"
        raise ValueError(f"{path}: expected lines of text, each a word and its numbers, got {got}")
    return header[1] if header and header[1] in found else found.most_common(1)[0][0]


def _fields(line: bytes) -> list[bytes]:
    """Split at spaces and tabs only: other white space may be part of a word."""
    return [field for field in line.strip(BLANKS).replace(b"\t", b" ").split(b" ") if field]


def _parted(line: bytes, D: int) -> tuple[bytes | None, bytes]:
    """Split a line into its word and its D values; the word is None for any other number of values."""
    fields = _fields(line)
    if len(fields) <= D or (len(fields) > D + 1 and all(map(_is_number, fields[1:-D]))):
        return None, b""
    return b" ".join(fields[:-D]), b" ".join(fields[-D:])


def _is_number(field: bytes) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False


def _vector(values: bytes) -> Array | None:
    """Parse the values to float32 (D,); return None if one is not a finite number or is too large."""
    try:
        vector = np.array([float(value) for value in values.split(b" ")])
    except ValueError:
        return None
    with np.errstate(over="ignore"):
        vector = vector.astype(np.float32)
    return vector if np.isfinite(vector).all() else None


def _tell(path: Path, header: tuple[int, int] | None, got: tuple[int, int], usual: int, skipped: dict) -> None:
    """Warn about skipped lines and a wrong header. Raises ValueError when no line fits."""
    words, D = got
    if words == skipped.get(UNFIT, [0])[0]:
        raise ValueError(f"{path}: expected a word and {D} values on a line, got {usual} values on most first lines")
    notes = []
    if skipped:
        total = sum(count for count, _ in skipped.values())
        reasons = (f"{count:,} {reason} (first: {path}:{number})" for reason, (count, number) in skipped.items())
        notes.append(f"{total:,} line{'s' * (total > 1)} skipped: {', '.join(reasons)}")
    if header not in (None, got):
        notes.append("the header says {:,} words of {:,} values, got {:,} of {:,}".format(*header, *got))
    if notes:
        warnings.warn(f"{path}: {'; '.join(notes)}", stacklevel=3)
