"""Explain what each question character contributed to each answer character: see ``common.faithfulness``."""

from common.faithfulness import Parts, gradient_times_input, occlusion
from common.functions import log_softmax
from common.layer import forget, inference
from common.np import np
from seq2seq.attention_seq2seq import padding_of
from support.array import Array


def parts(model, xs: Array, start_id: int, sample_size: int, pad: int) -> Parts:
    """Explain the characters that the model itself writes to the questions xs (N, T_enc), each given those before it.

    The attention of a Transformer is the mean over its layers and heads.
    pad: the id of the padding, which replaces an occluded character. A model that masks its padding does not see it at
    the ends of a question, but between other characters it does: as a space. N is one batch, and needs the memory of a
    training step. Raises ValueError for a model without attention, and whenever ``decode`` does.
    """
    if model.decoder.attention is None:
        raise ValueError(f"faithfulness: expected a model with attention, got a {type(model).__name__} without")
    N, ids = len(xs), model.decode(xs, start_id, sample_size).ids
    ts_in = np.concatenate((np.full((N, 1), start_id), ids[:, :-1]), axis=1)

    def scores(xs: Array) -> Array:
        return model.decoder.forward(ts_in, model.encode(xs))

    def log_probs(xs: Array) -> Array:
        return np.take_along_axis(log_softmax(scores(xs)), ids[:, :, None], axis=2)[:, :, 0]

    def backward() -> None:
        model.backward(-N)  # of a loss that is minus the mean over N

    share_prefixes, gradients = model.encoder.share_prefixes, []
    with inference(model):
        dropped = occlusion(log_probs, xs, pad)
        model.encoder.share_prefixes = False  # else questions that begin alike have a gradient in common
        try:
            of_all = scores(xs)
            for i in range(sample_size):
                labels = np.full_like(ids, model.softmax.ignore_label)
                labels[:, i] = ids[:, i]
                model.softmax.forward(of_all, labels)
                gradients.append(gradient_times_input(model.encoder.embed, xs, backward))
        finally:
            model.encoder.share_prefixes = share_prefixes
    attention = model.decoder.attention.attention_weights.transpose(1, 0, 2)
    forget(model)
    return Parts(attention, np.stack(gradients, axis=1), dropped, ~padding_of(xs, pad))
