"""Files of the models; see ``common.model_file``."""

import os

from common import model_file
from seq2seq.attention_seq2seq import AttentionSeq2seq
from seq2seq.peeky_seq2seq import PeekySeq2seq
from seq2seq.seq2seq import Seq2seq
from seq2seq.transformer_seq2seq import TransformerSeq2seq

MODELS: dict[str, type[Seq2seq]] = {
    "baseline": Seq2seq,
    "peeky": PeekySeq2seq,
    "attention": AttentionSeq2seq,
    "transformer": TransformerSeq2seq,
}


def save_model(path: str | os.PathLike, model: Seq2seq, /, **facts) -> None:
    """Write the model, with the facts that are needed to use it (vocabulary, lengths, ...), which JSON must hold;
    those that ``load_model`` returned will do.

    Raises ValueError for a model that is not in ``MODELS``, OSError when the file cannot be written.
    """
    model_file.save(path, model, MODELS, facts)


def load_model(path: str | os.PathLike) -> tuple[Seq2seq, dict]:
    """Return the model in the file, in the dtype it had, and the facts that were saved with it.

    Raises OSError, or CheckpointError for a file that is damaged or holds another kind of model.
    """
    return model_file.load(path, MODELS)
