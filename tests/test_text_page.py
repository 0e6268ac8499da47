"""classifier/page.py and scripts/explore_text_attention.py, without a browser: parts of the page, and refusals."""

import base64
import re
import shutil

import numpy as np
import pytest
from hostile_texts import TEXTS
from page_tools import Parts
from script_tools import everything, refused
from text_page_tools import ENGLISH, JAPANESE, small_classifier, text_page_of, write_text_run

from classifier import BagOfWords, save_model
from classifier.page import to_page
from classifier.token_table import SHADES, ink, rgb
from common.packed_model import as_in_page
from experiment import TextModel
from experiment.page_size import suggestion
from experiment.text_page import page_of
from support import html_page
from support.packed_weights import PRECISIONS, as_packed, pack

SETTINGS = dict(vocabulary=["<pad>", "<unk>", "a"], tokenizer={"name": "words"}, classes=["x", "y"])
SCRIPT = "explore_text_attention.py"


def unpacked(packed: dict) -> np.ndarray:
    """What the page makes of packed weights."""
    values = np.frombuffer(
        base64.b64decode(packed["base64"]), {"float32": "<f4", "float16": "<f2", "int8": "i1"}[packed["type"]]
    )
    values = values.astype(np.float32).reshape(packed["shape"])
    if packed["type"] == "int8":
        values = values * np.frombuffer(base64.b64decode(packed["scales"]), "<f4").reshape(-1, *[1] * (values.ndim - 1))
    return values


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_weights_are_those_of_the_model_in_the_page(precision, dtype):
    model = small_classifier("seqself", 3, classes=2, dtype=dtype)
    model.params[0][1] = 0
    parts = Parts(to_page(model, [], **SETTINGS, precision=precision))
    seen = as_in_page(model, precision)
    for packed, p, own in zip(parts.weights.values(), seen.params, model.params, strict=True):
        assert packed["type"] == ("float32" if precision == "int8" and own.ndim == 1 else precision)
        np.testing.assert_array_equal(unpacked(packed), p)
        largest = abs(own.reshape(len(own), -1)).max(axis=1)
        bound = {"float32": 1e-7, "float16": 1e-3, "int8": 0.51 / 127}[precision] * largest
        assert (abs(p - own).reshape(len(own), -1).max(axis=1) <= bound).all()
    assert not any(np.shares_memory(p, own) for p, own in zip(seen.params, model.params, strict=True)), "a copy"


@pytest.mark.parametrize(
    "precision, value, message",
    [
        ("float32", np.nan, "expected finite float32 weights, got nan or inf"),
        ("float32", 1e39, "expected finite float32 weights, got nan or inf"),
        ("float16", 1e5, "expected finite float16 weights, got nan or inf"),
        ("int8", np.inf, "expected finite float32 weights, got nan or inf"),
    ],
)
def test_weights_that_the_type_cannot_hold_are_refused(precision, value, message):
    model = small_classifier("gru", 3, dtype=np.float64)
    model.params[1][0, 0] = value
    with pytest.raises(ValueError, match=rf"^page: {message} in grus\.0\.forward_gru\.Wx$"):
        to_page(model, [], **SETTINGS, precision=precision)
    if precision == "int8":
        with pytest.raises(ValueError, match=message):
            as_packed(model.params[1], precision)


def test_a_row_of_zeros_stays_zero():
    packed = pack(np.array([[0.0, 0.0], [1.0, -2.0]]), "int8")
    np.testing.assert_allclose(unpacked(packed), [[0, 0], [1, -2]], atol=0.01)


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(model=BagOfWords(3, 2)), "expected a GRUClassifier or SeqSelfClassifier, got BagOfWords"),
        (dict(vocabulary=["<pad>", "<unk>"]), "expected the model's 3 words and 2 classes, got 2 words and 2 classes"),
        (dict(classes=["x"]), "expected the model's 3 words and 2 classes, got 3 words and 1 classes"),
    ],
)
def test_what_the_page_cannot_hold_is_refused(change, message):
    arguments = dict(model=small_classifier("gru", 3)) | SETTINGS | change
    with pytest.raises(ValueError, match=f"^page: {message}$"):
        to_page(arguments.pop("model"), [], **arguments)


def test_hostile_texts_change_nothing_but_the_data():
    harmless = Parts(text_page_of(["a film", "b"]))
    for text in TEXTS:
        parts = Parts(text_page_of([text, "b"], labels=[text, "a"], title=text, about=[text]))
        assert [tag for tag, _ in parts.tags] == [tag for tag, _ in harmless.tags], text
        assert parts.texts["script"] == harmless.texts["script"]
        assert parts.texts["title"] == text
        assert not re.search(r"[<>&\u2028\u2029]|[^\x00-\x7f]", parts.texts["data"] + parts.texts["weights"])
        assert (parts.data["about"], parts.data["texts"][0]["text"]) == ([text], text)
        assert parts.data["texts"][0]["label"] == text


