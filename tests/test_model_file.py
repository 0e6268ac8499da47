"""Model files: model and vocabulary come back without the arguments of the training, or the file is refused."""

import os
import tracemalloc

import numpy as np
import pytest

import classifier.model_file
import seq2seq.model_file
from common import checkpoint, model_file
from common.checkpoint import CheckpointError
from common.initializers import lecun_normal
from common.layer import Layer, named_params
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, TransformerSeq2seq, load_model, save_model

# Model files


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cls", [Seq2seq, PeekySeq2seq, AttentionSeq2seq, TransformerSeq2seq])
def test_model_file_round_trip(tmp_path, cls, dtype):
    saved = cls(9, 4, 6, rng=np.random.default_rng(0), dtype=dtype)
    save_model(tmp_path / "m", saved, vocabulary="abcdefgh_", reverse=True)
    loaded, facts = load_model(tmp_path / "m")
    assert type(loaded) is cls and (facts["vocabulary"], facts["reverse"]) == ("abcdefgh_", True)
    a, b = named_params(saved), named_params(loaded)
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype == dtype and a[name].tobytes() == b[name].tobytes(), name
    xs = np.random.default_rng(1).integers(0, 9, (5, 7))
    for one, two in zip(saved.decode(xs, 0, 4), loaded.decode(xs, 0, 4), strict=True):
        np.testing.assert_array_equal(one, two)
    save_model(tmp_path / "again", loaded, **facts)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


SIZES = {"vocab_size": 9, "wordvec_size": 4, "hidden_size": 6}


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"model": "os.system", "arguments": SIZES},
        {"model": ["attention"], "arguments": SIZES},
        {"model": "attention"},
        {"model": "attention", "arguments": {"vocab_size": 9}},
        {"model": "attention", "arguments": {**SIZES, "cmd": 1}},
        {"model": "attention", "arguments": {**SIZES, "hidden_size": "6"}},
        {"model": "attention", "arguments": {**SIZES, "hidden_size": 0}},
        {"model": "attention", "arguments": {**SIZES, "hidden_size": 7}},
        {"model": "peeky", "arguments": SIZES},
    ],
)
def test_load_model_refuses_what_is_no_model_file(tmp_path, manifest):
    AttentionSeq2seq(9, 4, 6).save_params(tmp_path / "m.npz", manifest)
    with pytest.raises(CheckpointError, match=r"m\.npz"):
        load_model(tmp_path / "m.npz")


CLASSIFIERS = {
    "bow": dict(vocab_size=9, classes=2),
    "gru": dict(vocab_size=9, wordvec_size=4, hidden_size=6, layers=2),
    "seqself": dict(vocab_size=9, wordvec_size=4, hidden_size=6, units=3),
}
TRANSFORMER = SIZES | {"heads": 2, "layers": 1}
HOSTILE = [
    0,
    -1,
    10**9,
    10**12,
    10**30,
    10**400,
    "6",
    "6" * 10**5,
    [6],
    [[]] * 1000,
    {"a": 1},
    None,
    6.5,
    1e308,
    np.nan,
]


