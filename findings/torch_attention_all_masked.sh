#!/usr/bin/env bash
# PyTorch 2.13.0: asking MultiheadAttention for its weights turns the output of a text of padding alone into nan.
#
# A good guess: need_weights chooses what is returned, and the output is the same either way.
# Seen: for a row whose keys are all masked, need_weights=False returns zeros (the projection of nothing), and True, the
# default, returns nan, as output and as weights; in training and in evaluation, with and without gradients. The first
# uses scaled_dot_product_attention, which gives such rows 0, the second a softmax of its own. (Here there is one head:
# with an even number, evaluation has a third path, see torch_even_heads_nan.sh.)
# It hurts whoever has an empty text in a batch and looks at attention maps: a model that trained and predicted well
# (TransformerEncoderLayer asks for no weights) gives nan once the maps are asked for.
# Source: torch/nn/functional.py, multi_head_attention_forward, "if need_weights".
# Needs Python 3.10 to 3.14, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON' | tee "$folder/seen"
import torch

torch.manual_seed(0)
layer = torch.nn.MultiheadAttention(4, 1, batch_first=True)
x = torch.randn(2, 3, 4)
padding = torch.tensor([[False, False, True], [True, True, True]])
for training in (True, False):
    layer.train(training)
    for need in (True, False):
        with torch.set_grad_enabled(training):
            y, weights = layer(x, x, x, key_padding_mask=padding, need_weights=need)
        kind = "nan" if y[1].isnan().all() else "zeros" if not y[1].any() else "other"
        assert y[0].isfinite().all() and (weights is None or weights[1].isnan().all())
        print(f"training={training}, need_weights={need}: the text of padding gives {kind}")
PYTHON
diff - "$folder/seen" <<'EXPECTED'
training=True, need_weights=True: the text of padding gives nan
training=True, need_weights=False: the text of padding gives zeros
training=False, need_weights=True: the text of padding gives nan
training=False, need_weights=False: the text of padding gives zeros
EXPECTED
