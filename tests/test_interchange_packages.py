"""Packages that may be missing: one line says how to install them."""

import sys

import pytest

from interchange.packages import require
from support.entry import in_words
from support.install import COMMANDS


@pytest.mark.parametrize("name", ["h5py", "onnx", "onnxruntime", "safetensors", "torch"])
def test_a_missing_package_is_one_line_with_the_command_that_installs_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError) as caught:
        require(name)
    assert str(caught.value) == f"{name} is not installed; to install it: {COMMANDS[name]}"
    assert in_words(caught.value) == str(caught.value)  # what a script prints


def test_a_module_of_a_missing_package_says_the_same(monkeypatch):
    monkeypatch.setitem(COMMANDS, "a_package_that_nobody_has", "pip install it")
    with pytest.raises(ImportError, match="a_package_that_nobody_has is not installed; to install it: pip"):
        require("a_package_that_nobody_has.numpy")


def test_a_package_that_lacks_another_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "h5py_of_a_test.py").write_text("import a_package_that_nobody_has")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_package_that_nobody_has"):
        require("h5py_of_a_test")


def test_a_module_that_is_there_is_returned():
    assert require("json").dumps(1) == "1"
