"""Gate orders, signs, biases and lengths of ONNX, held by onnxruntime and by the reference that comes with onnx."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from onnx.reference import ReferenceEvaluator
from onnx_tools import date_facts, lively, outputs, session, text_facts

from classifier import BagOfWords, SeqSelfClassifier
from common.time_layers import TimeBiGRU, TimeBiLSTM, TimeGRU, TimeLSTM
from interchange import gates, onnx_layers
from interchange.onnx_file import to_onnx
from interchange.onnx_graph import IR_VERSION, OPSET, Graph
from interchange.onnx_layers import real_first, recurrent
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, TransformerSeq2seq

N, T, D, H = 3, 5, 4, 7
rng = np.random.default_rng(0)
XS = rng.normal(size=(N, T, D)).astype("f")


with_reference = pytest.mark.skipif(
    tuple(map(int, onnx.__version__.split(".")[:2])) < (1, 23),
    reason="onnx 1.17's reference has no bidirectional layers",
)


def weights(gates):
    return [rng.normal(size=size).astype("f") for size in ((D, gates * H), (H, gates * H), gates * H)]


def biases(count):
    return [rng.normal(size=3 * H).astype("f") for _ in range(count)]


LAYERS = {
    "LSTM": lambda: TimeLSTM(*weights(4)),
    "both LSTM": lambda: TimeBiLSTM(*weights(4), *weights(4)),
    "GRU, reset before": lambda: TimeGRU(*weights(3)),
    "GRU, reset after": lambda: TimeGRU(*weights(3), reset_after=True),
    "GRU, reset after, two biases": lambda: TimeGRU(*weights(3), bh=biases(1)[0], reset_after=True),
    "both GRU, reset before": lambda: TimeBiGRU(*weights(3), *weights(3)),
    "both GRU, two biases": lambda: TimeBiGRU(
        *weights(3), *weights(3), **dict(zip(("bh1", "bh2"), biases(2), strict=True)), reset_after=True
    ),
}


def checked(g):
    opset = onnx.helper.make_opsetid("", OPSET)
    proto = onnx.helper.make_model(g.to_proto(), ir_version=IR_VERSION, opset_imports=[opset])
    onnx.checker.check_model(proto, full_check=True)
    return proto


def graph_of(layer, lengths=False, first=False):
    g = Graph("layer")
    directions = getattr(layer, "directions", [layer])
    xs = g.input("xs", np.float32, "T", "N", D)
    given = {"lengths": g.input("lengths", np.int32, "N")} if lengths else {}
    if first:
        given |= {name: g.input(name, np.float32, len(directions), "N", H) for name in ("h", "c")[:first]}
    hs, last, *_ = recurrent(g, "recurrent", directions, xs, **given)
    g.output("hs", hs, np.float32, "T", len(directions), "N", H)
    g.output("last", last, np.float32, len(directions), "N", H)
    return checked(g)


def ran(proto, **inputs):
    inputs = {"xs": XS.transpose(1, 0, 2)} | inputs
    hs, last = session(proto).run(None, inputs)
    return hs.transpose(2, 0, 1, 3).reshape(N, T, -1), last.transpose(1, 0, 2).reshape(N, -1)


def test_a_number_has_no_axis():
    """np.ascontiguousarray would give it one; onnx's checker and onnxruntime let it pass where none may be."""
    g = Graph("numbers")
    assert [list(g.weights[g.number(value)].dims) for value in (2, 2.5, [2])] == [[], [], [1]]


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    layer = LAYERS[name]()
    hs, last = ran(graph_of(layer))
    wanted = layer.forward(XS)
    np.testing.assert_allclose(hs, wanted, rtol=0, atol=1e-5)
    np.testing.assert_allclose(last, layer.final(wanted) if "both" in name else wanted[:, -1], rtol=0, atol=1e-5)


