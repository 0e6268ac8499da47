"""Runs and models written for other frameworks: bytes, names, what comes back, and what is refused."""

import json
import os
import resource
import sys
from itertools import product

import numpy as np
import pytest
from script_tools import everything, refused

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier, save_model
from common.layer import named_params
from interchange import read_arrays, to_arrays, to_model
from interchange.description import describe
from interchange.export import WRITERS, export_model
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, TransformerSeq2seq
from seq2seq import save_model as save_date_model

V, D, H = 7, 3, 4
MODELS = {
    "gru": lambda **o: GRUClassifier(V, D, H, layers=2, classes=3, mask=False, **o),
    "gru without attention": lambda **o: GRUClassifier(V, D, H, layers=1, attention=False, dropout=0.25, **o),
    "seqself": lambda **o: SeqSelfClassifier(V, D, H, units=2, **o),
    "seqself of all options": lambda **o: SeqSelfClassifier(
        *(V, D, H, 2, 3, False),
        attention=dict(attention_width=3, history_only=True, use_additive_bias=False, attention_activation="sigmoid"),
        **o,
    ),
    "seqself multiplicative": lambda **o: SeqSelfClassifier(
        V, D, H, attention=dict(attention_type="multiplicative", use_attention_bias=False), **o
    ),
    "bow": lambda **o: BagOfWords(V, 3, **o),
    "baseline": lambda **o: Seq2seq(V, D, H, **o),
    "peeky": lambda **o: PeekySeq2seq(V, D, H, **o),
    "attention": lambda **o: AttentionSeq2seq(V, D, H, mask_padding=1, **o),
    "attention scaled, of both ends": lambda **o: AttentionSeq2seq(V, D, H, score="scaled", bidirectional=True, **o),
}
NOT_IN_KERAS = {
    "attention general": lambda **o: AttentionSeq2seq(V, D, H, score="general", cell_state=True, **o),
    "attention additive": lambda **o: AttentionSeq2seq(V, D, H, 1, score="additive", bidirectional=True, **o),
    "attention deep": lambda **o: AttentionSeq2seq(V, D, H, layers=2, dropout=0.5, bidirectional=True, **o),
    "baseline deep": lambda **o: Seq2seq(V, D, H, layers=3, **o),
    "peeky deep": lambda **o: PeekySeq2seq(V, D, H, layers=2, dropout=0.25, **o),
    "transformer": lambda **o: TransformerSeq2seq(V, 2 * D, H, 1, heads=3, layers=2, dropout=0.1, **o),
    "transformer post-norm": lambda **o: TransformerSeq2seq(V, 2 * D, H, heads=2, layers=1, pre_norm=False, **o),
}
FACTS = {"vocabulary": ["語", "\0", '"'] * 30_000, "classes": ["a", "b"], "T_enc": 29, "none": None}  # over 64 KB
PACKAGES = {".safetensors": ("safetensors", "torch"), ".weights.h5": ("h5py", "keras")}


def make(name, dtype=np.float32):
    """A model with weights of both signs everywhere, zeros of both signs among them."""
    rng = np.random.default_rng(5)
    model = (MODELS | NOT_IN_KERAS)[name](rng=rng, dtype=dtype)
    for p in model.params:
        p[...] = rng.standard_normal(p.shape)
        p.reshape(-1)[:2] = [0.0, -0.0][: p.size]
    return model


def test_a_file_does_not_name_the_files_of_this_machine():
    facts = FACTS | {"imported": {"file": "/home/me/model.pt", "notes": ["/home/me/words.json: has gaps"]}}
    assert "/home/me" not in describe(make("gru"), facts)


def spelt_out(arguments):
    """With the defaults of the attention, and without what says nothing where it is multiplicative."""
    if not isinstance(arguments.get("attention"), dict):
        return arguments
    names = ("attention_width", "attention_activation", "history_only", "use_additive_bias", "use_attention_bias")
    defaults = dict(zip(names, (None, None, False, True, True), strict=True)) | {"attention_type": "additive"}
    attention = defaults | arguments["attention"]
    silent = {"attention": attention | {"use_additive_bias": None}, "units": None}
    return arguments | (silent if attention["attention_type"] == "multiplicative" else {"attention": attention})


@pytest.mark.parametrize(
    "ending, name", [*product(PACKAGES, MODELS), *((".safetensors", name) for name in NOT_IN_KERAS)]
)
def test_a_model_comes_back_with_its_bits_and_its_facts(tmp_path, ending, name):
    package, framework = PACKAGES[ending]
    pytest.importorskip(package)
    dtype = (np.float32, np.float64)[len(name) % 2]
    model, path = make(name, dtype), tmp_path / f"model{ending}"
    export_model(path, model, FACTS | {"model": "of the file", "arguments": {}})
    arrays = read_arrays(path)
    assert set(arrays) == set(to_arrays(model, framework))
    said = json.loads(arrays.metadata["attention-from-scratch"])
    assert said == {"model": name.split()[0], "arguments": model.arguments, "facts": FACTS}
    again = to_model(arrays, said["model"]).model
    assert type(again) is type(model) and spelt_out(again.arguments) == spelt_out(model.arguments)
    for (name, p), q in zip(named_params(model).items(), named_params(again).values(), strict=True):
        assert (p.dtype, p.tobytes()) == (q.dtype, q.tobytes()), name


