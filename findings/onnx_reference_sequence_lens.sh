#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator's LSTM and GRU take sequence_lens, and ignore it.
#
# A good guess: onnx.reference.ReferenceEvaluator computes what the specification says, slowly, or raises.
# Seen: for a batch of texts of 4 and 2 words, its results are those without sequence_lens: the shorter text's states go
# on over the padding, and the backward direction begins in it. onnxruntime 1.32.0 gives zeros at the padding, and final
# states that equal those of the text alone.
# It hurts whoever tests an exported model against the reference: padded texts differ, although the graph is right; or
# agree with a converter that forgot the lengths.
# Source: onnx/reference/ops/op_lstm.py and op_gru.py, _run.
# Needs Python 3.11 to 3.14.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime import InferenceSession

rng = np.random.default_rng(0)
x, D, H = rng.standard_normal((4, 2, 3)).astype("float32"), 3, 2  # (T, N, D)


def graph(kind, gates):
    """X and lengths -> the last states of a bidirectional layer (2, N, H)."""
    shapes = {"W": (2, gates * H, D), "R": (2, gates * H, H), "B": (2, 2 * gates * H)}
    weights = [numpy_helper.from_array(rng.standard_normal(s).astype("float32"), n) for n, s in shapes.items()]
    node = helper.make_node(
        kind, ["X", "W", "R", "B", "lengths"], ["Y", "Y_h"], hidden_size=H, direction="bidirectional"
    )
    X = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, None, D])
    lengths = helper.make_tensor_value_info("lengths", TensorProto.INT32, [None])
    last = helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, [2, None, H])
    g = helper.make_graph([node], "g", [X, lengths], [last], weights)
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


for kind, gates in {"LSTM": 4, "GRU": 3}.items():
    model = graph(kind, gates)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for name, run in {"onnxruntime": session.run, "onnx.reference": ReferenceEvaluator(model).run}.items():
        padded = run(None, {"X": x, "lengths": np.array([4, 2], "int32")})[0][:, 1]  # the text of two words
        whole = run(None, {"X": x, "lengths": np.array([4, 4], "int32")})[0][:, 1]
        alone = run(None, {"X": x[:2, 1:], "lengths": np.array([2], "int32")})[0][:, 0]
        as_alone, as_whole = np.allclose(padded, alone, atol=1e-5), np.array_equal(padded, whole)
        print(f"{name}, {kind}: as the text alone: {as_alone}; as without sequence_lens: {as_whole}")
        assert (as_alone, as_whole) == ((True, False) if name == "onnxruntime" else (False, True)), "it changed"
PYTHON
