"""Several models and epochs in one page of dates, without a browser: its data, its weights, and what is refused."""

import base64

import numpy as np
import pytest
from page_models_tools import lively, write_models
from page_tools import Parts
from script_tools import everything, refused

from common.layer import named_params
from common.packed_model import as_in_page
from experiment import DateModel
from experiment.date_page import encoded, names_of, open_models
from seq2seq.page import PageModel, State, to_page

SETTINGS = dict(vocabulary="_ab", start="_", T_enc=3, T_dec=2)


def weights_of(parts: Parts, name: str) -> np.ndarray:
    found = parts.weights[name]
    return np.frombuffer(base64.b64decode(found["base64"]), "<f4").reshape(found["shape"])


def test_the_page_holds_each_model_and_each_of_its_epochs():
    models = {kind: lively(kind, 3, cell_state=kind == "peeky") for kind in ("baseline", "peeky")}
    masked = [lively("attention", 3, seed, mask_padding=1) for seed in range(3)]
    states = [State(0, masked[0]), State(5, masked[1], 0.25)]
    page = to_page(
        [
            PageModel("one", models["baseline"], True),
            PageModel("two", models["peeky"], False),
            PageModel("three", masked[2], True, states),
        ],
        [],
        **SETTINGS,
    )
    parts = Parts(page)
    alone = {"epoch": None, "accuracy": None}
    assert parts.data["models"] == [
        dict(name="one", kind="baseline", mask_padding=None, cell_state=False, reverse=True)
        | {"epochs": [alone | {"weights": "one: "}]},
        dict(name="two", kind="peeky", mask_padding=None, cell_state=True, reverse=False)
        | {"epochs": [alone | {"weights": "two: "}]},
        dict(name="three", kind="attention", mask_padding=1, cell_state=False, reverse=True)
        | {
            "epochs": [
                {"epoch": 0, "accuracy": None, "weights": "three, epoch 0: "},
                {"epoch": 5, "accuracy": 0.25, "weights": "three, epoch 5: "},
            ]
        },
    ]
    held = {"one: ": models["baseline"], "two: ": models["peeky"]}
    held |= {"three, epoch 0: ": masked[0], "three, epoch 5: ": masked[1]}
    wanted = {prefix + name: p for prefix, model in held.items() for name, p in named_params(model).items()}
    assert list(parts.weights) == list(wanted), "those of an epoch stand in place of the model's"
    for name, p in wanted.items():
        np.testing.assert_array_equal(weights_of(parts, name), p)


def test_the_page_knows_what_its_models_do_with_their_weights():
    kinds = {
        "plain": ("attention", {}),
        "both": ("attention", {"score": "additive", "bidirectional": True, "layers": 2, "dropout": 0.1}),
        "heads": ("transformer", {"heads": 2, "layers": 1, "pre_norm": False, "mask_padding": 1}),
    }
    models = [PageModel(name, lively(kind, 3, **options), True) for name, (kind, options) in kinds.items()]
    common = {"mask_padding": None, "cell_state": False, "reverse": True}
    for found in Parts(to_page(models, [], **SETTINGS)).data["models"]:
        kind, options = kinds[found.pop("name")]
        del found["epochs"]
        options.pop("dropout", None)  # which is for training
        assert found == common | {"kind": kind} | options


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_models_have_different_names(names):
    with pytest.raises(ValueError, match=r"page: expected models of different names, got \["):
        to_page([PageModel(name, lively("baseline", 3), True) for name in names], [], **SETTINGS)


