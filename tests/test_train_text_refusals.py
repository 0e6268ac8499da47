"""scripts/train_text.py: what it refuses, in one line, writing nothing."""

import pytest
from script_tools import everything, refused, write_films
from test_train_text import SMALL

# Refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--data films", "--data needs --format, one of folders, lines, csv"),
        ("--data nowhere --format lines", "nowhere"),
        ("--data films --format folders", "films: expected two or more folders .*, got none"),
        ("--data films --format csv", "features.csv"),
        ("--test-data films", "--test-data needs --data"),
        ("--data films --format csv --test-data films", "--test-data: --format csv has its tests"),
        ("--format lines", "--format needs --data"),
        ("--sentencepiece-model m", "--sentencepiece-model needs --tokenizer sentencepiece"),
        ("--model seqself --no-attention", "--no-attention is an option of --model gru, not of seqself"),
        ("--model gru --attention-width 3", "--attention-width is an option of --model seqself, not of gru"),
        ("--model bow --layers 2", "--layers is an option of --model gru, not of bow"),
        ("--model bow --embeddings vectors", "--embeddings is an option of --model gru or seqself, not of bow"),
        ("--model bow", "--wordvec-size is an option of --model gru or seqself, not of bow"),
        ("--pieces 50 --tokenizer words", "--pieces needs --tokenizer sentencepiece"),
        ("--model bow --no-mask", "--no-mask is an option of --model gru or seqself"),
        ("--data films --format lines --encoding utf-9", "expected the name of an encoding, got 'utf-9'"),
        ("--data latin --format lines", r"film\.pos:2: not utf-8"),
        ("--data films --format lines --test-share 1", "a test share that leaves each part a text"),
        ("--data films --format lines --test-share 0.9 --validation-share 0.1", "leaves each part a text"),
        ("--data films --format lines --out films/film.neg", "--out films/film.neg: expected a folder, got a file"),
        (
            "--model gru --data films --format lines --dropout 2",
            "--dropout: expected a share of at least 0 and below 1, got 2",
        ),
        ("--data films --format lines --embeddings nowhere", "nowhere"),
        ("--data films --format lines --embeddings vectors", "vectors: expected a word and 3 values on a line, got 2"),
        ("--data films --format lines --vocab-size 2", "--vocab-size: expected a whole number of at least 3, got 2"),
        ("--data films --format lines --tokenizer sentencepiece --sentencepiece-model films/film.neg", "film.neg"),
        ("--model lstm", "--model: .*'lstm'.*gru"),
        ("--lr nan", "--lr: .*above 0.*nan"),
        ("--patience 0", "--patience: .*at least 1"),
        ("--epochs 3", "unrecognized arguments: --epochs 3"),
    ],
)
def test_refused_in_one_line_and_nothing_is_written(in_process, tmp_path, arguments, message):
    write_films(tmp_path / "films", 12)
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / "film.neg").write_bytes(b"bad\n")
    (tmp_path / "latin" / "film.pos").write_bytes(b"good\ncaf\xe9\n")
    (tmp_path / "vectors").write_text("1 2\nfilm 1 2\n")
    before = everything(tmp_path)
    refused(in_process(tmp_path, "train_text.py", *SMALL, *arguments.split()), message)
    assert everything(tmp_path) == before


def test_refused_in_a_process_of_its_own(script, tmp_path):
    refused(script(tmp_path, "train_text.py", "--data", "films"), r"train_text\.py: --data needs --format")
    assert not list(tmp_path.iterdir())


def test_the_help_shows_the_defaults_that_there_are(in_process, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "999")
    shown = in_process(tmp_path, "train_text.py", "--help").stdout
    assert "(default: 8000)" in shown and "(default: 0)" in shown and "(default: utf-8)" in shown
    assert "None)" not in shown and "False)" not in shown
