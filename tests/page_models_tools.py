"""What the tests of several models in one page share: runs of dates with random weights, and their own answers."""

from pathlib import Path

import numpy as np

from common.functions import log_softmax
from common.layer import inference
from dataset import dates
from dataset.sequence import read
from experiment.command_line import RECURRENT
from seq2seq import Seq2seq, save_model
from seq2seq.model_file import MODELS


def lively(kind: str, V: int, seed: int = 3, hidden_size: int = 24, **options) -> Seq2seq:
    """A model that answers each date in another way."""
    model = MODELS[kind](V, 8, hidden_size, rng=np.random.default_rng(seed), **options)
    # several layers of large weights would make much of how float32 is rounded
    strength = 2 if kind == "transformer" else 3 if "layers" in options else 6
    for p in model.params:
        p *= strength
    for part in (model.encoder, model.decoder):
        part.embed.W[...] *= 16
    return model


def write_models(folder: Path, kinds=tuple(RECURRENT), epochs=(), facts: dict | None = None, seed: int = 3, **options):
    """Write a run of dates with models of these kinds, which kept these epochs; the accuracy after k is 1 / (1 + k).

    facts: of its files, besides those it has; options: of its models. Returns the models by the names of their files.
    """
    folder.mkdir(exist_ok=True)
    text = "".join(f"{line}\n" for line in dates.generate(300, seed=1))
    (folder / "date.txt").write_text(text, encoding="utf-8")
    data = read(folder / "date.txt")
    source = {"path": str(folder / "date.txt"), "source": "", "sha256": data.sha256, "leak_free": False}
    own = dict(vocabulary=data.vocabulary.chars, start="_", T_enc=29, T_dec=10, reverse=True, data=source)
    own["question_characters"] = data.vocabulary.decode(np.unique(data.questions))
    own |= facts or {}
    models, rows = {}, ["model,epoch,test_accuracy"]
    for kind in kinds:
        (folder / f"{kind}.epochs").mkdir(exist_ok=True)
        settings = {name: value for name, value in options.items() if kind == "attention" or name == "cell_state"}
        for epoch in (*epochs, None):
            name = kind if epoch is None else f"{kind}.epochs/{epoch:04}"
            models[name] = lively(kind, len(own["vocabulary"]), seed + len(models), **settings)
            save_model(folder / f"{name}.npz", models[name], **own, **({} if epoch is None else {"epoch": epoch}))
            rows += [f"{kind},{epoch},{1 / (1 + epoch)}"] if epoch else []
    (folder / "history.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    return models, own["vocabulary"]


def written_by(model: Seq2seq, vocabulary: str, chars, reverse: bool = True):
    """What a model writes to 29 characters, "" for one that is blanked: by its layers, one step after another.

    Returns the answer, its log-probability, the weights (10, 29) in the order of the text, zeros without attention, and
    the least by which a character was the most likely.
    """
    order, decoder = slice(None, None, -1 if reverse else 1), model.decoder
    written, total, weights, margins = "_", 0.0, np.zeros((10, 29)), []
    chars = [*chars, *[" "] * (29 - len(chars))][order]
    with inference(model):
        xs = np.array([[vocabulary.index(char or " ") for char in chars]])
        encoded = model.encode(xs)
        if getattr(decoder, "mask", None) is not None:  # what is blanked is no more looked at than padding
            model.encoder.mask = decoder.mask = decoder.mask & np.array([[char != "" for char in chars]])
            encoded = model.encoder.forward(xs)
        decoder.start(encoded)
        for t in range(10):
            log_p = log_softmax(decoder.scores(np.array([[vocabulary.index(written[-1])]]), encoded))[0, 0]
            if decoder.attention is not None:
                weights[t] = decoder.attention.attention_weights[0][0, order]
            written += vocabulary[log_p.argmax()]
            total += log_p.max()
            margins.append(np.subtract(*np.sort(log_p)[:-3:-1]))
    return written[1:], total, weights, min(margins)
