"""benchmarks/date.py: the counts are right, PyTorch's twin is one, and the tables say what was measured. No times."""

import json
import re
from argparse import Namespace

import numpy as np
import pytest
from script_tools import refused

from benchmarks import date as benchmark
from benchmarks import kernels
from benchmarks.contestants import BOOKS_MODELS, CONTESTANTS, Job, make_batches, race, take_turn, train_and_weigh
from benchmarks.flops import distinct_prefixes, step_flops
from benchmarks.reread import answers_reread
from common.layer import named_grads
from experiment.command_line import MADE_OF
from seq2seq import AttentionDecoder, AttentionSeq2seq, Seq2seq
from seq2seq.model_file import MODELS as CLASSES
from support.blas_kernel import kernels_to_compare

TINY_SIZES = 2, 3, 2  # N, T_enc, T_dec


def questions_and_answers(rng, N=5, T_enc=7, T_dec=4, V=6):
    return rng.integers(V, size=(N, T_enc)), rng.integers(V, size=(N, T_dec + 1))


@pytest.mark.parametrize(
    ("model", "options", "flops"),
    [
        # encoder and decoder: 6 * (6*3*16 + 6*4*16) and 6 * (4*3*16 + 4*4*16); Affine: 6 * 4*4*5
        ("baseline", {}, 4032 + 2688 + 480),
        ("baseline", {"encoder_rows": 4}, 2688 + 2688 + 480),  # 6 * (4*3*16 + 4*4*16)
        ("peeky", {}, 4032 + 2688 + 480 + 1536 + 480),  # 6 * 4*4*16 and 6 * 4*4*5 more
        ("peeky", {"peeks": 2}, 4032 + 2688 + 480 + 768 + 240),
        ("attention", {}, 4032 + 2688 + 960 + 576),  # Affine reads 8; scores and sums: 2 questions of 6 * 2*4*3 each
    ],
)
def test_flops_equal_a_count_by_hand(model, options, flops):
    assert step_flops(CLASSES[model](5, 3, 4), *TINY_SIZES, **options) == flops


def test_flops_of_a_model_of_ones_own_are_counted_by_its_weights_or_refused():
    """A bilinear score multiplies each of the decoder's 4 states by a matrix of 4 x 4."""

    class Scored(AttentionDecoder):
        def __init__(self, *sizes, **draw):
            super().__init__(*sizes, **draw)
            self.params.append(np.zeros((4, 4)))

    class ScoredSeq2seq(AttentionSeq2seq):
        decoder_class = Scored

    plain = step_flops(AttentionSeq2seq(5, 3, 4), *TINY_SIZES)
    assert step_flops(ScoredSeq2seq(5, 3, 4), *TINY_SIZES) == plain + 6 * 4 * 4 * 4
    with pytest.raises(ValueError, match=r"^step_flops: expected a model with a method products, got object$"):
        step_flops(object(), *TINY_SIZES)


def test_distinct_prefixes_equal_a_count_with_sets():
    rng = np.random.default_rng(0)
    ragged = rng.integers(3, size=(40, 6))
    for xs in (ragged, ragged[:1], np.tile(ragged[:1], (5, 1)), ragged[:, ::-1], np.arange(12).reshape(4, 3)):
        wanted = [len({tuple(row[: t + 1]) for row in xs.tolist()}) for t in range(xs.shape[1])]
        assert distinct_prefixes(xs).tolist() == wanted


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*BOOKS_MODELS, "transformer"])
def test_the_torch_twin_has_our_loss_and_gradients(kind):
    torch = pytest.importorskip("torch")
    from benchmarks.torch_date import twin_of

    rng = np.random.default_rng(1)
    xs, ts = questions_and_answers(rng)
    model = CLASSES[kind](6, 4, 8, rng=rng)
    for p in model.params:  # biases too; not tiny, or wrong gates would be lost in the tolerance
        p[...] = rng.normal(scale=0.5, size=p.shape)
    twin = twin_of(kind, model)
    loss = twin(torch.from_numpy(xs), torch.from_numpy(ts))
    loss.backward()
    assert loss.item() == pytest.approx(float(model.forward(xs, ts)), rel=1e-5)
    model.backward()
    ours, theirs = named_grads(model), twin.named_gradients()
    assert ours.keys() == theirs.keys()
    for name in ours:
        scale = np.abs(ours[name]).max()
        assert scale > 0
        np.testing.assert_allclose(theirs[name], ours[name], rtol=0, atol=1e-5 * max(1, scale), err_msg=name)