@with_reference
@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_the_reference(name):
    layer = LAYERS[name]()
    hs, _ = ReferenceEvaluator(graph_of(layer)).run(None, {"xs": XS.transpose(1, 0, 2)})
    np.testing.assert_allclose(hs.transpose(2, 0, 1, 3).reshape(N, T, -1), layer.forward(XS), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind, name", [("lstm", "LSTM"), ("gru", "GRU, reset after"), ("gru", "GRU, reset before")])
def test_another_order_or_sign_would_be_seen(monkeypatch, kind, name):
    layer, right = LAYERS[name](), gates.ONNX[kind]
    for wrong in (gates.OURS[kind], gates.KERAS[kind], gates.TORCH[kind]):
        if wrong != right:
            monkeypatch.setitem(onnx_layers.ONNX, kind, wrong)
            assert abs(ran(graph_of(layer))[0] - layer.forward(XS)).max() > 0.01


@pytest.mark.parametrize("name", LAYERS)
def test_lengths_are_a_mask_of_padding_at_the_end(name):
    layer, lengths = LAYERS[name](), np.array([5, 1, 3], np.int32)
    mask = np.arange(T) < lengths[:, None]
    hs, last = ran(graph_of(layer, lengths=True), lengths=lengths)
    wanted = layer.forward(XS, mask=mask)
    np.testing.assert_allclose(hs[mask], wanted[mask], rtol=0, atol=1e-5)
    assert (hs[~mask] == 0).all(), "zeros, where ours repeats the state"
    np.testing.assert_allclose(last, layer.final(wanted) if "both" in name else wanted[:, -1], rtol=0, atol=1e-5)


def test_real_tokens_come_first_in_their_order():
    """In long texts, too: most of what is sorted is equal."""
    real = rng.random((4, 700)) < np.array([[0.5], [0.01], [0], [1]])
    g = Graph("order")
    given = g.input("real", np.bool_, "N", "T")
    tensors = real_first(g, given, g.add("Shape", given, start=1))
    for name, tensor, dtype, axes in zip(
        ("order", "count", "lengths"),
        tensors,
        (np.int64, np.int64, np.int32),
        (("N", "T"), ("N", 1), ("N",)),
        strict=True,
    ):
        g.output(name, tensor, dtype, *axes)
    order, count, lengths = session(checked(g)).run(None, {"real": real})
    np.testing.assert_array_equal(order, np.argsort(~real, axis=1, kind="stable"))
    np.testing.assert_array_equal(count[:, 0], real.sum(axis=1))
    np.testing.assert_array_equal(lengths, np.maximum(real.sum(axis=1), 1))


@pytest.mark.parametrize("name, states", [("LSTM", 2), ("GRU, reset after", 1)])
def test_a_row_of_length_0_forgets_the_first_state(name, states):
    """So ours gives such rows the length 1, and zeros as their last states: nothing in ONNX says what happens at 0."""
    first = {key: np.ones((1, N, H), np.float32) for key in ("h", "c")[:states]}
    proto = graph_of(LAYERS[name](), lengths=True, first=states)
    hs, last = ran(proto, lengths=np.array([2, 0, 5], np.int32), **first)
    assert (last[1] == 0).all() and (hs[1] == 0).all()
    assert (last[[0, 2]] != 0).all()


def test_first_states():
    layer = TimeLSTM(*weights(4), stateful=True)
    h, c = rng.normal(size=(2, N, H)).astype("f")
    layer.set_state(h, c)
    hs, _ = ran(graph_of(layer, first=2), h=h[None], c=c[None])
    np.testing.assert_allclose(hs, layer.forward(XS), rtol=0, atol=1e-5)


@with_reference
@pytest.mark.parametrize(
    "cls, arguments",
    [
        (Seq2seq, {}),
        (PeekySeq2seq, {"layers": 2}),
        (AttentionSeq2seq, {"mask_padding": 4, "bidirectional": True, "score": "additive"}),
        (TransformerSeq2seq, {"mask_padding": 4}),
    ],
)
def test_dates_in_the_reference(cls, arguments):
    """Maps, too: the reference of onnx 1.23 lays those of the steps end to end, see findings; the graph parts them."""
    model, _ = lively(cls, 9, 8, 6, **arguments)
    proto, xs = to_onnx(model, date_facts(model)), rng.integers(0, 9, (4, 6))
    wanted = outputs(session(proto), xs)
    for name, found in zip(wanted, ReferenceEvaluator(proto).run(None, {"question": xs}), strict=True):
        np.testing.assert_allclose(found, wanted[name], rtol=0, atol=1e-5)


@with_reference
@pytest.mark.parametrize("cls, arguments", [(SeqSelfClassifier, (5, 4, 3, 3, False)), (BagOfWords, (3,))])
def test_texts_in_the_reference(cls, arguments):
    """Without a mask: the reference of onnx 1.23 overlooks ``sequence_lens``, see findings."""
    model, _ = lively(cls, 9, *arguments)
    proto, xs = to_onnx(model, text_facts(model)), rng.integers(0, 9, (4, 6))
    wanted = outputs(session(proto), xs)
    for name, found in zip(wanted, ReferenceEvaluator(proto).run(None, {"tokens": xs}), strict=True):
        np.testing.assert_allclose(found, wanted[name], rtol=0, atol=1e-5)
