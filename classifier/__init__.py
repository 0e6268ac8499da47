"""Text classifiers: models, metrics, files.

Pictures are in ``classifier.plot``, which imports matplotlib; tables of tokens are in ``classifier.token_table``.
"""

from classifier.bag_of_words import BagOfWords
from classifier.gru_classifier import GRUClassifier
from classifier.metrics import Evaluate, confusion_matrix, evaluate
from classifier.model_file import load_model, save_model
from classifier.seqself_classifier import SeqSelfClassifier
from classifier.text_classifier import TextClassifier

__all__ = [
    "BagOfWords",
    "Evaluate",
    "GRUClassifier",
    "SeqSelfClassifier",
    "TextClassifier",
    "confusion_matrix",
    "evaluate",
    "load_model",
    "save_model",
]
