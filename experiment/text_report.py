"""The report on the best text classifier of a run: its results on the test part."""

from argparse import Namespace
from pathlib import Path

import numpy as np

from classifier import confusion_matrix
from classifier.faithfulness import ATTENTION
from classifier.text_classifier import TextClassifier
from common.callbacks import ModelCheckpoint
from common.ranks import ALONE, Ranks
from dataset.batches import PaddedTexts
from dataset.labelled import LabelledTexts
from experiment.text_model import BATCH, TextModel, attention_on_cues, draw_batch
from support.plot_file import save_figure
from support.terminal import rjust, width_of

PICTURES = 3  # heat maps of the first batches of the test part


def report(
    args: Namespace,
    test: LabelledTexts,
    xs: PaddedTexts,
    best: ModelCheckpoint,
    model: TextClassifier,
    ranks: Ranks = ALONE,
) -> list[str]:
    """Test the best model, loaded from its file; print and draw what it gets wrong, and where it looked.

    Return the names of the pictures in the run's folder. model: takes the best weights on the other ranks, which share
    the test texts and return nothing.
    """
    from classifier.plot import plot_confusion

    text_model = None if ranks.rank else TextModel(args.out)
    model = model if text_model is None else text_model.model
    ranks.send_weights(model)
    ts = test.labels
    p = model.probabilities(xs, workers=args.workers, ranks=ranks)
    if text_model is None:
        return []
    matrix = confusion_matrix(p.argmax(axis=1), ts, len(text_model.classes))
    print(f"\nbest epoch {best.best_epoch}, validation accuracy {100 * best.best:.2f}%")
    print(f"test accuracy {100 * (p.argmax(axis=1) == ts).mean():.2f}%, {len(ts)} texts")
    print("\n" + confusion_text(matrix, text_model.classes))
    save_figure(args.out / "confusion.png", plot_confusion(matrix, text_model.classes).figure)
    if not set(text_model.model.token_weight_kinds) & set(ATTENTION):
        return ["confusion.png"]
    (args.out / "fig").mkdir(exist_ok=True)
    for number in range(min(PICTURES, -(-len(test.texts) // BATCH))):
        save_figure(args.out / "fig" / f"attention_{number}.png", draw_batch(text_model, test, number))
    return ["confusion.png", "fig/"]


def confusion_text(matrix: np.ndarray, classes: list[str]) -> str:
    """Format the matrix as text, in columns that line up whatever the script of the names."""
    rows = [["true, predicted", *classes], *([name, *map(str, row)] for name, row in zip(classes, matrix, strict=True))]
    wide = max(width_of(cell) for row in rows for cell in row) + 2
    return "\n".join("".join(rjust(cell, wide) for cell in row) for row in rows)


def report_cues(out: Path, untrained: TextClassifier, xs: PaddedTexts, texts: list[str]) -> None:
    """Print how much attention the cue words of the generated sentences receive, before and after training."""
    before, _ = attention_on_cues(untrained, xs, texts)
    after, share = attention_on_cues(TextModel(out).model, xs, texts)
    print(
        f"\nwords that make a class are {100 * share:.1f}% of the characters; they receive "
        f"{100 * before:.1f}% of the attention before training, {100 * after:.1f}% after"
    )