@pytest.mark.parametrize("name", ["attention", "peeky", "transformer", *CLASSIFIERS])
def test_no_argument_in_a_file_makes_a_model_that_is_larger_than_the_file(tmp_path, name):
    """Each size alone, and all at once, beside the arrays of an honest file and a large one of any shape."""
    tables = (classifier.model_file.MODELS, classifier.load_model), (seq2seq.model_file.MODELS, seq2seq.load_model)
    models, load = tables[name not in CLASSIFIERS]
    arguments, path = CLASSIFIERS.get(name, TRANSFORMER if name == "transformer" else SIZES), tmp_path / "m.npz"
    weights = named_params(models[name](**arguments))
    sizes = [key for key in arguments if type(arguments[key]) is int]
    cases = [{key: value} for key in sizes for value in HOSTILE] + [dict.fromkeys(sizes, n) for n in (10**5, 10**9)]
    cases += [{"rng": 1}, {"a\nb" * 9000: 1}, {"dropout": 10**400}]
    cases += [{"attention": {"attention_type": "a\n" * 9000}}] if name != "gru" else []
    if name == "transformer":
        cases += [{"heads": 3}, {"dropout": 2}, {"dropout": None}, {"pre_norm": "x"}, {"pre_norm": 1}]
        cases += [{"mask_padding": 9}, {"cell_state": False}, {"layers": 2}]
    large = {"long": np.zeros(10**5, np.float32)}
    for case in cases:
        checkpoint.save(path, weights | large, {"model": name, "arguments": {**arguments, **case}})
        tracemalloc.start()
        with pytest.raises(CheckpointError, match=r"m\.npz: not a model file: ") as caught:
            load(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12 * 10**6, case
        assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 1000, case


class Sliced(Seq2seq):
    """As a model whose attention scores by a vector, drawn as a matrix of one column."""

    def __init__(self, *sizes, rng=None, dtype=np.float32, **named):
        super().__init__(*sizes, rng=rng, dtype=dtype, **named)
        vector = Layer(lecun_normal((self.arguments["hidden_size"], 1), rng=rng, dtype=dtype)[:, 0])
        self.decoder.own(vector)
        self.decoder.v = vector.params[0]
        self.params += vector.params
        self.grads += vector.grads


def test_a_model_may_reshape_what_it_drew(tmp_path, monkeypatch):
    monkeypatch.setitem(seq2seq.model_file.MODELS, "sliced", Sliced)
    model = Sliced(**SIZES)
    save_model(tmp_path / "m.npz", model)
    loaded, _ = load_model(tmp_path / "m.npz")
    assert loaded.decoder.v.any() and (loaded.decoder.v == model.decoder.v).all()


def test_weights_that_are_no_floats_make_no_model(tmp_path):
    model = AttentionSeq2seq(**SIZES)
    weights = {name: a.astype(int) for name, a in named_params(model).items()}
    checkpoint.save(tmp_path / "m.npz", weights, {"model": "attention", "arguments": SIZES})
    with pytest.raises(CheckpointError, match="weights of int64"):
        load_model(tmp_path / "m.npz")


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_files_of_classifiers(tmp_path, name):
    saved = classifier.model_file.MODELS[name](**CLASSIFIERS[name], rng=np.random.default_rng(0))
    for p in saved.params:
        p += 1
    classifier.save_model(tmp_path / "m", saved)
    loaded, _ = classifier.load_model(tmp_path / "m")
    a, b = named_params(saved), named_params(loaded)
    assert list(a) == list(b) and all((a[key] == b[key]).all() and a[key].dtype == b[key].dtype for key in a)
    assert all((g == 0).all() for g in loaded.grads) and loaded.arguments == saved.arguments


def test_a_list_of_misfits_has_an_end():
    with pytest.raises(CheckpointError, match=r"and 980 more$") as caught:
        checkpoint.assign({}, {f"a{i}": np.ones(1) for i in range(1000)}, "p")
    assert len(str(caught.value)) < 1000


def test_save_model_refuses_a_class_that_load_model_does_not_know(tmp_path):
    class Mine(Seq2seq):
        pass

    with pytest.raises(ValueError, match="Mine"):
        save_model(tmp_path / "m.npz", Mine(9, 4, 6))
    assert os.listdir(tmp_path) == []


def test_a_fact_does_not_replace_what_makes_the_model(tmp_path):
    model = Seq2seq(9, 4, 6)
    with pytest.raises(ValueError, match="'arguments' among the facts is the file's own; choose another name"):
        save_model(tmp_path / "m", model, arguments=["--lr", "0.1"])
    assert os.listdir(tmp_path) == []
    save_model(tmp_path / "m", model, start="_")
    _, facts = load_model(tmp_path / "m")
    model_file.save(tmp_path / "again", model, seq2seq.model_file.MODELS, facts)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes(), "a file's own facts go into the next"
