"""The answers of a trained model, which can be printed on one line, drawn, or shown in a notebook."""

from dataclasses import dataclass, field

import numpy as np

from classifier.token_table import TokenTable, escaped, shaded, to_html_part, token_table
from seq2seq.text_map import map_text
from support.terminal import visible


def expect_text(name: str, text: object) -> None:
    """Raise ValueError for anything but a text."""
    if not isinstance(text, str):
        raise ValueError(f"{name}: expected one text, got {type(text).__name__}")


@dataclass(frozen=True, eq=False)
class DateAnswer:
    """The date that a model wrote.

    question, text: without their padding. probability: of the whole answer, 0..1.
    attention (T_dec, T_enc): where the model looked for each character that it wrote, in the order of the text; the
    last columns are the padding of the question. None for a model without maps.
    """

    question: str
    text: str
    probability: float
    attention: np.ndarray | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.text} ({self.probability:.1%})"

    def map_text(self, width: int = 80, *, blocks: bool = True) -> str:
        """Return the map as lines of text, for a terminal: see ``seq2seq.text_map.map_text``."""
        return map_text(*self.map(), width, blocks=blocks)

    def map(self) -> tuple[np.ndarray, str, str]:
        """Return the attention, the characters of its columns, and the characters of its rows, padding included.

        Raises ValueError for an answer without a map.
        """
        if self.attention is None:
            raise ValueError(f"{self}: the model has no attention, so no map can be drawn")
        rows, columns = self.attention.shape
        return self.attention, self.question.ljust(columns), self.text.ljust(rows)

    def plot(self, ax=None):
        """Draw the map on ``ax``, or on a new figure when it is None; return the Axes.

        Raises ValueError for an answer without a map.
        """
        found = self.map()
        from seq2seq.plot import plot_attention

        return plot_attention(*found, ax, title=f"{self.question} → {self.text}")

    def _repr_html_(self) -> str:
        """Return the answer with the map below it: the darker a cell, the larger its weight."""
        line = f"<p><b>{escaped(self.text)}</b> ({self.probability:.1%})</p>"
        if self.attention is None:
            return line
        weights, question, answer = self.map()
        head = "".join(f'<th scope="col">{escaped(char)}</th>' for char in question)
        lines = [line, "<table>", f"<thead><tr><th></th>{head}</tr></thead>", "<tbody>"]
        for char, row in zip(answer, weights, strict=True):
            cells = "".join(f'<td title="{weight:.2f}" {shaded(weight)}></td>' for weight in row)
            lines.append(f'<tr><th scope="row">{escaped(char)}</th>{cells}</tr>')
        return "\n".join([*lines, "</tbody>", "</table>"]) + "\n"


@dataclass(frozen=True, eq=False)
class TextAnswer:
    """The class that a model found for a text.

    label, probability: the likeliest of ``classes`` and its probability, 0..1. probabilities (K,): one per class.
    tokens: what the model read. unknown: the tokens that it never saw in training. weights (T,): one per token; None
    for a model without weights. kind: which weights, of the model's ``token_weight_kinds``. lang: "ja" or "en".
    """

    text: str
    label: str
    probability: float
    probabilities: np.ndarray
    classes: list[str]
    tokens: list[str]
    unknown: list[str] = field(repr=False)
    weights: np.ndarray | None = field(repr=False)
    kind: str | None
    lang: str

    def __str__(self) -> str:
        return f"{visible(self.label)} ({self.probability:.1%})"

    def token_weights(self) -> np.ndarray:
        """Return ``weights``. Raises ValueError for a model without weights."""
        if self.weights is None:
            raise ValueError(f"{self}: the model has no attention, so its tokens have no weights")
        return self.weights

    def table(self) -> TokenTable:
        """Return the table of the tokens and their weights. Raises ValueError for a model without weights."""
        return token_table(self.tokens, self.token_weights())

    def header(self, truth: str | None = None) -> list[str]:
        """Return the original's two lines about a text: its tokens, and its predicted class with the true one if known.
        A third line names the tokens that the model does not know.
        """
        verdict = "" if truth is None else f"(L){truth} {'==' if truth == self.label else '!='} "
        lines = [f"input: {'|'.join(self.tokens)}", f"label: {verdict}(P){self.label}({self.probability:.2f})"]
        all_of_them = set(self.unknown) >= set(self.tokens)
        nothing = " (every token of the text: the model read nothing but their number)" * all_of_them
        return lines + [f"unknown: {'|'.join(self.unknown)}{nothing}"] * bool(self.unknown)

    def plot(self, ax=None, *, title: str | None = None):
        """Draw the text on ``ax``, or on a new figure when it is None; return the Axes.

        Attention weights are drawn as a heat map of the words, other weights as the table of the tokens.
        Raises ValueError for a model without weights, TooLarge for more tokens than a picture holds.
        """
        table = self.table()
        from classifier.plot import plot_token_table, plot_word_attention

        title = self.header()[1] if title is None else title
        if self.kind != "attention":
            return plot_token_table(table, ax, title=title)
        every = len(table.tokens)  # lines are enough for all of them
        return plot_word_attention([table.tokens], [table.weight], ax, labels=[""], title=title, max_lines=every)

    def _repr_html_(self) -> str:
        """Return the classes with their probabilities, and the table of the tokens in shades of their weights."""
        likeliest_first = np.argsort(-self.probabilities, kind="stable")
        first, *others = [f"{escaped(self.classes[k])} ({self.probabilities[k]:.1%})" for k in likeliest_first]
        line = f"<p>{', '.join([f'<b>{first}</b>', *others])}</p>\n"
        return line if self.weights is None else line + to_html_part(self.header()[2:], self.table(), lang=self.lang)
