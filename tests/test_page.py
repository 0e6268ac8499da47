"""seq2seq/page.py and scripts/explore_attention.py, without a browser: the parts of the page, and what is refused."""

import base64
import configparser
import hashlib
import re
import shutil
from itertools import combinations

import numpy as np
import pytest
from hostile_texts import TEXTS
from page_tools import Parts, page_of, small_model
from script_tools import ROOT, everything, refused
from text_page_tools import text_page_of

from classifier.token_table import luminance
from common.layer import named_params
from seq2seq import AttentionSeq2seq, load_model, save_model
from seq2seq.model_file import MODELS
from seq2seq.page import Example, to_page
from support import html_page

DATES = ["May 1, 1972", "7/22/08"]


class Other(AttentionSeq2seq):
    """A reader's own model, which the page does not know."""


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_an_installed_package_has_every_part_of_the_page():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    packed = {
        path
        for package, globs in config["options.package_data"].items()
        for glob in globs.replace(",", " ").split()
        for path in (ROOT / package).glob(glob)
    }
    assert {path for path in ROOT.glob("*/page/*") if path.is_file()} <= packed


@pytest.fixture(params=["dates", "texts"])
def any_page(request) -> bytes:
    return page_of(DATES)[0] if request.param == "dates" else text_page_of(["a good film", "a dull plot"])


def test_the_policy_comes_first_and_names_the_one_script_and_the_one_style(any_page):
    parts = Parts(any_page)
    head = [tag for tag, _ in parts.tags].index("head")
    tag, policy = parts.tags[head + 1]
    assert (tag, policy["http-equiv"]) == ("meta", "Content-Security-Policy")
    directives = dict(part.split(" ", 1) for part in policy["content"].split("; "))
    assert directives == {
        "default-src": "'none'",
        "script-src": digest(parts.texts["script"]),
        "style-src": digest(parts.texts["style"]),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    kinds = [attrs.get("type") for tag, attrs in parts.tags if tag == "script"]
    assert kinds == ["application/json", "application/json", "module"]
    assert [tag for tag, _ in parts.tags].count("style") == 1


def test_nothing_on_the_page_names_another_place(any_page):
    parts = Parts(any_page)
    for tag, attrs in parts.tags:
        assert not [name for name in attrs if name.startswith("on") or name in ("style", "src", "action")], (tag, attrs)
        assert attrs.get("href", "data:,") == "data:,"
    text = any_page.decode()
    assert set(re.findall(r"\w+://[^\s\"')]+", text)) == {"http://www.w3.org/2000/svg"}, "a name, not a place"
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "import(", "importScripts", "sendBeacon", "url(", "@import"):
        assert word not in text.replace("url(#less)", ""), "which is a pattern in a saved picture"
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "new Function", "DOMParser"):
        assert word not in text, "texts are set as text"


def test_hostile_texts_change_nothing_but_the_data():
    assert len(set(TEXTS)) >= 30
    harmless = Parts(page_of(DATES)[0])
    for text in TEXTS:
        found, _ = page_of([text, "a"], title=text, about=[text, "a"])
        parts = Parts(found)
        assert [tag for tag, _ in parts.tags] == [tag for tag, _ in harmless.tags], text
        assert parts.texts["script"] == harmless.texts["script"]
        assert parts.texts["title"] == text
        assert not re.search(r"[<>&\u2028\u2029]|[^\x00-\x7f]", parts.texts["data"] + parts.texts["weights"])
        assert parts.data["about"] == [text, "a"]
        first, second = parts.data["questions"]
        assert first["question"] == text.strip() and second["answer"] == text.strip()[:4]
        assert set(parts.data["vocabulary"]) == set(f"_ a{text.strip()}")
    found, _ = page_of(DATES, title="lone \udc80")
    assert Parts(found).texts["title"] == "lone ?"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_weights_are_those_of_the_model(dtype):
    model = small_model("_ab", dtype)
    found = to_page(model, [], vocabulary="_ab", start="_", T_enc=2, T_dec=1, reverse=True)
    parts, params = Parts(found), named_params(model)
    assert list(parts.weights) == list(params)
    for name, p in params.items():
        values = np.frombuffer(base64.b64decode(parts.weights[name]["base64"]), "<f4")
        np.testing.assert_array_equal(values.reshape(parts.weights[name]["shape"]), p.astype(np.float32))
    one = dict(name="", kind="attention", mask_padding=None, cell_state=False, reverse=True)
    one["epochs"] = [{"epoch": None, "accuracy": None, "weights": ""}]
    wanted = dict(about=[], vocabulary=["_", "a", "b"], start="_", T_enc=2, T_dec=1, models=[one], questions=[])
    wanted |= {"dates": None, "question_characters": ["_", "a", "b"], "title": "Where the model looks"}
    assert parts.data == wanted


