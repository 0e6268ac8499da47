"""What the tests of ONNX share: a model with lively weights and its twin in float64, and what onnxruntime finds."""

import numpy as np
import onnxruntime

from common.layer import named_params
from interchange.onnx_file import to_onnx

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def lively(cls, *sizes, seed=0, scale=1.0, **arguments):
    """A model with weights of float32 that reach every gate, and its twin of the same numbers in float64."""
    model, twin = (cls(*sizes, **arguments, dtype=dtype) for dtype in (np.float32, np.float64))
    rng = np.random.default_rng(seed)
    for (name, param), wide in zip(named_params(model).items(), twin.params, strict=True):
        vector = 1.0 if name.endswith("gamma") else 0.3
        param[...] = rng.normal(scale=scale * len(param) ** -0.5 if param.ndim > 1 else vector, size=param.shape)
        wide[...] = param
    return model, twin


def date_facts(model, T_dec=4, **others):
    vocabulary = LETTERS[: model.arguments["vocab_size"]]
    return dict(vocabulary=vocabulary, start=vocabulary[1], T_enc=6, T_dec=T_dec, reverse=True) | others


def text_facts(model, **others):
    V = model.arguments["vocab_size"]
    vocabulary = ["<pad>", "<unk>", *(f"word {k}" for k in range(2, V))]
    facts = dict(vocabulary=vocabulary, classes=[f"class {k}" for k in range(model.classes)], padding="after")
    return facts | dict(tokenizer={"name": "words"}, max_len=None) | others


def session(proto):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 2
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def outputs(opened, ids):
    """Run a session of one input; return its outputs by name."""
    names = [each.name for each in opened.get_outputs()]
    return dict(zip(names, opened.run(None, {opened.get_inputs()[0].name: ids}), strict=True))


def run_texts(model, ids):
    return outputs(session(to_onnx(model, text_facts(model))), ids)
