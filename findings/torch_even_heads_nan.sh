#!/usr/bin/env bash
# PyTorch 2.13.0: what a TransformerEncoderLayer gives for a text of padding alone depends on whether its heads are even.
#
# A good guess: a model that trained and was evaluated without nan gives none under eval() and no_grad() either, which
# change dropout and what is recorded; and the number of heads changes sizes, not what happens to padding.
# Seen: with gradients or in training, a text whose keys are all masked gives numbers (its attention adds the output
# projection's bias). In evaluation without gradients it gives nan with 2 or 4 heads, and numbers with 1 or 3. So does a
# causal layer for texts padded at the beginning, whose first queries see nothing. MultiheadAttention does the same for
# need_weights=False. The other texts of the batch are right.
# It hurts whoever has an empty text in a batch, or pads causal texts at the beginning: training is fine, and the first
# validation gives nan. With an odd number of heads, or batch_first=False, it never happens.
# Cause: the fused "fast path" needs eval(), no gradients, batch_first and an even number of heads; its softmax gives nan
# where scaled_dot_product_attention gives 0. torch.backends.mha.set_fastpath_enabled(False) avoids it.
# Source: torch/nn/modules/transformer.py, TransformerEncoderLayer.forward; activation.py, MultiheadAttention.forward.
# Needs Python 3.10 to 3.14, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON' | tee "$folder/seen"
import torch

D, T = 12, 3
empty = torch.tensor([[False, False, True], [True, True, True]])
before = torch.tensor([[False, False, False], [True, False, False]])
later = torch.ones(T, T, dtype=torch.bool).triu(1)


def kind(y):
    assert y.isnan().all() or y.isfinite().all()
    return "nan" if y.isnan().any() else "numbers"


for heads in (1, 2, 3, 4):
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(D, heads, 8, batch_first=True)
    attention = torch.nn.MultiheadAttention(D, heads, batch_first=True)
    x = torch.randn(2, T, D)
    for training, gradients in ((True, True), (False, True), (False, False)):
        layer.train(training), attention.train(training)
        with torch.set_grad_enabled(gradients):
            whole = layer(x, src_key_padding_mask=empty)
            causal = layer(x, src_mask=later, src_key_padding_mask=before)
            attended = attention(x, x, x, key_padding_mask=empty, need_weights=False)[0]
        assert whole[0].isfinite().all() and causal[0].isfinite().all() and attended[0].isfinite().all()
        found = f"empty text {kind(whole[1])}, padded before {kind(causal[1, 0])}, attention {kind(attended[1])}"
        print(f"heads={heads} training={training} gradients={gradients}: {found}")
    layer = torch.nn.TransformerEncoderLayer(D, heads, 8).eval()  # the last case, with batch_first=False
    with torch.no_grad():
        whole = layer(x.transpose(0, 1), src_key_padding_mask=empty)
    print(f"heads={heads} batch_first=False: empty text {kind(whole[:, 1])}")
PYTHON
diff - "$folder/seen" <<'EXPECTED'
heads=1 training=True gradients=True: empty text numbers, padded before numbers, attention numbers
heads=1 training=False gradients=True: empty text numbers, padded before numbers, attention numbers
heads=1 training=False gradients=False: empty text numbers, padded before numbers, attention numbers
heads=1 batch_first=False: empty text numbers
heads=2 training=True gradients=True: empty text numbers, padded before numbers, attention numbers
heads=2 training=False gradients=True: empty text numbers, padded before numbers, attention numbers
heads=2 training=False gradients=False: empty text nan, padded before nan, attention nan
heads=2 batch_first=False: empty text numbers
heads=3 training=True gradients=True: empty text numbers, padded before numbers, attention numbers
heads=3 training=False gradients=True: empty text numbers, padded before numbers, attention numbers
heads=3 training=False gradients=False: empty text numbers, padded before numbers, attention numbers
heads=3 batch_first=False: empty text numbers
heads=4 training=True gradients=True: empty text numbers, padded before numbers, attention numbers
heads=4 training=False gradients=True: empty text numbers, padded before numbers, attention numbers
heads=4 training=False gradients=False: empty text nan, padded before nan, attention nan
heads=4 batch_first=False: empty text numbers
EXPECTED