def test_truth_stands_there_as_places():
    truth = np.array([[0, 1, 1], [0, 0, 0]], dtype=bool)
    settings = dict(vocabulary="_ab", start="_", T_enc=3, T_dec=2, reverse=False)
    found = to_page(small_model("_ab"), [Example("abb", "ab", "aa", truth), Example("b", None, "aa")], **settings)
    assert [question["truth"] for question in Parts(found).data["questions"]] == [[[1, 2], []], None]


def test_the_page_is_small(any_page):
    """A page of texts as before; the Transformer, deep LSTMs and scores take that of dates beyond it."""
    parts = Parts(any_page)
    most = 210_000 if "gru" in parts.texts["data"] else 230_000
    assert len(any_page) - len(parts.texts["data"]) - len(parts.texts["weights"]) <= most


def test_the_page_is_the_same_each_time():
    assert page_of(DATES)[0] == page_of(DATES)[0]


def contrast(one, other):
    light, dark = sorted((luminance(colour) + 0.05 for colour in (one, other)), reverse=True)
    return light / dark


def palette():
    style = html_page.read("support/page/page.css")
    colours = re.findall(r"--(\w+): light-dark\(#(\w{6}), #(\w{6})\);", style)
    (tint,) = re.findall(r"--tint: ([\d.]+);", style)
    themes = [{name: np.array(list(bytes.fromhex(pair[k]))) for name, *pair in colours} for k in range(2)]
    return themes, float(tint)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_contrast_with_what_is_behind_them(theme):
    themes, tint = palette()
    c = themes[theme == "dark"]
    backgrounds = {name: c[name] for name in ("paper", "panel", "pad")}
    for name in ("ink", "muted", "mark", "wrong", "right"):
        for behind, colour in backgrounds.items():
            assert contrast(c[name], colour) >= 4.5, (name, behind)
    for behind, colour in backgrounds.items():
        assert contrast(c["ink"], tint * c["mark"] + (1 - tint) * colour) >= 4.5, f"on a shade over {behind}"
        assert contrast(c["edge"], colour) >= 3, "the edge of a field"
    for one, other in combinations(themes, 2):
        assert (one["paper"] != other["paper"]).all()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_muted_and_wrong_characters_contrast_with_every_shade(theme):
    themes, tint = palette()
    c = themes[theme == "dark"]
    (ramp,) = re.findall(r"var\(--tone, .*?min\(100%, (\d+)%", html_page.read("seq2seq/page/map.css"))
    for w in np.linspace(0, 1, 101):
        inked, shade = min(1, w * int(ramp) / 100), w * tint
        for tone in ("muted", "wrong"):
            text, behind = inked * c["ink"] + (1 - inked) * c[tone], shade * c["mark"] + (1 - shade) * c["paper"]
            assert contrast(text, behind) >= 4.5, (tone, w)


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(model=Other(3, 3, 4)), "expected one of Seq2seq, PeekySeq2seq, .*, TransformerSeq2seq, got Other"),
        (dict(vocabulary="_abc"), "3 characters"),
        (dict(vocabulary="_aa"), "3 characters"),
        (dict(start="x"), "start 'x'"),
        (dict(question_characters="ax"), "expected question_characters of the vocabulary, got 'ax'"),
        (dict(examples=[Example("abab", "ab", "ab")]), "question: expected 1 to 3 characters .*'abab'"),
        (dict(examples=[Example("", "ab", "ab")]), "question: expected 1 to 3 characters .*''"),
        (dict(examples=[Example("a", "ab", "ab"), Example("x", "ab", "ab")]), "question: .*'x'"),
        (dict(examples=[Example("a", "a", "ab")]), "answer: expected 2 to 2 characters .*'a'"),
        (dict(examples=[Example("a", None, "xb")]), "own: .*'xb'"),
        (dict(examples=[Example("a", None, "ab", np.ones((2, 2), bool))]), r"expected truth \(2, 3\), got \(2, 2\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_page_refuses(change, message, monkeypatch):
    monkeypatch.setitem(MODELS, "other", Other)  # model files know it; the page has no code for it
    arguments = dict(model=small_model("_ab"), vocabulary="_ab", start="_", T_enc=3, T_dec=2, reverse=False)
    with pytest.raises(ValueError, match=f"page: .*{message}"):
        to_page(**dict(examples=[]) | arguments | change)


def test_the_script_refuses_a_model_of_a_readers_own(trained_run, in_process, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "other", Other)
    model, facts = load_model(trained_run.folder / "attention.npz")
    shutil.copy(trained_run.folder / "config.json", tmp_path)
    save_model(tmp_path / "other.npz", Other(**model.arguments), **facts | {"model": "other"})
    run = "explore_attention.py", "--run", tmp_path, "--model", "other"
    refused(in_process(tmp_path, *run, "--text", "May 1"), "expected one of .*, got Other")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(value):
    model = small_model("_ab")
    model.decoder.affine.params[1][1] = value
    with pytest.raises(ValueError, match=r"page: expected finite .* in decoder\.affine\.b"):
        to_page(model, [], vocabulary="_ab", start="_", T_enc=3, T_dec=2, reverse=False)


def test_weights_that_no_browser_could_open_are_refused(monkeypatch):
    monkeypatch.setattr(html_page, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"page: the weights take .* bytes"):
        page_of(DATES)


def test_the_script_embeds_test_questions_and_the_models_answers(trained_run, test_part, in_process, tmp_path):
    done = in_process(trained_run.cwd, "explore_attention.py", "--count", 40, "--out", tmp_path / "a.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"written to .*a\.html: 0\.\d MB, 40 questions\n", done.stdout)
    data = Parts((tmp_path / "a.html").read_bytes()).data
    model, facts = load_model(trained_run.folder / "attention.npz")
    x, t = test_part[0][:40], test_part[1][:40]
    chars = np.array(list(facts["vocabulary"]))
    own = model.decode(x, int(t[0, 0]), 10).ids
    wanted = [
        {"question": "".join(chars[q[::-1]]).rstrip(), "answer": "".join(chars[a[1:]]), "own": "".join(chars[o])}
        for q, a, o in zip(x, t, own, strict=True)
    ]
    assert [{key: question[key] for key in wanted[0]} for question in data["questions"]] == wanted
    assert data["vocabulary"] == list(facts["vocabulary"])
    assert (data["start"], data["T_enc"], data["T_dec"], data["models"][0]["reverse"]) == ("_", 29, 10, True)
    assert "40 of 300 test questions of date.txt" in data["about"]
    again = in_process(trained_run.cwd, "explore_attention.py", "--count", 40, "--out", tmp_path / "b.html")
    assert again.returncode == 0 and (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_the_script_takes_texts_and_files(trained_run, in_process, tmp_path):
    run = ["explore_attention.py", "--run", trained_run.folder]
    done = in_process(tmp_path, *run, "--text", " May 1, 1972 ", "7/22", "--out", "a.HTML")
    assert (done.returncode, done.stderr) == (0, "")
    questions = Parts((tmp_path / "a.HTML").read_bytes()).data["questions"]
    assert [(q["question"], q["answer"]) for q in questions] == [("May 1, 1972", "1972-05-01"), ("7/22", None)]
    lines = "May 1, 1972_1972-05-01\r\n7/22  \r\n7/22/08\r\n7/22/08_2008-7\r\n"
    (tmp_path / "<i>&.txt").write_bytes(b"\xef\xbb\xbf" + lines.encode())
    assert in_process(tmp_path, *run, "--text", "7/22/08", "--out", "a.html").stdout.endswith(" 1 question\n")
    done = in_process(tmp_path, *run, "--file", "<i>&.txt", "--out", "a.html")
    assert (done.returncode, done.stderr) == (0, "")
    data = Parts((tmp_path / "a.html").read_bytes()).data
    answers = [(q["question"], q["answer"]) for q in data["questions"]]
    assert answers == [
        ("May 1, 1972", "1972-05-01"),
        ("7/22", None),
        ("7/22/08", "2008-07-22"),
        ("7/22/08", "2008-7    "),
    ]
    assert "questions of <i>&.txt" in data["about"]


@pytest.mark.parametrize(
    "vocabulary, T_dec, answer",
    [("_ 0123456789-/", 10, "1972-05-01"), ("_ 0123456789-/", 11, None), ("_ 0123456789/", 10, None)],
)
def test_the_answer_to_a_date_is_known_where_answers_are_dates(in_process, tmp_path, vocabulary, T_dec, answer):
    sizes = dict(T_enc=8, T_dec=T_dec, reverse=False)
    save_model(tmp_path / "attention.npz", small_model(vocabulary), vocabulary=vocabulary, start="_", data={}, **sizes)
    done = in_process(tmp_path, "explore_attention.py", "--run", ".", "--text", "5/1/72")
    assert (done.returncode, done.stderr) == (0, "")
    data = Parts((tmp_path / "attention.html").read_bytes()).data
    assert data["questions"][0]["answer"] == answer and (data["dates"] is None) == (answer is None)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--run", "nowhere"], r"no trained model in nowhere; .*train_date\.py --out nowhere"),
        (["--out", "page.pdf"], r"--out page\.pdf: expected a name that ends in \.html"),
        (["--out", "nowhere/page.html"], "nowhere"),
        (["--out", "folder.html"], r"folder\.html"),
        (
            ["--out", "baseline/../mine.html", "--file", "mine.html"],
            r"mine\.html: the page would replace what --file reads",
        ),
        (["--count", "0"], "--count: .*at least 1"),
        (["--count", "5", "--text", "a"], "not allowed with"),
        (["--text", "a" * 30], "30 characters, at most 29"),
        (["--text", "May 1, ２"], "'２', character 8 "),
        (["--text", "7/22/08", "1972-05-01"], "'-', character 5 of '1972-05-01', occurs in no training question"),
        (["--file", "hyphen.txt"], r"hyphen\.txt:2: '-', character 5 of '1972-05-01', occurs in no training question"),
        (["--text", " "], "expected a question, got an empty text"),
        (["--file", "nowhere.txt"], r"nowhere\.txt"),
        (["--text", "7/22/08", ""], "expected a question, got an empty text"),
        (["--file", "empty.txt"], r"empty\.txt:1: expected a question"),
        (["--file", "gap.txt"], r"gap\.txt:2: expected a question"),
        (["--file", "folder.html"], r"folder\.html: Is a directory"),
        (["--file", "unknown.txt"], r"unknown\.txt:2: '月', character 2"),
        (["--file", "long.txt"], r"long\.txt:1: '1972-05-011' has 11 characters, at most 10"),
        (["--file", "cut.txt"], r"cut\.txt:1: no answer after '_'"),
        (["--file", "bytes.txt"], r"bytes\.txt:2: not UTF-8 \(invalid start byte\), byte 8 "),
        (["--run", "text"], r"text: a run of train_text\.py, .*; explore_text_attention\.py makes a page"),
        (["--run", "peeky"], r"PeekySeq2seq has no attention maps"),
        (["--run", "baseline"], r"baseline\.npz: Seq2seq has no attention maps"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_the_script_refuses_in_one_line_and_writes_nothing(trained_run, in_process, tmp_path, arguments, message):
    for name, content in {
        "empty.txt": b"",
        "mine.html": b"7/22/08\n",
        "gap.txt": b"7/22/08\n _2008-07-22\n7/22/08\n",
        "unknown.txt": "7/22/08\n5月1日".encode(),
        "long.txt": b"May 1, 1972_1972-05-011",
        "cut.txt": b"May 1, 1972_\n",
        "bytes.txt": b"7/22/08\n\xff",
        "hyphen.txt": b"7/22/08\n1972-05-01_1972-05-01\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "best.npz").touch()
    (tmp_path / "baseline").mkdir()
    shutil.copy(trained_run.folder / "baseline.npz", tmp_path / "baseline")
    if "peeky" in arguments:
        (tmp_path / "peeky").mkdir()
        model, facts = load_model(trained_run.folder / "peeky.npz")
        facts = {key: facts[key] for key in ("vocabulary", "start", "T_enc", "T_dec", "reverse", "data")}
        save_model(tmp_path / "peeky" / "attention.npz", model, **facts)
    run = [] if "--run" in arguments else ["--run", trained_run.folder]
    before = everything(tmp_path)
    refused(in_process(tmp_path, "explore_attention.py", *run, *arguments), message)
    assert everything(tmp_path) == before


def test_a_page_that_stood_there_stays_when_the_new_one_fails(trained_run, in_process, tmp_path):
    (tmp_path / "a.html").write_text("old")
    run = ["--run", trained_run.folder, "--out", "a.html"]
    refused(in_process(tmp_path, "explore_attention.py", *run, "--text", "月"), "月")
    assert (tmp_path / "a.html").read_text() == "old"
    assert in_process(tmp_path, "explore_attention.py", *run, "--text", "7/22/08").returncode == 0
    assert (tmp_path / "a.html").read_bytes().startswith(b"<!doctype html>")
