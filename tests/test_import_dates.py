"""scripts/import_weights.py: seq2seq models of another framework become a run of dates, or of other pairs."""

import json

import numpy as np
import pytest
from script_tools import everything, refused

from dataset import dates
from experiment import DateModel
from interchange import to_arrays
from seq2seq import AttentionSeq2seq, Seq2seq
from seq2seq.model_file import MODELS

SCRIPT = "import_weights.py"
OPTIONS = "dates.npz --model attention --vocabulary characters.txt --reverse --out run".split()
LENGTHS = "--question-length 29 --answer-length 10".split()


@pytest.fixture
def run_of_dates(date_run, tmp_path):
    """The run whose model lies in dates.npz as PyTorch names its weights, its characters in another order."""
    model, characters, folder = date_run
    order = np.random.default_rng(0).permutation(len(characters))
    arrays = to_arrays(model, "torch")
    for name, array in arrays.items():
        if "embedding" in name or "dense" in name:  # one row for each character
            arrays[name] = array[order]
    np.savez(tmp_path / "dates.npz", **arrays)
    (tmp_path / "characters.txt").write_text("".join(f"{characters[i]}\n" for i in order))
    (tmp_path / "date.txt").symlink_to(folder / "date.txt")
    return DateModel(folder)


def test_a_run_of_dates(run_of_dates, in_process, tmp_path):
    done = in_process(tmp_path, SCRIPT, *OPTIONS, "--data", "date.txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert "note: linear_reads: " in done.stdout and "imported into run: AttentionSeq2seq, " in done.stdout
    assert "%, 100 questions\n" in done.stdout
    run = DateModel(tmp_path / "run")
    assert run.test_questions() == run_of_dates.test_questions()
    assert (run.T_enc, run.T_dec, run.start, run.reverse, run.answers_dates) == (29, 10, "_", True, True)
    for question in ("May 1, 1972", "7/22/08"):
        asked, known = run.ask(question), run_of_dates.ask(question)
        assert asked.text == known.text
        np.testing.assert_allclose(asked.attention, known.attention, rtol=0, atol=1e-6)
    for name, arguments in (
        ("convert_date.py", ["--explain", "May 1, 1972"]),
        ("plot_attention.py", ["--index", 3]),
        ("plot_attention.py", ["--accuracy"]),
        ("faithfulness.py", ["--count", 5]),
        ("explore_attention.py", ["--count", 3, "--out", "page.html"]),
    ):
        folders = "run", run_of_dates.path.parent
        there, here = (in_process(tmp_path, name, "--run", folder, *arguments) for folder in folders)
        lines = [[line for line in done.stdout.splitlines() if "run" not in line] for done in (there, here)]
        assert there.returncode == 0 and lines[0] == lines[1], there.stderr
    assert (tmp_path / "run" / "attention_3.png").stat().st_size > 1000
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["notes"] and config["data"]["path"].endswith("date.txt")
    for option, missing in (("--film", "maps at run/maps.npz"), ("--measures", "measures of maps in run/history.csv")):
        said = f"^plot_attention.py: no {missing}; attention.npz was imported: its weights alone, without what its"
        refused(in_process(tmp_path, "plot_attention.py", "--run", "run", option), said)
    said = "--resume run: attention.npz was imported: weights alone"
    refused(in_process(tmp_path, "train_date.py", "--resume", "run"), said)


def test_the_accuracy_is_the_share_of_right_answers(run_of_dates, in_process, tmp_path):
    """Its own answers are in the data for some questions: it is right about these alone."""
    pairs = [line.split("_") for line in (tmp_path / "date.txt").read_text().splitlines()]
    xs = np.stack([run_of_dates.encode(question, of_test=True) for question, _ in pairs[::3]])
    found = [answers[0].text.ljust(10) for answers in run_of_dates.answers(xs)]
    own = {question: answer for (question, _), answer in zip(pairs[::3], found, strict=True) if "_" not in answer}
    lines = [f"{question}_{own.get(question, answer)}\n" for question, answer in pairs]
    (tmp_path / "own.txt").write_text("".join(lines))
    done = in_process(tmp_path, SCRIPT, *OPTIONS, "--data", "own.txt")
    right = sum(question in own for question, _ in DateModel(tmp_path / "run").test_questions())
    assert 10 < right < 90 and f"test accuracy {right}.00%, 100 questions\n" in done.stdout


def test_a_run_without_test_questions_says_so_in_one_line(run_of_dates, in_process, tmp_path):
    characters = (tmp_path / "characters.txt").read_text()
    (tmp_path / "characters.txt").write_text(characters.replace("7\n", "七\n"))  # generated dates are none of its own
    refused(in_process(tmp_path, SCRIPT, *OPTIONS), "--question-length and --answer-length: expected, as no --data")
    done = in_process(tmp_path, SCRIPT, *OPTIONS, *LENGTHS)
    assert done.returncode == 0 and "test accuracy" not in done.stdout
    run = DateModel(tmp_path / "run")
    assert run.ask("May 1, 1942").text.replace("七", "7") == run_of_dates.ask("May 1, 1942").text
    assert not run.answers_dates
    for name in ("plot_attention.py", "explore_attention.py", "faithfulness.py"):
        said = (
            rf"^{name}: run/attention\.npz: imported without data, so it has no test questions; --text asks your own$"
        )
        refused(in_process(tmp_path, name, "--run", "run"), said)
    assert in_process(tmp_path, "explore_attention.py", "--run", "run", "--text", "May 1, 1942").returncode == 0


def test_generated_dates_test_a_model_that_knows_their_characters(in_process, tmp_path):
    characters = "".join(dict.fromkeys("".join(dates.generate(5000, seed=1))))
    model = Seq2seq(len(characters), 3, 4, rng=np.random.default_rng(1))
    np.savez(tmp_path / "dates.npz", **to_arrays(model, "torch"))
    (tmp_path / "characters.json").write_text(json.dumps([*characters]))
    done = in_process(
        tmp_path,
        SCRIPT,
        "dates.npz",
        *"--model baseline --vocabulary characters.json --no-reverse".split(),
        "--out",
        "run",
    )
    assert done.returncode == 0, done.stderr
    assert "%, 5,000 questions" in done.stdout
    run = DateModel(tmp_path / "run")
    assert (run.T_enc, run.T_dec, run.reverse, run.name) == (29, 10, False, "baseline")


def test_options_reach_the_model(run_of_dates, in_process, tmp_path):
    question = "May 1, 1972"
    plain = run_of_dates.ask(question)
    done = in_process(tmp_path, SCRIPT, *OPTIONS, "--cell-state", "--mask-padding", "--linear-reads", "state,context")
    assert done.returncode == 0, done.stderr
    run = DateModel(tmp_path / "run")
    model = run.model
    assert model.cell_state and run.vocabulary.chars[model.mask_padding] == " "
    W, plain_W = model.decoder.affine.W, run_of_dates.model.decoder.affine.W
    half = len(W) // 2
    np.testing.assert_array_equal(np.sort(W[:half]), np.sort(plain_W[half:]))  # context and state, exchanged
    assert not run.ask(question).attention[:, len(question) :].any() and plain.attention[:, len(question) :].any()


def test_a_start_of_several_characters(run_of_dates, in_process, tmp_path):
    characters = (tmp_path / "characters.txt").read_text()
    (tmp_path / "characters.txt").write_text(characters.replace("_", "<sos>"))
    refused(in_process(tmp_path, SCRIPT, *OPTIONS), "characters.txt: expected '_' among the characters; --start names")
    done = in_process(tmp_path, SCRIPT, *OPTIONS, "--start", "<sos>", "--data", "date.txt")
    assert "note: characters.txt: '<sos>' is written '_'\n" in done.stdout
    run = DateModel(tmp_path / "run")
    assert run.start == "_" and run.ask("May 1, 1972").text == run_of_dates.ask("May 1, 1972").text


@pytest.mark.parametrize("padding, options", [("<pad>", []), ("", []), ("#", ["--padding-id", 0])])
def test_tokens_that_are_not_of_texts(in_process, tmp_path, padding, options):
    """Padding is a space here; the others become characters that no text has."""
    tokens = [padding, "<sos>", "EOS", "[UNK]", *"0123456789-"]
    model = AttentionSeq2seq(len(tokens), 6, 5, mask_padding=0, rng=np.random.default_rng(2))
    for param in model.params:
        param *= 9
    model.decoder.affine.b[2:4] += 4  # or no answer has one of these
    np.savez(tmp_path / "dates.npz", **to_arrays(model, "torch"))
    (tmp_path / "characters.txt").write_text("".join(f"{token}\n" for token in tokens))
    known = "--start <sos> --mask-padding --no-reverse --question-length 8 --answer-length 10".split()
    done = in_process(tmp_path, SCRIPT, *OPTIONS, *known, *options)
    assert (done.returncode, done.stderr) == (0, "")
    run = DateModel(tmp_path / "run")
    assert run.vocabulary.chars == " _①②0123456789-" and run.model.mask_padding == 0
    for token, char in zip(tokens, " _①②", strict=False):
        assert f"note: characters.txt: {token!r} is written {char!r}\n" in done.stdout
    ids = model.decode(np.array([[5, 4, 6, 7, 0, 0, 0, 0]]), 1, 10).ids[0]
    assert 1 < len(set(ids.tolist())) and {2, 3} & set(ids.tolist())
    assert run.ask("1023").text == run.vocabulary.decode(ids).rstrip(" ")
    done = in_process(tmp_path, "convert_date.py", "--run", "run", "--explain", "1023")
    assert done.returncode == 0 and run.ask("1023").text in done.stdout


@pytest.mark.parametrize(
    "options, message",
    [
        (["--no-mask"], "--no-mask is an option of --model gru or seqself, not of attention"),
        (["--format", "csv"], "--format is an option of --model gru or seqself or bow, not of attention"),
        (
            ["--model", "baseline", "--mask-padding"],
            "--mask-padding is an option of --model attention or transformer, not of base",
        ),
        (
            ["--model", "gru"],
            "--reverse is an option of --model attention or baseline or peeky or transformer, not of gru",
        ),
        (["--heads", 2], "--heads is an option of --model transformer, not of attention"),
        (["--no-norm-first"], "--norm-first is an option of --model transformer, not of attention"),
        (["--model", "transformer", "--cell-state"], "--cell-state is an option of --model baseline or peeky or a"),
        (["--model", "transformer", "--score", "dot"], "--score is an option of --model attention, not of transformer"),
        (["--score-reads", "decoder"], "--score-reads needs --score general"),
        (["--score", "general"], r"score=general: expected one nn.Linear \(32, 32\), .* got none"),
        (["--score", "additive"], "score=additive: expected three nn.Linear"),
        (["--model", "transformer"], "expected an nn.TransformerEncoder and an nn.TransformerDecoder"),
        (["--question-length", "20"], "the data, 29 or more and 10, got 20 and 10"),
        (["--answer-length", "12"], "the data, 29 or more and 10, got 29 and 12"),
        (["--data", "other.txt"], "--data other.txt: expected the characters of the vocabulary, got '!'"),
        (["--data", "nothing.txt"], "nothing.txt: no such data file"),
        (["--start", "x"], "expected 'x' among the characters"),
        (["--vocabulary", "long.json"], "long.json: expected different single characters, got '12'"),
        (["--vocabulary", "short.json"], r"short.json: expected characters, one for each of the \d+ rows of the emb"),
        (["--vocabulary", "gaps.json"], "gaps.json: expected the ids 0 to 1, one for each character"),
        (
            ["--vocabulary", "double.json", "--start", "<s>"],
            "double.json: expected different single characters",
        ),
        (
            ["--vocabulary", "space.json"],
            "space.json: expected '<pad>' for padding, or a space, got both: questions are padded with spaces here",
        ),
        (["--vocabulary", "space.json", "--start", "<pad>"], "expected '<pad>' for padding, or the start, got both"),
        (
            ["--vocabulary", "short.json", "--padding-id", 2],
            "expected one of 0 to 1 in short.json, got 2",
        ),
        (["--vocabulary", "short.json", "--mask-padding"], "short.json: expected a space, which is the padding"),
    ],
)
def test_refused(run_of_dates, in_process, tmp_path, options, message):
    (tmp_path / "other.txt").write_text("a!_1\n" * 20)
    for name, data in {
        "long": ["_", "12"],
        "short": ["_", "1"],
        "gaps": {"_": 0, "1": 2},
        "double": ["<s>", "_"],
        "space": ["<pad>", "_", " "],
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    before = everything(tmp_path)
    refused(in_process(tmp_path, SCRIPT, *OPTIONS, *options), message)
    assert everything(tmp_path) == before


def test_the_direction_of_reading_is_not_guessed(run_of_dates, in_process, tmp_path):
    options = [option for option in OPTIONS if option != "--reverse"]
    refused(in_process(tmp_path, SCRIPT, *options), "--reverse or --no-reverse: expected one")


@pytest.mark.parametrize(
    "name, arguments, options",
    [
        ("attention", {"score": "scaled", "bidirectional": True}, ["--score", "scaled"]),
        ("attention", {"score": "general"}, ["--score", "general"]),
        ("attention", {"score": "additive", "layers": 2}, ["--score", "additive"]),
        ("peeky", {"layers": 2, "bidirectional": True}, []),
        ("transformer", {"heads": 4, "layers": 2}, ["--heads", 4, "--norm-first"]),
        ("transformer", {"heads": 2, "layers": 1, "pre_norm": False}, ["--heads", 2, "--no-norm-first"]),
    ],
)
def test_models_of_all_kinds(in_process, tmp_path, name, arguments, options):
    """Their options say what their weights do not."""
    characters = "".join(dict.fromkeys("".join(dates.generate(5000, seed=1))))
    model = MODELS[name](len(characters), 8, 8, **arguments, rng=np.random.default_rng(1))
    np.savez(tmp_path / "dates.npz", **to_arrays(model, "torch"))
    (tmp_path / "characters.json").write_text(json.dumps([*characters]))
    given = "dates.npz", "--model", name, "--vocabulary", "characters.json", "--reverse", *options, "--out", "run"
    done = in_process(tmp_path, SCRIPT, *given)
    assert (done.returncode, done.stderr) == (0, "") and "%, 5,000 questions" in done.stdout
    run = DateModel(tmp_path / "run")
    assert run.name == name and run.model.arguments == model.arguments
    assert all(np.array_equal(p, q) for p, q in zip(run.model.params, model.params, strict=True))
