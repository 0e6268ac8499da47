"""scripts/convert_date.py: what it prints, and what it refuses."""

import subprocess
import sys

import numpy as np
import pytest
from script_tools import MODELS, ROOT, refused

from dataset.sequence import read
from seq2seq import Seq2seq, load_model, save_model
from seq2seq.text_map import map_text

ASKED = ["May 1, 1972", "7/22/08", "SEPTEMBER 27, 1994", "monday, january 5, 2004", "7/22/08"]


def answers(trained_run, name: str) -> list[str]:
    model, facts = load_model(trained_run.folder / f"{name}.npz")
    vocabulary = read(trained_run.data).vocabulary
    xs = np.stack([vocabulary.encode(text, 29)[::-1] for text in ASKED])
    decoded = model.decode(xs, vocabulary.char_to_id[facts["start"]], 10)
    return [vocabulary.decode(ids) for ids in decoded.ids]


@pytest.mark.parametrize("name", MODELS)
def test_convert_prints_the_models_answers(trained_run, in_process, name):
    done = in_process(trained_run.cwd, "convert_date.py", "--model", name, *ASKED)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == answers(trained_run, name)
    if name == "peeky":
        assert len(set(answers(trained_run, name))) > 1, "else any order would do"


def test_convert_reports_bad_lines_and_converts_the_others(trained_run, script):
    good = [text.encode() for text in ASKED]
    lines = [
        b"\xef\xbb\xbf" + good[0],
        b"5 \xff 1972",
        good[1],
        "5月1日".encode(),
        good[2],
        b"a" * 30,
        good[3],
        b"",
        good[4],
    ]
    done = script(trained_run.cwd, "convert_date.py", "--model", "peeky", stdin=b"\r\n".join(lines))
    assert done.returncode == 2
    assert done.stdout.splitlines() == answers(trained_run, "peeky")
    reports = done.stderr.splitlines()
    reasons = (
        "character 3",
        "'月', character 2",
        "30 characters, at most 29",
        "expected a question, got an empty text",
    )
    for number, report, reason in zip((2, 4, 6, 8), reports, reasons, strict=True):
        assert report.startswith(f"convert_date.py: line {number}: ") and reason in report


def test_convert_refuses_bad_arguments_as_it_does_lines(trained_run, in_process):
    done = in_process(trained_run.cwd, "convert_date.py", "7/22/08", "7|22|08", "", "--model", "peeky")
    assert (done.returncode, done.stdout) == (2, "2008-07-22\n")
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [" question 2", " question 3"]


def test_convert_without_a_trained_model_says_how_to_train(in_process, tmp_path):
    done = in_process(tmp_path, "convert_date.py", "May 1, 1972")
    refused(done, r"no trained model in \S*; train one with: python scripts/train_date\.py --out runs")
    (tmp_path / "peeky.state.npz").touch()  # of a training that was stopped before its first epoch of this model
    done = in_process(tmp_path, "convert_date.py", "--run", ".", "May 1, 1972")
    refused(done, r"no trained model in \.; .*stopped, go on with: python scripts/train_date\.py --resume \.; else ")
    (tmp_path / "baseline.npz").write_bytes(b"\x80\x04 pickled")
    done = in_process(tmp_path, "convert_date.py", "--run", ".", "--model", "baseline", "May 1, 1972")
    refused(done, r"baseline\.npz: a pickled file is refused")


