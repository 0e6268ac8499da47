"""PyTorch's files: what torch.save writes comes back, and no code in one runs."""

import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
from hostile_files import Bomb

from interchange import ForeignFileError, read_arrays, torch_file
from interchange.arrays import Arrays

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(20, 8)
        self.gru = torch.nn.GRU(8, 6, 2, bidirectional=True, batch_first=True)
        self.dense = torch.nn.Linear(12, 2)

    def forward(self, x):
        return self.dense(self.gru(self.embedding(x))[0][:, -1])


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


def same(arrays, state) -> None:
    assert list(arrays) == list(state)
    for name, tensor in state.items():
        found, out = arrays[name], np.ones(tuple(tensor.shape), arrays.entries[name].dtype)
        arrays.read_into(name, out)
        assert found.tobytes() == out.tobytes() == tensor.detach().contiguous().numpy().tobytes()
        assert found.shape == tuple(tensor.shape)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "model"])
def test_a_state_dict_comes_back_alone_or_in_a_checkpoint(tmp_path, net, zipped, key):
    content = net.state_dict() if key is None else {"epoch": 3, "best": 0.5, "note": "good", key: net.state_dict()}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    arrays = read_arrays(tmp_path / "a.pt")
    same(arrays, net.state_dict())
    assert arrays.config is None and arrays.optimizer is None and arrays.metadata == {}


@pytest.mark.parametrize("kind", ["Adam", "NAdam", "SGD"])
@pytest.mark.parametrize("key", ["optimizer", "optimizer_state_dict"])
def test_an_optimizer_s_slots_have_names_and_its_numbers_are_json(tmp_path, net, kind, key):
    optimizer = getattr(torch.optim, kind)(net.parameters(), lr=0.25)
    net(torch.zeros(3, 4, dtype=torch.long)).sum().backward()
    optimizer.step()
    torch.save({"model": net.state_dict(), key: optimizer.state_dict()}, tmp_path / "a.pt")
    arrays = read_arrays(tmp_path / "a.pt")
    same(arrays, net.state_dict())
    state = optimizer.state_dict()["state"]
    slots = {
        f"state.{i}.{slot}": each for i, values in state.items() for slot, each in values.items() if each is not None
    }
    same(arrays.optimizer, slots)
    if kind != "SGD":
        assert {"state.0.exp_avg", "state.0.exp_avg_sq", "state.0.step", "state.18.exp_avg"} <= set(arrays.optimizer)
    (group,) = json.loads(arrays.optimizer.metadata["param_groups"])
    assert group["lr"] == 0.25 and group["params"] == list(range(19))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "int64", "bool", "uint8"])
def test_half_precision_comes_as_float32_and_the_rest_as_it_is(tmp_path, dtype):
    tensor = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).to(getattr(torch, dtype))
    torch.save({"w": tensor}, tmp_path / "a.pt")
    found = read_arrays(tmp_path / "a.pt")["w"]
    assert found.dtype == ("float32" if dtype in ("bfloat16", "float16") else dtype)
    assert found.tolist() == tensor.tolist()


