"""Transformers of PyTorch here, and ours there: scores, maps and greedy answers are the same to rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_torch_seq2seq import same_answers
from torch_seq2seq_tools import arrays_of, nn, torch

from common.layer import inference, named_params
from common.transformer_layers import sinusoids
from interchange import ForeignFileError, to_arrays, to_model
from seq2seq import TransformerSeq2seq, padding_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning"),  # it is only slower then
]
SIZES = V, D, H = 7, 6, 5
HOW = {"heads": 2, "pre_norm": True}


class Model(nn.Module):
    """As tutorials write it: nn.Transformer between embeddings, scaled and with positions, and a Linear."""

    def __init__(self, V, D, H, heads=2, layers=2, pre_norm=True, mask_padding=None, *, bias=True, last_norm=None):
        super().__init__()
        last_norm = pre_norm if last_norm is None else last_norm
        self.source_embedding, self.target_embedding = nn.Embedding(V, D), nn.Embedding(V, D)
        how = dict(dropout=0.0, batch_first=True, norm_first=pre_norm, bias=bias)
        custom = {}
        if not last_norm:
            encoder, decoder = nn.TransformerEncoderLayer, nn.TransformerDecoderLayer
            custom["custom_encoder"] = nn.TransformerEncoder(encoder(D, heads, H, **how), layers)
            custom["custom_decoder"] = nn.TransformerDecoder(decoder(D, heads, H, **how), layers)
        self.transformer = nn.Transformer(D, heads, layers, layers, H, **how, **custom)
        self.dense = nn.Linear(D, V, bias)
        self.padding = mask_padding

    def read(self, embedding, ids):
        positions = torch.from_numpy(sinusoids(ids.shape[1], embedding.embedding_dim))
        vectors = embedding(ids) * embedding.embedding_dim**0.5
        return vectors + positions.to(vectors.dtype)

    def forward(self, questions, answers):
        """Return scores (N, T, V) for given answers (N, T); the second is for maps, which it keeps to itself."""
        unseen = None
        if self.padding is not None:
            unseen = torch.from_numpy(padding_of(questions.numpy(), self.padding))
        later = torch.triu(torch.ones((answers.shape[1],) * 2, dtype=torch.bool), 1)
        out = self.transformer(
            self.read(self.source_embedding, questions),
            self.read(self.target_embedding, answers),
            tgt_mask=later,
            src_key_padding_mask=unseen,
            memory_key_padding_mask=unseen,
        )
        return self.dense(out), None


def stirred(module):
    """The module with weights, scales and biases of all sizes."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return module


def scored(model, questions, answers):
    with inference(model):
        return model.decoder.forward(answers, model.encode(questions))


@st.composite
def models(draw):
    """Sizes, what ``to_model`` is told, and what the weights tell."""
    heads = draw(st.integers(1, 3))
    sizes = draw(st.integers(2, 6)), heads * draw(st.integers(1, 4)), draw(st.integers(1, 6))
    masked = draw(st.sampled_from([None, 0]))
    return sizes, {"heads": heads, "pre_norm": draw(st.booleans()), "mask_padding": masked}, draw(st.integers(1, 3))


def asked(V, padded, seed):
    """Questions of at least one character, padded with 0 at the end, and answers."""
    rng = np.random.default_rng(seed)
    questions = rng.integers(1, V, size=(4, 5))
    if padded:
        questions[np.arange(5) > rng.integers(0, 5, size=(4, 1))] = 0
    return questions, rng.integers(V, size=(4, 3))


@settings(deadline=None, max_examples=60)
@given(models(), st.booleans(), st.integers(0, 99))
def test_a_model_of_pytorch_says_the_same_here(drawn, bias, seed):
    sizes, options, layers = drawn
    torch.manual_seed(seed)
    theirs = stirred(Model(*sizes, **options, layers=layers, bias=bias)).eval()
    questions, answers = asked(sizes[0], True, seed)
    for dtype, near in ((torch.float64, 1e-10), (torch.float32, 1e-3)):
        theirs.to(dtype)
        expected, _ = theirs(torch.from_numpy(questions), torch.from_numpy(answers))
        ours, notes = to_model(arrays_of(theirs), "transformer", **options)
        np.testing.assert_allclose(scored(ours, questions, answers), expected.detach().numpy(), rtol=0, atol=near)
    assert ours.arguments["layers"] == layers and any(note.startswith("activation") for note in notes)


