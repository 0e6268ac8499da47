"""Where each head of a Transformer looks: its weights, in the order of the text, and their picture."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
import reference
import reference_transformer
from picture_tools import assert_whole, drawn, overlapping
from script_tools import everything, refused

from common.functions import softmax
from common.layer import named_params
from dataset import dates
from dataset.sequence import read
from experiment import DateModel
from seq2seq import AttentionSeq2seq, Seq2seq, TransformerSeq2seq, save_model
from seq2seq.head_maps import PARTS, head_maps
from seq2seq.plot_heads import plot_heads

LAYERS, HEADS, QUESTION, ANSWER = 2, 4, "May 1, 1972", "1972-05-01"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a Transformer that answers each date in another way, looks at no padding, and has dropout."""
    folder = tmp_path_factory.mktemp("heads")
    text = "".join(f"{line}\n" for line in dates.generate(100, seed=1))
    (folder / "date.txt").write_text(text, encoding="utf-8")
    data = read(folder / "date.txt")
    chars = data.vocabulary.chars
    model = TransformerSeq2seq(len(chars), 8, 12, chars.index(" "), dropout=0.3, rng=np.random.default_rng(3))
    for name, param in named_params(model).items():
        param *= 3 if name.endswith(".W") else 1
    source = {"path": str(folder / "date.txt"), "source": "", "sha256": data.sha256, "leak_free": False}
    facts = dict(vocabulary=chars, start="_", T_enc=29, T_dec=10, reverse=True, data=source)
    facts["question_characters"] = data.vocabulary.decode(np.unique(data.questions))
    save_model(folder / "transformer.npz", model, **facts)
    save_model(folder / "attention.npz", AttentionSeq2seq(len(chars), 4, 6, rng=np.random.default_rng(3)), **facts)
    return folder


@pytest.fixture
def date_model(run):
    return DateModel(run, "transformer")


