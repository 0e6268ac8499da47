"""A model and a Tokenizer that Keras saved become a run: it says about each text what Keras says."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from experiment import TextModel

pytestmark = pytest.mark.keras
pytest.importorskip("keras_self_attention")
TEXTS = ["a dull film", "the plot was fine and the scene is good", "zounds it's bad", "good good good", "a film"]
SAVE = f"""
import json, os, sys
import numpy as np
import tf_keras as keras
from keras_self_attention import SeqSelfAttention
from tf_keras.preprocessing.sequence import pad_sequences
from tf_keras.preprocessing.text import Tokenizer

folder, oov, mask = sys.argv[1], sys.argv[2] or None, sys.argv[3] == "mask"
texts = {TEXTS}
tokenizer = Tokenizer(num_words=13, oov_token=oov)
tokenizer.fit_on_texts(texts[:2] + texts[3:] + ["it's a bad scene"])
attention = SeqSelfAttention(units=5, attention_width=None if mask else 5, return_attention=True, name="look")
words = keras.layers.Input((None,))
x, weights = attention(keras.layers.Embedding(15, 6, mask_zero=mask)(words))
x = keras.layers.Dense(3, activation="softmax")(keras.layers.Bidirectional(keras.layers.LSTM(4))(x))
model, look = keras.models.Model(words, x), keras.models.Model(words, weights)
rng = np.random.default_rng(1)
model.set_weights([rng.normal(size=w.shape).astype("f") * 0.5 for w in model.get_weights()])
model.save(os.path.join(folder, "model.h5"))
with open(os.path.join(folder, "words.json"), "w") as file:
    file.write(tokenizer.to_json())
ids = [tokenizer.texts_to_sequences([text]) for text in texts]
xs = [np.array(row) if mask else pad_sequences(row, maxlen=5) for row in ids]
found = [[model(x).numpy()[0].tolist(), look(x).numpy()[0].tolist(), x[0].tolist()] for x in xs]
with open(os.path.join(folder, "said.json"), "w") as file:
    json.dump(found, file)
"""


@pytest.mark.parametrize("oov", ["", "[?]"], ids=["unknown words left out", "with an oov_token"])
@pytest.mark.parametrize("mask", ["mask", "padded"])
def test_a_run_of_keras(in_process, tmp_path, oov, mask):
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-W", "ignore", "-c", SAVE, tmp_path, oov, mask]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    options = "model.h5 --vocabulary words.json --model seqself --tokenizer spaces --classes x,y,z --out run".split()
    padded = [] if mask == "mask" else "--pad-to 5 --padding before --max-len 5 --keep-end".split()
    done = in_process(tmp_path, "import_weights.py", *options, *padded)
    assert done.returncode == 0, done.stderr
    assert ("left out of a text" in done.stdout) == (not oov) and "num_words" in done.stdout
    run = TextModel(tmp_path / "run")
    for text, (p, weights, ids) in zip(TEXTS, json.loads((tmp_path / "said.json").read_text()), strict=True):
        answer = run.ask(text)
        assert len(answer.tokens) == np.count_nonzero(ids)
        np.testing.assert_allclose(answer.probabilities, p, rtol=0, atol=1e-5)
        real = np.array(ids) > 0
        received = np.array(weights)[real].mean(axis=0)[real]
        np.testing.assert_allclose(answer.weights, received, rtol=0, atol=1e-5)
    assert re.search(r"^output", in_process(tmp_path, "faithfulness.py", "--run", "run", "--text", "good").stdout)
