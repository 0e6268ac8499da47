"""Seq2seq models of PyTorch here, and ours there: scores, maps and greedy answers are the same to rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_seq2seq_tools import Model, arrays_of, nn, scored, torch

from common.attention import SCORES
from common.functions import log_softmax
from common.layer import named_params
from interchange import ForeignFileError, to_arrays, to_model
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq

pytestmark = pytest.mark.slow
torch.set_num_threads(1)
MODELS = {"attention": AttentionSeq2seq, "baseline": Seq2seq, "peeky": PeekySeq2seq}


@st.composite
def pairs(draw):
    """A kind, sizes (V, D, H), questions (N, T_enc), answers (N, T_dec) and a generator."""
    V, D, H, N, T_enc, T_dec = (draw(st.integers(low, 6)) for low in (2, 1, 1, 1, 1, 1))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return (
        draw(st.sampled_from(list(MODELS))),
        (V, D, H),
        rng.integers(V, size=(N, T_enc)),
        rng.integers(V, size=(N, T_dec)),
        rng,
    )


@st.composite
def options_of(draw, kind, V):
    """The options of ``to_model``."""
    options = {"cell_state": draw(st.booleans())}
    if kind == "attention":
        options["linear_reads"] = draw(st.sampled_from(["context,state", "state,context"]))
        options["mask_padding"] = draw(st.sampled_from([None, 0, V - 1]))
        options["score"] = draw(st.sampled_from(list(SCORES)))
    return options


@st.composite
def depths(draw):
    """What the weights tell of encoder and decoder."""
    return {"layers": draw(st.integers(1, 3)), "bidirectional": draw(st.booleans())}


def even(sizes, deep):
    """Sizes (V, D, H) with an H that two directions can share."""
    V, D, H = sizes
    return V, D, H * (1 + deep["bidirectional"])


def same_answers(ours, theirs, questions, T):
    """Greedy answers: the ids are equal as long as the two best scores are clearly apart."""
    decoded = ours.decode(questions, start_id=0, sample_size=T)
    with torch.no_grad():
        ids = torch.zeros((len(questions), 1), dtype=torch.long)
        for _ in range(T):
            ids = torch.cat((ids, theirs(torch.from_numpy(questions), ids)[0][:, -1].argmax(1)[:, None]), 1)
        scores = theirs(torch.from_numpy(questions), ids[:, :-1])[0].numpy()
    margin = np.diff(np.sort(scores, axis=2)[:, :, -2:])[:, :, 0]
    clear = np.logical_and.accumulate(margin > 1e-4, axis=1)
    assert ((decoded.ids == ids[:, 1:].numpy()) | ~clear).all()
    whole = clear[:, -1]
    log_probs = np.take_along_axis(log_softmax(scores), ids[:, 1:, None].numpy(), 2)[:, :, 0].sum(1)
    np.testing.assert_allclose(decoded.log_probs[whole], log_probs[whole], rtol=0, atol=1e-4)
    return whole


@settings(deadline=None, max_examples=200)
@given(pairs(), st.data())
def test_a_model_of_pytorch_says_the_same_here(drawn, data):
    kind, sizes, questions, answers, _ = drawn
    options, deep = data.draw(options_of(kind, sizes[0])), data.draw(depths())
    torch.manual_seed(data.draw(st.integers(0, 99)))
    theirs = Model(kind, *even(sizes, deep), **options, **deep, shared=data.draw(st.booleans()))
    for dtype, near in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        theirs.to(dtype)
        with torch.no_grad():
            expected, looked = theirs(torch.from_numpy(questions), torch.from_numpy(answers))
        ours, notes = to_model(arrays_of(theirs, data.draw(st.sampled_from(["", "module."]))), kind, **options)
        scores, attention = scored(ours, questions, answers)
        np.testing.assert_allclose(scores, expected.numpy(), rtol=0, atol=near)
        if looked is not None:
            np.testing.assert_allclose(attention, looked.numpy(), rtol=0, atol=near)
        assert any(note.startswith("cell_state:") for note in notes)
    same_answers(ours, theirs, questions, T=4)


@settings(deadline=None, max_examples=150)
@given(pairs(), st.data())
def test_a_model_of_ours_loads_there_says_the_same_and_comes_back(drawn, data):
    kind, sizes, questions, answers, rng = drawn
    options, deep = data.draw(options_of(kind, sizes[0])), data.draw(depths())
    options.pop("linear_reads", None)  # it reads context,state
    sizes = even(sizes, deep)
    ours = MODELS[kind](*sizes, dtype=np.float64, **options, **deep)
    for p in ours.params:
        p[...] = rng.normal(0, 0.7, p.shape)
        p.reshape(-1)[:1] = -0.0
    theirs = Model(kind, *sizes, **options, **deep).double()
    arrays = to_arrays(ours, "torch")
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=True)
    with torch.no_grad():
        expected, looked = theirs(torch.from_numpy(questions), torch.from_numpy(answers))
    scores, attention = scored(ours, questions, answers)
    np.testing.assert_allclose(scores, expected.numpy(), rtol=0, atol=1e-12)
    if looked is not None:
        np.testing.assert_allclose(attention, looked.numpy(), rtol=0, atol=1e-12)
    same_answers(ours, theirs, questions, T=4)
    back = to_model(arrays_of(theirs), kind, **options).model
    assert back.arguments == ours.arguments
    for name, param in named_params(ours).items():
        assert named_params(back)[name].tobytes() == param.tobytes(), name


def test_most_greedy_answers_are_clear_enough_to_compare():
    """Or ``same_answers`` would compare nothing."""
    torch.manual_seed(0)
    theirs = Model("attention", 11, 8, 16)
    questions = np.random.default_rng(0).integers(11, size=(50, 12))
    ours = to_model(arrays_of(theirs), "attention").model
    assert same_answers(ours, theirs, questions, T=6).mean() > 0.9


def test_a_wrong_option_changes_the_scores():
    """What the weights do not tell matters, which is why it stands in the notes."""
    torch.manual_seed(1)
    questions, answers = np.array([[1, 3, 4, 2, 2], [2, 5, 6, 0, 1]]), np.array([[0, 3], [1, 4]])
    right = dict(cell_state=True, linear_reads="state,context", mask_padding=2, score="scaled")
    theirs = Model("attention", 7, 5, 6, **right).double()
    with torch.no_grad():
        expected = theirs(torch.from_numpy(questions), torch.from_numpy(answers))[0].numpy()
    for name in (None, *right):
        options = {key: value for key, value in right.items() if key != name}
        scores, _ = scored(to_model(arrays_of(theirs), "attention", **options).model, questions, answers)
        assert (abs(scores - expected).max() < 1e-12) == (name is None), name


def test_lstm_cells_and_tied_weights():
    """A decoder of nn.LSTMCell has other names; a Linear that shares the embedding's matrix becomes a copy."""
    torch.manual_seed(2)
    theirs = Model("baseline", 7, 5, 5).double()
    theirs.decoder.dense.weight = theirs.decoder.embedding.weight
    cell = nn.LSTMCell(5, 5).double()
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in theirs.decoder.lstm.state_dict().items()})
    arrays = {name: w for name, w in arrays_of(theirs).items() if not name.startswith("decoder.lstm")}
    arrays |= arrays_of(cell, "decoder.cell.")
    questions, answers = np.array([[1, 3, 4]]), np.array([[0, 3]])
    with torch.no_grad():
        expected = theirs(torch.from_numpy(questions), torch.from_numpy(answers))[0].numpy()
    ours = to_model(arrays, "baseline").model
    np.testing.assert_allclose(scored(ours, questions, answers)[0], expected, rtol=0, atol=1e-12)
    assert not np.shares_memory(ours.decoder.affine.W, ours.decoder.embed.W)


