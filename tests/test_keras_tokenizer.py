"""Keras's Tokenizer, and the one that is made here from the JSON that it writes: the same tokens, and the same ids."""

import os

import pytest

from dataset.vocabulary_file import read_vocabulary

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*|keras.*")]
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_KERAS": "1"}
text_of_keras = pytest.importorskip("tf_keras").preprocessing.text
TEXTS = [
    "The film, is good! It's film_noir; e-mail\tor\nİstanbul's end",
    "the,film is,,good, bad",
    "京都で、ラーメン　を 食べた。",
    "",
    " ,!",
]


@pytest.mark.parametrize("oov_token", [None, "OOV"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lower": False},
        {"filters": "", "split": ","},
        {"filters": ["!", "i"], "split": "e"},
        {"filters": "_,", "split": " film", "lower": False},
        {"char_level": True},
        {"char_level": True, "lower": False, "split": ""},
    ],
)
def test_the_same_tokens(tmp_path, settings, oov_token):
    theirs = text_of_keras.Tokenizer(**settings, oov_token=oov_token)
    theirs.fit_on_texts(TEXTS[:3])
    (tmp_path / "words.json").write_text(theirs.to_json(), encoding="utf-8")
    vocabulary = read_vocabulary(tmp_path / "words.json")
    unknown = vocabulary.unknown
    assert (vocabulary.padding, unknown, vocabulary.dropped) == (0, theirs.word_index.get(oov_token), oov_token is None)
    for text in [*TEXTS, "A film never seen, for 5 yen"]:
        ids = [vocabulary.ids.get(token, unknown) for token in vocabulary.tokenizer(text)]
        assert [i for i in ids if i is not None] == theirs.texts_to_sequences([text])[0]
