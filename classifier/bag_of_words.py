"""Logistic regression on the counts of words: the baseline that a classifier has to beat."""

import numpy

from classifier.text_classifier import PAD, TextClassifier
from common.initializers import normal
from common.layers import Embedding
from common.np import np
from support.array import Array


class BagOfWords(TextClassifier):
    """``scores[n] = b + sum_t W[x[n, t]]``, softmax: the order of the words does not matter.

    W (V, K) and b (K,) start from zero. The weight of a word is its evidence: its row of W, at the class with the
    highest score.
    """

    token_weight_kinds = ("evidence",)

    def __init__(
        self,
        vocab_size: int,
        classes: int = 2,
        *,
        rng: numpy.random.Generator | None = None,  # every start is the same
        dtype=np.float32,
    ):
        super().__init__(classes)
        if vocab_size < 1:
            raise ValueError(f"{type(self).__name__}: expected a vocabulary of at least 1, got {vocab_size}")
        self.arguments = dict(vocab_size=vocab_size, classes=classes)
        # zeros, but drawn: loading a file bounds the size of the model by its generator
        self.embed = Embedding(normal((vocab_size, classes), 0.0, rng=rng, dtype=dtype))
        self.b = np.zeros(classes, dtype=dtype)
        self.own(self.embed)
        self.params.append(self.b)
        self.grads.append(np.zeros_like(self.b))

    def scores(self, xs: Array) -> Array:
        seen = (xs != PAD)[:, :, None]
        evidence = self.embed.forward(xs) * seen
        self.cache = seen, evidence
        return evidence.sum(axis=1) + self.b

    def backward_scores(self, dscores: Array) -> None:
        seen, _ = self.cache
        self.grads[1][...] = dscores.sum(axis=0)
        self.embed.backward(dscores[:, None] * seen)  # forward summed over t, so every word gets it

    def token_weights(self, kind: str, xs: Array) -> Array:
        _, evidence = self.cache
        best = (evidence.sum(axis=1) + self.b).argmax(axis=1)
        return np.take_along_axis(evidence, best[:, None, None], axis=2)[:, :, 0]
