"""A run: its command line, data and folder, and the trained models in it, to be asked in words."""

from experiment.answers import DateAnswer, TextAnswer
from experiment.date_model import DateModel
from experiment.text_model import TextModel

__all__ = ["DateAnswer", "DateModel", "TextAnswer", "TextModel"]
