"""scripts/import_weights.py: weights of another framework become a run that the other scripts open."""

import json
import re

import numpy as np
import pytest
from script_tools import everything, refused

from classifier import SeqSelfClassifier
from experiment import TextModel
from experiment.date_training import FILES as DATE_FILES
from experiment.text_training import FILES as TEXT_FILES
from interchange import ForeignFileError, to_arrays, to_model
from interchange.vocabulary import exchange
from seq2seq import Seq2seq

SCRIPT = "import_weights.py"


@pytest.fixture
def films(text_runs, tmp_path, monkeypatch):
    """The weights of a run of film reviews as PyTorch names them, with a vocabulary of torchtext's order; its run."""
    run = TextModel(text_runs["gru"].folder)
    arrays, words = to_arrays(run.model, "torch"), [*run.vocabulary.words]
    arrays["embedding.weight"] = arrays["embedding.weight"].copy()
    exchange(arrays["embedding.weight"], 1, 0)
    exchange(words, 1, 0)
    np.savez(tmp_path / "films.npz", **arrays)
    (tmp_path / "words.txt").write_text("".join(f"{word}\n" for word in words))
    (tmp_path / "films").symlink_to(text_runs["gru"].cwd / "films")
    assert words[:2] == ["<unk>", "<pad>"]
    return run


DATA = "--data films --format lines --test-share 0.5".split()
BARE = "--vocabulary", "bare.json"
FILMS = "films.npz --model gru --vocabulary words.txt --out run".split()


def test_a_run_of_texts(films, in_process, text_runs, tmp_path):
    done = in_process(tmp_path, SCRIPT, *FILMS, *DATA, "--classes", "neg,pos")
    assert (done.returncode, done.stderr) == (0, "")
    trained = re.search(r"^test accuracy (\S+), 90 texts", text_runs["gru"].stdout, re.MULTILINE)
    assert f"test accuracy {trained[1]}, 90 texts, of whose tokens 100.00% are known" in done.stdout
    assert "note: mask: " in done.stdout and "note: --tokenizer: not given, taken as words" in done.stdout
    assert "imported into run: GRUClassifier, 1,445 weights in float32: vocab_size 17, wordvec_size 8" in done.stdout
    run = TextModel(tmp_path / "run")
    assert run.vocabulary == films.vocabulary and run.classes == films.classes
    for text in ("a dull film", "the Plot is fine, zounds!"):
        asked, known = run.ask(text), films.ask(text)
        assert asked.tokens == known.tokens and asked.unknown == known.unknown
        assert asked.probabilities.tolist() == known.probabilities.tolist()
        assert asked.weights.tolist() == known.weights.tolist()
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["arguments"]["file"] == "films.npz" and config["data"]["layout"] == "lines"
    assert all(f"note: {note}\n" in done.stdout for note in config["notes"]) and len(config["notes"]) > 3
    for name, arguments in (
        ("plot_text_attention.py", ["--index", 3]),
        ("plot_text_attention.py", ["--batch", 1]),
        ("faithfulness.py", ["--count", 20]),
    ):
        there, here = (in_process(tmp_path, name, "--run", folder, *arguments) for folder in ("run", films.path.parent))
        assert there.returncode == 0 and there.stdout.split("\n")[1:] == here.stdout.split("\n")[1:], there.stderr
    assert (tmp_path / "run" / "fig" / "attention_1.png").stat().st_size > 1000


def test_rows_and_words_go_together(films, in_process, tmp_path):
    """The fault that this catches moves probabilities a little, and no error tells: rows without words, or reverse."""
    arrays = dict(np.load(tmp_path / "films.npz"))
    exchange(arrays["embedding.weight"], 1, 0)
    np.savez(tmp_path / "films.npz", **arrays)  # the words as before
    in_process(tmp_path, SCRIPT, *FILMS)
    shifted, known = TextModel(tmp_path / "run").ask("a zounds film"), films.ask("a zounds film")
    assert np.abs(shifted.probabilities - known.probabilities).max() > 1e-4


def test_a_run_without_test_texts_says_so_in_one_line(films, in_process, tmp_path):
    done = in_process(tmp_path, SCRIPT, *FILMS, "--quiet")
    assert done.returncode == 0 and done.stdout.count("\n") == 1 and done.stdout.startswith("imported into run: ")
    assert TextModel(tmp_path / "run").classes == ["0", "1"]
    for name in ("plot_text_attention.py", "faithfulness.py"):
        said = rf"^{name}: run/best\.npz: imported without --data, so it has no test texts; --text shows your own$"
        refused(in_process(tmp_path, name, "--run", "run"), said)
        assert in_process(tmp_path, name, "--run", "run", "--text", "a dull film").returncode == 0
    refused(in_process(tmp_path, "train_text.py", "--resume", "run"), "run: best.npz was imported: weights alone")


