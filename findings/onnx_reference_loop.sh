#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator lays the outputs of a Loop's steps end to end, where they should be stacked.
#
# A good guess: onnx.reference.ReferenceEvaluator returns the shapes that onnx's own shape inference finds.
# Seen: of five steps that leave (2, 3) each, it returns (10, 3). Shape inference in strict mode says (5, 2, 3), and
# onnxruntime 1.32.0 returns that. Steps that leave (2,) become (5, 2) in both: only outputs with two and more axes differ.
# And a Loop without a condition, which runs as often as its first input says, runs not once and raises.
# It hurts whoever takes it for the judge of a model that writes a sequence, with an attention map for each step, say:
# the exported graph is right, and the judge fails or returns another shape.
# Source: onnx/reference/ops/op_loop.py: `np.vstack`, and `while cond and`.
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


def loop(condition, *shape):
    """Five steps that leave the input x as it is: x -> y (5, ...)."""
    x, y = (make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in (("x", shape), ("y", (5, *shape))))
    body = make_graph(
        [make_node("Identity", ["go"], ["go_on"]), make_node("Identity", ["x"], ["step"])],
        "body",
        [make_tensor_value_info("i", TensorProto.INT64, ()), make_tensor_value_info("go", TensorProto.BOOL, ())],
        [
            make_tensor_value_info("go_on", TensorProto.BOOL, ()),
            make_tensor_value_info("step", TensorProto.FLOAT, shape),
        ],
    )
    constants = [numpy_helper.from_array(np.array(5), "five")]
    constants += [numpy_helper.from_array(np.array(True), condition)] if condition else []
    node = make_node("Loop", ["five", condition], ["y"], body=body)
    model = make_model(
        make_graph([node], "g", [x], [y], constants), opset_imports=[make_opsetid("", 17)], ir_version=8
    )
    checker.check_model(model, full_check=True)
    given = {"x": np.zeros(shape, "float32")}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    try:
        reference = ReferenceEvaluator(model).run(None, given)[0].shape
    except ValueError as error:
        reference = f"{type(error).__name__}: {error}"
    return reference, session.run(None, given)[0].shape


seen = {(condition, shape): loop(condition, *shape) for condition in ("true", "") for shape in ((2,), (2, 3))}
for (condition, shape), (reference, runtime) in seen.items():
    print(f"condition {condition or 'left out'}, steps of {shape}: onnxruntime {runtime}, onnx.reference {reference}")
none = "ValueError: need at least one array to concatenate"
assert seen == {
    ("true", (2,)): ((5, 2), (5, 2)),
    ("true", (2, 3)): ((10, 3), (5, 2, 3)),
    ("", (2,)): (none, (5, 2)),
    ("", (2, 3)): (none, (5, 2, 3)),
}, "it behaves differently now"
PYTHON
