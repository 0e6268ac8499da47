"""A training run: its command line, data and folder, and its trained models, which take questions as text."""

from experiment.answers import DateAnswer, TextAnswer
from experiment.date_model import DateModel
from experiment.text_model import TextModel

__all__ = ["DateAnswer", "DateModel", "TextAnswer", "TextModel"]