@settings(deadline=None, max_examples=60)
@given(models(), st.integers(0, 99))
def test_a_model_of_ours_loads_there_says_the_same_and_comes_back(drawn, seed):
    sizes, options, layers = drawn
    rng = np.random.default_rng(seed)
    ours = TransformerSeq2seq(*sizes, **options, layers=layers, dropout=0.5, dtype=np.float64)
    for p in ours.params:
        p[...] += rng.normal(0, 0.5, p.shape)
        p.reshape(-1)[:1] = -0.0
    theirs = Model(*sizes, **options, layers=layers).double().eval()
    arrays = to_arrays(ours, "torch")
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=True)
    questions, answers = asked(sizes[0], True, seed)
    expected, _ = theirs(torch.from_numpy(questions), torch.from_numpy(answers))
    np.testing.assert_allclose(scored(ours, questions, answers), expected.detach().numpy(), rtol=0, atol=1e-10)
    back = to_model(arrays_of(theirs), "transformer", **options, dropout=0.5).model
    assert back.arguments == ours.arguments
    for name, param in named_params(ours).items():
        assert named_params(back)[name].tobytes() == param.tobytes(), name


@pytest.mark.parametrize("pre_norm", [True, False])
def test_most_greedy_answers_are_clear_enough_to_compare(pre_norm):
    torch.manual_seed(0)
    theirs = stirred(Model(11, 12, 9, 3, pre_norm=pre_norm, mask_padding=0)).double().eval()
    questions, _ = asked(11, True, 0)
    ours = to_model(arrays_of(theirs), "transformer", heads=3, pre_norm=pre_norm, mask_padding=0).model
    assert same_answers(ours, theirs, questions, T=6).mean() > 0.7


def test_a_bias_of_keys_changes_nothing():
    """In any of their attentions; so ours has none."""
    torch.manual_seed(1)
    theirs = stirred(Model(*SIZES)).double().eval()
    questions, answers = (torch.from_numpy(ids) for ids in asked(V, False, 1))
    before, _ = theirs(questions, answers)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if name.endswith("in_proj_bias"):
                parameter[D : 2 * D] += 5 * torch.randn(D)
    np.testing.assert_allclose(theirs(questions, answers)[0].detach(), before.detach(), rtol=0, atol=1e-12)


def test_a_last_norm_after_post_norm_layers_is_another_computation():
    """nn.Transformer has one with ``norm_first=False``, too: so such a model is refused."""
    torch.manual_seed(2)
    theirs = stirred(Model(*SIZES, pre_norm=False, last_norm=True)).double().eval()
    arrays = arrays_of(theirs)
    with pytest.raises(ForeignFileError, match=r"transformer.encoder.norm: .* a last LayerNorm .* maps$"):
        to_model(arrays, "transformer", heads=2, pre_norm=False)
    questions, answers = asked(V, False, 2)
    expected, _ = theirs(torch.from_numpy(questions), torch.from_numpy(answers))
    arrays = {name: array for name, array in arrays.items() if ".norm." not in name}
    ours = to_model(arrays, "transformer", heads=2, pre_norm=False).model
    assert abs(scored(ours, questions, answers) - expected.detach().numpy()).max() > 0.1


def test_a_wrong_option_changes_the_scores():
    torch.manual_seed(3)
    theirs = stirred(Model(*SIZES, mask_padding=0)).double().eval()
    questions, answers = asked(V, True, 3)
    expected = theirs(torch.from_numpy(questions), torch.from_numpy(answers))[0].detach().numpy()
    for wrong in ({}, {"heads": 3}, {"mask_padding": None}):
        ours = to_model(arrays_of(theirs), "transformer", **{**HOW, "mask_padding": 0} | wrong).model
        assert (abs(scored(ours, questions, answers) - expected).max() < 1e-10) == (not wrong), wrong


def table(length=50, scale=1.0):
    """The buffer of PyTorch's tutorials."""
    rates = torch.exp(-torch.arange(0, D, 2) * np.log(10000) / D)
    at = torch.arange(length)[:, None]
    found = torch.zeros(length, D)
    found[:, 0::2], found[:, 1::2] = torch.sin(at * rates), torch.cos(at * rates)
    return (scale * found).numpy()


