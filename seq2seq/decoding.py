"""Writing an answer: greedy decoding, character by character, of a batch of questions."""

from typing import NamedTuple

from common.functions import log_softmax
from common.np import np

Array = np.ndarray


class Decoded(NamedTuple):
    """Answers that a model wrote by itself.

    ids (N, T_dec): the characters, without the start character
    log_probs (N,): log probability of each answer, summed over its characters, in nats
    attention_weights (N, T_dec, T_enc): where each character looked; None for models without attention
    """

    ids: Array
    log_probs: Array
    attention_weights: Array | None


def greedy(decoder, encoded: Array, start_id: int, sample_size: int) -> Decoded:
    """At each step take the most likely character and feed it back.

    decoder: ``start(encoded)``, ``scores(xs, encoded)`` and ``attention`` (a TimeAttention or None)
    encoded: what the encoder returned for N questions
    Raises ValueError when sample_size is less than 1 or start_id is not in the vocabulary.
    """
    N = len(encoded)
    if sample_size < 1:
        raise ValueError(f"decode: a sample_size of at least 1 wanted, got {sample_size}")
    xs = np.full((N, 1), start_id)
    ids, log_probs, weights = [], 0, []
    decoder.start(encoded)
    for _ in range(sample_size):
        log_p = log_softmax(decoder.scores(xs, encoded)[:, 0])
        xs = log_p.argmax(axis=1)[:, None]
        ids.append(xs)
        log_probs = log_probs + np.take_along_axis(log_p, xs, axis=1)[:, 0]
        if decoder.attention is not None:
            weights.append(decoder.attention.attention_weights[0])
    return Decoded(np.concatenate(ids, axis=1), log_probs, np.stack(weights, axis=1) if weights else None)