def test_convert_of_nothing_is_nothing(trained_run, in_process):
    done = in_process(trained_run.cwd, "convert_date.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_convert_whose_reader_leaves_early_ends_quietly(trained_run, script_environment):
    command = [sys.executable, ROOT / "scripts" / "convert_date.py", *["May 1, 1972"] * 20_000]
    process = subprocess.Popen(
        command, cwd=trained_run.cwd, env=script_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.readline()
    process.stdout.close()
    assert (process.wait(timeout=120), process.stderr.read()) == (141, b"")  # as when SIGPIPE ends it
    process.stderr.close()


@pytest.mark.parametrize(
    "fact, said",
    [
        (dict(T_enc="29"), "T_enc, got '29'"),
        (dict(T_dec=10**10), "questions of 10000000000 characters"),
        (dict(start=""), "another start"),
        (dict(vocabulary=["a"]), r"vocabulary, got \['a'\]"),
        (dict(data=5), "data, got 5"),
        (dict(question_characters=5), "question_characters, got 5"),
    ],
)
def test_convert_refuses_a_model_file_that_says_strange_things(trained_run, in_process, tmp_path, fact, said):
    model, facts = load_model(trained_run.folder / "attention.npz")
    facts = {name: value for name, value in facts.items() if name not in ("format", "model", "arguments")}
    save_model(tmp_path / "attention.npz", model, **(facts | fact))
    done = in_process(tmp_path, "convert_date.py", "--run", tmp_path, "May 1, 1972")
    refused(done, f"attention.npz: not written by train_date.py or .*{said}")


def test_convert_prints_the_best_answers_of_a_beam_search(trained_run, in_process):
    model, facts = load_model(trained_run.folder / "peeky.npz")
    vocabulary = read(trained_run.data).vocabulary
    xs = np.stack([vocabulary.encode(text, 29)[::-1] for text in ASKED])
    found = model.beam_search(xs, vocabulary.char_to_id[facts["start"]], 10, 3)
    done = in_process(trained_run.cwd, "convert_date.py", "--model", "peeky", "--beam", 3, *ASKED)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.rpartition("  ") for line in done.stdout.splitlines()]
    assert [answer for answer, _, _ in lines] == [vocabulary.decode(ids) for each in found.ids for ids in each]
    printed = [float(probability) for *_, probability in lines]
    np.testing.assert_allclose(printed, np.exp(found.log_probs).ravel(), atol=6e-5)


def test_convert_explains_with_a_plain_map_when_piped(trained_run, in_process, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = in_process(trained_run.cwd, "convert_date.py", "--explain", *ASKED[:2])
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.isascii()
    first, second = done.stdout.removesuffix("\n\n").split("\n\n")
    model, facts = load_model(trained_run.folder / "attention.npz")
    vocabulary = read(trained_run.data).vocabulary
    for text, question, answer in zip((first, second), ASKED, answers(trained_run, "attention"), strict=False):
        line, *lines = text.splitlines()
        assert line.startswith(f"{answer}  0.")
        xs = vocabulary.encode(question, 29)[None, ::-1]
        (weights,) = model.decode(xs, vocabulary.char_to_id[facts["start"]], 10).attention_weights[:, :, ::-1]
        assert lines == map_text(weights, question.ljust(29), answer, blocks=False).splitlines()


def test_convert_without_attention_has_nothing_to_explain(trained_run, in_process):
    done = in_process(trained_run.cwd, "convert_date.py", "--explain", "--model", "peeky", *ASKED)
    refused(done, r"peeky\.npz: PeekySeq2seq has no attention maps")


@pytest.mark.parametrize("width", [0, -1, 1025, 10**30, "many"])
def test_convert_refuses_a_beam_that_no_memory_could_hold(trained_run, in_process, width):
    done = in_process(trained_run.cwd, "convert_date.py", "--beam", width, *ASKED)
    refused(done, f"--beam: expected a whole number of 1 to 1024, got '?{width}")


def test_convert_asks_fewer_questions_at_a_time_of_a_wide_beam(trained_run, in_process, monkeypatch):
    asked, search = [], Seq2seq.beam_search

    def beam_search(self, xs, *sizes):
        asked.append(len(xs))
        return search(self, xs, *sizes)

    monkeypatch.setattr(Seq2seq, "beam_search", beam_search)
    done = in_process(trained_run.cwd, "convert_date.py", "--model", "baseline", "--beam", 400, *ASKED)
    assert (done.returncode, asked) == (0, [2, 2, 1])
    assert len(done.stdout.splitlines()) == 400 * len(ASKED)
