"""An attention map as lines of text, for a terminal; ``seq2seq.plot.plot_attention`` draws it as a picture."""

import numpy as np

from support.terminal import columns_that_fit, ljust, rjust, visible, width_of

SHADES = {0.75: "█", 0.5: "▓", 0.25: "▒", 0.05: "░", -np.inf: " "}  # from this weight on
SPACE = "␣"


def map_text(attention_weights: np.ndarray, question: str, answer: str, width: int = 80, *, blocks: bool = True) -> str:
    """Return the map as text: one row per character of the answer, one column per character of the question, or two
    columns where it is wide.

    attention_weights (T_dec, T_enc), in the order of both texts; width: columns of the terminal; a longer question
    continues below. Spaces are written ``␣``. blocks: False for ASCII, weights in tenths, ``.`` below 0.05.
    Raises ValueError when the weights do not fit the texts, or are nan.
    """
    weights, shape = np.asarray(attention_weights), (len(answer), len(question))
    if weights.shape != shape:
        raise ValueError(f"map_text: expected weights of shape {shape} for these texts, got {weights.shape}")
    if np.isnan(weights).any():
        raise ValueError("map_text: expected weights, got nan: the model's numbers are too large")
    across, down = (
        [(SPACE if blocks else "_") if c == " " else visible(c) for c in text] for text in (question, answer)
    )
    head, cells = max(map(width_of, down), default=0), [max(1, width_of(label)) for label in across]
    lines: list[str] = []
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