@pytest.mark.parametrize("kind", ["attention", "baseline"])
def test_a_packed_encoder_says_the_same_for_questions_without_padding(kind):
    """And only for those, which is why a note says it."""
    torch.manual_seed(3)
    theirs = Model(kind, 7, 5, 6, mask_padding=0).double()
    questions, answers = np.array([[1, 3, 4, 0, 0], [2, 5, 6, 1, 4]]), np.array([[1, 3], [1, 4]])

    def packed(x):
        lengths = torch.from_numpy((questions != 0).sum(1))
        hs, last = lstm(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        return nn.utils.rnn.pad_packed_sequence(hs, batch_first=True)[0], [last]

    arrays, lstm = arrays_of(theirs), theirs.encoder.lstm
    theirs.encoder.forward = lambda ids: packed(theirs.encoder.embedding(ids))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(questions), torch.from_numpy(answers))[0].numpy()
    ours, notes = to_model(arrays, kind, **({"mask_padding": 0} if kind == "attention" else {}))
    differ = abs(scored(ours, questions, answers)[0] - expected).max(axis=(1, 2))
    assert differ[0] > 1e-3 and differ[1] < 1e-12
    assert any(note.startswith("padding:") and "pack_padded_sequence" in note for note in notes)
    assert any(note.startswith("batch_first:") for note in notes)


