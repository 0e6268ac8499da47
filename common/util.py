"""The remaining helpers of the book's ``util``."""

import numpy

from common.np import np
from common.optimizer import clip_grads
from support.terminal import printable, writable

__all__ = ["clip_grads", "eval_seq2seq", "to_cpu", "to_gpu"]


def to_cpu(x) -> numpy.ndarray:
    """Return x as a numpy array."""
    return x.get() if hasattr(x, "get") else numpy.asarray(x)


def to_gpu(x):
    """Return x as an array of ``common.np.np``: cupy's when a GPU is requested, else numpy's."""
    return np.asarray(x)


def eval_seq2seq(model, question, correct, id_to_char, verbose: bool = False, is_reverse: bool = False) -> int:
    """Return 1 if the model answers one question exactly, else 0.

    question: ids (1, T_enc); correct: ids (1, T_dec + 1) or (T_dec + 1,), the start character first. ``verbose``
    prints question, answer and guess, marked ☑ or ☒ or, if standard output cannot write these, with the O or X that
    the book uses for Windows. is_reverse: the question was given backwards and is printed forwards.
    Source: 『ゼロから作るDeep Learning 2』 7.3.4. For all questions at once: ``seq2seq.exact_match``.
    """
    correct = [int(c) for c in np.ravel(correct)]
    if not correct:
        raise ValueError("eval_seq2seq: correct: expected at least the start character, got nothing")
    start_id, correct = correct[0], correct[1:]
    guess = [int(c) for c in model.generate(question, start_id, len(correct))]
    if verbose:

        def text(ids):
            return printable("".join(id_to_char[int(c)] for c in ids))

        asked = np.ravel(question)
        print("Q", text(asked[::-1] if is_reverse else asked))
        print("T", text(correct))
        mark, plain = "☑O" if guess == correct else "☒X"
        print(mark if writable(mark) else plain, text(guess))
        print("---")
    return int(guess == correct)
