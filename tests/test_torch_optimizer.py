"""A training that begins in PyTorch goes on here, and the reverse, with the weights of one that stayed."""

import copy

import numpy as np
import pytest

from classifier import GRUClassifier
from common.layer import named_params
from common.optimizer import Adam, AdamW, Nadam
from common.trainer import Trainer
from interchange import ForeignFileError, to_arrays, to_model
from interchange.export import export_model
from interchange.optimizer_state import from_torch, to_torch
from seq2seq import AttentionSeq2seq, TransformerSeq2seq

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning"),
]
torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

from test_torch_transformer_model import Model as Transformer  # noqa: E402 -- both import torch

from benchmarks.torch_published import Published  # noqa: E402

V, D, H, N, T = 9, 4, 5, 12, 6
OPTIMIZERS = {
    "Adam": (lambda ps: torch.optim.Adam(ps, 0.01), lambda: Adam(0.01, epsilon=1e-8, epsilon_hat=False)),
    "AdamW": (lambda ps: torch.optim.AdamW(ps, 0.01, weight_decay=0.3), lambda: AdamW(0.01, weight_decay=0.3)),
    "NAdam": (
        lambda ps: torch.optim.NAdam(ps, 0.02, (0.8, 0.99), 1e-6, momentum_decay=0.02),
        lambda: Nadam(0.02, 0.8, 0.99, 1e-6, schedule_decay=0.02),
    ),
}


@pytest.fixture(autouse=True)
def float64():
    """PyTorch then keeps its own scalars in float64 too."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


class Texts(torch.nn.Module):
    """GRUClassifier's twin, with the names that ours is exported under."""

    def __init__(self, layers=2):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, D)
        self.gru = torch.nn.GRU(D, H, layers, bidirectional=True, batch_first=True)
        self.dense = torch.nn.Linear(2 * H, 1)

    def loss(self, x, t):
        hs, h = self.gru(self.embedding(x))
        query = torch.cat((h[-2], h[-1]), dim=1)
        a = torch.softmax((hs @ query[:, :, None])[:, :, 0] / (2 * H) ** 0.5, dim=1)
        scores = self.dense((a[:, None] @ hs)[:, 0])[:, 0]
        return torch.nn.functional.binary_cross_entropy_with_logits(scores, t.to(scores.dtype))


class Side(torch.nn.Module):
    def __init__(self, dense):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, D)
        self.lstm = torch.nn.LSTM(D, H, batch_first=True)
        if dense:
            self.dense = torch.nn.Linear(2 * H, V)


class Dates(torch.nn.Module):
    """AttentionSeq2seq's twin, with the names that ours is exported under; one bias of each LSTM is frozen."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Side(False), Side(True)
        for side in (self.encoder, self.decoder):
            side.lstm.bias_hh_l0.requires_grad_(False)

    def loss(self, x, t):
        hs, (h, c) = self.encoder.lstm(self.encoder.embedding(x))
        states, _ = self.decoder.lstm(self.decoder.embedding(t[:, :-1]), (h, torch.zeros_like(c)))
        contexts = torch.softmax(states @ hs.transpose(1, 2), dim=2) @ hs
        scores = self.decoder.dense(torch.cat((contexts, states), dim=2))
        return torch.nn.functional.cross_entropy(scores.reshape(-1, V), t[:, 1:].reshape(-1))


class Transformed(Transformer):
    """TransformerSeq2seq's twin; its keys have biases, whose gradients are 0 but for rounding."""

    def __init__(self):
        super().__init__(V, D, H, **HEADS, layers=1)

    def loss(self, x, t):
        scores, _ = self(x, t[:, :-1])
        return torch.nn.functional.cross_entropy(scores.reshape(-1, V), t[:, 1:].reshape(-1))


HEADS = {"heads": 2, "pre_norm": True}
KINDS = {
    "gru": (Texts, GRUClassifier, dict(layers=2, dropout=0.0)),
    "attention": (Dates, AttentionSeq2seq, {}),
    "transformer": (Transformed, TransformerSeq2seq, HEADS | {"layers": 1}),
}
OPTIONS = {"transformer": HEADS}  # of to_model


