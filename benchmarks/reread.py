"""Greedy answers of a Transformer that keeps nothing from step to step, for comparison with those of ``decode``."""

import numpy as np

from seq2seq.decoding import Decoded, in_batches


def answers_reread(model, xs, start_id: int, sample_size: int, workers: int, *, encoder: bool) -> np.ndarray:
    """Answer as without kept keys and values: at each step, the decoder's forward reads all characters so far again.

    encoder: it looks at states that the encoder computes anew at each step, too; False: once per question.
    The questions are divided into batches as those of ``decode`` are.
    """

    def answer(model, xs: np.ndarray) -> Decoded:
        ids, encoded = np.full((len(xs), 1), start_id), model.encode(xs)
        for step in range(sample_size):
            if encoder and step:
                encoded = model.encode(xs)
            scores = model.decoder.forward(ids, encoded)[:, -1]
            ids = np.concatenate((ids, scores.argmax(axis=1)[:, None]), axis=1)
        return Decoded(ids[:, 1:], np.zeros(len(xs)), None)

    return in_batches("answers_reread", model, xs, answer, workers=workers).ids
