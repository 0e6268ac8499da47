#!/usr/bin/env bash
# onnx 1.23.2: ReferenceEvaluator overlooks sequence_lens, and lays the steps of a Loop end to end.
#
# A good guess: the evaluator that comes with onnx computes what the specification says, slowly, so that an exported
# model can be checked against it.
# Seen: LSTM and GRU read a text to the end of the longest, whatever `sequence_lens` says, and say nothing. Of a Loop, an
# output that each step leaves with shape (2, 3) should be (steps, 2, 3), as onnx's own shape inference says and
# onnxruntime returns it; it is (steps * 2, 3).
# It hurts whoever takes it for the judge of a model that reads padded texts, or writes a sequence with attention maps:
# the judge is wrong where onnxruntime is right.
# Source: onnx/reference/ops/op_lstm.py, op_gru.py (`sequence_lens` is not used), op_loop.py (`np.vstack`).
# Needs Python 3.11 or newer, and a minute.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.reference import ReferenceEvaluator

FLOAT, rng = TensorProto.FLOAT, np.random.default_rng(0)


def both(graph, inputs):
    model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return ReferenceEvaluator(model).run(None, inputs)[0], session.run(None, inputs)[0]


def after_lengths(op, gates):
    """The largest number after the end of a text of 1 of 4 words, by both."""
    weights = {"W": (1, gates * 3, 2), "R": (1, gates * 3, 3), "B": (1, gates * 6)}
    initializers = [numpy_helper.from_array(rng.normal(size=size).astype("f"), name) for name, size in weights.items()]
    inputs = [make_tensor_value_info("x", FLOAT, (4, 1, 2)), make_tensor_value_info("n", TensorProto.INT32, (1,))]
    outputs = [make_tensor_value_info("y", FLOAT, (4, 1, 1, 3))]
    node = make_node(op, ["x", "W", "R", "B", "n"], ["y"], hidden_size=3)
    given = {"x": rng.normal(size=(4, 1, 2)).astype("f"), "n": np.array([1], "i4")}
    return [round(float(abs(y[1:]).max()), 3) for y in both(make_graph([node], "g", inputs, outputs, initializers), given)]


overlooked = {op: after_lengths(op, gates) for op, gates in (("LSTM", 4), ("GRU", 3))}
for op, (reference, runtime) in overlooked.items():
    print(f"{op}: the largest state after the end of a text: ReferenceEvaluator {reference}, onnxruntime {runtime}")

body = make_graph(
    [make_node("Identity", ["go"], ["go_on"]), make_node("Identity", ["x"], ["step"])],
    "body",
    [make_tensor_value_info("i", TensorProto.INT64, ()), make_tensor_value_info("go", TensorProto.BOOL, ())],
    [make_tensor_value_info("go_on", TensorProto.BOOL, ()), make_tensor_value_info("step", FLOAT, (2, 3))],
)
constants = [numpy_helper.from_array(np.array(5), "five"), numpy_helper.from_array(np.array(True), "true")]
x, y = make_tensor_value_info("x", FLOAT, (2, 3)), make_tensor_value_info("y", FLOAT, (None, 2, 3))
loop = make_graph([make_node("Loop", ["five", "true"], ["y"], body=body)], "g", [x], [y], constants)
shapes = [y.shape for y in both(loop, {"x": np.zeros((2, 3), "f")})]
print(f"Loop: five steps of (2, 3) are together: ReferenceEvaluator {shapes[0]}, onnxruntime {shapes[1]}")

seen = all(reference > 0.01 and runtime == 0 for reference, runtime in overlooked.values())
assert seen and shapes == [(10, 3), (5, 2, 3)], "it behaves differently now"
PYTHON
