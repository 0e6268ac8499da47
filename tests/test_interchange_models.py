"""From arrays to a model and back: what does not fit is refused, and ids of padding and unknown words are exchanged."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from classifier import BagOfWords, GRUClassifier
from common.layer import named_params
from interchange.arrays import Arrays, Entry, ForeignFileError
from interchange.description import KEY, describe
from interchange.models import to_arrays, to_model
from interchange.rows import Plan, Row, make, write
from interchange.vocabulary import exchange
from seq2seq import AttentionSeq2seq, TransformerSeq2seq

ROOT = Path(__file__).resolve().parents[1]
ROWS = [Row("embed.W", {"emb": (5, 3)}), Row("b", {"twice": (3,)}, lambda b: b / 2, lambda b: [2 * b])]
PLAN = Plan(BagOfWords, {"vocab_size": 5, "classes": 3}, ROWS, [], frozenset({"known"}))


def arrays(**changes) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    named = {"emb": rng.normal(size=(5, 3)).astype("f"), "twice": rng.normal(size=3).astype("f")} | changes
    return {name: array for name, array in named.items() if array is not None}


def test_rows_go_both_ways():
    given = arrays(known=np.zeros(1))
    model = make(PLAN, Arrays.of(given))
    np.testing.assert_array_equal(named_params(model)["embed.W"], given["emb"])
    np.testing.assert_array_equal(model.b, given["twice"] / 2)
    back = write(ROWS, model)
    assert all(np.array_equal(back[name], given[name]) for name in ("emb", "twice"))
    model.b += 1  # the model has its own memory
    assert not np.array_equal(model.b, given["twice"] / 2)


def test_all_that_does_not_fit_is_listed():
    given = arrays(twice=None, emb=np.zeros((3, 5)), other=np.zeros(2))
    with pytest.raises(ForeignFileError) as error:
        make(PLAN, Arrays.of(given, "model.npz"))
    assert str(error.value) == (
        "model.npz: does not fit: missing twice (3,); emb is (3, 5), expected (5, 3); left over other (2,)"
    )
    many = arrays(**{f"other{i}": np.zeros(1) for i in range(25)})
    with pytest.raises(ForeignFileError, match=r"other19.*; and 5 more$"):
        make(PLAN, Arrays.of(many))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["emb", "twice"])
def test_numbers_that_are_not_finite_are_refused_by_name(name, bad):
    given = arrays()
    given[name].flat[-1] = bad
    with pytest.raises(ForeignFileError, match=f"^arrays: {name}: expected finite numbers, got inf or nan$"):
        make(PLAN, Arrays.of(given))


def test_numbers_of_another_kind_are_refused():
    with pytest.raises(ForeignFileError, match="emb is int64, expected floating-point numbers"):
        make(PLAN, Arrays.of(arrays(emb=np.zeros((5, 3), dtype=int))))


@pytest.mark.parametrize("dtype, expected", [("<f2", "f4"), ("<f4", "f4"), (">f4", "f4"), ("<f8", "f8"), (">f8", "f8")])
def test_precision_follows_the_file(dtype, expected):
    given = {name: array.astype(dtype) for name, array in arrays().items()}
    model = make(PLAN, Arrays.of(given))
    assert model.embed.W.dtype == np.dtype(expected)
    np.testing.assert_array_equal(model.embed.W, given["emb"])


# VmHWM is the peak of this process; ru_maxrss begins with the peak of the one that started it
CHILD = """
import re
from pathlib import Path

import numpy as np

from classifier import BagOfWords
from interchange.arrays import Arrays, Entry
from interchange.rows import Plan, Row, make

V, D = 1_000_000, 10
plan = Plan(BagOfWords, {"vocab_size": V, "classes": D}, [Row("embed.W", {"W": (V, D)}), Row("b", {"b": (D,)})], [])
entries = {n: Entry(s, np.dtype("f"), lambda out: out.fill(1)) for n, s in (("W", (V, D)), ("b", (D,)))}
peak = lambda: int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
before = peak()
make(plan, Arrays("file", entries))
print(1024 * (peak() - before) / (4 * V * D))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="another system counts the memory of a process otherwise")
def test_a_large_embedding_is_in_memory_once():
    """Neither drawn before it is read, nor copied, nor beside a gradient that was written before it is needed."""
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, text=True)
    assert float(done.stdout) < 1.3, done.stderr


def test_arrays_are_read_anew():
    entry = Entry((2,), np.dtype("f8"), lambda out: np.copyto(out, [1, 2]))
    named = Arrays("file", {"a": entry})
    named["a"][0] = 5
    assert named["a"].tolist() == [1, 2] and list(named) == ["a"] and len(named) == 1
    out = np.zeros((2, 2), dtype="f")
    named.read_into("a", out[:, 0])
    assert out.tolist() == [[1, 0], [2, 0]]
    assert Arrays.of(named) is named


@pytest.mark.parametrize("padding, unknown", [(0, 1), (1, 0), (4, 2), (0, 5), (5, 0), (1, 3), (3, 1), (5, 1)])
def test_rows_and_words_are_exchanged_together(padding, unknown):
    words = ["a", "b", "c", "d", "e", "f"]
    words[padding], words[unknown] = "<pad>", "<unk>"
    vectors = {word: np.full(2, i, dtype=float) for i, word in enumerate(words)}
    W = np.stack([vectors[word] for word in words])
    exchange(W, padding, unknown)
    exchange(words, padding, unknown)
    assert words[:2] == ["<pad>", "<unk>"] and sorted(words) == sorted(vectors)
    np.testing.assert_array_equal(W, [vectors[word] for word in words])


