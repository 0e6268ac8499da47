"""Files of the classifiers; see ``common.model_file``."""

import os

from classifier.bag_of_words import BagOfWords
from classifier.gru_classifier import GRUClassifier
from classifier.seqself_classifier import SeqSelfClassifier
from classifier.text_classifier import TextClassifier
from common import model_file

MODELS: dict[str, type[TextClassifier]] = {
    "gru": GRUClassifier,
    "seqself": SeqSelfClassifier,
    "bow": BagOfWords,
}


def save_model(path: str | os.PathLike, model: TextClassifier, /, **facts) -> None:
    """Write the model, with the facts that are needed to use it (vocabulary, classes, ...), which JSON must hold;
    those that ``load_model`` returned will do.

    Raises ValueError for a model that is not in ``MODELS``, OSError when the file cannot be written.
    """
    model_file.save(path, model, MODELS, facts)


def load_model(path: str | os.PathLike) -> tuple[TextClassifier, dict]:
    """Return the model in the file, in the dtype it had, and the facts that were saved with it.

    Raises OSError, or CheckpointError for a file that is damaged or holds another kind of model.
    """
    return model_file.load(path, MODELS)
