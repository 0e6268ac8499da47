#!/usr/bin/env bash
# PyTorch 2.13.0: nn.Transformer has a LayerNorm after the last layer of encoder and decoder with norm_first=False, too.
#
# A good guess: norm_first=False, the default, is the model of the paper (Vaswani et al. 2017, 3.1), in which each layer
# ends with a LayerNorm and nothing comes after the last; norm_first=True needs one there, because its sums are not
# normalized, and nn.Transformer adds it.
# Seen: it adds one in both cases, so that what the last layer normalized is normalized again, with weights of its own.
# As long as weights are fresh (scales 1, shifts 0) it changes 1e-5 of a number, and no comparison sees it. Once they
# are trained, outputs of the same layers with and without it are as far apart as those of different models.
# It hurts whoever moves trained weights between nn.Transformer and a post-norm model of the paper, or of another
# library: all arrays but two fit, and no weights of the other model do what these two do.
# nn.Transformer(custom_encoder=nn.TransformerEncoder(layer, K), custom_decoder=...), without a norm, has none.
# Source: torch/nn/modules/transformer.py, Transformer.__init__: encoder_norm and decoder_norm, whatever norm_first is.
# Known there: https://github.com/pytorch/pytorch/issues/24930, open since 2019; weights of before would no longer load.
# Needs Python 3.10 to 3.14, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore", "enable_nested_tensor is True")
D, HEADS, HIDDEN, LAYERS = 12, 3, 16, 2


def difference(norm_first, trained):
    """How far outputs of nn.Transformer are from those without its last norms, in standard deviations."""
    torch.manual_seed(0)
    how = dict(dropout=0.0, batch_first=True, norm_first=norm_first, dtype=torch.float64)
    whole = nn.Transformer(D, HEADS, LAYERS, LAYERS, HIDDEN, **how).eval()
    if trained:
        with torch.no_grad():
            for parameter in whole.parameters():
                parameter += 0.3 * torch.randn_like(parameter)
    x, y = torch.randn(2, 5, D, dtype=torch.float64), torch.randn(2, 4, D, dtype=torch.float64)
    with torch.no_grad():
        out = whole(x, y)
        last = [whole.encoder.norm, whole.decoder.norm]
        assert all(type(norm) is nn.LayerNorm for norm in last)
        whole.encoder.norm = whole.decoder.norm = None
        return float((whole(x, y) - out).abs().max() / out.std())


found = {(first, trained): difference(first, trained) for first in (False, True) for trained in (False, True)}
for (first, trained), apart in found.items():
    print(f"norm_first={first}, {'trained' if trained else 'fresh'} weights: without the last norms {apart:.1g} apart")
assert found[False, False] < 1e-4 < 0.1 < found[False, True], "it behaves differently now"
assert found[True, False] > 0.1, "it behaves differently now"
PYTHON