def test_the_shades_are_those_of_the_tables():
    style = html_page.read("classifier/page/shades.css")
    pair = r"light-dark\((\S+), (\S+)\);"
    rules = re.findall(rf"\.s(\d+) {{\s*--share: (\d+)%;\s*background: {pair}\s*color: {pair}", style)
    light = [rgb(shade) for shade in np.linspace(0, 1, SHADES)]
    assert [int(number) for number, *_ in rules] == list(range(SHADES))
    for (_, share, *found), ours, dark in zip(rules, light, light[::-1], strict=True):
        assert [bytes.fromhex(colour[1:]) for colour in found[:2]] == [bytes(ours), bytes(dark)]
        assert found[2:] == [ink(ours), ink(dark)]
        assert int(share) <= 45, "behind text: see --tint in page.css"


def test_a_page_of_a_run_has_what_the_model_finds(tmp_path):
    text_model = write_text_run(tmp_path, "seqself", {"max_len": 30})
    pairs = [(JAPANESE[0], "class 1"), (JAPANESE[1], None)]
    data = Parts(page_of(text_model, pairs, "two texts")).data
    own = [text_model.ask(text).label for text, _ in pairs]
    assert data["texts"] == [
        {"text": text, "label": label, "own": [found], "tokens": [None]}
        for (text, label), found in zip(pairs, own, strict=True)
    ]
    (model,) = data["models"]
    assert (model["model"], model["tokenizer"], model["max_len"]) == ("seqself", {"name": "characters"}, 30)
    assert (model["vocabulary"], model["classes"]) == (text_model.vocabulary.words, text_model.classes)
    assert data["about"][1:] == [f"run {tmp_path.name}", "two texts"]


@pytest.mark.parametrize("kind", ["gru", "seqself"])
def test_a_test_text_of_which_the_model_reads_nothing_is_listed(tmp_path, kind):
    """Such as one of unknown words alone, in a run of Keras that drops them."""
    text_model = write_text_run(tmp_path, kind, {"drops_unknown": True})
    (answer,) = text_model.answers(["ў"])
    assert answer.tokens == []
    data = Parts(page_of(text_model, [("ў", "class 1")], "one text")).data
    assert data["texts"] == [{"text": "ў", "label": "class 1", "own": [answer.label], "tokens": [None]}]


def test_sentencepiece_texts_come_with_their_pieces(tmp_path):
    pytest.importorskip("sentencepiece")
    from dataset.tokenizers import SentencePiece

    tokenizer = SentencePiece.train(JAPANESE, 400)
    text_model = write_text_run(tmp_path, "seqself", {"tokenizer": tokenizer.to_json()})
    data = Parts(page_of(text_model, [(JAPANESE[0], None)], "one text")).data
    assert data["models"][0]["tokenizer"] is None
    assert data["texts"][0]["tokens"] == [tokenizer(JAPANESE[0])]


@pytest.mark.parametrize("mask", [True, False])
def test_the_loss_by_smaller_weights_is_measured(tmp_path, mask):
    text_model = write_text_run(tmp_path, "gru", mask=mask)
    pairs = [(text, None) for text in ENGLISH]
    for precision in ("float16", "int8"):
        parts = Parts(page_of(text_model, pairs, "texts", precision))
        said = parts.data["about"][-1]
        found = re.fullmatch(
            rf"weights in {precision}: of 60 texts, ([\d.]+)% change their class; "
            r"the largest difference of a probability is (\S+)",
            said,
        )
        other = as_in_page(text_model.model, precision)
        for packed, p in zip(parts.weights.values(), other.params, strict=True):
            np.testing.assert_array_equal(unpacked(packed), p, "else something else is measured")
        alone = [text_model.encode([text_model.tokens(text)]) for text in ENGLISH]
        ours, theirs = (
            np.concatenate([model.probabilities(xs) for xs in alone]) for model in (text_model.model, other)
        )
        changed = 100 * (ours.argmax(axis=1) != theirs.argmax(axis=1)).mean()
        assert float(found[1]) == pytest.approx(changed, abs=0.005)
        assert float(found[2]) == pytest.approx(abs(ours - theirs).max(), rel=0.05)
        assert float(found[2]) > 0
    data = Parts(page_of(text_model, pairs, "texts")).data
    assert not [phrase for phrase in data["about"] if "float32" in phrase]


