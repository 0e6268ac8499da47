"""An attention map as lines of text, for a terminal; as a picture it is ``seq2seq.plot.plot_attention``."""

import numpy as np

from support.terminal import columns_that_fit, ljust, rjust, visible, width_of

SHADES = {0.75: "█", 0.5: "▓", 0.25: "▒", 0.05: "░", -np.inf: " "}  # from this weight on
SPACE = "␣"


def map_text(attention_weights: np.ndarray, question: str, answer: str, width: int = 80, *, blocks: bool = True) -> str:
    """A row a character of the answer, under the question: a column each of its characters, two where it is wide.

    attention_weights (T_dec, T_enc), in the order of both texts; width: columns of the terminal, where a longer
    question goes on below. Spaces are written ``␣``. blocks: False for ASCII, weights in tenths, ``.`` below 0.05.
    Raises ValueError when the weights do not fit the texts, or are no numbers.
    """
    weights, wanted = np.asarray(attention_weights), (len(answer), len(question))
    if weights.shape != wanted:
        raise ValueError(f"map_text: weights of shape {wanted} wanted by the texts, got {weights.shape}")
    if np.isnan(weights).any():
        raise ValueError("map_text: weights wanted, got nan: the model's numbers are too large")
    across, down = (
        [(SPACE if blocks else "_") if c == " " else visible(c) for c in text] for text in (question, answer)
    )
    head, cells = max(map(width_of, down), default=0), [max(1, width_of(label)) for label in across]
    lines = []
    for here in columns_that_fit(cells, width - head - 1):
        if lines:
            lines.append("")
        lines.append(" " * (head + 1) + "".join(ljust(across[t], cells[t]) for t in here))
        for label, row in zip(down, weights, strict=True):
            shades = "".join((_block if blocks else _tenths)(row[t]) * cells[t] for t in here)
            lines.append(f"{rjust(label, head)} {shades}".rstrip())
    return "".join(f"{line}\n" for line in lines)


def _block(weight: float) -> str:
    return next(shade for least, shade in SHADES.items() if weight >= least)


def _tenths(weight: float) -> str:
    return "." if weight < 0.05 else str(min(9, int(10 * weight + 0.5)))