@pytest.fixture
def figure_of(in_process, monkeypatch, run):
    """``figure_of(*arguments)``: what plot_attention.py prints, and the figure that it would have saved."""
    figures = []
    monkeypatch.setattr(plt.Figure, "savefig", lambda figure, *_, **__: figures.append(figure))

    def draw(*arguments):
        done = in_process(run, "plot_attention.py", "--run", ".", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout, figures[-1]

    return draw


def weights_of(ax) -> np.ndarray:
    return np.ma.getdata(ax.collections[0].get_array())


def random_maps(layers, heads, T_out, T_in):
    return softmax(np.random.default_rng(0).normal(scale=3, size=(layers, heads, T_out, T_in)))


def test_the_heads_of_a_forward():
    model = TransformerSeq2seq(7, 6, 5, 0, heads=3, rng=np.random.default_rng(0), dtype=np.float64)
    xs, ts = np.array([[5, 2, 3, 0], [4, 4, 1, 6]]), np.array([[1, 3, 2, 2], [1, 6, 5, 4]])
    with pytest.raises(RuntimeError, match="head_maps: called before forward"):
        head_maps(model)
    model.forward(xs, ts)
    maps = {part: head_maps(model, part) for part in PARTS}
    assert {part: found.shape for part, found in maps.items()} == {
        "cross": (2, 2, 3, 3, 4),
        "encoder": (2, 2, 3, 4, 4),
        "decoder": (2, 2, 3, 3, 3),
    }
    p, mask = named_params(model), reference.attended(xs, 0)
    of_encoder, of_decoder = (reference_transformer.within(p, part) for part in ("encoder", "decoder"))
    hs = reference_transformer.positional_encoding(of_encoder["embed.W"][xs])
    for layer in reference_transformer.layers_of(of_encoder):
        hs = reference_transformer.encoder_layer(hs, mask, 3, True, layer)
    hs = reference_transformer.last_norm(hs, of_encoder, True)
    ys = reference_transformer.positional_encoding(of_decoder["embed.W"][ts[:, :-1]])
    for k, layer in enumerate(reference_transformer.layers_of(of_decoder)):
        ys, weights = reference_transformer.decoder_layer(ys, hs, mask, 3, True, layer)
        np.testing.assert_allclose(maps["cross"][:, k], weights, atol=1e-12)
    mean = model.decoder.attention.attention_weights.transpose(1, 0, 2)
    np.testing.assert_allclose(maps["cross"].mean(axis=(1, 2)), mean, atol=1e-12)
    assert (maps["decoder"][..., ~np.tri(3, dtype=bool)] == 0).all() and (maps["encoder"][0, ..., 3] == 0).all()
    for found in maps.values():
        np.testing.assert_allclose(found.sum(axis=-1), 1)
    with pytest.raises(ValueError, match="expected a part of cross, encoder, decoder, got 'all'"):
        head_maps(model, "all")
    with pytest.raises(ValueError, match="expected a model with heads, got a Seq2seq without"):
        head_maps(Seq2seq(7, 3, 4))


def test_heads_are_in_the_order_of_the_text(date_model):
    xs, answer = date_model.encode(QUESTION)[None], date_model.ask(QUESTION)
    padding = np.arange(29) >= len(QUESTION)
    own = answer.map()[2]
    cross, encoder, decoder = (date_model.heads_under(xs, own, part) for part in PARTS)
    assert [found.shape for found in (cross, encoder, decoder)] == [
        (LAYERS, HEADS, 10, 29),
        (LAYERS, HEADS, 29, 29),
        (LAYERS, HEADS, 10, 10),
    ]
    np.testing.assert_allclose(cross.mean(axis=(0, 1)), answer.attention, atol=1e-6)
    for looking in (cross, encoder):
        assert (looking[..., padding] == 0).all() and (looking[..., ~padding].sum(axis=-1) > 0.99).all()
    np.testing.assert_array_equal(decoder, np.tril(decoder))
    np.testing.assert_array_equal(cross, date_model.heads_under(xs, own))
    under = date_model.heads_under(xs, ANSWER)
    assert abs(under - cross).max() > 0.01
    np.testing.assert_allclose(under.mean(axis=(0, 1)), date_model.weights_under(xs, ANSWER), atol=1e-6)
    date_model.model.forward(xs, np.concatenate(([date_model.start_id], date_model.vocabulary.encode(own)))[None])
    assert abs(head_maps(date_model.model, "encoder")[0, ..., ::-1, ::-1] - encoder).max() > 0.01, "dropout is off"


def test_the_encoders_map_is_turned_in_both_directions(date_model):
    """A row is the character that looks: those of the padding differ from all others by their embedding alone."""
    model, xs = date_model.model, date_model.encode(QUESTION)[None]
    found = date_model.heads_under(xs, ANSWER, "encoder")
    np.testing.assert_array_equal(found, head_maps(model, "encoder")[0, :, :, ::-1, ::-1])
    date_model.reverse = False
    np.testing.assert_array_equal(date_model.heads_under(xs, ANSWER, "encoder"), head_maps(model, "encoder")[0])


def test_a_model_without_heads_is_refused(run):
    date_model = DateModel(run)
    assert date_model.name == "attention"
    for call in (
        lambda: date_model.heads_under(date_model.encode(QUESTION)[None], ANSWER),
        lambda: date_model.plot_heads(QUESTION),
    ):
        with pytest.raises(ValueError, match=r"attention\.npz: AttentionSeq2seq has no heads; a Transformer has"):
            call()


@pytest.mark.parametrize("layers, heads, rows", [(1, 2, [2]), (2, 4, [4, 4]), (2, 5, [3, 2, 3, 2])])
def test_a_row_of_small_maps_is_a_layer_or_a_part_of_one(layers, heads, rows):
    weights = random_maps(layers, heads, 3, 6)
    axes = plot_heads(weights, "May 1 ", "197", answer="198", title="May 1 → 197")
    drawn(axes)
    mean, *each = axes
    assert mean.get_title() == f"mean of {layers * heads} heads"
    np.testing.assert_allclose(weights_of(mean), weights.mean(axis=(0, 1)))
    for k, ax in enumerate(each):
        assert ax.get_title() == f"layer {k // heads + 1}, head {k % heads + 1}"
        np.testing.assert_array_equal(weights_of(ax), weights[k // heads, k % heads])
    tops = [round(ax.get_position().y0, 6) for ax in each]
    assert [tops.count(top) for top in sorted(set(tops), reverse=True)] == rows
    assert len({tuple(np.round(ax.get_position().bounds[2:], 6)) for ax in each}) == 1, "all of one size"
    figure = mean.figure
    assert len(figure.axes) == len(axes) + 1 and figure.axes[-1].get_ylabel() == "attention weight"
    assert {ax.collections[0].get_clim() for ax in axes} == {(0, 1)}
    assert (figure._supxlabel.get_text(), figure._supylabel.get_text()) == ("input", "output")


@pytest.mark.parametrize("layers, heads, T_out, T_in", [(1, 1, 10, 29), (1, 2, 1, 1), (2, 5, 10, 29), (3, 8, 1, 2)])
def test_labels_stand_apart_and_whole_at_the_outer_maps_alone(layers, heads, T_out, T_in):
    axes = plot_heads(random_maps(layers, heads, T_out, T_in), "w" * T_in, "1" * T_out, answer="2" * T_out, title="t")
    texts = drawn(axes)
    assert_whole(axes)
    shown = [text for ax in axes for text in (*ax.get_xticklabels(), *ax.get_yticklabels()) if text.get_visible()]
    small = axes[1:] if len(axes) > 1 else axes
    lefts, lows = ({round(ax.get_position().bounds[k], 4) for ax in small} for k in (0, 1))
    rows = len(lows)
    columns = len(lefts)
    assert sum(text.get_text() == "✗ 1" for text in shown) == T_out * ((len(axes) > 1) + rows)
    assert sum(text.get_text() == "w" for text in shown) == T_in * ((len(axes) > 1) + columns)
    assert not overlapping([text for text in texts if text.get_text() not in "w"])


def test_what_may_not_be_looked_at_is_hatched():
    seen = np.tri(3, dtype=bool)
    weights = random_maps(1, 2, 3, 3) * seen
    for ax in plot_heads(weights, "_19", "197", seen=seen, names=("before", "now")):
        (cells,) = ax.collections
        assert len(cells.get_paths()) == 6 and ax.patch.get_hatch(), "only the cells that are seen hide the hatch"
    for ax in plot_heads(weights, "_19", "197"):
        assert len(ax.collections[0].get_paths()) == 9, "a weight of 0 is a cell"


def test_axes_of_the_caller():
    figure, mine = plt.subplots(3, 3)
    assert list(plot_heads(random_maps(2, 4, 2, 3), "abc", "de", mine)) == list(mine.flat)
    assert len(figure.axes) == 9, "no colour bar"
    (one,) = plot_heads(random_maps(1, 1, 2, 3), "abc", "de")
    assert one.get_title() == "layer 1, head 1"
    for weights, axes, message in (
        (random_maps(2, 4, 2, 3), mine[0], "expected 9 Axes for these maps, got 3"),
        (random_maps(7, 7, 2, 3), None, r"of 1 to 48 heads in all, got shape \(7, 7, 2, 3\)"),
        (np.zeros((0, 4, 2, 3)), None, r"of 1 to 48 heads in all, got shape \(0, 4, 2, 3\)"),
        (random_maps(1, 4, 2, 3)[0], None, r"got shape \(4, 2, 3\)"),
        (random_maps(1, 4, 2, 4), None, r"expected weights of shape \(2, 3\) for these labels"),
    ):
        with pytest.raises(ValueError, match=message):
            plot_heads(weights, "abc", "de", axes)
    with pytest.raises(ValueError, match=r"plot_heads: expected seen of shape|plot_heads.*seen"):
        plot_heads(random_maps(1, 2, 2, 3), "abc", "de", seen=np.ones((3, 2), dtype=bool))


def test_a_notebook_draws_the_heads(date_model):
    answer = date_model.ask(QUESTION)
    mean, *each = date_model.plot_heads(QUESTION)
    np.testing.assert_allclose(weights_of(mean), answer.attention, atol=1e-6)
    xs, own = date_model.encode(QUESTION)[None], answer.map()[2]
    np.testing.assert_array_equal([weights_of(ax) for ax in each], date_model.heads_under(xs, own).reshape(8, 10, 29))
    assert mean.figure._suptitle.get_text().startswith(f"{QUESTION} → {answer.text}  (answer {ANSWER}, ")
    for part, count in (("encoder", 29 * 29), ("decoder", 55)):
        axes = date_model.plot_heads(QUESTION, part)
        assert len(axes[3].collections[0].get_paths()) == count
    assert [label.get_text() for label in axes[0].get_xticklabels()] == list("_" + own[:-1])
    with pytest.raises(ValueError, match="expected a part of cross, encoder, decoder, got 'mean'"):
        date_model.plot_heads(QUESTION, "mean")


def titled(figure) -> dict:
    return {ax.get_title(): weights_of(ax) for ax in figure.axes if ax.get_title()}


def test_the_script_draws_the_heads_of_a_transformer(figure_of, date_model):
    stdout, figure = figure_of("--model", "transformer", "--index", 1)
    question, truth = date_model.test_questions()[1]
    xs = date_model.encode(question, of_test=True)[None]
    own = date_model.vocabulary.decode(date_model.decode(xs).ids[0])
    assert f"test question 1: {question.rstrip()} → {own.rstrip()}  (answer {truth}, " in stdout
    assert stdout.endswith("written to attention_1.png\n")
    maps, wanted = titled(figure), date_model.heads_under(xs, own)
    for k, h in np.ndindex(LAYERS, HEADS):
        np.testing.assert_array_equal(maps[f"layer {k + 1}, head {h + 1}"], wanted[k, h])
    stdout, figure = figure_of("--model", "transformer", "--index", 1, "--part", "decoder", "--given-answer")
    assert stdout.endswith("written to attention_1_decoder.png\n")
    wanted = date_model.heads_under(xs, truth, "decoder")[1, 2]
    np.testing.assert_array_equal(titled(figure)["layer 2, head 3"], wanted)
    assert "weights under the given answer" in figure._suptitle.get_text()


@pytest.mark.parametrize("arguments, panels", [([], 1), (["--part", "mean"], 1), (["--beside", "."], 2)])
def test_the_script_draws_the_mean_alone(figure_of, date_model, arguments, panels):
    model = ["--model", "transformer"] if arguments else []
    _, figure = figure_of(*model, "--text", QUESTION, *arguments)
    assert len(figure.axes) == panels + 1, "and the colour bar"
    mean = abs(weights_of(figure.axes[0]) - date_model.ask(QUESTION).attention).max() < 1e-6
    assert mean == bool(model), "without --model, the run's attention model is drawn"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--part", "encoder"], r"attention\.npz: AttentionSeq2seq has no heads; a Transformer has"),
        (["--part", "all"], "--part: invalid choice: 'all'"),
        (["--part", "cross", "--grid", 2], "--part needs a picture for each question: use --index, --text or --count"),
        (["--part", "mean", "--film"], "--part needs a picture for each question"),
        (["--part", "mean", "--text", "May 1", "--beside", "."], "leave out --beside"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_the_script_refuses_heads_that_are_not_there(run, in_process, arguments, message):
    before = everything(run)
    refused(in_process(run, "plot_attention.py", "--run", ".", *arguments), message)
    assert everything(run) == before
