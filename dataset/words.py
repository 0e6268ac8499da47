"""Words and their ids, and word vectors for them from a file."""

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

PAD, UNK = 0, 1
SPECIAL = ["<pad>", "<unk>"]
MOST_BYTES = 2**20  # of a line of word vectors, of which a file may have any number
SAMPLE = 10  # lines that show how many values a vector has
BLANKS = b" \t\r\n"
UNFIT, EMPTY = "with another number of values", "empty"  # of lines


class WordVocabulary:
    """Tokens and their ids 0 .. V - 1, in the order of `words`; id 0 is padding, 1 any unknown token.

    The `words` of one vocabulary make an equal one: store them to rebuild it.
    Raises ValueError when `words` does not begin with `<pad>`, `<unk>`, or has a word twice.
    """

    PAD, UNK = PAD, UNK

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        if self.words[:2] != SPECIAL:
            raise ValueError(f"WordVocabulary: {SPECIAL} as the first two words wanted, got {self.words[:2]}")
        self._ids = {word: i for i, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            twice = next(word for i, word in enumerate(self.words) if self._ids[word] != i)
            raise ValueError(f"WordVocabulary: distinct words wanted, got {twice!r} twice")
        del self._ids[SPECIAL[PAD]]  # a token of a text that looks like it is unknown, not masked

    @classmethod
    def build(
        cls, token_lists: Iterable[Iterable[str]], *, min_count: int = 1, max_size: int | None = None
    ) -> "WordVocabulary":
        """The most frequent tokens, at least `min_count` times each, of equal ones the first to appear.

        max_size   of the vocabulary, `<pad>` and `<unk>` included; None sets no limit
        Raises ValueError for a min_count below 1 or a max_size below 2.
        """
        if min_count < 1:
            raise ValueError(f"WordVocabulary: min_count of 1 or more wanted, got {min_count}")
        if max_size is not None and max_size < len(SPECIAL):
            raise ValueError(f"WordVocabulary: max_size of {len(SPECIAL)} or more wanted, got {max_size}")
        counts = Counter(token for tokens in token_lists for token in tokens)
        frequent = [word for word, count in counts.most_common() if count >= min_count and word not in SPECIAL]
        return cls((SPECIAL + frequent)[:max_size])

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """Ids of the tokens, int32 (T,), 1 for unknown ones, and never 0."""
        return np.array([self._ids.get(token, UNK) for token in tokens], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words of the ids. Raises ValueError naming an id outside 0 .. V - 1."""
        try:
            ids = [index(i) for i in ids]
        except TypeError:
            raise ValueError("WordVocabulary.decode: whole numbers as ids wanted, in one dimension") from None
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

    __hash__ = None  # as a list, which `words` is

    def __repr__(self) -> str:
        return f"WordVocabulary of {len(self)} words"


def read_word_vectors(
    path: str | os.PathLike, vocabulary: WordVocabulary, *, encoding: str = "utf-8", dimensions: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of the vocabulary's words from a text file of word2vec, GloVe or fastText, which may be gzipped.

    Each line is ``word v1 ... vD``, with any number of spaces and tabs between. The last D fields are the vector, so
    that a word may have spaces in it (GloVe's ``. . .``); a line of more than D numbers has too many. A first line of
    two whole numbers is word2vec's header, ``count dimensions``, also where D is 1; GloVe's files have none.
    The file is read line by line, and only what the vocabulary knows is kept, of `<pad>` and `<unk>` nothing.

    encoding    one in which spaces, tabs and line ends are the bytes of ASCII, as UTF-8 or EUC-JP
    dimensions  D; without it the header's, or what most of the first SAMPLE lines have where none has that
    Returns ids int32 (K,), in the order of the file, and their vectors float32 (K, D).
    Skips lines that are empty or have another number of values, of known words also those with a value that is no
    finite float32, and all after the first; one warning counts them, and says if the header is wrong.
    Raises ValueError for a file of which no line fits, for a line of more than MOST_BYTES, a damaged gzip file, and
    for what is no text, as word2vec's binary format.
    """
    path = Path(path)
    if dimensions is not None and dimensions < 1:
        raise ValueError(f"read_word_vectors: expected dimensions of 1 or more, got {dimensions}")
    wanted = _in_bytes(vocabulary, encoding)
    vectors: dict[int, np.ndarray] = {}
    skipped: dict[str, list[int]] = {}  # the reason: how many, and the first of them
    with path.open("rb") as file:
        lines = enumerate(_lines(path, file), 1)
        sample = list(islice(lines, SAMPLE + 1))
        header = _header(sample[0][1]) if sample else None
        sample = sample[header is not None :]
        usual = _dimensions(path, header, [line for _, line in sample])
        D = dimensions or usual
        number = 0
        for number, line in chain(sample, lines):
            reason = None
            line = line.strip(BLANKS)
            word, _, values = line.partition(b" ")
            # two spaces in a row are looked for where it matters, for that takes long
            if values.count(b" ") != D - 1 or not values or b"\t" in line or (word in wanted and b"  " in line):
                word, values = _parted(line, D)
            if word is None:
                reason = UNFIT if line else EMPTY
            elif (i := wanted.get(word)) is not None:
                vector = _vector(values)
                if vector is None:
                    reason = "with a value that is no finite float32"
                elif i in vectors:
                    reason = "of a word that another line has"
                else:
                    vectors[i] = vector
            if reason is not None:
                skipped.setdefault(reason, [0, number])[0] += 1
    words = number - (header is not None) - skipped.get(EMPTY, [0])[0]
    _tell(path, header, (words, D), usual, skipped)
    return np.array(list(vectors), dtype=np.int32), np.array(list(vectors.values()), np.float32).reshape(-1, D)


def _in_bytes(vocabulary: WordVocabulary, encoding: str) -> dict[bytes, int]:
    """The words as they stand in the file: none of its words has to be decoded only to be thrown away."""
    wanted = {}
    for i, word in enumerate(vocabulary.words[UNK + 1 :], UNK + 1):
        try:
            wanted[word.encode(encoding)] = i
        except UnicodeEncodeError:
            pass  # no file in this encoding has it
        except LookupError:
            raise ValueError(f"read_word_vectors: expected the name of an encoding, got {encoding!r}") from None
    return wanted


def _lines(path: Path, file: io.BufferedReader) -> Iterator[bytes]:
    """The lines of a file, or of what was gzipped, without a byte order mark."""
    start, number = file.peek(4)[:4], 0  # what it is: a download may lose its ending, or keep it and be unpacked
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
    """How many values the lines have: what the header says, if one has as many, else what most have."""
    found = Counter()
    for line in lines:
        values = _fields(line)[:0:-1]  # from the last to the second
        found[len(list(takewhile(_is_number, values)))] += 1
    del found[0]
    if not found:
        got = "binary data" if re.search(b"[\0-\x08\x0e-\x1f]", b"".join(lines)) else "no line of that kind"
        raise ValueError(f"{path}: expected lines of text, a word and its numbers on each, got {got}")
    return header[1] if header and header[1] in found else found.most_common(1)[0][0]


def _fields(line: bytes) -> list[bytes]:
    """What stands between spaces and tabs, and only these: other white space may be part of a word."""
    return [field for field in line.strip(BLANKS).replace(b"\t", b" ").split(b" ") if field]


def _parted(line: bytes, D: int) -> tuple[bytes | None, bytes]:
    """The word, None where there are fewer or more than D values, and the values."""
    fields = _fields(line)
    if len(fields) <= D or (len(fields) > D + 1 and all(map(_is_number, fields[1:-D]))):
        return None, b""
    return b" ".join(fields[:-D]), b" ".join(fields[-D:])


def _is_number(field: bytes) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False


def _vector(values: bytes) -> np.ndarray | None:
    """float32 (D,); None if one of the values is no finite number, or too large."""
    try:
        vector = np.array([float(value) for value in values.split(b" ")])
    except ValueError:
        return None
    with np.errstate(over="ignore"):
        vector = vector.astype(np.float32)
    return vector if np.isfinite(vector).all() else None


def _tell(path: Path, header: tuple[int, int] | None, got: tuple[int, int], usual: int, skipped: dict) -> None:
    """Warn of lines that were skipped and of a wrong header. Raises ValueError when no line fits."""
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
