"""Words and their ids, and word vectors for them from a file."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import index
from pathlib import Path

import numpy as np

PAD, UNK = 0, 1
SPECIAL = ["<pad>", "<unk>"]
MOST_BYTES = 2**20  # of a line of word vectors, of which a file may have any number


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
    path: str | os.PathLike, vocabulary: WordVocabulary, *, encoding: str = "utf-8"
) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of the vocabulary's words from a file in the text format of word2vec.

    Its first line is ``count dimensions``, each further one ``word v1 ... vD``, with spaces between.
    The file is read line by line, and only what the vocabulary knows is kept: of a word that stands
    there twice the first, of `<pad>` and `<unk>` nothing.

    encoding   one in which a space and a line end are the bytes of ASCII, as UTF-8 or EUC-JP
    Returns ids int32 (K,), in the order of the file, and their vectors float32 (K, D).
    Raises ValueError, beginning `path:line:`, for a wrong header, a wrong number of values, one that
    is no finite float32 (looked at for known words), a line of more than MOST_BYTES, another number of
    lines than the header says, and for the binary format.
    """
    path = Path(path)
    try:
        # Bytes are compared, so that no word is decoded only to be thrown away.
        wanted = {word.encode(encoding, "replace"): i for i, word in enumerate(vocabulary.words) if i > UNK}
    except LookupError:
        raise ValueError(f"read_word_vectors: the name of an encoding wanted, got {encoding!r}") from None
    ids: list[int] = []
    vectors: list[np.ndarray] = []
    with path.open("rb") as file:
        count, dimensions = _header(path, file.readline(1000))
        number = 1
        for number, line in enumerate(iter(lambda: file.readline(MOST_BYTES + 1), b""), 2):
            if len(line) > MOST_BYTES:
                raise ValueError(f"{path}:{number}: a line of at most {MOST_BYTES:,} bytes wanted")
            word, _, values = line.rstrip().partition(b" ")
            if values.count(b" ") + 1 != dimensions or not values:
                if _is_binary(values):
                    raise ValueError(f"{path}:{number}: word2vec's binary format; its text format is wanted")
                got = len(values.split())
                raise ValueError(f"{path}:{number}: a word and {dimensions} values wanted, got {got}: {line[:60]!r}")
            i = wanted.pop(word, None)
            if i is not None:
                ids.append(i)
                vectors.append(_vector(values, f"{path}:{number}"))
    if number - 1 != count:
        raise ValueError(f"{path}:1: the header says {count} words, the file has {number - 1}")
    return np.array(ids, dtype=np.int32), np.array(vectors, dtype=np.float32).reshape(len(ids), dimensions)


def _header(path: Path, line: bytes) -> tuple[int, int]:
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts) or int(parts[1]) < 1:
        wanted = "`count dimensions` wanted, the first line of word2vec's text format"
        raise ValueError(f"{path}:1: {wanted}, got {line[:60]!r}")
    return int(parts[0]), int(parts[1])


def _vector(values: bytes, place: str) -> np.ndarray:
    """float32 (D,)."""
    try:
        vector = np.array([float(value) for value in values.split(b" ")])
    except ValueError as error:
        if _is_binary(values):
            raise ValueError(f"{place}: word2vec's binary format; its text format is wanted") from None
        raise ValueError(f"{place}: {error}") from None
    with np.errstate(over="ignore"):
        vector = vector.astype(np.float32)
    if not np.isfinite(vector).all():
        raise ValueError(f"{place}: finite values wanted, got {values.split(b' ')[np.isfinite(vector).argmin()]!r}")
    return vector


def _is_binary(values: bytes) -> bool:
    try:
        return not values.decode().isprintable()
    except UnicodeDecodeError:
        return True