def test_views_parameters_and_tied_tensors_are_whole(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    content = {"t": base.T, "part": base[1:], "tied": base, "p": torch.nn.Parameter(base[:, 1]), "none": base[:0]}
    torch.save(content, tmp_path / "a.pt")
    assert {name: array.tolist() for name, array in read_arrays(tmp_path / "a.pt").items()} == {
        name: tensor.tolist() for name, tensor in content.items()
    }


def test_tensors_in_memory_may_want_gradients_or_be_bfloat16(net):
    same(Arrays.of(dict(net.named_parameters())), net.state_dict())
    found = Arrays.of(net.bfloat16().state_dict())
    same(found, {name: tensor.float() for name, tensor in net.state_dict().items()})
    assert found["dense.bias"].dtype == np.float32
    for strange in (
        torch.zeros(3, dtype=torch.float8_e4m3fn),
        torch.zeros(3, 4).to_sparse(),
        torch.zeros(3).to("meta"),
    ):
        with pytest.raises(ForeignFileError, match=r"^arrays: w: expected an array that numpy can hold: "):
            Arrays.of({"w": strange})


class Stranger:
    pass


@pytest.mark.parametrize("zipped", [True, False])
def test_what_holds_code_is_refused_and_says_what_to_do(tmp_path, net, zipped):
    place = tmp_path / "made"
    for content, said in {
        net: "it holds more than plain tensors",
        Stranger(): "it holds more than plain tensors",
        Bomb(str(place)): "it holds more than plain tensors",
    }.items():
        torch.save({"model": content}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(ForeignFileError, match=said) as caught:
            read_arrays(tmp_path / "a.pt")
        assert "torch.save(model.state_dict(), FILE)" in str(caught.value)
        assert str(caught.value).startswith(f"{tmp_path / 'a.pt'}: ")
    assert not place.exists()


def slots(count: int = 1, names: int = 1, **group) -> dict[str, object]:
    """An optimizer's state in which all parameters share one dict of slots, which takes no room in a file."""
    shared = {f"slot_{i}": 0.5 for i in range(names)}
    return {"state": dict.fromkeys(range(count), shared), "param_groups": [{"lr": 0.1} | group]}


def refusals(net) -> dict[str, object]:
    return {
        "expected a state_dict, got list": [torch.zeros(3)],
        "expected a state_dict, got Parameter": net.dense.weight,
        "epoch is int, expected a tensor": {"epoch": 3},
        "w is torch.float8_e4m3fn, which numpy has not": {"w": torch.zeros(3, dtype=torch.float8_e4m3fn)},
        "more than .* bytes of arrays are declared, 3 times the file": {"w": torch.zeros(1).expand(10**9)},
        "more than .* bytes of arrays are": dict.fromkeys(map(str, range(9)), torch.zeros(10**4)),  # shared, not tied
        "is more than is stored of it": {"w": torch.zeros(1).expand(300)},
        "_rebuild_sparse_tensor": {"w": torch.zeros(3, 4).to_sparse()},
        "_rebuild_meta_tensor": {"w": torch.zeros(3, 4, device="meta")},
        "bytearray": {"w": bytearray(3)},
        "scalar": {"best": np.float64(3), "model": net.state_dict()},
        "no arrays are in it": {},
        "expected a state_dict, got int": 3,
        "a dict whose keys are not names": {2: torch.zeros(3)},
        "an optimizer's state that is not PyTorch's": {"model": net.state_dict(), "optimizer": slots(params=[[1]])},
        "not PyTorch's: object of type 'int'": {"model": net.state_dict(), "optimizer": slots() | {"state": {0: 3}}},
        "not PyTorch's: 'state'": {"model": net.state_dict(), "optimizer": {"param_groups": []}},
        "more than 65536 arrays": {"model": net.state_dict(), "optimizer": slots(300, 300)},
        "more than 65536 parameters": {"model": net.state_dict(), "optimizer": slots(params=list(range(70_000)))},
    }


def test_what_is_no_plain_tensor_is_refused_with_its_reason(tmp_path, net):
    for said, content in refusals(net).items():
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(ForeignFileError, match=said):
            read_arrays(tmp_path / "a.pt")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch's own, of 2.13
def test_torchscript_is_refused_with_its_reason(tmp_path, net):
    torch.jit.script(net).save(tmp_path / "a.pt")
    with pytest.raises(ForeignFileError, match="a TorchScript archive, which holds code"):
        read_arrays(tmp_path / "a.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_files_are_read_or_one_error(tmp_path, net, zipped):
    torch.save(net.state_dict(), tmp_path / "good.pt", _use_new_zipfile_serialization=zipped)
    content, rng = (tmp_path / "good.pt").read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(content[: rng.integers(len(content))] if rng.random() < 0.2 else content)
        for place in rng.integers(max(1, min(len(damaged), 4000)), size=4):
            damaged[place : place + 1] = rng.bytes(1)
        (tmp_path / "a.pt").write_bytes(damaged)
        try:
            dict(read_arrays(tmp_path / "a.pt"))
        except ForeignFileError as error:
            refused += 1
            assert "\n" not in str(error) and str(error).startswith(f"{tmp_path / 'a.pt'}: ")
    assert refused > 20


@pytest.mark.parametrize("key", [None, *torch_file.STATE_DICTS])
def test_the_line_that_converts_a_file_converts_it(tmp_path, net, monkeypatch, key):
    """It is said where PyTorch is missing, and run where it is there: for a checkpoint, tied weights and views too."""
    pytest.importorskip("safetensors")
    net.tied, net.view = torch.nn.Linear(8, 20), torch.nn.Parameter(torch.ones(3, 2).T)
    net.tied.weight = net.embedding.weight
    torch.save({"epoch": 3, key: net.state_dict()} if key else net.state_dict(), tmp_path / "a.pt")
    line = torch_file.CONVERT.replace("FILE", "a.pt")
    words = shlex.split(line)
    assert words[0] == "python" and words[-1] == "a.pt"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, check=True, env=environment, timeout=120)
    arrays = read_arrays(tmp_path / "a.pt.safetensors")
    assert {name: array.tolist() for name, array in arrays.items()} == {
        name: tensor.tolist() for name, tensor in net.state_dict().items()
    }
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ForeignFileError) as caught:
        read_arrays(tmp_path / "a.pt")
    assert torch_file.CONVERT in str(caught.value) and "pip install torch" in str(caught.value)