@pytest.mark.parametrize("ending", PACKAGES)
def test_equal_models_have_equal_bytes(tmp_path, ending):
    pytest.importorskip(PACKAGES[ending][0])
    for number in range(2):
        export_model(tmp_path / f"{number}{ending}", make("gru"), FACTS)
    assert (tmp_path / f"0{ending}").read_bytes() == (tmp_path / f"1{ending}").read_bytes()


@pytest.mark.parametrize("name", MODELS | NOT_IN_KERAS)
def test_what_is_written_is_c_ordered(name):
    """safetensors 0.8.0 writes the memory of any other array, and says nothing."""
    for framework in ("torch", "keras")[: 1 + (name in MODELS)]:
        arrays = to_arrays(make(name), framework)
        assert all(array.flags.c_contiguous and array.dtype.isnative for array in arrays.values())
        assert any(not np.array_equal(a, a[::-1]) for a in arrays.values())


def test_what_pytorch_calls_the_weights_and_how_they_lie(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    model = make("gru")
    export_model(tmp_path / "model.safetensors", model, {})
    found = safetensors.load_file(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(found["dense.weight"], model.affine.W.T)
    np.testing.assert_array_equal(found["embedding.weight"], model.embed.W)
    assert found["gru.weight_hh_l1_reverse"].shape == (3 * H, H) and len(found) == 1 + 16 + 2


def test_the_groups_of_keras_have_names(tmp_path):
    """As ``save_weights`` of Keras 3.15.1 writes them; tests/test_keras_optimizer.py loads such a file there."""
    h5py = pytest.importorskip("h5py")
    export_model(tmp_path / "model.weights.h5", make("seqself"), {})
    with h5py.File(tmp_path / "model.weights.h5") as file:
        names = {}
        file.visititems(lambda path, item: names.update({path: item.attrs["name"]} if path.endswith("/vars") else {}))
        assert names["layers/embedding/vars"] == "embedding"
        assert names["layers/bidirectional/forward_layer/cell/vars"] == "cell" and len(names) == 5
        assert file["layers/bidirectional/forward_layer/cell/vars/2"].shape == (4 * H,)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("m.h5", r": Keras 3 takes an .h5 with another ending for the layout of Keras 2$"),
        ("m.pt", "$"),
        ("m", "$"),
        (".onnx", "$"),
        ("m.onnx.gz", "$"),
    ],
)
def test_other_endings_are_refused(tmp_path, name, reason):
    expected = r"expected a name that ends in \.onnx, \.safetensors, \.weights\.h5"
    with pytest.raises(ValueError, match=rf"{name}: {expected}.*{reason}"):
        export_model(tmp_path / name, make("bow"), {})
    assert not os.listdir(tmp_path)


def test_models_of_others_are_refused():
    with pytest.raises(ValueError, match=r"expected a model of Seq2seq, .*, got Mine"):
        describe(type("Mine", (AttentionSeq2seq,), {})(V, D, H), {})


@pytest.mark.parametrize("name", NOT_IN_KERAS)
def test_what_keras_has_no_place_for_is_refused_with_what_to_do(tmp_path, name):
    pytest.importorskip("h5py")
    what = {"transformer": "TransformerSeq2seq", "attention": "(score='(general|additive)'|layers=2)"}
    why = r"load_weights goes by the positions of layers .*; \.safetensors .* and \.onnx take every model$"
    with pytest.raises(ValueError, match=rf"Keras: {what.get(name.split()[0], 'layers=[23]')}: {why}"):
        export_model(tmp_path / "model.weights.h5", make(name), FACTS)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("ending", WRITERS)
def test_weights_that_are_not_finite_are_refused(tmp_path, ending):
    model = make("gru")
    model.affine.b[1] = np.nan
    with pytest.raises(ValueError, match=r"the weight affine.b .* is not finite"):
        export_model(tmp_path / f"model{ending}", model, FACTS)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("limit", [0, 100, 3000])