def data(kind, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.integers(2 if kind == "gru" else 0, V, (N, T))
    return x, (x[:, 0] > V // 2).astype(int) if kind == "gru" else np.concatenate((x[:, :1], x[:, ::-1]), axis=1)


def train_there(module, optimizer, kind, steps):
    x, t = map(torch.tensor, data(kind))
    for _ in range(steps):
        optimizer.zero_grad()
        module.loss(x, t).backward()
        optimizer.step()


def train_here(model, optimizer, kind, steps):
    Trainer(model, optimizer, callbacks=()).fit(*data(kind), max_epoch=steps, batch_size=N)  # all of it: no order


def trained(module):
    return [name for name, p in module.named_parameters() if p.requires_grad]


def agree(model, module, kind):
    theirs = named_params(to_model(module.state_dict(), kind, **OPTIONS.get(kind, {})).model)
    for name, param in named_params(model).items():
        np.testing.assert_allclose(param, theirs[name], rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_from_there_to_here(rule, kind):
    torch.manual_seed(1)
    module = KINDS[kind][0]()
    if rule == "AdamW":  # whose decay would move here what is frozen there
        for frozen in (p for p in module.parameters() if not p.requires_grad):
            frozen.zero_()
    optimizer = OPTIMIZERS[rule][0](module.parameters())
    train_there(module, optimizer, kind, 5)
    arrays = copy.deepcopy(module.state_dict())
    options = OPTIONS.get(kind, {})
    model = to_model(arrays, kind, **options).model
    own = from_torch(model, arrays, optimizer.state_dict(), **options)
    before = copy.deepcopy(model)
    train_there(module, optimizer, kind, 5)
    train_here(model, own, kind, 5)
    agree(model, module, kind)
    train_here(before, OPTIMIZERS[rule][1](), kind, 5)  # without the state, it is another training
    with pytest.raises(AssertionError):
        agree(before, module, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_from_here_to_there(tmp_path, rule, kind):
    make, cls, more = KINDS[kind]
    model = cls(V, D, H, **more, rng=np.random.default_rng(2), dtype=np.float64)
    own = OPTIMIZERS[rule][1]()
    train_here(model, own, kind, 5)
    module = make()
    export_model(tmp_path / "model.safetensors", model, {})
    module.load_state_dict(safetensors.load_file(tmp_path / "model.safetensors"))
    names = trained(module)
    optimizer = OPTIMIZERS[rule][0](p for p in module.parameters() if p.requires_grad)
    before = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
    optimizer.load_state_dict(to_torch(model, own, names))
    after = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
    assert after == before
    train_here(model, own, kind, 5)
    train_there(module, optimizer, kind, 5)
    agree(model, module, kind)


def test_there_and_back_is_the_same_state():
    """Its arrays to the bit, its numbers but for their rounding."""
    model = GRUClassifier(V, D, H, layers=2, dropout=0.0, rng=np.random.default_rng(2))
    for rule, (_, make) in OPTIMIZERS.items():
        own = make()
        train_here(model, own, "gru", 3)
        arrays = to_arrays(model, "torch")
        back = from_torch(model, arrays, to_torch(model, own, list(arrays)))
        assert type(back) is type(own) and vars(back).keys() == vars(own).keys(), rule
        for name, value in vars(own).items():
            if name in own.slots:
                assert all(a.tobytes() == b.tobytes() for a, b in zip(value, getattr(back, name), strict=True))
            elif name not in ("_work", "below"):
                assert getattr(back, name) == pytest.approx(value, rel=1e-15), name


def test_a_row_of_padding_that_stays_there_is_refused_where_it_would_move_here():
    """padding_idx; a packed model and one with a mask do not read it."""
    for packed in (True, False):
        torch.manual_seed(0)
        module = Published(V, D, H, packed=packed)
        optimizer = torch.optim.Adam(module.parameters(), 0.01)
        text, label = torch.tensor([[2, 3, 4, 1, 1], [0, 5, 6, 7, 8]]), torch.tensor([0, 1])
        for _ in range(3):
            module.learn(optimizer, text, label)
        how = dict(padding_id=1, unknown_id=0, mask=packed)
        arrays, state = copy.deepcopy(module.state_dict()), copy.deepcopy(optimizer.state_dict())
        model = to_model(arrays, "gru", **how).model
        if not packed:
            with pytest.raises(
                ForeignFileError, match=r"embed.W, row 0: padding is not trained there, as with padding_i"
            ):
                from_torch(model, arrays, state, **how)
            state["state"][0]["exp_avg_sq"][1] = 1.0  # as without padding_idx
        own = from_torch(model, arrays, state, **how)
        ours = np.where(text < 2, 1 - text, text)
        for _ in range(5):
            module.learn(optimizer, text, label)
            model.forward(ours, label.numpy())
            model.backward()
            own.update(model.params, model.grads)
        after = named_params(to_model(module.state_dict(), "gru", **how).model)
        agrees = all(np.allclose(param, after[name], atol=1e-8) for name, param in named_params(model).items())
        assert agrees == packed, "the refusal is right"


@pytest.mark.parametrize("how", [{}, {"mask_padding": 2}, {"padding_id": 2}])
def test_a_row_of_padding_of_dates_that_stays_there_is_refused(how):
    torch.manual_seed(1)
    module = Dates()
    fixed = 2 if how else 0
    module.encoder.embedding = torch.nn.Embedding(V, D, padding_idx=fixed)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    train_there(module, optimizer, "attention", 2)
    arrays = module.state_dict()
    masked = {name: value for name, value in how.items() if name == "mask_padding"}
    model = to_model(arrays, "attention", **masked).model
    with pytest.raises(ForeignFileError, match=f"encoder.embed.W, row {fixed}: padding is not trained there"):
        from_torch(model, arrays, optimizer.state_dict(), **how)


def test_two_biases_that_are_both_trained_move_otherwise_there():
    """The refusal is right: with both trained, as usual, the sum moves by two steps."""
    module = Dates().requires_grad_(True)
    optimizer = OPTIMIZERS["Adam"][0](module.parameters())
    train_there(module, optimizer, "attention", 2)
    first, second = (optimizer.state[getattr(module.encoder.lstm, f"bias_{n}_l0")] for n in ("ih", "hh"))
    assert all(torch.allclose(first[slot], second[slot]) for slot in ("exp_avg", "exp_avg_sq"))
    model = to_model(module.state_dict(), "attention").model
    with pytest.raises(ForeignFileError, match=r"freeze bias_hh there"):
        from_torch(model, module.state_dict(), optimizer.state_dict())
    own = OPTIMIZERS["Adam"][1]()
    train_here(model, own, "attention", 1)
    both = list(to_arrays(model, "torch"))
    for names in (both, [n for n in both if "bias_ih" not in n], [n for n in both if n != "decoder.dense.bias"]):
        with pytest.raises(ValueError, match=r"\.b(, .*bias_.*freeze bias_hh there|, decoder.dense.bias: a number)"):
            to_torch(model, own, names)


def test_what_pytorch_has_not_is_not_written():
    model, own = GRUClassifier(V, D, H, 1, dropout=0.0), Adam()
    train_here(model, own, "gru", 1)
    with pytest.raises(ValueError, match=r"^to_torch: PyTorch adds epsilon after the bias is corrected; train with"):
        to_torch(model, own, list(to_arrays(model, "torch")))
    own.epsilon = 0.0  # which is added in no place
    assert to_torch(model, own, list(to_arrays(model, "torch")))["param_groups"][0]["eps"] == 0
    with pytest.raises(ValueError, match=r"^expected names of embedding.weight, .*, got a, b$"):
        to_torch(model, own, ["a", "b"])


@pytest.mark.parametrize("name", ["AdamW", "RAdam", "Adamax", "SGD"])
def test_other_optimizers(name):
    """AdamW without decay is Adam; the others are not, although RAdam keeps what Adam keeps."""
    module = Texts()
    optimizer = getattr(torch.optim, name)(module.parameters(), 0.01, **{"weight_decay": 0} if name == "AdamW" else {})
    train_there(module, optimizer, "gru", 2)
    model = to_model(module.state_dict(), "gru").model
    if name == "AdamW":
        own = from_torch(model, module.state_dict(), optimizer.state_dict())
        train_there(module, optimizer, "gru", 2)
        train_here(model, own, "gru", 2)
        agree(model, module, "gru")
    else:
        with pytest.raises(ForeignFileError, match=r"expected torch.optim.Adam or NAdam, got settings lr, "):
            from_torch(model, module.state_dict(), optimizer.state_dict())
