#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator joins what a Loop collects where it has two axes or more, instead of stacking it.
#
# A good guess: onnx.reference gives the values that a Loop collects an axis of their own in front, as onnx's own shape
# inference does, and as it does itself for values with one axis.
# Seen: five steps of a Loop that collects arrays (2, 3) give (10, 3), where the inferred shape has three axes, and
# onnxruntime 1.32.0 gives (5, 2, 3).
# It hurts whoever tests a decoder against the reference: it collects scores or weights per step, and their shape is
# wrong; or the next operator broadcasts them, and the numbers are.
# Source: onnx/reference/ops/op_loop.py, "np.vstack(x) for x in k_carried_away".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime import InferenceSession

FLOAT, BOOL, INT64 = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64
info = helper.make_tensor_value_info
for shape in ((3,), (2, 3), (2, 3, 4)):
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["next"]), helper.make_node("Identity", ["x"], ["each"])],
        "body",
        [info("i", INT64, []), info("go", BOOL, [])],
        [info("next", BOOL, []), info("each", FLOAT, shape)],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["steps", "yes"], ["all"], body=body)],
        "graph",
        [info("x", FLOAT, shape)],
        [helper.make_empty_tensor_value_info("all")],
        [numpy_helper.from_array(np.array(5), "steps"), numpy_helper.from_array(np.array(True), "yes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    inferred = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim
    x = np.zeros(shape, "float32")
    right = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    found = ReferenceEvaluator(model).run(None, {"x": x})[0]
    print(f"five times {shape}: {len(inferred)} axes inferred, onnxruntime {right.shape}, onnx.reference {found.shape}")
    assert right.shape == (5, *shape) and len(inferred) == 1 + len(shape), "the others behave differently now"
    assert found.shape == ((5, 3) if len(shape) == 1 else (5 * shape[0], *shape[1:])), "it behaves differently now"
PYTHON