@pytest.mark.parametrize("ending", PACKAGES)
def test_a_full_disk_is_one_error_and_the_old_file_stays(tmp_path, ending, limit):
    pytest.importorskip(PACKAGES[ending][0])
    path = tmp_path / f"model{ending}"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            export_model(path, make("gru"), FACTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == [path.name]


# The script


@pytest.fixture
def export(in_process):
    return lambda cwd, *arguments: in_process(cwd, "export_model.py", *arguments)


DATA = {"path": None, "layout": None, "encoding": "utf-8", "test_path": None, "shares": [0.1, 0.1], "seed": 1}
TEXT_FACTS = {
    "vocabulary": ["<pad>", "<unk>", *"uvwxy"],
    "tokenizer": {"name": "words"},
    "padding": "post",
    "max_len": None,
}
DATE_FACTS = {"vocabulary": "_0123 4"[:V], "start": "_", "T_enc": 5, "T_dec": 3, "reverse": True}


@pytest.fixture
def runs(tmp_path):
    """A run of each kind."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "dates").mkdir()
    facts = TEXT_FACTS | {"classes": ["a", "b", "c"], "data": DATA | {"sha256": ""}}
    save_model(tmp_path / "texts" / "best.npz", make("gru"), **facts)
    data = {"path": None, "sha256": "", "leak_free": False}
    for name in ("baseline", "peeky", "attention", "transformer"):
        save_date_model(tmp_path / "dates" / f"{name}.npz", make(name), **DATE_FACTS, data=data)
    (tmp_path / "to").mkdir()
    return tmp_path


ONE_OF_EACH = [("texts", "gru"), ("dates", "attention"), ("dates", "peeky"), ("dates", "transformer")]


@pytest.mark.parametrize(
    ("run", "name", "ending"),
    [(*one, ending) for one in ONE_OF_EACH for ending in WRITERS if (one[1], ending) != ("transformer", ".weights.h5")],
)
def test_a_run_becomes_a_file(runs, export, run, name, ending):
    pytest.importorskip(PACKAGES.get(ending, ["onnx"])[0])
    before, path = everything(runs / run), runs / "to" / f"model{ending}"
    path.write_bytes(b"old")
    more = () if name in ("gru", "attention") else ("--model", name)  # else the first one with maps
    done = export(runs / "to", "--run", runs / run, "--to", path.name, *more)
    file = runs / run / f"{'best' if run == 'texts' else name}.npz"
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    line = f"written to {path.name}: {type(make(name)).__name__} of {file}, {size}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, line, "")
    assert everything(runs / run) == before and os.listdir(runs / "to") == [path.name]
    if ending in PACKAGES:
        arrays = read_arrays(path)
        said = json.loads(arrays.metadata["attention-from-scratch"])
        assert said["model"] == name
        assert (TEXT_FACTS if run == "texts" else DATE_FACTS).items() <= said["facts"].items()
        again = to_model(arrays, name).model
        assert all(p.tobytes() == q.tobytes() for p, q in zip(make(name).params, again.params, strict=True))


class Without:
    """An import system in which a package is not installed."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_what_cannot_be_exported_is_one_line(runs, export, monkeypatch):
    texts, dates = runs / "texts", runs / "dates"
    (dates / "peeky.npz").unlink()
    for arguments, message in (
        (("--run", texts, "--to", "model.h5"), r"--to model.h5: expected a name that ends in .onnx, .*of Keras 2"),
        (("--run", dates, "--to", "m.weights.h5", "--model", "transformer"), "Keras: TransformerSeq2seq: load_weights"),
        (("--run", texts), "the following arguments are required: --to"),
        (("--run", texts, "--to", ""), "argument --to: expected a text, got an empty one"),
        (("--run", texts, "--to", "m.onnx", "--model", "peeky"), "--model peeky: .* is a run of train_text.py"),
        (("--run", dates, "--to", "m.onnx", "--model", "peeky"), "no trained peeky model at"),
        (("--run", runs / "to", "--to", "m.onnx"), "no trained model in .*; train one with"),
        (("--run", runs / "no", "--to", "m.onnx"), "no trained model in"),
        (("--run", texts / "best.npz", "--to", "m.onnx"), "expected the folder of a run, got a file"),
    ):
        refused(export(runs / "to", *arguments), rf"^export_model.py: .*{message}")
        assert not os.listdir(runs / "to")
    for package, ending in (("onnx", ".onnx"), ("safetensors", ".safetensors"), ("h5py", ".weights.h5")):
        for module in [name for name in sys.modules if name.split(".")[0] == package]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setattr(sys, "meta_path", [Without(package), *sys.meta_path])
        install = rf"{package} is not installed; to install it: pip install \w+"
        refused(export(runs / "to", "--run", texts, "--to", f"m{ending}"), rf"^export_model.py: {install}")
        assert not os.listdir(runs / "to")


@pytest.mark.parametrize("ending", PACKAGES)
def test_a_folder_that_is_not_there_is_one_line(runs, export, ending):
    pytest.importorskip(PACKAGES[ending][0])
    done = export(runs, "--run", runs / "texts", "--to", f"no/model{ending}")
    refused(done, rf"^export_model.py: no/model{ending}: there is no folder no$")
    assert not (runs / "no").exists()
