#!/usr/bin/env bash
# keras-self-attention: attention_width has no effect in 0.46.0, and holds for large scores in no version.
#
# A good guess: with attention_width=1 a word attends to itself alone, so the weights are the identity, in every version
# and for every input.
# Seen: 0.45.0 sets the weights outside the window to 0, but after the exponentials: where a key outside has a score
# larger by 104 or more, those inside have underflown, and the word attends to nothing. 0.46.0 subtracts 10,000 from
# the scores of keys that stand before the window and behind it, which none does: the weights are as without a window.
# 0.47.0 to 0.51.0 subtract it from those outside, but a key whose score is larger by more than 10,000 (multiplicative
# attention reaches it with 64 inputs of 100 and more) outweighs those inside.
# It hurts whoever trained with 0.46.0 and a window, and loads the weights in another version; and whoever feeds
# inputs that are not normalised.
# Source: keras_self_attention/seq_self_attention.py, SeqSelfAttention.call.
# Needs Python 3.11, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  tensorflow==2.21.0 tf-keras==2.21.0 keras==3.15.1 numpy==2.4.6
cat >"$folder/ask.py" <<'PYTHON'
import os
import sys

import numpy as np

if os.environ["TF_USE_LEGACY_KERAS"] == "1":
    import tf_keras

    tf_keras.wrappers = None  # which these versions import, and do not use
    sys.modules["keras"] = tf_keras
from keras_self_attention import SeqSelfAttention


def weights(inputs, **options):
    layer = SeqSelfAttention(attention_width=1, return_attention=True, **options)
    layer.build((None, None, inputs.shape[-1]))
    if layer.attention_type == "multiplicative":
        layer.set_weights([np.eye(inputs.shape[-1]), np.zeros(1)])
    return np.asarray(layer(inputs)[1])[0]


small = weights(np.random.default_rng(0).standard_normal((1, 3, 4)).astype("float32"))
large = np.ones((1, 2, 64), "float32") * np.array([100, 200], "float32")[:, None]  # scores: 640,000 and 1,280,000
large = weights(large, attention_type="multiplicative")
print("itself alone:", np.allclose(small, np.eye(3)), "  large scores:", large.round(3).tolist())
PYTHON
export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0
for version in 0.45.0 0.46.0 0.47.0 0.51.0; do
    "$folder/venv/bin/pip" install -q --disable-pip-version-check --no-deps "keras-self-attention==$version"
    legacy=1
    [ "$version" = 0.51.0 ] && legacy=0 # the first versions need Keras 2
    TF_KERAS=$((1 - legacy)) TF_USE_LEGACY_KERAS=$legacy "$folder/venv/bin/python" "$folder/ask.py" 2>"$folder/log" |
        sed "s/^/$version /" || { cat "$folder/log"; exit 1; }
done | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
0.45.0 itself alone: True   large scores: [[0.0, 0.0], [0.0, 1.0]]
0.46.0 itself alone: False   large scores: [[0.0, 1.0], [0.0, 1.0]]
0.47.0 itself alone: True   large scores: [[0.0, 1.0], [0.0, 1.0]]
0.51.0 itself alone: True   large scores: [[0.0, 1.0], [0.0, 1.0]]
EXPECTED