def test_names_of_tutorials():
    """A buffer of the same sinusoids, names with src and tgt, halves of their own, tied weights: all map."""
    torch.manual_seed(4)
    theirs = stirred(Model(*SIZES)).double()
    names = {
        "source_embedding": "src_tok_emb.embedding",
        "target_embedding": "tgt_tok_emb.embedding",
        "transformer.encoder": "transformer_encoder",
        "transformer.decoder": "transformer_decoder",
        "dense": "generator",
    }
    arrays = arrays_of(theirs)
    for ours, other in names.items():
        arrays = {name.replace(ours, other, name.startswith(ours)): array for name, array in arrays.items()}
    arrays["positional_encoding.pos_embedding"] = table()[:, None]
    model, notes = to_model(arrays, "transformer", **HOW)
    assert any("positional_encoding.pos_embedding: the same sinusoids" in note for note in notes)
    np.testing.assert_array_equal(model.encoder.embed.W, arrays["src_tok_emb.embedding.weight"])
    np.testing.assert_array_equal(model.decoder.embed.W, arrays["tgt_tok_emb.embedding.weight"])

    shared = {name: array for name, array in arrays_of(theirs).items() if not name.startswith("source")}
    shared = {name.replace("target_", ""): array for name, array in shared.items()}
    model, notes = to_model(shared, "transformer", **HOW)
    np.testing.assert_array_equal(model.encoder.embed.W, model.decoder.embed.W)
    assert any(note.startswith("embedding.weight: serves both") for note in notes)


def without(name):
    return lambda arrays: {key: array for key, array in arrays.items() if not key.startswith(name)}


def more(**added):
    return lambda arrays: arrays | {name.replace("__", "."): array for name, array in added.items()}


def deeper(arrays):
    layer = "transformer.decoder.layers."
    return arrays | {name.replace(f"{layer}1", f"{layer}2"): a for name, a in arrays.items() if name.startswith(layer)}


@pytest.mark.parametrize(
    "change, options, why",
    [
        (dict, {"heads": None}, r"expected heads \(--heads\) and pre_norm \(--norm-first or --no-norm-first\)"),
        (dict, {"pre_norm": None}, "expected heads .*: the weights do not tell them"),
        (dict, {"pre_norm": False}, "last LayerNorm with norm_first=False, too"),
        (without("transformer.decoder.norm"), {}, "missing transformer.decoder.norm: pre-norm"),
        (without("transformer.decoder"), {}, "expected an nn.TransformerEncoder and an nn.TransformerDecoder"),
        (without("transformer.encoder.layers.0.linear1"), {}, "missing transformer.encoder.layers.0.linear1.weight"),
        (
            without("transformer.decoder.layers.1.norm3.w"),
            {},
            r"missing transformer.decoder.layers.1.norm3.weight \(6,\)",
        ),
        (
            without("transformer.decoder.layers.1.norm3.b"),
            {},
            r"missing transformer.decoder.layers.1.norm3.bias \(6,\)",
        ),
        (without("transformer.encoder.layers.0.linear2.b"), {}, r"missing .*0.linear2.bias \(6,\)"),
        (deeper, {}, "expected as many layers of encoder and decoder, got 2 and 3"),
        (more(target_embedding__weight=np.zeros((9, D), "f")), {}, "same vocabulary"),
        (more(pe=table()[None, :, ::-1]), {}, r"pe \(1, 50, 6\): expected sinusoids, sin and cos in turn"),
        (more(pe=table(scale=0.5)), {}, "pe .*: expected sinusoids"),
        (more(pe=np.zeros((0, D), "f")), {}, "pe .*: expected sinusoids"),
        (more(pe=np.zeros(3, dtype=int)), {}, "pe .*: expected sinusoids"),
        (
            more(adapter__weight=np.zeros((D, D + 1), "f")),
            {},
            "left over adapter.weight .*positions here are sinusoids",
        ),
        (
            more(transformer__encoder__layers__1__linear1__weight=np.zeros((H + 1, D), "f")),
            {},
            r"layers.1.linear1.weight is \(6, 6\), expected \(5, 6\)",
        ),
        (
            more(transformer__encoder__layers__0__linear1__weight=np.zeros((H, D, 2), "f")),
            {},
            "layers.0.linear1.weight is .*, expected a matrix",
        ),
    ],
)
def test_what_does_not_map_is_refused_with_its_reason(change, options, why):
    arrays = change(arrays_of(Model(*SIZES)))
    with pytest.raises(ForeignFileError, match=why):
        to_model(arrays, "transformer", **HOW | options)


@pytest.mark.parametrize("options", [{"heads": 4}, {"heads": 0}, {"pre_norm": "yes"}, {"mask_padding": 7}])
def test_options_that_make_no_model_are_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}|heads"):
        to_model(arrays_of(Model(*SIZES)), "transformer", **HOW | options)
