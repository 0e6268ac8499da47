"""Makes environments of their own for versions of keras-self-attention, and runs ``keras_driver.py`` in them.

    python tests/keras_environments.py            both versions, into build/keras
    KERAS_ENVIRONMENTS=DIR python tests/keras_environments.py 0.45.0

0.45.0 is the last that masks keys and queries, 0.51.0 the newest. Each environment takes 2 GB, from a package index.
The tests in test_keras_versions.py read what the driver wrote, and skip without it.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TENSORFLOW = "tensorflow-cpu==2.21.0", "keras==3.15.1", "tf-keras==2.21.0", "numpy==2.4.6", "h5py==3.14.0"
# 0.45.0 knows Keras 2 alone, which is tf-keras now, and imports distutils, which setuptools has where Python has not
VERSIONS = {
    "0.45.0": (("keras-self-attention==0.45.0", "setuptools==80.9.0", *TENSORFLOW), {"TF_USE_LEGACY_KERAS": "1"}),
    "0.51.0": (("keras-self-attention==0.51.0", *TENSORFLOW), {}),
}


def folder(version: str) -> Path:
    """Where the driver writes for this version."""
    return Path(os.environ.get("KERAS_ENVIRONMENTS") or ROOT / "build" / "keras") / version / "written"


def make(version: str) -> None:
    """Make the environment of this version, unless it is there, and run the driver in it."""
    packages, variables = VERSIONS[version]
    out, home = folder(version), folder(version).parent / "venv"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (home / "complete").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True)
        (home / "complete").touch()
    drive(python, out, variables)


def drive(python: str | Path, out: Path, variables: dict[str, str]) -> None:
    """Run the driver with a Python, its variables of the environment set, into the folder ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    env = {name: value for name, value in os.environ.items() if name not in ("TF_USE_LEGACY_KERAS", "PYTHONPATH")}
    done = subprocess.run(
        [python, ROOT / "tests" / "keras_driver.py", out], env=env | variables, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{python}: {done.stderr[-2000:]}")


if __name__ == "__main__":
    for name in sys.argv[1:] or VERSIONS:
        make(name)
        print((folder(name) / "facts.json").read_text(encoding="utf-8").partition(', "cases"')[0] + "}")
