"""Every layer and model passes the complex-step check. One alone: pytest tests/test_gradients.py -k TimeLSTM"""

import numpy as np
import pytest
from layer_table import CASES, build, classes_of_ours
from quick_cases import NAMES
from recurrent_table import WithState

from common.gradient_check import check_gradients
from common.layer import named_params


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name):
    layer, inputs = build(name)
    errors = check_gradients(layer, *inputs)
    floats = [f"input {i}" for i, x in enumerate(inputs) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    assert list(errors) == [*named_params(layer), *floats]


def test_no_class_is_missing_from_the_table():
    found = {}
    for name in CASES:
        layer, _ = build(name)
        cls = type(layer.layer if isinstance(layer, WithState) else layer)
        assert cls.__name__ == name.split("-")[0]
        found[cls] = name
    assert classes_of_ours() - set(found) == set()


def test_tied_weights_are_one_parameter_each():
    model, _ = build("TiedModel")
    assert len(model.params) == 5
    assert list(named_params(model)) == ["embed.W", "there.W", "affine.b"]
