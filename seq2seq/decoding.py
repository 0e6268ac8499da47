"""Write answers: greedy decoding of one batch of questions, and batching for any way of decoding."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy

from common.functions import expect_array, log_softmax
from common.layer import Layer, forget, inference
from common.np import np
from common.parallel import Workers
from common.ranks import ALONE, Ranks
from common.steps import sort
from common.util import to_cpu
from support.array import Array


class Decoded(NamedTuple):
    """The answers that a model wrote by itself.

    ids (N, T_dec): the characters, without the start character
    log_probs (N,): log probability of each answer, summed over its characters, in nats
    attention_weights (N, T_dec, T_enc): where each character looked; None for models without attention
    A beam search finds several answers to each question, best first, on an axis K after N.
    """

    ids: Array
    log_probs: Array
    attention_weights: Array | None


def greedy(decoder, encoded: Array, start_id: int, sample_size: int) -> Decoded:
    """Decode greedily: at each step, take the most likely character and feed it back.

    decoder: has ``start(encoded)``, ``scores(xs, encoded)`` and ``attention`` (a TimeAttention or None)
    encoded: what the encoder returned for N questions
    Raises ValueError when sample_size is below 1 or start_id is not in the vocabulary.
    """
    N = len(encoded)
    if sample_size < 1:
        raise ValueError(f"decode: expected a sample_size of at least 1, got {sample_size}")
    xs = np.full((N, 1), start_id)
    ids, weights = [], []
    log_probs: Any = 0  # (N,) from the first step on
    decoder.start(encoded)
    for _ in range(sample_size):
        log_p = log_softmax(decoder.scores(xs, encoded)[:, 0])
        xs = log_p.argmax(axis=1)[:, None]
        ids.append(xs)
        log_probs = log_probs + np.take_along_axis(log_p, xs, axis=1)[:, 0]
        if decoder.attention is not None:
            weights.append(decoder.attention.attention_weights[0])
    return Decoded(np.concatenate(ids, axis=1), log_probs, np.stack(weights, axis=1) if weights else None)


class Writer(Layer):
    """Base class of the decoders: they write answers one character after another.

    A subclass has ``start(encoded)``, which begins new answers; ``scores(xs, encoded)``, the scores (N, T, V) after the
    characters xs (N, T), going on from those before; and ``choose(rows)``, which goes on with these rows alone, some
    perhaps several times.
    """

    attention: Any = None  # of a decoder that has one: with attention_weights and keep, see TimeAttention
    start: Callable[[Array], None]
    scores: Callable[[Array, Array], Array]
    choose: Callable[[Array], None]

    def decode(self, encoded: Array, start_id: int, sample_size: int) -> Decoded:
        """Write the answers to N questions, given what the encoder returned for them."""
        decoded = greedy(self, encoded, start_id, sample_size)
        if self.attention is not None:  # the weights of all steps; decoding left those of the last step
            self.attention.keep(decoded.attention_weights)
        return decoded

    def generate(self, encoded: Array, start_id: int, sample_size: int) -> list[int]:
        """Return the answer to one question, as the chapter does. Raises ValueError for several: see ``decode``."""
        if len(encoded) != 1:
            raise ValueError(f"generate: expected one question, got {len(encoded)}; decode takes any number")
        return self.decode(encoded, start_id, sample_size).ids[0].tolist()


def in_batches(
    name: str,
    model,
    xs: Array,
    answer: Callable[..., Decoded],
    batch_size: int = 128,
    workers: int = 1,
    ranks: Ranks = ALONE,
) -> Decoded:
    """Return ``answer(model, xs)`` for all questions xs (N, T_enc), ``batch_size`` at a time to bound the memory.

    Identical questions are asked once, except when the model is ``stateful``. The batches are dealt out to ``workers``
    threads, each of which has one batch in memory, of all ranks. name: the function to name in error messages.
    Raises ValueError for no question, and for a batch_size below 1.
    """
    expect_array(name, "questions (N, T_enc)", xs)
    if xs.ndim != 2 or 0 in xs.shape or batch_size < 1:
        raise ValueError(f"{name}: expected questions (N, T_enc) and a batch_size, got {xs.shape} and {batch_size}")
    order, parts_at = sort(to_cpu(xs))  # similar beginnings in one batch
    new = parts_at < xs.shape[1]  # the others equal the question before them
    if getattr(model, "stateful", False):
        new[:] = True  # an answer depends on the questions before it
    asked, answer_of = order[new], numpy.empty_like(order)
    answer_of[order] = new.cumsum() - 1
    batches = [asked[i : i + batch_size] for i in range(0, len(asked), batch_size)]
    with inference(model), Workers(model, min(workers, len(batches)), learn=False) as pool:

        def answers(mine):
            return pool.map(lambda worker, batch: answer(pool.models[worker], xs[batch]), mine)

        parts = ranks.deal(batches, answers)
    forget(model)  # what the layers hold is not from the last forward's questions, and is larger than training needs
    maps = [part.attention_weights for part in parts if part.attention_weights is not None]
    ids, log_probs = (np.concatenate(found)[answer_of] for found in zip(*(part[:2] for part in parts), strict=True))
    return Decoded(ids, log_probs, np.concatenate(maps)[answer_of] if maps else None)
