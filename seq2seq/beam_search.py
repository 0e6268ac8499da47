"""Beam search: write answers, keeping several likely beginnings at each step, where greedy decoding keeps one."""

from typing import Any

from common.functions import log_softmax
from common.np import np
from seq2seq.decoding import Decoded, in_batches
from support.array import Array


def beam_search(
    model,
    xs: Array,
    start_id: int,
    sample_size: int,
    beam_width: int = 5,
    batch_size: int = 128,
    *,
    workers: int = 1,
) -> Decoded:
    """Find the most likely answers to xs (N, T_enc) with a beam search, best first.

    The result has an axis K after N: ids (N, K, T_dec), log_probs (N, K), attention_weights (N, K, T_dec, T_enc) or
    None. K is beam_width, or V**sample_size, the number of all answers, if that is smaller. Since all answers are
    equally long, log_probs are compared as they are. A width of 1 writes what ``decode`` writes, to the bit; a width
    of V**(sample_size - 1), all beginnings without the last character, makes the search exhaustive.

    model: a Seq2seq; ``model.beam_search`` is this function. Memory is bounded by ``batch_size`` questions with
    beam_width hypotheses each; the batches are dealt out to ``workers`` threads.
    Afterwards the ``attention_weights`` of a decoder with attention are those of the best answers.
    Raises ValueError for no question, for a sample_size, beam_width or batch_size below 1, and for a start_id outside
    the vocabulary.
    Source: Sutskever et al. 2014, 3.2; Graves 2012 (arXiv:1211.3711), algorithm 1.
    """
    for what, number in (("beam_width", beam_width), ("sample_size", sample_size)):
        if number < 1:
            raise ValueError(f"beam_search: expected a {what} of at least 1, got {number}")

    def answer(model, xs: Array) -> Decoded:
        return _beam(model.decoder, model.encode(xs), start_id, sample_size, beam_width)

    decoded = in_batches("beam_search", model, xs, answer, batch_size, workers)
    if decoded.attention_weights is not None:
        model.decoder.attention.keep(decoded.attention_weights[:, 0])
    return decoded


def _beam(decoder, encoded: Array, start_id: int, sample_size: int, K: int) -> Decoded:
    """Search for N questions at once. Their B hypotheses, 1 at first, K in the end, stand in rows n * B + b."""
    N, attention = len(encoded), decoder.attention
    xs, steps = np.full((N, 1), start_id), []
    log_probs: Any = 0  # (N, B, 1) from the first step on
    decoder.start(encoded)
    for _ in range(sample_size):
        B = len(xs) // N
        # with attention, all hypotheses of a question look at the same states; without, each row needs its state
        given = encoded if attention is not None else np.repeat(encoded, B, axis=0)
        log_p = log_softmax(decoder.scores(xs, given)[:, 0])
        likely = _highest(log_p, K)  # no more than K of one hypothesis can be among the K best of all
        totals = log_probs + np.take_along_axis(log_p, likely, axis=1).reshape(N, B, -1)
        chosen = _highest(totals.reshape(N, -1), K)
        parents, ids = chosen // totals.shape[2], np.take_along_axis(likely.reshape(N, -1), chosen, axis=1)
        log_probs = np.take_along_axis(totals.reshape(N, -1), chosen, axis=1)[:, :, None]
        steps.append((parents, ids, None if attention is None else attention.attention_weights.transpose(1, 0, 2)))
        rows = (np.arange(N)[:, None] * B + parents).ravel()
        decoder.choose(rows)
        xs = ids.reshape(-1, 1)

    characters, weights, at = [], [], np.tile(np.arange(ids.shape[1]), (N, 1))
    for parents, ids, looked in reversed(steps):  # from each last character back to the first
        characters.append(np.take_along_axis(ids, at, axis=1))
        at = np.take_along_axis(parents, at, axis=1)
        if looked is not None:  # before the character was chosen, so its parent did the looking
            weights.append(np.take_along_axis(looked, at[:, :, None], axis=1))
    maps = np.stack(weights[::-1], axis=2) if weights else None
    return Decoded(np.stack(characters[::-1], axis=2), log_probs[:, :, 0], maps)


def _highest(x: Array, count: int) -> Array:
    """Return the indices of the ``count`` largest of each row, largest first; ties go to the first, as in argmax."""
    return np.argsort(-x, axis=1, kind="stable")[:, :count]