def wide(model):
    model.encoder.lstm = nn.LSTM(5, 6, bidirectional=True)


def both_ways(model):
    model.decoder.lstm = nn.LSTM(5, 3, bidirectional=True)


def unlike(model):
    model.encoder.lstm = nn.ModuleList([nn.LSTM(5, 6), nn.LSTM(6, 6)])


def not_on_top(model):
    model.encoder.lstm = nn.ModuleList([nn.LSTM(5, 6), nn.LSTM(5, 6)])
    model.decoder.lstm = nn.ModuleList([nn.LSTM(5, 6), nn.LSTM(6, 6)])


def bridge(model):
    model.encoder.bridge = nn.Linear(6, 6)


def several_layers(model):
    model.encoder.lstm = nn.LSTM(5, 6, num_layers=2)


def projected(model):
    model.encoder.lstm = nn.LSTM(5, 6, proj_size=3)


def input_feeding(model):
    model.decoder.lstm = nn.LSTM(5 + 6, 6)


def gru(model):
    model.encoder.lstm = nn.GRU(5, 6)


def general_scores(model):
    model.decoder.scores = nn.Linear(6, 6, bias=False)


def tanh_layer(model):
    model.decoder.concat, model.decoder.dense = nn.Linear(12, 6), nn.Linear(6, 7)


def two_vocabularies(model):
    model.encoder.embedding = nn.Embedding(9, 5)


@pytest.mark.parametrize(
    "change, why",
    [
        (wide, "decoder.lstm.*expected 5 -> 12, both directions together, beside encoder.lstm"),
        (both_ways, "decoder.lstm.* two directions; a decoder writes in one"),
        (several_layers, "encoder.lstm.* 2 layers, .*; those here have a skip connection .* nn.ModuleList"),
        (unlike, "expected as many layers of encoder and decoder, got 2 and 1"),
        (not_on_top, r"encoder.lstm.1.weight_\* .*: expected 6 -> 6, as each layer but the first"),
        (bridge, "left over encoder.bridge.weight .*no layer stands between the encoder's last states and the decoder"),
        (projected, "weight_hr_l0.*proj_size"),
        (input_feeding, "decoder.lstm.*input feeding"),
        (gru, "expected nn.LSTM.*nn.GRU"),
        (general_scores, r"left over decoder.scores.weight \(6, 6\).*dot products without weights"),
        (tanh_layer, r"expected an nn.Linear \(7, 12\).*decoder.concat.weight \(6, 12\)"),
        (two_vocabularies, "same vocabulary"),
    ],
)
def test_what_does_not_map_is_refused_with_its_reason(change, why):
    model = Model("attention", 7, 5, 6)
    change(model)
    with pytest.raises(ForeignFileError, match=why):
        to_model(arrays_of(model), "attention")