@pytest.mark.parametrize("padding, unknown", [(1, 1), (-1, 0), (0, 6), (6, 0)])
def test_ids_that_are_none_are_refused(padding, unknown):
    with pytest.raises(ValueError, match=r"expected two different ids in 0\.\.5"):
        exchange(list("abcdef"), padding, unknown)


def described(ids: tuple[int, int | None]) -> Arrays:
    model = GRUClassifier(6, 4, 3, 1, rng=np.random.default_rng(0))
    padding_id, unknown_id = ids
    arrays = Arrays.of(to_arrays(model, "torch", padding_id=padding_id, unknown_id=unknown_id))
    arrays.metadata = {KEY: describe(model, {"imported": {"ids": ids}})}
    return arrays


def test_a_file_of_ours_says_its_ids_and_is_not_contradicted():
    arrays = described((3, 0))
    found = [to_model(arrays, "gru", **given).model.embed.W for given in ({}, {"padding_id": 3, "unknown_id": 0})]
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(found[0][:2], arrays["embedding.weight"][[3, 0]])
    with pytest.raises(ForeignFileError, match="says padding_id=3, unknown_id=0, not 1 and 0; leave the options out"):
        to_model(arrays, "gru", padding_id=1, unknown_id=0)


@pytest.mark.parametrize(
    "text", ["[" * 10**5, '{"facts": [' + "[]," * 10**7 + "[]]}", '{"model": "gru", "model": "bow"}']
)
def test_a_description_that_would_take_memory_or_has_a_name_twice_is_refused(text):
    arrays = described((0, 1))
    arrays.metadata[KEY] = text
    tracemalloc.start()
    with pytest.raises(ForeignFileError, match=f"its metadata {KEY} describes no model: "):
        to_model(arrays, "gru")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(text) + 2**25


def test_unknown_kinds_and_frameworks_are_refused():
    with pytest.raises(
        ValueError, match="expected one of attention, baseline, peeky, transformer, gru, seqself, bow, got 'crf'"
    ):
        to_model({}, "crf")
    with pytest.raises(ValueError, match="expected one of keras, torch, got 'jax'"):
        to_arrays(BagOfWords(5), "jax")


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_what_is_exported_is_not_the_models_own_memory(framework):
    model = BagOfWords(5)
    for array in to_arrays(model, framework).values():
        array += 1
    assert not any(param.any() for param in model.params)


KINDS = {
    "attention": lambda: AttentionSeq2seq(7, 6, 4, score="general", layers=2, bidirectional=True),
    "transformer": lambda: TransformerSeq2seq(7, 6, 4, heads=2, layers=2),
}


@pytest.mark.parametrize(
    "kind, lie",
    [
        *(("attention", {"score": score}) for score in ("dot", "scaled", "additive", "x", None, ["general"], {}, 2)),
        *(("attention", {"dropout": dropout}) for dropout in ("much", -1, 1, float("nan"), [], 10**400)),
        *(("attention", {"cell_state": cell_state}) for cell_state in (1, "no", None)),
        *(("transformer", {"heads": heads}) for heads in (0, -2, 4, 10**18, 2.0, "2", [2], None)),
        *(("transformer", {"pre_norm": pre_norm}) for pre_norm in (False, 1, "yes", None)),
        *(("transformer", {"dropout": dropout}) for dropout in (1, "x", None)),
        *(("transformer", {"mask_padding": pad}) for pad in (7, -1, "1", 10**18)),
        *(("attention", {"bidirectional": both_ways}) for both_ways in (False, "yes", None)),
        ("attention", {"heads": 2}),
    ],
)
def test_a_description_that_its_arrays_do_not_bear_out_is_refused(kind, lie):
    model = KINDS[kind]()
    given = Arrays.of(to_arrays(model, "torch"))
    said = json.loads(describe(model, {}))
    given.metadata = {KEY: json.dumps(said)}
    assert to_model(given, kind).model.arguments == model.arguments
    said["arguments"] |= lie
    given.metadata = {KEY: json.dumps(said)}
    with pytest.raises(ForeignFileError) as error:
        to_model(given, kind)
    assert str(error.value).startswith("arrays: ") and "\n" not in str(error.value)


@pytest.mark.parametrize("size", ["vocab_size", "wordvec_size", "hidden_size", "layers"])
@pytest.mark.parametrize("kind", KINDS)
def test_other_sizes_than_the_arrays_have_are_refused_and_take_no_memory(kind, size):
    model = KINDS[kind]()
    given, said = Arrays.of(to_arrays(model, "torch")), json.loads(describe(model, {}))
    said["arguments"][size] = 10**12
    given.metadata = {KEY: json.dumps(said)}
    with pytest.raises(ForeignFileError, match=f"does not fit: says {size}=1000000000000, its weights \\d$"):
        to_model(given, kind)


def test_no_array_of_a_file_of_ours_may_be_missing():
    for kind, of_kind in (KINDS | {"attention": lambda: AttentionSeq2seq(7, 6, 4, score="additive")}).items():
        arrays = to_arrays(of_kind(), "torch")
        for name in arrays:
            given = Arrays.of({other: array for other, array in arrays.items() if other != name})
            given.metadata = {KEY: describe(of_kind(), {})}
            with pytest.raises(ForeignFileError):
                to_model(given, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_shape_in_any_array_is_said_before_a_model_is_made(kind):
    arrays = to_arrays(KINDS[kind](), "torch")
    for name, array in arrays.items():
        for other in (array[:-1], array[..., None], array[:0], np.zeros((), "f")):
            given = Arrays.of(arrays | {name: other})
            given.metadata = {KEY: describe(KINDS[kind](), {})}
            with pytest.raises(ForeignFileError):
                to_model(given, kind)
