"""scripts/train_text.py: what it writes, what it prints, how it goes on, and what it refuses."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
from script_tools import ROOT, everything, film_reviews, history, refused, write_blogs, write_film_folders, write_films

from classifier import confusion_matrix, evaluate, load_model
from classifier.model_file import MODELS
from common import training_state
from common.callbacks import ModelCheckpoint
from dataset import blogs
from dataset.batches import PaddedTexts
from dataset.labelled import read_csv, read_folders
from dataset.tokenizers import Words
from dataset.words import WordVocabulary
from experiment.text_options import ORIGINAL
from experiment.text_training import make_model

FILES = {"best.npz", "state.npz", "config.json", "history.csv", "acc.png", "loss.png", "confusion.png", "fig"}
METRICS = "loss acc mse mae val_loss val_acc val_mse val_mae".split()
SMALL = "--wordvec-size 3 --hidden-size 2 --batch-size 8 --max-epoch 1 --workers 1 --quiet --out out".split()
FILMS = "--model gru --data films --format lines --layers 1".split()


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")


@pytest.fixture
def bare(in_process, scripts, monkeypatch, tmp_path):
    """``bare(*arguments)`` trains in tmp_path, draws nothing and returns stdout."""
    for name in ("common.plot.plot_columns", "classifier.plot.plot_confusion"):
        monkeypatch.setattr(name, lambda *_: SimpleNamespace(figure=None))
    monkeypatch.setattr("experiment.text_report.draw_batch", lambda *_: None)
    for module in ("history", "text_report"):
        monkeypatch.setattr(f"experiment.{module}.save_figure", lambda path, figure: path.write_bytes(b"drawn"))

    def train(*arguments, code=0):
        done = in_process(tmp_path, "train_text.py", *arguments)
        assert done.returncode == code, done.stderr
        return done.stdout

    return train


def parts_of(run):
    """``(parts, ids of the parts)`` of a run, opened as its best model says."""
    from experiment.corpus import open_corpus, pad
    from experiment.text_model import TextModel

    text_model = TextModel(run.folder)
    data = text_model.facts["data"]
    corpus = open_corpus(
        *(data["path"], data["layout"], data["encoding"], data["test_path"], tuple(data["shares"]), data["seed"]),
        data["sha256"],
    )
    vocabulary, padding = text_model.vocabulary, text_model.facts["padding"]
    xs = [pad([*map(text_model.tokenizer, part.texts)], vocabulary, padding, None) for part in corpus[:3]]
    return text_model, corpus, xs


# What a run leaves


def test_a_run_leaves_everything_in_its_folder(text_run):
    assert {path.name for path in text_run.folder.iterdir()} == FILES
    count = 3 if "films" in text_run.arguments else 1
    pictures = sorted((text_run.folder / "fig").iterdir())
    assert [path.name for path in pictures] == [f"attention_{i}.png" for i in range(count)]
    for path in [*pictures, *text_run.folder.glob("*.png")]:
        pixels = matplotlib.image.imread(path)
        assert pixels.shape[0] > 100 and np.unique(pixels[..., 0]).size > 5, f"{path} is empty"
    config = json.loads((text_run.folder / "config.json").read_text(encoding="utf-8"))
    assert config["arguments"]["batch_size"] == 16 and config["arguments"]["data"] in text_run.arguments
    assert Path(config["data"]["path"]).is_absolute() and len(config["data"]["sha256"]) == 64
    if "films" in text_run.arguments:  # the other may have to say that there is no Japanese font
        assert text_run.stderr == "", "no warnings, no progress bar"


def test_history_and_what_is_printed_of_it(text_run):
    rows = history(text_run.folder)
    assert list(rows[0]) == ["epoch", *METRICS, "seconds"]
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(float(row["seconds"]) > 0 for row in rows)
    header, *lines = re.search(r"^ +epoch .*?(?=\n\n)", text_run.stdout, re.MULTILINE | re.DOTALL)[0].splitlines()
    assert header.split() == list(rows[0])
    for printed, row in zip(lines, rows, strict=True):
        assert [float(value) for value in printed.split()] == pytest.approx([*map(float, row.values())], abs=6e-5)
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_early_stop(text_runs):
    rows = history(text_runs["seqself"].folder)
    accuracies = [float(row["val_acc"]) for row in rows]
    assert len(rows) == int(np.argmax(accuracies)) + 2 < 50, "one epoch without a better one was to end it"
    assert len(history(text_runs["gru"].folder)) == 2, "without patience it trains all epochs"


def test_best_checkpoint_is_the_one_that_is_tested_and_drawn(text_run, scripts):
    text_model, corpus, (train, validation, test) = parts_of(text_run)
    rows = history(text_run.folder)
    accuracies = [float(row["val_acc"]) for row in rows]
    best = int(np.argmax(accuracies))
    for prefix, xs, part in (("val_", validation, corpus.validation), ("", train, corpus.train)):
        measured = evaluate(text_model.model, xs, part.labels)
        for name in ("loss", "acc", "mse", "mae")[prefix == "" :]:
            assert float(rows[best][prefix + name]) == pytest.approx(measured[name], rel=1e-4), (prefix, name)
    p = text_model.model.probabilities(test)
    right = (p.argmax(axis=1) == corpus.test.labels).mean()
    assert f"\nbest epoch {best + 1}, validation accuracy {100 * accuracies[best]:.2f}%\n" in text_run.stdout
    assert f"\ntest accuracy {100 * right:.2f}%, {len(test)} texts\n" in text_run.stdout
    matrix = confusion_matrix(p.argmax(axis=1), corpus.test.labels, len(corpus.train.classes))
    *_, header = text_run.stdout.partition("true, predicted")
    header, *lines = header.split("\n\n")[0].splitlines()
    assert header.split() == list(corpus.train.classes)
    for name, counts, printed in zip(corpus.train.classes, matrix, lines, strict=True):
        assert printed.split() == [name, *map(str, counts)]


def test_the_state_has_the_last_epoch(text_run):
    state = training_state.facts(text_run.folder / "state.npz")
    assert "--batch-size=16" in state["options"] and not any("--out" in option for option in state["options"])
    _, facts = load_model(text_run.folder / "best.npz")
    assert state["sha256"] == facts["data"]["sha256"]


def test_the_parts_have_no_text_in_common(text_runs, scripts):
    _, corpus, xs = parts_of(text_runs["gru"])
    assert [len(x) for x in xs] == [81, 9, 90]
    texts = [text for part in corpus[:3] for text in part.texts]
    assert sorted(texts) == sorted(text for _, text in film_reviews(180))
    _, corpus, xs = parts_of(text_runs["seqself"])
    assert [len(x) for x in xs] == [36, 9, 15]
    assert corpus.test.texts == read_csv(text_runs["seqself"].cwd / "blogs", "tests").texts


# Going on


def without_seconds(folder):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history(folder)]


@pytest.mark.parametrize("moment", ["before the state is saved", "between epochs"])
def test_resume_gives_what_an_uninterrupted_run_does(bare, monkeypatch, tmp_path, moment):
    write_films(tmp_path / "films", 60)
    arguments = [*FILMS, "--wordvec-size", 8, "--hidden-size", 6, "--batch-size", 8, "--lr", 0.03, "--workers", 2]
    arguments += ["--validation-share", 0.4, "--dropout", 0.3, "--quiet"]
    wanted = bare(*arguments, "--max-epoch", 4, "--out", "whole")
    if moment == "between epochs":
        bare(*arguments, "--max-epoch", 2, "--out", "parts")
    else:
        epoch_end = ModelCheckpoint.epoch_end

        def stop(self, trainer):
            epoch_end(self, trainer)
            if trainer.current_epoch == 3:
                raise KeyboardInterrupt

        monkeypatch.setattr(ModelCheckpoint, "epoch_end", stop)
        bare(*arguments, "--max-epoch", 4, "--out", "parts", code=130)
        monkeypatch.setattr(ModelCheckpoint, "epoch_end", epoch_end)
    assert len(history(tmp_path / "parts")) == 2
    assert bare("--resume", "parts", "--max-epoch", 4) == wanted
    assert without_seconds(tmp_path / "parts") == without_seconds(tmp_path / "whole")
    assert (tmp_path / "parts" / "best.npz").read_bytes() == (tmp_path / "whole" / "best.npz").read_bytes()
    assert bare("--resume", "parts") == wanted, "a run that is whole is reported again"
    assert len(history(tmp_path / "parts")) == 4


def test_resume_after_an_early_stop_trains_no_more(bare, tmp_path):
    write_blogs(tmp_path / "blogs")
    arguments = ["--data", "blogs", "--format", "csv", *SMALL, "--max-epoch", 9, "--patience", 1, "--lr", 1e-30]
    first = bare(*arguments)
    assert [row["epoch"] for row in history(tmp_path / "out")] == ["1", "2"]
    assert bare("--resume", "out", "--max-epoch", 20) == first
    assert [row["epoch"] for row in history(tmp_path / "out")] == ["1", "2"]


def test_resume_refuses_another_run(in_process, bare, tmp_path):
    write_films(tmp_path / "films", 30)
    bare(*FILMS, *SMALL)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    load_model(tmp_path / "out" / "best.npz")[0].save_params(tmp_path / "other" / "state.npz")
    before = everything(tmp_path)
    for arguments, message in (
        (["out", "--lr", 0.5], "--resume out: --lr differs from what the run was started with"),
        (["out", "--no-mask", "--seed", 3], "--no-mask, --seed differs"),
        (["out", "--out", "elsewhere"], "--out differs"),
        (["empty"], "--resume empty: no .*state.npz.*there to go on with; without --resume, a new run starts"),
        (["nowhere"], "--resume nowhere: no .*state.npz"),
        (["other"], "state.npz: not the state of a training run"),
    ):
        refused(in_process(tmp_path, "train_text.py", "--resume", *arguments), message)
        assert everything(tmp_path) == before
    with open(tmp_path / "films" / "film.neg", "a", encoding="utf-8") as file:
        file.write("one more film\n")
    before = everything(tmp_path)
    refused(in_process(tmp_path, "train_text.py", "--resume", "out", "--max-epoch", 2), "films: changed since")
    assert everything(tmp_path) == before


def test_a_run_that_ends_in_its_first_epoch_costs_no_earlier_one(bare, monkeypatch, tmp_path):
    write_films(tmp_path / "films", 30)
    bare(*FILMS, *SMALL)
    earlier = {path.relative_to(tmp_path / "out"): content for path, content in everything(tmp_path / "out").items()}

    def stop(self, trainer):
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelCheckpoint, "epoch_end", stop)
    bare(*FILMS, *SMALL, "--seed", 1, code=130)
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == ["config.json"]
    before = everything(tmp_path / "out" / "before")
    assert {path.relative_to(tmp_path / "out" / "before"): content for path, content in before.items()} == earlier
    bare(*FILMS, *SMALL, "--seed", 1, code=130)
    assert everything(tmp_path / "out" / "before") == before, "a run that came to nothing takes no one's place"


# Options


def test_folders_and_the_options_of_the_gru(bare, tmp_path):
    write_film_folders(tmp_path / "train", 30)
    write_film_folders(tmp_path / "test", 8)
    (tmp_path / "vectors.txt").write_text("3 3\nfilm 1 2 3\nunheard 4 5 6\nthe -1 0 0.5\n", encoding="utf-8")
    arguments = ["--model", "gru", "--data", "train", "--test-data", "test", "--format", "folders", "--layers", 2]
    arguments += ["--embeddings", "vectors.txt", "--lr", 1e-30, "--no-attention", "--padding", "before"]
    arguments += ["--max-len", 4, "--min-count", 7, "--vocab-size", 30, "--dropout", 0.25, "--max-grad", 2.5]
    assert "8 texts" in bare(*arguments, *SMALL)
    model, facts = load_model(tmp_path / "out" / "best.npz")
    sizes = dict(vocab_size=len(facts["vocabulary"]), wordvec_size=3, hidden_size=2, layers=2, classes=2)
    assert model.arguments == sizes | dict(dropout=0.25, attention=False, mask=True)
    assert (facts["classes"], facts["padding"], facts["max_len"]) == (["neg", "pos"], "before", 4)
    assert facts["tokenizer"] == {"name": "words"} and facts["vocabulary"][:2] == ["<pad>", "<unk>"]
    assert facts["data"]["test_path"] == str(tmp_path / "test")
    known = WordVocabulary(facts["vocabulary"])
    vectors = model.embed.W[known.encode(["film", "the"])]
    np.testing.assert_allclose(vectors, [[1, 2, 3], [-1, 0, 0.5]], atol=1e-6)
    assert len(known) < 17, "rare words are unknown"
    train, _ = read_folders(tmp_path / "train").split(0.1, 0)
    cut = PaddedTexts([known.encode(Words()(text)[:4]) for text in train.texts], padding="before")
    measured = evaluate(model, cut, train.labels)["mse"]
    assert float(history(tmp_path / "out")[0]["mse"]) == pytest.approx(measured, rel=1e-4)
    assert not (tmp_path / "out" / "fig").exists(), "without attention there is none to draw"


def test_word_vectors_say_how_long_they_are(bare, tmp_path):
    write_films(tmp_path / "films", 12)
    (tmp_path / "vectors.txt").write_text("1 5\nfilm 1 2 3 4 5\n")
    assert SMALL[0] == "--wordvec-size"
    bare(*FILMS, *SMALL[2:], "--embeddings", "vectors.txt")
    assert load_model(tmp_path / "out" / "best.npz")[0].arguments["wordvec_size"] == 5


def test_runs_of_dates_and_texts_do_not_mix(bare, in_process, tmp_path, tiny):
    write_films(tmp_path / "films", 12)
    bare(*FILMS, *SMALL)
    before = everything(tmp_path / "out")
    done = in_process(tmp_path, "train_date.py", "--data", tiny, "--out", "out")
    refused(done, "--out out: out/best.npz belongs to a run of another script")
    refused(in_process(tmp_path, "plot_attention.py", "--run", "out"), "py: out: a run of train_text.py")
    refused(in_process(tmp_path, "plot_attention.py", "--run", tiny), "expected the folder of a run, got a file")
    assert everything(tmp_path / "out") == before
    (tmp_path / "out" / "best.npz").unlink()
    unfinished = r"--out out: out/state\.npz belongs to a run of another script"
    refused(in_process(tmp_path, "train_date.py", "--data", tiny, "--out", "out"), unfinished)
    for place in "peeky.npz", "attention.state.npz", "before/peeky.npz":
        file = tmp_path / "dates" / place
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
        message = f"--out dates: dates/{place} belongs to a run of another script"
        refused(in_process(tmp_path, "train_text.py", *FILMS, *SMALL, "--out", "dates"), message)
        shutil.rmtree(tmp_path / "dates")


def test_no_picture_of_an_earlier_run_stays(bare, tmp_path):
    write_films(tmp_path / "films", 30)
    bare(*FILMS, *SMALL)
    assert list((tmp_path / "out" / "fig").iterdir())
    bare(*FILMS, *SMALL, "--no-attention")
    assert not list((tmp_path / "out" / "fig").iterdir())


def test_tables_and_the_options_of_seqself(bare, tmp_path):
    write_blogs(tmp_path / "blogs")
    arguments = ["--data", "blogs", "--format", "csv", "--no-mask", "--units", 3]
    arguments += ["--attention-type", "multiplicative", "--attention-width", 4, "--history-only"]
    bare(*arguments, "--attention-activation", "sigmoid", *SMALL)
    model, facts = load_model(tmp_path / "out" / "best.npz")
    assert model.arguments.pop("attention") == dict(
        attention_type="multiplicative", attention_width=4, history_only=True, attention_activation="sigmoid"
    )
    size = len(facts["vocabulary"])
    assert model.arguments == dict(vocab_size=size, wordvec_size=3, hidden_size=2, units=3, classes=4, mask=False)
    assert facts["tokenizer"] == {"name": "characters"} and sorted(facts["classes"]) == sorted(blogs.CLASSES)
    assert (tmp_path / "out" / "fig" / "attention_0.png").exists()


def test_sentencepiece_travels_with_the_model(bare, tmp_path, scripts):
    from experiment.text_model import TextModel

    write_blogs(tmp_path / "blogs")
    arguments = ["--model", "bow", "--data", "blogs", "--format", "csv", "--tokenizer", "sentencepiece", *SMALL[4:]]
    bare(*arguments, "--pieces", 350)
    tokens, _, _ = TextModel(tmp_path / "out").explain(["京都でラーメンを食べた。"])
    assert "".join(tokens[0]) == "京都でラーメンを食べた。" and 1 < len(tokens[0]) < 12


def test_no_model_is_taken_for_another():
    assert list(ORIGINAL) == list(MODELS)
    with pytest.raises(ValueError, match="make_model: expected one of gru, seqself, bow, got 'mean'"):
        make_model(SimpleNamespace(model="mean", seed=0, no_mask=False), 3, 2)


@pytest.mark.parametrize("model", ["seqself", "bow"])
def test_generated_sentences(bare, monkeypatch, tmp_path, scripts, model):
    from experiment.corpus import pad
    from experiment.text_model import TextModel, attention_on_cues

    generate = blogs.generate
    monkeypatch.setattr(blogs, "generate", lambda: generate(60, 3))
    sizes = SMALL[: 0 if model == "bow" else 4]
    printed = bare("--model", model, *sizes, *SMALL[4:-3], *SMALL[-2:], "--test-share", 0.3, "--lr", 0.05)
    text_model = TextModel(tmp_path / "out")
    assert text_model.facts["tokenizer"] == {"name": "characters"} and text_model.facts["data"]["path"] is None
    test = text_model.test_texts()
    (written,) = re.findall("written to out: (.*)", printed)
    assert [(tmp_path / "out" / name).exists() for name in written.split(", ")] == [True] * (6 + (model == "seqself"))
    assert len(test.texts) == 18 and set(test.texts) <= set(generate(60, 3).texts)
    found = re.search(r"are (.*)% of the characters; they receive (.*)% of .* before training, (.*)% after", printed)
    if model == "bow":
        assert found is None
        return
    xs = pad([text_model.tokenizer(text) for text in test.texts], text_model.vocabulary, "after", None)
    after, share = attention_on_cues(text_model.model, xs, test.texts)
    assert [float(found[1]), float(found[3])] == pytest.approx([100 * share, 100 * after], abs=0.051)
    assert 5 < float(found[1]) < 60 and abs(float(found[2]) - float(found[1])) < 3, "untrained, it looks anywhere"
