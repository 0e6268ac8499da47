#!/usr/bin/env bash
# onnxruntime 1.32.0: the last state of a row whose sequence_lens is 0 is zeros, not its initial state.
#
# A good guess: after no steps, the state is what it was at the start: Y_h = initial_h, Y_c = initial_c, as for a loop
# that is not entered.
# Seen: LSTM and GRU return zeros for such a row, in Y, Y_h and Y_c, and the initial state is lost. Rows of length 1
# and more use it.
# It hurts whoever passes states from call to call (streams, a decoder after an encoder) in batches where some rows have
# nothing new: those rows start anew, without a message.
# Source: onnxruntime, core/providers/cpu/rnn: "zero any values beyond the sequence length". The specification of ONNX
# is silent about rows of length 0.
# Needs Python 3.11 to 3.14.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

rng = np.random.default_rng(0)
D, H, N = 3, 2, 2
x, start = rng.standard_normal((4, N, D)).astype("float32"), np.full((1, N, H), 0.5, "float32")
for kind, gates in {"LSTM": 4, "GRU": 3}.items():
    states = ["h", "c"] if kind == "LSTM" else ["h"]
    shapes = {"W": (1, gates * H, D), "R": (1, gates * H, H)}
    weights = [numpy_helper.from_array(rng.standard_normal(s).astype("float32"), n) for n, s in shapes.items()]
    names = ["X", "W", "R", "", "lengths", *states], ["", *(f"Y_{s}" for s in states)]
    node = helper.make_node(kind, *names, hidden_size=H)
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, N, None]) for n in ("X", *states)]
    inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [N]))
    outputs = [helper.make_tensor_value_info(f"Y_{s}", TensorProto.FLOAT, [1, N, H]) for s in states]
    model = helper.make_model(
        helper.make_graph([node], "g", inputs, outputs, weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {"X": x, "lengths": np.array([4, 0], "int32")} | {s: start for s in states}
    for name, last in zip(states, session.run(None, feeds), strict=True):
        print(f"{kind}: {name} starts at {start[0, 1].tolist()}; after 0 steps it is {last[0, 1].tolist()}")
        assert not last[0, 1].any() and last[0, 0].any(), "it behaves differently now"
PYTHON
