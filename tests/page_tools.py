"""What the tests of the page share: small models, and the parts of a page."""

import json
from html.parser import HTMLParser

import numpy as np

from seq2seq import AttentionSeq2seq
from seq2seq.page import Example, to_page
from support.html_page import in_english

VOID = {"meta", "link", "input"}


def small_model(vocabulary: str, dtype=np.float32, hidden_size: int = 6) -> AttentionSeq2seq:
    """A model with weights large enough for its answers to differ."""
    model = AttentionSeq2seq(len(vocabulary), 3, hidden_size, rng=np.random.default_rng(5), dtype=dtype)
    for p in model.params:
        p[...] = np.random.default_rng(p.size).normal(size=p.shape)
    return model


def with_options(model: AttentionSeq2seq, **options) -> AttentionSeq2seq:
    """A model with the same weights and other options."""
    other = AttentionSeq2seq(**model.arguments | options)
    for p, own in zip(other.params, model.params, strict=True):
        p[...] = own
    return other


def page_of(texts, T_dec: int = 4, **options) -> tuple[bytes, AttentionSeq2seq]:
    """A page of these questions, the answer of each the beginning of the next one; and its model."""
    texts = [text.strip() for text in texts]
    vocabulary = "".join(dict.fromkeys("_ " + "".join(texts)))
    model = small_model(vocabulary)
    T_enc = max(map(len, texts))
    ids = [[vocabulary.index(char) for char in text.ljust(T_enc)] for text in texts]
    own = ["".join(vocabulary[i] for i in row) for row in model.decode(np.array(ids), 0, T_dec).ids]
    answers = [text[:T_dec].ljust(T_dec) for text in [*texts[1:], texts[0]]]
    examples = [Example(*row) for row in zip(texts, answers, own, strict=True)]
    settings = dict(vocabulary=vocabulary, start="_", T_enc=T_enc, T_dec=T_dec, reverse=False)
    return to_page(model, examples, **settings | options), model


class Parts(HTMLParser):
    """Parser of a page: tags with their attributes, in order, and the text inside each kind of element."""

    def __init__(self, page: bytes):
        super().__init__()
        self.tags, self.texts, self.open = [], {}, []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(dict(attrs).get("id", tag))
            self.texts.setdefault(self.open[-1], "")

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]] += data

    @property
    def data(self) -> dict:
        """The data of the page, with the phrases of its head in English."""
        data = json.loads(self.texts["data"])
        return data | {"about": [in_english(phrase) for phrase in data["about"]]}

    @property
    def weights(self) -> dict:
        return json.loads(self.texts["weights"])
