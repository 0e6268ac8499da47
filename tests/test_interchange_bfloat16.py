"""bfloat16 as Keras 3.15.1 writes it, two opaque bytes a number: see findings/keras_bfloat16_h5.sh."""

import numpy as np
import pytest

from interchange import ForeignFileError, read_arrays

h5py = pytest.importorskip("h5py")

NUMBERS = [1.5, -2.0, 0.0, 2.0**-130]  # each is one in bfloat16
OPAQUE = (np.array(NUMBERS, "<f4").view("<u4") >> 16).astype("<u2").view("V2")


def test_a_weights_h5_says_that_it_is_bfloat16(tmp_path):
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        variables = file.create_group("layers/dense/vars")
        variables.attrs["name"] = "dense"
        variables.create_dataset("0", data=OPAQUE).attrs["dtype"] = "bfloat16"
    (array,) = read_arrays(tmp_path / "x.weights.h5").values()
    assert array.dtype == np.float32 and array.tolist() == NUMBERS


def test_a_h5_does_not_and_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("model_weights/dense/kernel", data=OPAQUE)
        file["model_weights"].attrs["layer_names"] = ["dense"]
        file["model_weights/dense"].attrs["weight_names"] = ["kernel"]
    with pytest.raises(ForeignFileError, match=r"kernel' is \|V2, expected numbers"):
        read_arrays(tmp_path / "x.h5")