def test_weights_that_are_no_numbers_are_refused_with_their_model():
    bad = lively("peeky", 3)
    bad.decoder.affine.b[0] = np.nan
    models = [PageModel("good", lively("peeky", 3), True), PageModel("bad", bad, True, [State(7, bad)])]
    with pytest.raises(ValueError, match=r"got nan or inf in bad, epoch 7: decoder\.affine\.b"):
        to_page(models, [], **SETTINGS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of runs: `plain`, of all models, with three epochs, and `masked`, whose model masks its padding.

    Also `strange`, whose epoch is another model's, and `moved`, whose epoch has another number; returns the folder and
    the models of the first two.
    """
    folder = tmp_path_factory.mktemp("runs")
    models, vocabulary = write_models(folder / "plain", epochs=[0, 1, 12])
    masked, _ = write_models(folder / "masked", ["attention"], mask_padding=vocabulary.index(" "), seed=50)
    write_models(folder / "strange", ["peeky", "attention"], epochs=[1])
    (folder / "strange" / "peeky.epochs" / "0001.npz").replace(folder / "strange" / "attention.epochs" / "0001.npz")
    write_models(folder / "moved", ["attention"], epochs=[1])
    (folder / "moved" / "attention.epochs" / "0001.npz").rename(folder / "moved" / "attention.epochs" / "0002.npz")
    return folder, models, masked


def test_models_are_called_what_tells_them_apart(runs, tmp_path):
    plain, masked = (runs[0] / name for name in ("plain", "masked"))
    assert names_of(open_models([plain])) == ["attention"]
    assert names_of(open_models([plain], models=["peeky", "baseline"])) == ["peeky", "baseline"]
    assert names_of(open_models([plain, masked])) == ["plain", "masked"]
    mixed = [*open_models([plain], models=["peeky", "attention"]), *open_models([masked])]
    assert names_of(mixed) == ["plain peeky", "plain attention", "masked attention"]
    other = tmp_path / "plain"
    write_models(other, ["attention"])
    assert names_of(open_models([plain, other])) == [f"{run.parent.name}/plain" for run in (plain, other)]
    again = tmp_path / "again"
    again.symlink_to(plain)
    with pytest.raises(ValueError, match=r"expected different models, got .*plain attention twice"):
        names_of(open_models([plain, again]))


@pytest.fixture
def page_by_script(runs, in_process, tmp_path):
    """``page_by_script("--run plain")`` runs the script there; returns the page, and what was printed."""

    def make(options: str) -> tuple[Parts, str]:
        done = in_process(runs[0], "explore_attention.py", *options.split(), "--out", tmp_path / "a.html")
        assert (done.returncode, done.stderr) == (0, "")
        return Parts((tmp_path / "a.html").read_bytes()), done.stdout

    return make


def test_the_script_puts_runs_and_models_side_by_side(runs, page_by_script):
    folder, _, masked = runs
    parts, _ = page_by_script("--run plain --run masked --count 2")
    plain, other = parts.data["models"]
    assert (plain["name"], plain["mask_padding"]) == ("plain", None)
    assert (other["name"], other["mask_padding"]) == ("masked", masked["attention"].mask_padding)
    np.testing.assert_array_equal(weights_of(parts, "masked: decoder.affine.W"), masked["attention"].decoder.affine.W)
    parts, _ = page_by_script("--run plain --models baseline peeky --count 2")
    assert [model["kind"] for model in parts.data["models"]] == ["baseline", "peeky"]
    pairs = [(question["question"], None) for question in parts.data["questions"]]
    baseline = DateModel(folder / "plain", "baseline")
    written = [baseline.vocabulary.decode(ids) for ids in baseline.decode(encoded(baseline, pairs, True)).ids]
    assert [question["own"] for question in parts.data["questions"]] == written, "of the model that is shown first"
    shown, _ = page_by_script("--run plain --models peeky attention --count 2")
    attention = DateModel(folder / "plain")
    written = [baseline.vocabulary.decode(ids) for ids in attention.decode(encoded(attention, pairs, True)).ids]
    assert [question["own"] for question in shown.data["questions"]] == written


def test_runs_of_one_name_are_two_in_the_head(runs, page_by_script, tmp_path):
    write_models(tmp_path / "plain", ["attention"])
    parts, _ = page_by_script(f"--run plain --run {tmp_path / 'plain'} --text 7/22/08")
    assert f"runs {runs[0].name}/plain, {tmp_path.name}/plain" in parts.data["about"]


def test_a_model_that_may_know_the_test_questions_is_named(runs, page_by_script, tmp_path):
    data = DateModel(runs[0] / "plain").data
    said = "other has another training part, and may have seen some of the test questions"
    for change in ({"sha256": "0"}, {"leak_free": True}):
        write_models(tmp_path / "other", ["attention"], facts={"data": data | change})
        options = f"--run masked --run plain --run {tmp_path / 'other'}"
        about = page_by_script(f"{options} --count 2")[0].data["about"]
        assert [phrase for phrase in about if "training part" in phrase] == [said]
        assert said not in page_by_script(f"{options} --text 7/22/08")[0].data["about"], "only of test questions"


def test_the_script_embeds_the_epochs_that_were_kept(runs, page_by_script):
    folder, models, _ = runs
    parts, _ = page_by_script("--run plain --epochs --text 7/22/08")
    (model,) = parts.data["models"]
    assert [(state["epoch"], state["accuracy"]) for state in model["epochs"]] == [(0, None), (1, 0.5), (12, 1 / 13)]
    last = models["attention.epochs/0012"]
    np.testing.assert_array_equal(weights_of(parts, "attention, epoch 12: decoder.affine.W"), last.decoder.affine.W)
    assert "3 epochs, 0 to 12" in parts.data["about"]
    asked = DateModel(folder / "plain")
    asked.model = last
    assert parts.data["questions"][0]["own"].strip() == asked.ask("7/22/08").text
    parts, _ = page_by_script("--run plain --run masked --epochs 12 1 --text 7/22/08")
    assert [[state["epoch"] for state in model["epochs"]] for model in parts.data["models"]] == [[1, 12], [None]]


def test_the_loss_by_fewer_bytes_is_stated(runs, page_by_script):
    folder, models, _ = runs
    parts, said = page_by_script("--run plain --models baseline attention --weights int8")
    assert said.count("\n") == 1
    xs = encoded(DateModel(folder / "plain"), DateModel(folder / "plain").test_questions(), True)
    shares = {}
    for kind in ("baseline", "attention"):
        start = DateModel(folder / "plain").start_id
        exact, packed = (m.decode(xs, start, 10).ids for m in (models[kind], as_in_page(models[kind], "int8")))
        shares[kind] = 100 * (exact != packed).any(axis=1).mean()
    assert any(shares.values()), "else there is nothing to state"
    assert parts.data["about"][-2:] == [
        f"weights in int8: of {len(xs)} questions, {share:.2f}% change their answer ({kind})"
        for kind, share in shares.items()
    ]
    assert parts.weights["attention: encoder.lstm.Wh"]["type"] == "int8"
    small = as_in_page(models["attention"], "int8")
    asked = DateModel(folder / "plain")
    asked.model = small
    question = parts.data["questions"][0]
    assert asked.ask(question["question"]).text == question["own"].strip(), "with the weights that the page has"


@pytest.mark.parametrize(
    "facts, message",
    [
        (
            dict(T_enc=30),
            r"other/attention\.npz: expected the length of questions of plain/attention\.npz, .* expected 29, got 30",
        ),
        (dict(start="/"), "expected the start character of plain.*; expected '_', got '/'"),
        (dict(question_characters="0123456789/"), "expected the question characters of .*; lacks '"),
        (dict(dates=False), "expected the answers being dates of .*; expected True, got False"),
    ],
)
def test_runs_that_read_other_questions_are_refused(runs, in_process, tmp_path, facts, message):
    write_models(tmp_path / "other", ["attention"], facts=facts)
    before = everything(runs[0])
    refused(in_process(runs[0], "explore_attention.py", "--run", "plain", "--run", tmp_path / "other"), message)
    assert everything(runs[0]) == before


def test_another_vocabulary_is_refused(runs, in_process, tmp_path):
    vocabulary = DateModel(runs[0] / "plain").vocabulary.chars
    for change, message in (
        (vocabulary[::-1], r"expected the vocabulary of plain/attention\.npz, .*; it has another order"),
        (vocabulary.replace("W", "ж"), "vocabulary of .*; lacks 'W' and has 'ж' besides"),
    ):
        write_models(tmp_path / "other", ["attention"], facts={"vocabulary": change})
        refused(in_process(runs[0], "explore_attention.py", "--run", "plain", "--run", tmp_path / "other"), message)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--run plain --run ./masked/../plain", "expected different models, got .*/plain attention twice"),
        ("--run plain --run nowhere", "no trained model in nowhere"),
        ("--run masked --models attention peeky", r"no trained peeky model at masked/peeky\.npz"),
        ("--run plain --model peeky", "PeekySeq2seq has no attention maps; to show it .*: --models peeky$"),
        ("--run plain --model peeky --models peeky", "not allowed with"),
        ("--run masked --epochs", r"masked/attention\.epochs: no epochs there; train_date\.py --keep-weights keeps"),
        ("--run plain --epochs 1 13", r"plain/attention\.epochs: expected an epoch of 0 to 12 that was kept, got 13"),
        ("--run plain --epochs 2", "expected an epoch of 0 to 12 that was kept, got 2"),
        ("--run plain --epochs -1", "argument --epochs: expected a whole number of at least 0, got -1"),
        ("--run strange --epochs", r"strange/attention\.epochs/0001\.npz: of another model than strange/attention"),
        ("--run moved --epochs", r"moved/attention\.epochs/0002\.npz: expected the weights of epoch 2, got those of 1"),
        ("--run plain --weights int4", "--weights: invalid choice"),
    ],
)
def test_the_script_refuses_in_one_line(runs, in_process, arguments, message):
    before = everything(runs[0])
    refused(in_process(runs[0], "explore_attention.py", *arguments.split()), message)
    assert everything(runs[0]) == before
