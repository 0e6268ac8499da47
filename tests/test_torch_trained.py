"""Weights of PyTorch through its files; and a classifier of film reviews that was trained there."""

import re

import numpy as np
import pytest
from script_tools import real_film_reviews, write_films

from common.layer import named_params
from interchange import read_arrays, to_model

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
nn = torch.nn
safetensors = pytest.importorskip("safetensors.torch")

from benchmarks.torch_published import Published  # noqa: E402 -- it imports torch

torch.set_num_threads(1)
SAVE = {".pt": torch.save, ".pth": torch.save, ".safetensors": safetensors.save_file}
IDS = dict(padding_id=1, unknown_id=0)


def same(model, other):
    for name, param in named_params(model).items():
        assert named_params(other)[name].tobytes() == param.tobytes(), name


@pytest.mark.parametrize("ending", SAVE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_state_dict_through_a_file(tmp_path, ending, dtype):
    torch.manual_seed(0)
    weights = Published(9, 5, 4, 2).to(dtype).state_dict()
    SAVE[ending](weights, tmp_path / f"model{ending}")
    through = to_model(read_arrays(tmp_path / f"model{ending}"), "gru", **IDS).model
    same(to_model({name: weight.numpy() for name, weight in weights.items()}, "gru", **IDS).model, through)


@pytest.mark.parametrize("V", [7, 5000])
@pytest.mark.parametrize("tied", ["decoder.embedding", "encoder.embedding", "both"])
def test_weights_that_are_tied_and_stored_once(tmp_path, tied, V):
    """``save_model`` leaves out what another name holds, and says so in the metadata; ``torch.save`` tells it twice."""
    torch.manual_seed(0)
    model = nn.ModuleDict({side: nn.ModuleDict({"lstm": nn.LSTM(5, 5)}) for side in ("encoder", "decoder")})
    for side in model.values():
        side["embedding"] = nn.Embedding(V, 5)
    model["decoder"]["dense"] = nn.Linear(5, V)
    for name in ("encoder.embedding", "decoder.embedding") if tied == "both" else (tied,):
        model.get_submodule(name).weight = model["decoder"]["dense"].weight
    safetensors.save_model(model, tmp_path / "model.safetensors")
    torch.save(model.state_dict(), tmp_path / "model.pt")
    expected = to_model(model.state_dict(), "baseline").model
    for ending in ("safetensors", "pt"):
        same(expected, to_model(read_arrays(tmp_path / f"model.{ending}"), "baseline").model)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """Film reviews: the sentence polarity dataset where it is, else made up ones."""
    real = real_film_reviews()
    return real if real.is_dir() else write_films(tmp_path_factory.mktemp("reviews") / "films", 2000)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, reviews, script):
    """The folder with the weights of a small classifier of film reviews, trained for two epochs; what was printed."""
    cwd = tmp_path_factory.mktemp("trained")
    sizes = "--wordvec-size", 32, "--hidden-size", 32, "--layers", 1, "--max-epoch", 2
    done = script(cwd, "benchmarks.import_text", "--data", reviews, "--out", "theirs", *sizes)
    assert done.returncode == 0, done.stderr
    return cwd / "theirs", done.stdout


def right_of(printed: str) -> dict[str, tuple[int, int]]:
    """How many texts PyTorch and ours are right about, of how many."""
    found = re.findall(r"^(\w+): (\d+) of (\d+) texts right", printed, re.MULTILINE)
    return {who: (int(right), int(count)) for who, right, count in found}


def test_film_reviews_get_the_same_classes_to_the_last_text(trained):
    _, printed = trained
    found = right_of(printed)
    right, count = found["PyTorch"]
    assert found["ours"] == found["PyTorch"] and right > 0.55 * count
    assert "texts with another class: 0;" in printed
    assert float(re.search(r"difference of a probability: (\S+)", printed)[1]) < 1e-5


def test_a_run_of_film_reviews_is_right_as_often_and_draws_its_maps(trained, reviews, in_process, tmp_path):
    folder, printed = trained
    how = f"--model gru --vocabulary {folder / 'vocabulary.txt'} --tokenizer words --classes neg,pos --out run".split()
    data = "--data", reviews, "--format", "lines", "--seed", 1984
    done = in_process(tmp_path, "import_weights.py", folder / "model.pt", *how, *data)
    assert done.returncode == 0, done.stderr
    right, count = right_of(printed)["PyTorch"]
    assert f"test accuracy {100 * right / count:.2f}%, {count:,} texts, of whose tokens " in done.stdout
    done = in_process(tmp_path, "plot_text_attention.py", "--run", "run", "--batch", 3)
    assert done.returncode == 0, done.stderr
    picture = (tmp_path / "run" / "fig" / "attention_3.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 10_000


def test_its_files_hold_the_same_and_a_word_for_each_row(trained):
    folder, _ = trained
    safetensors.save_file(torch.load(folder / "model.pt", weights_only=True), folder / "model.safetensors")
    models = [to_model(read_arrays(folder / name), "gru", **IDS).model for name in ("model.pt", "model.safetensors")]
    same(*models)
    words = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    assert words[:2] == ["<unk>", "<pad>"] and len(words) == len(models[0].embed.W) + 1
    assert not np.any(models[0].embed.W[0])  # that of padding, which PyTorch keeps at 0