def test_an_earlier_run_is_moved_and_an_error_costs_nothing(films, in_process, tmp_path):
    assert in_process(tmp_path, SCRIPT, *FILMS).returncode == 0
    first = (tmp_path / "run" / "best.npz").read_bytes()
    before = everything(tmp_path / "run")
    refused(in_process(tmp_path, SCRIPT, *FILMS, "--classes", "a,b,c"), "--classes a,b,c: expected 2 names, got 3")
    refused(in_process(tmp_path, SCRIPT, *FILMS, *DATA), "expected the classes 0,1, got 'neg'; --classes")
    assert everything(tmp_path / "run") == before
    done = in_process(tmp_path, SCRIPT, *FILMS, "--classes", "bad,good")
    assert "the earlier run in run is now in run/before" in done.stdout
    assert (tmp_path / "run" / "before" / "best.npz").read_bytes() == first
    assert TextModel(tmp_path / "run").classes == ["bad", "good"]
    (tmp_path / "dates").mkdir()
    (tmp_path / "dates" / "attention.npz").touch()
    done = in_process(tmp_path, SCRIPT, *FILMS[:-1], "dates")
    refused(done, "--out dates: dates/attention.npz belongs to a run of another script")


def test_classes_are_known_by_their_names(films, in_process, tmp_path):
    """The corpus has neg before pos; a model may have been trained the other way round."""
    straight = in_process(tmp_path, SCRIPT, *FILMS, *DATA, "--classes", "neg,pos").stdout
    turned = in_process(tmp_path, SCRIPT, *FILMS, *DATA, "--classes", "pos,neg").stdout
    share, other = (float(re.search(r"accuracy (\S+)%", text)[1]) for text in (straight, turned))
    assert share + other == pytest.approx(100, abs=0.011) and share != 50


def test_texts_that_are_divided_already_are_read_as_they_are(films, in_process, tmp_path):
    words = (tmp_path / "words.txt").read_text().replace("film", "Film").replace("it's", "-LRB-")
    (tmp_path / "words.txt").write_text(words)
    done = in_process(tmp_path, SCRIPT, *FILMS)
    assert "note: --tokenizer words: never gives 2 of 15 words, such as " in done.stdout and "'Film'" in done.stdout
    done = in_process(tmp_path, SCRIPT, *FILMS, "--tokenizer", "spaces")
    assert "--tokenizer" not in done.stdout
    run = TextModel(tmp_path / "run")
    assert run.ask("a dull -LRB- Film").unknown == [] and run.lang == "en"
    assert run.ask("a dull, film").unknown == ["dull,", "film"]


def japanese(tmp_path, mask=True, **options) -> SeqSelfClassifier:
    """Save a model of Japanese words and the word_index of a Tokenizer of Keras without an oov_token."""
    words = ["京都", "で", "ラーメン", "を", "食べ", "た"]
    model = SeqSelfClassifier(7, 5, 4, 3, classes=3, mask=mask, rng=np.random.default_rng(2), **options)
    for param in model.params:
        param *= 3
    np.savez(tmp_path / "keras.npz", **to_arrays(model, "torch"))
    (tmp_path / "index.json").write_text(json.dumps({word: i for i, word in enumerate(words, 1)}))
    return model


KERAS = "keras.npz --model seqself --vocabulary index.json --out run".split()


