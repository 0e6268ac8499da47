"""Explain what each word of a text contributed to its class: see ``common.faithfulness``."""

from classifier.text_classifier import PAD, TextClassifier
from common.faithfulness import Parts, gradient_times_input, occlusion
from common.functions import log_softmax, softplus
from common.layer import forget, inference
from common.np import np
from support.array import Array

ATTENTION = ("attention", "received")


def parts(model: TextClassifier, xs: Array) -> Parts:
    """Explain the class that the model finds likeliest for each text xs (N, T): T_out is 1.

    An occluded word becomes padding, which a model with a mask does not see. N is one batch, and needs the memory of
    a training step.
    Raises ValueError for a model without attention, and when xs is not (N, T).
    """
    kind = next((kind for kind in model.token_weight_kinds if kind in ATTENTION), None)
    if kind is None:
        raise ValueError(f"faithfulness: expected a model with attention, got a {type(model).__name__} without")
    probabilities, attention = model.explain(xs, kind)
    classes = probabilities.argmax(axis=1)

    def log_probs(xs: Array) -> Array:
        scores = model.scores(xs)
        both = log_softmax(scores) if scores.ndim == 2 else np.stack((-softplus(scores), -softplus(-scores)), axis=1)
        return np.take_along_axis(both, classes[:, None], axis=1)

    with inference(model):
        dropped = occlusion(log_probs, xs, PAD)
        model.forward(xs, classes)
        gradient = gradient_times_input(model.embed, xs, lambda: model.backward(-len(xs)))  # the loss is a mean
    forget(model)
    return Parts(attention[:, None], gradient[:, None], dropped, xs != PAD)
