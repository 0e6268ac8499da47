"""The package as it is installed from a wheel, outside the clone, with the dependencies that it names and no others."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from script_tools import ROOT

CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")
PACKAGES = CONFIG["options"]["packages"].split()
USE = """
import importlib, pkgutil, sys

packages, home = sys.argv[2:], sys.argv[1]
names = [m.name for p in packages for m in pkgutil.walk_packages(importlib.import_module(p).__path__, p + ".")]
for name in [*packages, *names]:
    assert importlib.import_module(name).__file__.startswith(home), (name, sys.modules[name].__file__)

from seq2seq import AttentionSeq2seq
from seq2seq.page import Example, to_page
page = to_page(AttentionSeq2seq(3, 2, 2), [], vocabulary="_ab", start="_", T_enc=2, T_dec=1, reverse=False)
assert page.startswith(b"<!doctype html>")

from classifier import GRUClassifier
from classifier.page import to_page
settings = dict(vocabulary=["<pad>", "<unk>"], tokenizer={"name": "words"}, classes=["a", "b"])
assert to_page(GRUClassifier(2, 2, 2, 1), [], **settings).startswith(b"<!doctype html>")
print(len(names))
"""


def test_the_changelog_begins_with_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0] == CONFIG["metadata"]["version"]


def test_every_package_and_every_marker_of_types_is_installed():
    clone = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks"}
    assert clone == set(PACKAGES)
    typed = {path.parent.name for path in ROOT.glob("*/py.typed")}
    data = CONFIG["options.package_data"]
    assert typed == {package for package in data if "py.typed" in data[package].split()}


def run(*command, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, encoding="utf-8", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of what the packages are made of: a build leaves folders behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / "clone" / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "clone")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, folder / "clone", cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_the_packages_and_nothing_else(wheel):
    assert wheel.name.startswith(f"attention_from_scratch-{CONFIG['metadata']['version']}-")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    clone = wheel.parent / "clone"
    assert held == {
        path.relative_to(clone).as_posix() for name in PACKAGES for path in (clone / name).rglob("*") if path.is_file()
    }


@pytest.mark.slow
def test_an_installed_wheel_works_outside_the_clone(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    (python,) = [path for path in (tmp_path / "venv").glob("*/python*") if path.stem == "python"]
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    modules = int(run(python, "-c", USE, (tmp_path / "venv").resolve(), *PACKAGES, cwd=tmp_path))
    assert modules == sum(path.name != "__init__.py" for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    lines = run(python, "-m", "dataset.dates", "--count", "2", "--seed", "7", cwd=tmp_path).splitlines()
    assert len(lines) == 2 and all("_" in line for line in lines)
    assert os.listdir(tmp_path) == ["venv"], "nothing was written"
