"""Files of keras-self-attention 0.45.0 and 0.51.0, in Keras 2 and 3: the same predictions and attention here.

``python tests/keras_environments.py`` makes the environments; the first two kinds are run in this one.
"""

import json
import sys

import numpy as np
import pytest
from keras_environments import VERSIONS, drive, folder

from interchange import read_arrays, to_model

pytestmark = pytest.mark.keras
pytest.importorskip("keras_self_attention")
WRITERS = {"Keras 3": {}, "tf_keras": {"TF_USE_LEGACY_KERAS": "1"}}
CLOSE = dict(rtol=0, atol=1e-5)


@pytest.fixture(scope="module", params=[*WRITERS, *VERSIONS])
def written(request, tmp_path_factory):
    """A folder of the driver, its options, and whether padding is masked as here."""
    if request.param in WRITERS:
        out = tmp_path_factory.mktemp("keras")
        drive(sys.executable, out, WRITERS[request.param])
    else:
        out = folder(request.param)
    if not (out / "facts.json").exists():
        pytest.skip(f"could not import {request.param}: run python tests/keras_environments.py {request.param}")
    facts = json.loads((out / "facts.json").read_text(encoding="utf-8"))
    expected = request.param if request.param in VERSIONS else "0.51.0"
    assert facts["versions"]["keras-self-attention"] == expected
    assert facts["keras"].startswith("keras.src" if request.param in ("Keras 3", "0.51.0") else "tf_keras")
    return out, facts["cases"], expected == "0.45.0"


@pytest.mark.parametrize("ending", ["h5", "keras", "weights.h5"])
def test_predictions_and_attention_are_those_of_keras(written, ending):
    out, cases, masks_as_here = written
    for number, case in enumerate(cases):
        options = (
            {}
            if ending != "weights.h5"
            else {"mask": case["mask"]}
            | {
                name: value
                for name, value in case["attention"].items()
                if name in ("attention_width", "history_only", "attention_activation")
            }
        )
        model, notes = to_model(read_arrays(out / f"{number}.{ending}"), "seqself", **options)
        assert any("0.46.0 on" in note for note in notes) == case["mask"]
        theirs = np.load(out / f"{number}.npz")
        for name in ("full", "padded") if masks_as_here or not case["mask"] else ("full",):
            ids = theirs[name]
            np.testing.assert_allclose(model.probabilities(ids), theirs[f"{name}_predictions"], **CLOSE)
            if f"{name}_attention" in theirs:
                model.scores(ids)
                weights = model.attention_layer.attention_weights
                np.testing.assert_allclose(weights, theirs[f"{name}_attention"], **CLOSE)


def test_later_versions_differ_where_padding_is_masked(written):
    """What the note about padding says: without it, the numbers here would be taken for theirs."""
    out, cases, masks_as_here = written
    moved = []
    for number, case in enumerate(cases):
        if case["mask"] and not case["attention"].get("history_only"):
            theirs = np.load(out / f"{number}.npz")
            model, _ = to_model(read_arrays(out / f"{number}.h5"), "seqself")
            moved.append(abs(model.probabilities(theirs["padded"]) - theirs["padded_predictions"]).max())
    assert moved and (max(moved) < 1e-5 if masks_as_here else min(moved) > 1e-3)