def test_unknown_words_that_a_tokenizer_of_keras_leaves_out(in_process, tmp_path):
    model = japanese(tmp_path)
    done = in_process(tmp_path, SCRIPT, *KERAS)
    assert done.returncode == 0, done.stderr
    assert "no id for unknown words, which are left out of a text" in done.stdout
    assert "--tokenizer: not given, taken as spaces by the letters of the words" in done.stdout
    run = TextModel(tmp_path / "run")
    asked = run.ask("京都 で うどん を 食べ た")
    assert asked.tokens == ["京都", "で", "を", "食べ", "た"] and asked.unknown == [] and run.lang == "ja"
    assert not run.model.embed.W[1].any() and len(run.model.embed.W) == len(run.vocabulary) == 8
    p, weights = model.explain(np.array([[1, 2, 4, 5, 6]]))
    np.testing.assert_allclose(asked.probabilities, p[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(asked.weights, weights[0], rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="no token in the text 'うどん'"):
        run.ask("うどん")


def test_ids_and_options_that_cannot_be(tmp_path):
    arrays = to_arrays(japanese(tmp_path), "keras")
    with pytest.raises(ForeignFileError, match="mask_zero masks the id 0, so that is padding, not 2"):
        to_model(arrays, "seqself", padding_id=2, unknown_id=0)
    with pytest.raises(ValueError, match="from torch, seqself has no option 'linear_reads'; it has attention_width, "):
        to_model(np.load(tmp_path / "keras.npz"), "seqself", linear_reads="context,state")
    for ids in ({"unknown_id": None}, {"padding_id": 1, "unknown_id": 0}):
        with pytest.raises(ValueError, match="padding_id and unknown_id are for classifiers, not for baseline"):
            to_model(to_arrays(Seq2seq(5, 2, 3), "torch"), "baseline", **ids)
    with pytest.raises(ValueError, match="from keras, gru has no option 'linear_reads'; it has mask, "):
        to_model(arrays, "gru", linear_reads="context,state")


@pytest.mark.parametrize(
    "settings, words, text, tokens",
    [
        ({"char_level": True}, "fi lm!", "A film!", [" ", "f", "i", "l", "m", "!"]),
        ({"lower": False}, ["The", "the", "film", "noir"], "The film_noir", ["The", "film", "noir"]),
        ({"filters": "", "split": ","}, ["the film", "is good"], "The film,,is good,", ["the film", "is good"]),
    ],
)
def test_a_tokenizer_of_keras_is_obeyed(in_process, tmp_path, settings, words, text, tokens):
    index = json.dumps({word: i for i, word in enumerate(words, 1)})
    (tmp_path / "index.json").write_text(
        json.dumps({"class_name": "Tokenizer", "config": settings | {"word_index": index}})
    )
    model = SeqSelfClassifier(len(words) + 1, 5, 4, 3, rng=np.random.default_rng(2))
    np.savez(tmp_path / "keras.npz", **to_arrays(model, "torch"))
    for options in ([], ["--tokenizer", "keras"]):
        done = in_process(tmp_path, SCRIPT, *KERAS, *options)
        assert done.returncode == 0 and "--tokenizer" not in done.stdout, done.stderr
        run = TextModel(tmp_path / "run")
        assert run.ask(text).tokens == tokens and run.lang == "en"
    in_process(tmp_path, SCRIPT, *KERAS, "--tokenizer", "spaces")
    assert TextModel(tmp_path / "run").tokenizer.to_json() == {"name": "spaces"}


@pytest.mark.parametrize("padding", ["after", "before"])
def test_a_model_without_a_mask_reads_as_much_padding_as_it_was_trained_with(in_process, tmp_path, padding):
    model = japanese(tmp_path, mask=False)
    done = in_process(tmp_path, SCRIPT, *KERAS, "--no-mask")
    assert "padding is read as if it were words: what the model finds depends on" in done.stdout
    done = in_process(tmp_path, SCRIPT, *KERAS, "--no-mask", "--pad-to", 6, "--padding", padding)
    assert "note: padding is read" not in done.stdout
    ids = [2, 3, 5]
    padded = [*ids, 0, 0, 0] if padding == "after" else [0, 0, 0, *ids]
    p, weights = model.explain(np.array([padded]))
    asked = TextModel(tmp_path / "run").ask("で ラーメン 食べ")
    np.testing.assert_allclose(asked.probabilities, p[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(asked.weights, weights[0][np.array(padded) > 0], rtol=0, atol=1e-6)
    assert np.abs(model.explain(np.array([ids]))[0] - p).max() > 1e-3
    done = in_process(tmp_path, "faithfulness.py", "--run", "run", "--text", "で ラーメン 食べ")
    assert re.findall(r"^\d\s+(\S+)", done.stdout, re.MULTILINE) == ["で", "ラーメン", "食べ"], done.stderr


def test_options_reach_the_model(films, in_process, tmp_path):
    in_process(tmp_path, SCRIPT, *FILMS, "--no-attention", "--no-mask", "--max-len", 3)
    run = TextModel(tmp_path / "run")
    assert run.model.attention_layer is None and run.model.mask is False
    assert run.tokens("a dull film and plot") == ["a", "dull", "film"]
    in_process(tmp_path, SCRIPT, *FILMS, "--max-len", 3, "--keep-end")
    run = TextModel(tmp_path / "run")
    assert run.tokens("a dull film and plot") == ["film", "and", "plot"] and run.tokens("a dull") == ["a", "dull"]
    japanese(tmp_path, attention=dict(attention_width=3, history_only=True, attention_activation="sigmoid"))
    options = "--attention-width 3 --history-only --attention-activation sigmoid".split()
    done = in_process(tmp_path, SCRIPT, *KERAS, *options, "--tokenizer", "characters", "--unknown-id", 3)
    assert done.returncode == 0, done.stderr
    run = TextModel(tmp_path / "run")
    how = run.model.arguments["attention"]
    assert (how["attention_width"], how["history_only"], how["attention_activation"]) == (3, True, "sigmoid")
    assert (
        run.vocabulary.words[:4] == ["<pad>", "<unk>", "で", "京都"] and run.tokenizer.to_json()["name"] == "characters"
    )


@pytest.mark.parametrize(
    "options, message",
    [
        (["--vocabulary", "none.txt"], r"none\.txt: No such file"),
        (
            ["--vocabulary", "bare.json"],
            r"bare\.json: expected a word for padding, such as <pad>; --padding-id names its",
        ),
        ([*BARE, "--padding-id", 1], "expected a word for unknown ones, .* or says dropped, if"),
        (
            [*BARE, "--padding-id", 1, "--unknown-id", 1],
            r"bare\.json: expected two different ids, got 1 for both",
        ),
        (
            [*BARE, "--padding-id", 99, "--unknown-id", 1],
            "expected two different ids in 0..16, got",
        ),
        (
            [*BARE, "--padding-id", 0, "--unknown-id", 1],
            "expected 17 tokens, one for each row of",
        ),
        (["--vocabulary", "lone.json"], r"lone\.json: expected tokens that UTF-8 can write, got .*udc00' with id 2"),
        (["--vocabulary", "words.pkl"], r"words\.pkl: expected one token per line, .* got a pickle"),
        (["--padding-id", 2], r"--padding-id 2: words\.txt has '<pad>' with the id 1"),
        (["--padding-id", 0, "--unknown-id", 1], r"--padding-id 0: words\.txt has '<pad>' with the id 1"),
        (["--unknown-id", "none"], "--unknown-id: expected a whole number of at least 0, or dropped, got 'none'"),
        (["--keep-end"], "--keep-end needs --max-len"),
        (["--pad-to", 7], "--pad-to 7: a model with a mask finds the same however far a text is padded"),
        (["--classes", "a,,b"], "--classes: expected different names, separated by commas, got 'a,,b'"),
        (["--classes", "a"], "--classes a: expected 2 names, got 1"),
        (["--tokenizer", "sentencepiece"], "--tokenizer sentencepiece needs --sentencepiece-model"),
        (["--sentencepiece-model", "m"], "--sentencepiece-model needs --tokenizer sentencepiece"),
        (["--data", "films"], "--data needs --format, one of folders, lines, csv"),
        (["--data", "nowhere", "--format", "lines"], "nowhere"),
        (["--attention-width", 3], "--attention-width is an option of --model seqself, not of gru"),
        (["--cell-state"], "--cell-state is an option of --model baseline or peeky or attention, not of gru"),
        (["--model", "seqself"], "films.npz: expected an nn.LSTM, got "),
        (["--pad-to", 0], "--pad-to: expected a whole number of 1 to 10000, got 0"),
        (["--out", "films.npz"], "--out films.npz: expected a folder, got a file"),
    ],
)
def test_refused(films, in_process, tmp_path, options, message):
    (tmp_path / "bare.json").write_text(json.dumps([*"abcdef"]))
    (tmp_path / "lone.json").write_text(json.dumps(["<pad>", "<unk>", "\udc00"]))
    before = everything(tmp_path)
    refused(in_process(tmp_path, SCRIPT, *FILMS, *options), message)
    assert everything(tmp_path) == before


def test_what_cannot_be_written_moves_no_earlier_run(films, in_process, tmp_path, monkeypatch):
    given = SCRIPT, *FILMS
    assert in_process(tmp_path, *given).returncode == 0
    before = everything(tmp_path)
    monkeypatch.setattr("experiment.imported.save_classifier", full_disk)
    refused(in_process(tmp_path, *given), "No space left on device")
    assert everything(tmp_path) == before


def full_disk(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_file_from_elsewhere_needs_a_model_and_a_vocabulary(films, in_process, tmp_path):
    refused(
        in_process(tmp_path, SCRIPT, "films.npz", "--out", "run"), "--model: expected, as the file does not say which"
    )
    done = in_process(tmp_path, SCRIPT, "films.npz", "--model", "gru", "--out", "run")
    refused(
        done, r"--vocabulary: expected the words of films\.npz and their ids, a file of one token per line, or \.json"
    )
    refused(in_process(tmp_path, SCRIPT, "none.npz", "--model", "gru", "--out", "run"), "none.npz")


def test_the_files_that_a_run_leaves_are_those_that_an_import_moves_away(trained_run, text_runs):
    """Curves are named by what is measured; a new measure of the trainers leaves no picture that an import forgets."""
    for run, files in ((trained_run, DATE_FILES), *((run, TEXT_FILES) for run in text_runs.values())):
        patterns = *files.models, *files.left
        left = [path.relative_to(run.folder) for path in run.folder.rglob("*") if path.is_file()]
        assert left and not [path for path in left if not any(path.match(pattern) for pattern in patterns)]
