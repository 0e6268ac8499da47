"""Model files: a checkpoint that is enough to use the model, without the arguments it was trained with."""

import os

from common import checkpoint
from common.layer import named_params
from common.np import np
from seq2seq.attention_seq2seq import AttentionSeq2seq
from seq2seq.peeky_seq2seq import PeekySeq2seq
from seq2seq.seq2seq import Seq2seq

# The closed table: no other name from a file becomes a class.
MODELS = {"baseline": Seq2seq, "peeky": PeekySeq2seq, "attention": AttentionSeq2seq}


def save_model(path: str | os.PathLike, model: Seq2seq, **facts) -> None:
    """Write the model and what is needed to use it: facts (vocabulary, lengths, ...) that JSON can hold.

    Raises ValueError for a model that ``load_model`` could not name, OSError when the file cannot be written.
    """
    names = {cls: name for name, cls in MODELS.items()}
    if type(model) not in names:
        raise ValueError(f"save_model: {type(model).__name__} is none of {', '.join(c.__name__ for c in names)}")
    name = names[type(model)]
    model.save_params(path, facts | {"model": name, "arguments": model.arguments})


def load_model(path: str | os.PathLike) -> tuple[Seq2seq, dict]:
    """The model in the file, in the dtype it had, and the facts that were saved with it.

    Raises OSError, or CheckpointError for a file that is damaged or not a model's.
    """
    arrays, facts = checkpoint.load(path)
    name, arguments = facts.get("model"), facts.get("arguments")
    if not isinstance(name, str) or name not in MODELS:
        raise checkpoint.CheckpointError(f"{path}: not a model file: {name!r} is none of {', '.join(MODELS)}")
    try:
        model = MODELS[name](**arguments, dtype=np.result_type(*arrays.values()))
    except (TypeError, ValueError) as error:
        raise checkpoint.CheckpointError(f"{path}: not a model file: {name} of {arguments!r}: {error}") from error
    checkpoint.assign(named_params(model), arrays, path)
    return model, facts
