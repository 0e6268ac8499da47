"""Weights of PyTorch's bidirectional GRU classifier here, and of our classifiers there: the same to rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from common.layer import inference, named_params
from interchange import to_arrays, to_model
from interchange.vocabulary import exchange

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
nn = torch.nn
pack, pad = torch.nn.utils.rnn.pack_padded_sequence, torch.nn.utils.rnn.pad_packed_sequence

from benchmarks.torch_published import Published  # noqa: E402 -- it imports torch

torch.set_num_threads(1)


def arrays_of(module, prefix=""):
    return {prefix + name: weight.numpy() for name, weight in module.state_dict().items()}


def judged(model, xs):
    """Scores, probabilities and attention of ours, padding included."""
    with inference(model):
        scores = model.scores(xs)
    attention = getattr(model, "attention_layer", None)
    return model.to_probabilities(scores), None if attention is None else attention.attention_weights


def to_probabilities(scores):
    """As a user of PyTorch writes it: a sigmoid of one output, a softmax of several."""
    if scores.shape[1] > 1:
        return scores.softmax(1).numpy()
    second = scores.sigmoid()
    return torch.cat((1 - second, second), 1).numpy()


@st.composite
def texts(draw, V, padding):
    """Ids (N, T) of 0..V-1, with padding behind the last word of each text."""
    N, T = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    words = [i for i in range(V) if i != padding]
    xs = rng.choice(words, (N, T))
    xs[np.arange(T) >= rng.integers(1, T + 1, N)[:, None]] = padding
    return xs


@st.composite
def published(draw):
    """A published classifier in float64, texts for it, and the ids of padding and of unknown words."""
    V = draw(st.integers(2, 9))
    padding, unknown = draw(st.permutations(range(V)))[:2]
    sizes = [draw(st.integers(1, 6)) for _ in range(2)]
    torch.manual_seed(draw(st.integers(0, 99)))
    model = Published(
        V,
        *sizes,
        layers=draw(st.integers(1, 4)),
        outputs=draw(st.sampled_from([1, 1, 2, 3, 5])),
        attention=draw(st.booleans()),
        packed=draw(st.booleans()),
        padding=padding,
        dropout=0.5,
    )
    return model.double().eval(), draw(texts(V, padding)), padding, unknown


@settings(deadline=None, max_examples=150)
@given(published(), st.sampled_from(["", "module.", "model.", "net.classifier."]))
def test_a_published_model_says_the_same_here(drawn, prefix):
    theirs, xs, padding, unknown = drawn
    options = dict(padding_id=padding, unknown_id=unknown, attention=theirs.attention, mask=theirs.packed)
    words = list(range(theirs.embedding.num_embeddings))
    exchange(words, padding, unknown)
    ids = np.argsort(words)[xs]  # ours, from theirs
    for dtype, near in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        theirs.to(dtype)
        with torch.no_grad():
            scores, looked = theirs(torch.from_numpy(xs))
        ours, notes = to_model(arrays_of(theirs, prefix), "gru", **options)
        probabilities, attention = judged(ours, ids)
        assert ours.embed.W.dtype == np.dtype(str(dtype).removeprefix("torch."))
        np.testing.assert_allclose(probabilities, to_probabilities(scores), rtol=0, atol=near)
        np.testing.assert_allclose(ours.probabilities(ids), probabilities, rtol=0, atol=near)  # in sorted batches
        assert (attention is None) == (looked is None)
        if looked is not None:
            np.testing.assert_allclose(attention, looked.numpy(), rtol=0, atol=near)
        assert sum(note.startswith(("attention:", "mask:", "dropout:")) for note in notes) == 3
    if theirs.dense.out_features != 2:  # two outputs become one
        back = to_arrays(ours, "torch")
        back["embedding.weight"] = back["embedding.weight"][np.argsort(words)]
        for name, array in arrays_of(theirs).items():
            assert back[name].dtype == array.dtype and back[name].tobytes() == array.tobytes(), name


def test_rows_that_are_not_exchanged_shift_results_silently():
    """Why ids and rows go together: another text is read, and nothing complains."""
    torch.manual_seed(0)
    theirs = Published(9, 5, 4).eval()
    xs = np.array([[2, 0, 3, 1, 1], [4, 5, 6, 7, 8]])
    with torch.no_grad():
        expected = theirs(torch.from_numpy(xs))[0].sigmoid().numpy()
    ours = to_model(arrays_of(theirs), "gru", padding_id=1, unknown_id=0).model
    np.testing.assert_allclose(judged(ours, np.where(xs < 2, 1 - xs, xs))[0][:, 1:], expected, rtol=0, atol=1e-6)
    assert abs(judged(ours, xs)[0][:, 1:] - expected)[0] > 1e-3
    unchanged = to_model(arrays_of(theirs), "gru").model
    assert abs(judged(unchanged, np.where(xs < 2, 1 - xs, xs))[0][:, 1:] - expected)[0] > 1e-3


def test_a_packed_bidirectional_gru_in_pytorch():
    """What the rows rest on: padded places are 0, and the backward half of the last state is that at t = 0."""
    torch.manual_seed(1)
    gru, lengths = nn.GRU(3, 4, batch_first=True, bidirectional=True), torch.tensor([5, 2, 3])
    with torch.no_grad():
        packed, last = gru(pack(torch.randn(3, 5, 3), lengths, batch_first=True, enforce_sorted=False))
        hs, _ = pad(packed, batch_first=True)
    assert (hs[1, 2:] == 0).all() and (hs[2, 3:] == 0).all()
    assert torch.equal(last[1], hs[:, 0, 4:])
    assert torch.equal(last[0], torch.stack([hs[n, length - 1, :4] for n, length in enumerate(lengths)]))


def test_without_biases():
    torch.manual_seed(2)
    theirs = Published(7, 3, 4, 2).double().eval()
    theirs.gru = nn.GRU(3, 4, 2, batch_first=True, bidirectional=True, bias=False).double()
    theirs.dense = nn.Linear(8, 1, bias=False).double()
    xs = np.array([[2, 3, 4, 1], [5, 6, 1, 1]])
    ours, notes = to_model(arrays_of(theirs), "gru", padding_id=1, unknown_id=0)
    with torch.no_grad():
        expected = to_probabilities(theirs(torch.from_numpy(xs))[0])
    np.testing.assert_allclose(judged(ours, np.where(xs < 2, 1 - xs, xs))[0], expected, rtol=0, atol=1e-12)
    assert sum("no bias" in note for note in notes) == 2


def test_dropout_between_layers_acts_in_training_only():
    torch.manual_seed(3)
    gru = nn.GRU(3, 4, 2, dropout=0.9, bidirectional=True).eval()
    plain = nn.GRU(3, 4, 2, bidirectional=True).eval()
    plain.load_state_dict(gru.state_dict())
    x = torch.randn(5, 2, 3)
    assert torch.equal(gru(x)[0], plain(x)[0]) and not torch.equal(gru.train()(x)[0], plain(x)[0])


class SeqSelf(nn.Module):
    """SeqSelfClassifier, by the names that ``to_arrays`` gives. PyTorch has no such layer."""

    def __init__(self, ours):
        super().__init__()
        V, D, H, units = (ours.arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size", "units"))
        how = ours.attention_layer
        self.embedding, self.how, self.mask = nn.Embedding(V, D), how, ours.mask
        self.attention = nn.Module()
        if how.attention_type == "additive":
            self.attention.query = nn.Linear(D, units, bias=how.bh is not None)
            self.attention.key = nn.Linear(D, units, bias=False)
            self.attention.score = nn.Linear(units, 1, bias=how.ba is not None)
        else:
            self.attention.query = nn.Linear(D, D, bias=False)
            if how.ba is not None:
                self.attention.score = nn.Module()
                self.attention.score.bias = nn.Parameter(torch.zeros(1))
        self.lstm = nn.LSTM(D, H, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * H, ours.classes)

    def forward(self, text):
        x, real, part = self.embedding(text), (text != 0) | (not self.mask), self.attention
        if self.how.attention_type == "additive":
            e = part.score((part.query(x)[:, :, None] + part.key(x)[:, None]).tanh())[..., 0]
        else:
            e = part.query(x) @ x.transpose(1, 2) + (part.score.bias if self.how.ba is not None else 0)
        e = e.sigmoid() if self.how.attention_activation else e
        after = torch.arange(text.shape[1]) - torch.arange(text.shape[1])[:, None]  # key less query
        width = self.how.attention_width or 2 * text.shape[1]
        first, last = (1 - width, 0) if self.how.history_only else (-(width // 2), (width - 1) // 2)
        seen = (first <= after) & (after <= last) & real[:, None] & real[:, :, None]
        a = e.masked_fill(~seen, -torch.inf).softmax(2).nan_to_num(0)
        packed = pack(a @ x, real.sum(1), batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.dense(torch.cat((h[0], h[1]), 1)), a


class Bag(nn.Module):
    """BagOfWords, by the names that ``to_arrays`` gives."""

    def __init__(self, ours):
        super().__init__()
        V, K = ours.embed.W.shape
        self.embedding, self.bias = nn.EmbeddingBag(V, K, mode="sum", padding_idx=0), nn.Parameter(torch.zeros(K))

    def forward(self, text):
        return self.embedding(text) + self.bias, None


def test_an_embedding_bag_that_takes_the_mean_says_otherwise():
    """The default there; nothing in the weights tells, which is why a note says it."""
    torch.manual_seed(4)
    theirs = Bag(BagOfWords(7, 3)).double()
    ours, notes = to_model(arrays_of(theirs), "bow")
    assert any(note.startswith("mode:") and "'mean'" in note for note in notes)
    xs = np.array([[2, 3, 4, 0]])
    for mode in ("sum", "mean"):
        theirs.embedding.mode = mode
        with torch.no_grad():
            expected = to_probabilities(theirs(torch.from_numpy(xs))[0])
        assert np.allclose(judged(ours, xs)[0], expected, rtol=0, atol=1e-12) == (mode == "sum")


def gru_module(ours):
    V, D, H, layers, attention = (
        ours.arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size", "layers", "attention")
    )
    outputs = 1 if ours.classes == 2 else ours.classes
    return Published(V, D, H, layers, outputs, padding=0, attention=attention, packed=ours.mask)


@st.composite
def of_ours(draw):
    """A classifier of ours in float64 with weights of about 0.5 everywhere, its module and its options."""
    V, D, H, K = (draw(st.integers(low, 5)) for low in (2, 1, 1, 2))
    kind = draw(st.sampled_from(["gru", "gru", "additive", "multiplicative", "bow"]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    options = {}
    if kind == "gru":
        options = {"attention": draw(st.booleans()), "mask": draw(st.booleans())}
        model = GRUClassifier(V, D, H, draw(st.integers(1, 3)), classes=K, dtype=np.float64, **options)
    elif kind == "bow":
        model = BagOfWords(V, K, dtype=np.float64)
    else:
        options = dict(history_only=draw(st.booleans()), attention_width=draw(st.sampled_from([None, 1, 2, 3, 5])))
        options |= dict(attention_activation=draw(st.sampled_from([None, "sigmoid"])))
        how = options | {name: draw(st.booleans()) for name in ("use_additive_bias", "use_attention_bias")}
        how |= {"attention_type": kind}
        options["mask"] = draw(st.booleans())
        model = SeqSelfClassifier(V, D, H, 3, K, options["mask"], attention=how, dtype=np.float64)
    for p in model.params:
        p[...] = rng.normal(0, 0.5, p.shape)
    module = {"gru": gru_module, "bow": Bag}.get(kind, SeqSelf)(model).double().eval()
    return model, module, draw(texts(V, 0)), kind if kind in ("gru", "bow") else "seqself", options


@settings(deadline=None, max_examples=150)
@given(of_ours())
def test_a_model_of_ours_loads_there_says_the_same_and_comes_back(drawn):
    ours, module, xs, kind, options = drawn
    arrays = to_arrays(ours, "torch")
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=True)
    with torch.no_grad():
        scores, looked = module(torch.from_numpy(xs))
    probabilities, attention = judged(ours, xs)
    np.testing.assert_allclose(probabilities, to_probabilities(scores), rtol=0, atol=1e-12)
    if looked is not None:
        np.testing.assert_allclose(attention, looked.numpy(), rtol=0, atol=1e-12)
    back = to_model(arrays_of(module), kind, **options).model
    for name, param in named_params(ours).items():
        assert named_params(back)[name].tobytes() == param.tobytes(), name