def job_of(model, threads=2, **options):
    return Job(model, V=6, D=4, H=8, lr=0.001, max_grad=5.0, threads=threads, seed=0, options=options)


@pytest.fixture
def turns():
    """``turns(job, *names)``: the losses and times of contestants that train its model on the same mini-batches."""
    rng = np.random.default_rng(2)
    batches = [questions_and_answers(rng) for _ in range(3)]
    return lambda job, *names: [zip(*take_turn(CONTESTANTS[name](job), batches), strict=True) for name in names]


@pytest.mark.parametrize("model", ["attention", "transformer"])
def test_our_contestants_train_the_same_model(turns, model):
    job = job_of(model)
    names = [name for name in ("one", "ours", "unshared", "chapter") if CONTESTANTS[name].knows(job)]
    losses = [losses for losses, _ in turns(job, *names)]
    np.testing.assert_allclose(losses, losses[:1] * len(names), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("job", [job_of("attention"), job_of("transformer", heads=2, layers=1)])
def test_pytorch_trains_the_same_model(turns, job):
    """Its two biases and its eps let it drift a little."""
    pytest.importorskip("torch")
    (ours, _), (theirs, phases) = turns(job, "one", "torch")
    assert all(set(laps) == {"forward", "backward", "update"} for laps in phases)
    np.testing.assert_allclose(theirs[0], ours[0], rtol=1e-6)
    np.testing.assert_allclose(theirs, ours, rtol=1e-3)


def test_the_benchmark_prints_a_table_and_writes_json(script, tiny, tmp_path):
    done = script(
        tmp_path,
        "benchmarks.date",
        *("--data", tiny, "--models", "attention", "--only", "ours", "chapter", "--rounds", 2, "--steps", 1),
        *("--batch-size", 8, "--hidden-size", 8, "--workers", 2, "--pause-ms", 0, "--json", "b.json"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir() if path != tiny] == ["b.json"]
    report = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert {"CPU", "cores", "numpy", "BLAS"} <= report["environment"].keys()
    (measured,) = report["models"].values()
    assert list(measured["contestants"]) == ["ours", "chapter"]
    for row in measured["contestants"].values():
        assert len(row["rounds_ms"]) == 2
        assert 0 < row["ms"]["q1"] <= row["ms"]["median"] <= row["ms"]["q3"]
        assert row["steps_per_second"] == pytest.approx(1000 / row["ms"]["median"])
        assert row["floor_reached"] == pytest.approx(row["floor_ms"] / row["ms"]["median"])
        assert 10 < row["memory_mb"] < 1000
        line, answers = (line for line in done.stdout.splitlines() if re.match(f"{row['label']}  ", line))
        assert line.split()[-1] == f"{row['memory_mb']:.0f}" and f"{row['ms']['median']:.1f}" in line
        assert f"{row['cpu_ms']['median']:.1f}" in line.split() and len(row["cpu_rounds_ms"]) == 2
        assert answers.split()[-1] == "4"
    assert measured["contestants"]["ours"]["ours_over_it"]["median"] == 1
    asked = {key: found["questions"] for key, found in measured["evaluation"].items()}
    assert asked == {"ours": 4, "chapter": 4, "beam": 4}
    assert all(found["seconds"] > 0 < found["cpu_seconds"] for found in measured["evaluation"].values())
    assert 0 < measured["floor"]["distinct_rows"] < 1, "the same padding, read first"
    assert measured["evaluation"]["ours"]["as_ours"] == 1
    assert "one by one: extrapolated" in done.stdout and "not figures to quote" in done.stdout


def test_the_transformer_also_answers_without_kept_keys_and_values(in_process, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "alone", train_and_weigh)
    options = ("--models", "transformer", "--width", 8, "--heads", 2, "--layers", 1, "--hidden-size", 8)
    options += ("--only", "ours", "unshared", "--rounds", 1, "--steps", 1, "--batch-size", 8, "--workers", 2)
    done = in_process(tmp_path, "benchmarks.date", "--data", tiny, *options, "--pause-ms", 0, "--json", "b.json")
    assert (done.returncode, done.stderr) == (0, "")
    (measured,) = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["models"].values()
    assert measured["sizes"] == {"N": 8, "T_enc": 29, "T_dec": 10, "V": measured["sizes"]["V"], "D": 8, "H": 8}
    assert {key: found["as_ours"] for key, found in measured["evaluation"].items() if key != "beam"} == {
        "ours": 1,
        "reread": 1,
        "reencoded": 1,
    }
    assert "transformer: without ours, no shared prefixes, where" in done.stdout
    assert re.search(r"^ours, no kept keys and values  .* 100\.00%  +4$", done.stdout, re.MULTILINE)
    assert "distinct" not in done.stdout, "nothing is shared"


def test_answers_that_keep_nothing_are_the_answers():
    rng = np.random.default_rng(7)
    xs, _ = questions_and_answers(rng, N=20)
    model = job_of("transformer", heads=2).build()
    for p in model.params:  # larger than new ones, whose answers are all alike
        p *= 2 if p.ndim > 1 else 1
    wanted = model.decode(xs, 1, 5).ids
    assert len(np.unique(wanted, axis=0)) > 1
    encodings, encode = [], model.encode
    model.encode = lambda xs: encodings.append(len(xs)) or encode(xs)
    for encoder, times in ((False, 1), (True, 5)):
        encodings.clear()
        np.testing.assert_array_equal(answers_reread(model, xs, 1, 5, 1, encoder=encoder), wanted)
        assert len(encodings) == times


def test_scale_varies_one_size_at_a_time(monkeypatch):
    monkeypatch.setattr(benchmark, "SCALE", {"N": (2, 4), "T_enc": (3, 9), "H": (4, 6)})
    monkeypatch.setattr(benchmark, "alone", train_and_weigh)
    rng = np.random.default_rng(3)
    train = questions_and_answers(rng, N=20)
    args = Namespace(batch_size=4, hidden_size=4, wordvec_size=3, lr=0.001, max_grad=5.0, workers=1, seed=0, rounds=1)
    vars(args).update(dict.fromkeys(MADE_OF), cell_state=False)
    rows = benchmark.scale(args, ["ours"], train, 6)
    varied = [(row["varied"], row["N"], row["T_enc"], row["H"]) for row in rows]
    assert varied == [("default", 4, 7, 4), ("N", 2, 7, 4), ("T_enc", 4, 3, 4), ("T_enc", 4, 9, 4), ("H", 4, 7, 6)]
    lines = benchmark.scale_table(rows).splitlines()
    assert len(lines) == 1 + 1 + len(rows) + 1 and "random ids" in lines[-1]


@pytest.mark.slow
def test_the_torch_twin_writes_our_answers():
    torch = pytest.importorskip("torch")
    from benchmarks.torch_date import twin_of

    rng = np.random.default_rng(5)
    xs, _ = questions_and_answers(rng, N=20)
    for kind in [*BOOKS_MODELS, "transformer"]:
        model = CLASSES[kind](6, 4, 8, rng=rng)
        for p in model.params:
            p[...] = rng.normal(size=p.shape)
        ids = twin_of(kind, model).decode(torch.from_numpy(xs), 1, 4)[0].numpy()
        np.testing.assert_array_equal(ids, model.decode(xs, 1, 4).ids)
        assert len(np.unique(ids, axis=0)) > 1


def test_a_race_ends_at_the_accuracy_or_at_the_last_epoch():
    rng = np.random.default_rng(6)
    data = questions_and_answers(rng, N=16)
    job = job_of("attention")
    found = race("ours", job, data, data, N=8, accuracy=1.0, most=3)
    assert len(found["accuracy"]) == 3 and found["seconds"] > 0
    assert len(race("ours", job, data, data, N=8, accuracy=0.0)["accuracy"]) == 1


@pytest.mark.slow
def test_kernels_are_compared_in_processes_of_their_own(script, tiny, tmp_path):
    options = ("--data", tiny, "--models", "attention", "--rounds", 1, "--steps", 1, "--batch-size", 8, "--workers", 1)
    options += ("--hidden-size", 8, "--pause-ms", 0, "--only", "ours", "--questions", 1)
    done = script(tmp_path, "benchmarks.date", "--kernels", *options, "--json", "b.json")
    assert (done.returncode, done.stderr) == (0, "")
    families = re.findall(r"^=== (\w+) kernels ===$", done.stdout, re.MULTILINE)
    assert families and families == kernels_to_compare()
    assert done.stdout.count("\nattention: N=8, ") == len(families)
    reports = {name: json.loads((tmp_path / f"b.{name}.json").read_text(encoding="utf-8")) for name in families}
    assert all(name in report["environment"]["BLAS"] for name, report in reports.items())


def test_the_worst_exit_code_of_all_kernels_is_returned(monkeypatch, capsys):
    monkeypatch.setattr(kernels, "kernels_to_compare", lambda: ["Haswell", "SkylakeX", "other"])
    for codes, worst in (([0, 2, 1], 2), ([0, -9, 0], -9), ([0, 0, 0], 0)):
        left = iter(codes)
        monkeypatch.setattr(kernels.subprocess, "call", lambda command, env, left=left: next(left))
        assert kernels.with_each("benchmarks.date") == worst


def test_without_torch_the_rest_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(benchmark.importlib.util, "find_spec", lambda name: None)
    ask = {"scale": False, "compiled": True, "workers": 2}
    assert benchmark.choose(Namespace(only=None, **ask)) == ["ours", "unshared", "one", "chapter"]
    assert re.fullmatch(r"PyTorch is not installed.*pip install torch==2\.13\.0\n", capsys.readouterr().out)
    with pytest.raises(ValueError, match="no contestant"):
        benchmark.choose(Namespace(only=["torch"], **ask))


def test_a_model_that_others_do_not_have_is_measured_alone(monkeypatch, capsys):
    monkeypatch.setitem(CLASSES, "mine", Seq2seq)
    for job in (job_of("mine"), job_of("attention", score="scaled"), job_of("transformer", pre_norm=False)):
        assert benchmark.that_know(job, ["ours", "one", "chapter", "torch"]) == ["ours", "one"]
        left_out = "without chapter style, PyTorch eager, where there is no such model"
        assert capsys.readouterr().out == f"{job.model}: {left_out}\n"
        with pytest.raises(ValueError, match=rf"^{job.model}: no contestant is left to measure$"):
            benchmark.that_know(job, ["chapter"])
        capsys.readouterr()
    assert all(benchmark.that_know(job_of(name), list(CONTESTANTS)) == list(CONTESTANTS) for name in BOOKS_MODELS)
    others = ["ours", "one", "torch", "compiled"]
    assert benchmark.that_know(job_of("transformer", heads=2, layers=1), list(CONTESTANTS)) == others


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rounds", 0), "at least 1, got 0"),
        (("--models", "bert"), "invalid choice"),
        (("--only", "jax"), "invalid choice"),
        (("--models", "baseline", "--heads", 2), "--heads is an option of the model transformer"),
        (("--json", "nowhere/b.json"), "folder that exists"),
        (("--data", "nowhere.txt"), "no such data file"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_code_2(in_process, tmp_path, arguments, message):
    refused(in_process(tmp_path, "benchmarks.date", *arguments), message)


def test_a_batch_larger_than_the_data_is_refused():
    data = questions_and_answers(np.random.default_rng(4), N=7)
    batches = make_batches(data, 3, 5, seed=0)
    assert len(batches) == 5 and all(x.shape == (3, 7) and t.shape == (3, 5) for x, t in batches)
    with pytest.raises(ValueError, match=r"expected at most 7 as the size of a mini-batch, .* got 8"):
        make_batches(data, 8, 1, seed=0)