def test_a_large_page_suggests_smaller_weights():
    assert suggestion(bytes(20_000_000), "float32") is None
    assert suggestion(bytes(20_000_001), "float32").endswith(": --weights float16 or int8")
    assert suggestion(bytes(20_000_001), "float16").endswith(": --weights int8")
    assert suggestion(bytes(20_000_001), "int8") is None


def test_the_script_embeds_test_texts(text_run, in_process, tmp_path):
    done = in_process(text_run.cwd, SCRIPT, "--count", 5, "--out", tmp_path / "a.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"written to .*a\.html: 0\.\d MB, 5 texts\n", done.stdout)
    data = Parts((tmp_path / "a.html").read_bytes()).data
    text_model = TextModel(text_run.folder)
    test = text_model.test_texts()
    wanted = [
        {"text": text, "label": test.classes[label], "own": [text_model.ask(text).label], "tokens": [None]}
        for text, label in zip(test.texts[:5], test.labels, strict=False)
    ]
    assert data["texts"] == wanted
    assert re.fullmatch(r"5 of \d+ test texts of (films|blogs)", data["about"][2])
    done = in_process(text_run.cwd, SCRIPT, "--count", 5, "--weights", "int8", "--out", tmp_path / "b.html")
    assert (done.returncode, done.stderr) == (0, "")
    smaller = Parts((tmp_path / "b.html").read_bytes())
    assert re.match(r"weights in int8: of \d+ texts, ", smaller.data["about"][-1])


def test_the_script_takes_texts_and_files(in_process, tmp_path):
    write_text_run(tmp_path, "gru")
    done = in_process(tmp_path, SCRIPT, "--run", ".", "--text", "a good film", "x")
    assert (done.returncode, done.stderr) == (0, "")
    data = Parts((tmp_path / "attention.html").read_bytes()).data
    assert [(text["text"], text["label"]) for text in data["texts"]] == [("a good film", None), ("x", None)]
    (tmp_path / "<i>&.txt").write_bytes(b"\xef\xbb\xbfa good film\r\nthe plot\r\n")
    done = in_process(tmp_path, SCRIPT, "--run", ".", "--file", "<i>&.txt", "--out", "a.HTML")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.endswith(" 2 texts\n")
    data = Parts((tmp_path / "a.HTML").read_bytes()).data
    assert [text["text"] for text in data["texts"]] == ["a good film", "the plot"]
    assert "texts of <i>&.txt" in data["about"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--run", "nowhere"], r"no trained model at nowhere.best\.npz; .*train_text\.py --out nowhere"),
        (["--run", "dates"], r"dates: a run of train_date\.py, .*; explore_attention\.py makes a page"),
        (["--run", "bow"], "page: expected a GRUClassifier or SeqSelfClassifier, got BagOfWords"),
        (["--run", "best.npz"], r"best\.npz"),
        ([], r"best\.npz: imported without --data, so it has no test texts"),
        (["--out", "page.pdf"], r"--out page\.pdf: expected a name that ends in \.html"),
        (["--text", "a", "--out", "nowhere/page.html"], "nowhere"),
        (["--count", "0"], "--count: .*at least 1"),
        (["--count", "5", "--text", "a"], "not allowed with"),
        (["--weights", "float64"], "--weights: invalid choice: 'float64'"),
        (["--text", " "], "no token in the text ' '"),
        (["--file", "nowhere.txt"], r"nowhere\.txt"),
        (["--file", "gap.txt"], r"gap\.txt:2: expected a text with a token in it, got ' '"),
        (["--file", "bytes.txt"], r"bytes\.txt:2: not UTF-8"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_the_script_refuses_in_one_line_and_writes_nothing(trained_run, in_process, tmp_path, arguments, message):
    facts = write_text_run(tmp_path, "gru").facts
    (tmp_path / "gap.txt").write_bytes(b"a\n \nb\n")
    (tmp_path / "bytes.txt").write_bytes(b"a\n\xff")
    (tmp_path / "dates").mkdir()
    shutil.copy(trained_run.folder / "attention.npz", tmp_path / "dates")
    (tmp_path / "bow").mkdir()
    bow = {key: facts[key] for key in ("vocabulary", "tokenizer", "classes", "padding", "max_len", "data")}
    save_model(tmp_path / "bow" / "best.npz", BagOfWords(len(facts["vocabulary"]), len(facts["classes"])), **bow)
    run = [] if "--run" in arguments else ["--run", "."]
    text = ["--text", "a"] if "--run" in arguments else []
    before = everything(tmp_path)
    refused(in_process(tmp_path, SCRIPT, *run, *text, *arguments), message)
    assert everything(tmp_path) == before
