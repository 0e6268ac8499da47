"""JSON from a file that may be hostile: its memory is bounded before it is parsed, and every name occurs once."""

import json
from typing import Any


def loads(content: bytes, name: str, limit: int) -> Any:
    """Parse JSON that takes at most ``limit`` bytes in memory. ValueError for all else, with the name of the content.

    A few bytes of JSON can take a hundred in memory.
    """
    width = 3 if content.isascii() and b"\\u" not in content else 9  # one wide character widens the whole string
    cost = width * len(content) + 72 * content.count(b",") + 130 * sum(map(content.count, (b":", b"{", b"[")))
    if cost > limit:
        raise ValueError(
            f"a {name} of {len(content)} bytes, which could take {cost} in memory, is too large; shorten it"
        )

    def unique(pairs: list[tuple[str, object]]) -> dict:
        if len(values := dict(pairs)) < len(pairs):
            raise ValueError("a name occurs twice")
        return values

    try:
        return json.loads(content.decode(), object_pairs_hook=unique)
    except RecursionError:
        raise ValueError(f"{name}: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
