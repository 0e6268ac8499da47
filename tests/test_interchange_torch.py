"""Names and shapes of PyTorch's modules, without PyTorch: what is found, what is refused, what comes back."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from common.layer import named_params
from interchange import ForeignFileError, to_arrays, to_model
from interchange.torch_layout import PLANS, ROWS, rows_of
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, TransformerSeq2seq

V, D, H = 7, 3, 4
ADDITIVE, MULTIPLICATIVE = ({"attention_type": kind} for kind in ("additive", "multiplicative"))
PLAIN = dict(use_additive_bias=False, use_attention_bias=False)
OURS = {
    "attention": lambda **how: AttentionSeq2seq(V, D, H, **how),
    "baseline": lambda **how: Seq2seq(V, D, H, **how),
    "baseline, as wide as its vectors": lambda **how: Seq2seq(V, H, H, **how),
    "peeky": lambda **how: PeekySeq2seq(V, D, H, **how),
    "attention, general": lambda **how: AttentionSeq2seq(V, D, H, score="general", layers=2, **how),
    "attention, additive": lambda **how: AttentionSeq2seq(V, D, H, score="additive", bidirectional=True, **how),
    "transformer": lambda **how: TransformerSeq2seq(V, D, H, heads=3, **how),
    "transformer, post-norm": lambda **how: TransformerSeq2seq(V, D, H, heads=1, pre_norm=False, **how),
    "gru": lambda **how: GRUClassifier(V, D, H, layers=2, **how),
    "gru, 3 classes": lambda **how: GRUClassifier(V, D, H, layers=1, classes=3, **how),
    "gru, as wide as its vectors": lambda **how: GRUClassifier(V, 2 * H, H, layers=1, **how),
    "seqself": lambda **how: SeqSelfClassifier(V, D, H, units=5, **how),
    "seqself, without biases": lambda **how: SeqSelfClassifier(V, D, H, 5, attention=ADDITIVE | PLAIN, **how),
    "seqself, multiplicative": lambda **how: SeqSelfClassifier(V, D, H, attention=MULTIPLICATIVE, **how),
    "seqself, multiplicative without biases": lambda **how: SeqSelfClassifier(
        V, D, H, attention=MULTIPLICATIVE | PLAIN, **how
    ),
    "bow": lambda **how: BagOfWords(V, 3, **how),
}

OPTIONS = {  # of to_model, for what the weights do not tell
    "attention, general": {"score": "general"},
    "attention, additive": {"score": "additive"},
    "transformer": {"heads": 3, "pre_norm": True},
    "transformer, post-norm": {"heads": 1, "pre_norm": False},
}


def made(name, dtype=np.float32):
    model = OURS[name](dtype=dtype)
    rng = np.random.default_rng(5)
    for p in model.params:
        p[...] = rng.normal(size=p.shape)
        p.flat[0] = -0.0
    return model


def without(arrays, *names):
    return {name: array for name, array in arrays.items() if name not in names}


def renamed(arrays, *pairs):
    changed = dict(arrays)
    for old, new in pairs:
        changed = {name.replace(old, new): array for name, array in changed.items()}
    return changed


def test_every_model_has_rows():
    assert {type(make()) for make in OURS.values()} == set(ROWS)
    assert {name.split(",")[0] for name in OURS} == set(PLANS)
    with pytest.raises(ValueError, match=r"expected one of AttentionSeq2seq.*BagOfWords, got list"):
        rows_of([])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OURS)
def test_what_is_written_is_read_back_to_the_bit(name, dtype):
    model, kind = made(name, dtype), name.split(",")[0]
    arrays = to_arrays(model, "torch")
    back = to_model(arrays, kind, **OPTIONS.get(name, {})).model
    assert type(back) is type(model)
    for key, param in named_params(model).items():
        assert named_params(back)[key].tobytes() == param.tobytes(), key
        assert named_params(back)[key].dtype == dtype
    again = to_arrays(back, "torch")
    assert list(again) == list(arrays)
    for key, array in arrays.items():
        assert array.flags.c_contiguous and again[key].tobytes() == array.tobytes(), key


def test_names_and_shapes():
    """Those of nn.GRU, nn.LSTM, nn.Embedding and nn.Linear, as PyTorch documents them."""
    shapes = {name: array.shape for name, array in to_arrays(made("gru"), "torch").items()}
    of_layers = {}
    for layer, inputs in enumerate((D, 2 * H)):
        for end in (f"l{layer}", f"l{layer}_reverse"):
            of_layers |= {f"gru.weight_ih_{end}": (3 * H, inputs), f"gru.weight_hh_{end}": (3 * H, H)}
            of_layers |= {f"gru.bias_ih_{end}": (3 * H,), f"gru.bias_hh_{end}": (3 * H,)}
    assert shapes == {"embedding.weight": (V, D), **of_layers, "dense.weight": (1, 2 * H), "dense.bias": (1,)}
    shapes = {name: array.shape for name, array in to_arrays(made("attention"), "torch").items()}
    expected = {"decoder.dense.weight": (V, 2 * H), "decoder.dense.bias": (V,)}
    for side in ("encoder", "decoder"):
        expected |= {f"{side}.embedding.weight": (V, D)}
        expected |= {f"{side}.lstm.weight_ih_l0": (4 * H, D), f"{side}.lstm.weight_hh_l0": (4 * H, H)}
        expected |= {f"{side}.lstm.bias_ih_l0": (4 * H,), f"{side}.lstm.bias_hh_l0": (4 * H,)}
    assert shapes == expected


def test_rows_of_gates():
    """GRU: r z n with z negated; LSTM: i f g o, and the whole bias in the first of two."""
    model = made("gru")
    part, arrays = model.grus[0].forward_gru, to_arrays(model, "torch")
    z, r, h = np.split(part.Wx, 3, axis=1)
    np.testing.assert_array_equal(arrays["gru.weight_ih_l0"], np.concatenate((r, -z, h), axis=1).T)
    z, r, h = np.split(part.bh, 3)
    np.testing.assert_array_equal(arrays["gru.bias_hh_l0"], np.concatenate((r, -z, h)))
    model = made("attention")
    part, arrays = model.decoder.lstm, to_arrays(model, "torch")
    f, g, i, o = np.split(part.Wh, 4, axis=1)
    np.testing.assert_array_equal(arrays["decoder.lstm.weight_hh_l0"], np.concatenate((i, f, g, o), axis=1).T)
    f, g, i, o = np.split(part.b, 4)
    np.testing.assert_array_equal(arrays["decoder.lstm.bias_ih_l0"], np.concatenate((i, f, g, o)))
    assert not arrays["decoder.lstm.bias_hh_l0"].any()


@pytest.mark.parametrize(
    "pairs",
    [
        [("", "")],
        [("gru.", "rnn."), ("dense.", "fc."), ("embedding.", "embed.")],
        [("gru.", "module.encoder.rnn."), ("dense.", "module.head.2."), ("embedding.", "module.encoder.words.")],
        [("gru.", ""), ("dense.", "out."), ("embedding.", "emb.")],
    ],
)
@pytest.mark.parametrize("name", ["gru", "gru, as wide as its vectors"])
def test_parts_are_found_whatever_they_are_called(name, pairs):
    model = made(name)
    back = to_model(renamed(to_arrays(model, "torch"), *pairs), "gru").model
    for key, param in named_params(model).items():
        assert named_params(back)[key].tobytes() == param.tobytes(), key


@pytest.mark.parametrize(
    "pairs",
    [
        [("lstm.", "rnn."), ("decoder.dense.", "fc.")],
        [("encoder.lstm.", "enc_lstm."), ("decoder.lstm.", "dec_lstm."), ("encoder.emb", "enc_emb")],
        [("encoder.", "net.Encoder."), ("decoder.", "net.Decoder.")],
        [("decoder.embedding.", "words.")],
        [("weight_ih_l0", "weight_ih"), ("weight_hh_l0", "weight_hh"), ("ih_l0", "ih"), ("hh_l0", "hh")],  # nn.LSTMCell
    ],
)
def test_both_sides_of_a_seq2seq_are_found_whatever_they_are_called(pairs):
    model = made("attention")
    back = to_model(renamed(to_arrays(model, "torch"), *pairs), "attention").model
    for key, param in named_params(model).items():
        assert named_params(back)[key].tobytes() == param.tobytes(), key


def test_one_embedding_serves_both_sides_if_it_is_called_after_neither():
    """``safetensors.torch.save_model`` stores tied weights once: the decoder's may be in its Linear."""
    arrays = to_arrays(made("attention"), "torch")
    shared = without(arrays, "encoder.embedding.weight", "decoder.embedding.weight")
    words = arrays["encoder.embedding.weight"]
    model, notes = to_model(shared | {"embedding.weight": words}, "attention")
    assert sum("embedding.weight: serves both" in note for note in notes) == 1
    for side in (model.encoder, model.decoder):
        np.testing.assert_array_equal(side.embed.W, words)
    for name, missing in (("encoder", "decoder"), ("decoder", "encoder")):
        with pytest.raises(
            ForeignFileError, match=f"expected the {missing} nn.Embedding .*got none: .*{name}.embedding"
        ):
            to_model(shared | {f"{name}.embedding.weight": words}, "attention")


def test_two_outputs_become_the_difference_of_their_scores():
    arrays = to_arrays(made("gru"), "torch")
    rng = np.random.default_rng(0)
    arrays["dense.weight"], arrays["dense.bias"] = rng.normal(size=(2, 2 * H)), rng.normal(size=2)
    model, notes = to_model(arrays, "gru")
    np.testing.assert_allclose(model.affine.W[:, 0], arrays["dense.weight"][1] - arrays["dense.weight"][0])
    np.testing.assert_allclose(model.affine.b, np.diff(arrays["dense.bias"]))
    assert any("second output less the first" in note for note in notes)


def test_biases_of_float16_are_added_in_float32():
    arrays = {name: array.astype(np.float16) for name, array in to_arrays(made("baseline"), "torch").items()}
    arrays["encoder.lstm.bias_ih_l0"][...], arrays["encoder.lstm.bias_hh_l0"][...] = 1, 2**-12
    assert (to_model(arrays, "baseline").model.encoder.lstm.b == 1 + 2**-12).all()


def test_options_reach_the_model():
    arrays = to_arrays(made("gru"), "torch")
    model, notes = to_model(arrays, "gru", attention=False, mask=False, dropout=0.3)
    assert model.arguments["dropout"] == 0.3 and model.attention_layer is None and not model.mask
    assert any("attention" in note and "none" in note for note in notes)
    arrays = to_arrays(made("attention"), "torch")
    model, _ = to_model(arrays, "attention", mask_padding=2, cell_state=True)
    assert model.arguments["mask_padding"] == 2 and model.cell_state
    swapped, _ = to_model(arrays, "attention", linear_reads="state,context")
    np.testing.assert_array_equal(np.roll(swapped.decoder.affine.W, H, axis=0), model.decoder.affine.W)
    with pytest.raises(ValueError, match="linear_reads: expected context,state or state,context, got 'both'"):
        to_model(arrays, "attention", linear_reads="both")


@pytest.mark.parametrize(
    "name, note",
    {
        "bow": r"mode: .*mode='sum'.* leaves out padding .*'mean', does not map",
        "peeky": "peeking: .*the encoder's state before the own input",
        "attention": r"padding: the encoder here reads it; .*pack_padded_sequence.* without padding alone",
        "baseline": "batch_first: says nothing about weights",
        "seqself": "attention: .*taken as attention_width=None, history_only=False, attention_activation=None",
    }.items(),
)
def test_what_weights_do_not_tell_is_noted(name, note):
    notes = to_model(to_arrays(made(name), "torch"), name).notes
    assert [bool(re.match(note, each)) for each in notes].count(True) == 1, notes


def one_matrix(arrays):
    """Weights that are tied and stored once, or a model without an output: nothing tells which."""
    return {name: a for name, a in arrays.items() if "lstm" in name} | {"embedding.weight": np.zeros((V, H))}


def one_direction(arrays):
    return {name: array for name, array in arrays.items() if "reverse" not in name}


def with_arrays(**shapes):
    return lambda arrays: arrays | {name.replace("__", "."): np.zeros(shape) for name, shape in shapes.items()}


LSTM = {
    f"gru.{what}_l0{end}": np.zeros((16, n))
    for what, n in (("weight_ih", 3), ("weight_hh", 4))
    for end in ("", "_reverse")
}


@pytest.mark.parametrize(
    "name, change, why",
    [
        ("gru", one_direction, "reads in one direction.*bidirectional=True"),
        ("gru", lambda a: a | LSTM, r"expected an nn.GRU, got gru.weight_\* \(nn.LSTM, 3 -> 4\)"),
        ("gru", lambda a: renamed(a, ("gru.", "x"), ("weight", "w")), "expected one nn.GRU, got none in"),
        ("gru", with_arrays(b__weight_ih_l0=(12, 3), b__weight_hh_l0=(12, 4)), r"got gru.weight_.*; b.weight_"),
        ("gru", with_arrays(gru__weight_hr_l0=(2, 4)), "gru.weight_hr_l0.*proj_size"),
        ("gru", with_arrays(gru__weight_hh_l0=(7, 4)), r"gru.weight_hh_l0 is \(7, 4\), expected \(3 \* H, H\)"),
        ("gru", with_arrays(gru__weight_hh_l0=(4,)), r"gru.weight_hh_l0 is \(4,\), expected a matrix"),
        ("gru", with_arrays(embedding__weight=(0, 3)), r"embedding.weight is \(0, 3\), expected a matrix"),
        ("gru", lambda a: without(a, "gru.weight_ih_l0", "gru.weight_ih_l0_reverse"), "missing gru.weight_ih"),
        (
            "gru",
            lambda a: without(a, "embedding.weight"),
            r"expected the nn.Embedding \(V, 3\), got none: dense.weight",
        ),
        ("gru", with_arrays(more__weight=(9, 3)), r"got several: embedding.weight \(7, 3\), more.weight \(9, 3\)"),
        ("gru", lambda a: without(a, "dense.weight"), r"expected an nn.Linear \(K, 8\).*got none: embedding.weight"),
        ("gru", with_arrays(o__weight=(2, 8), o__bias=(2,)), r"\(K, 8\).*got several: dense.weight \(1, 8\), o.weight"),
        ("gru", with_arrays(attention__weight=(8, 4)), r"left over attention.weight \(8, 4\); attention here has no w"),
        ("gru", with_arrays(norm__weight=(8,), norm__bias=(8,)), "left over norm.weight.*left over norm.bias.*stands"),
        ("baseline", lambda a: renamed(a, ("encoder", "one"), ("decoder", "two")), "begins with enc and with dec"),
        (
            "baseline",
            lambda a: {n: x for n, x in a.items() if "encoder.lstm" not in n},
            "expected two nn.LSTM",
        ),
        ("peeky", lambda a: a, r"decoder.lstm.*7 -> 4\): expected 3 -> 4.*input feeding"),
        ("baseline", with_arrays(encoder__embedding__weight=(9, 3)), "expected the same vocabulary"),
        (
            "baseline",
            with_arrays(decoder__dense__weight=(7, 8)),
            r"expected an nn.Linear \(7, 4\).*decoder.dense.weight",
        ),
        ("attention", with_arrays(decoder__dense__weight=(7, 4)), "without attention, import it as baseline"),
        ("baseline, as wide as its vectors", one_matrix, r"expected an nn.Linear \(7, 4\).*got none: embedding.weight"),
        ("attention", with_arrays(attention__W=(4, 4)), r"left over attention.W \(4, 4\); the scores.*dot products"),
        ("seqself", with_arrays(lstm__weight_ih_l1=(16, 8)), "2 layers; ours has one"),
        ("bow", lambda a: renamed(a, ("embedding", "bag")), "missing embedding.weight; found bag.weight, bias"),
    ],
)
def test_what_cannot_be_the_same_is_refused_with_its_reason(name, change, why):
    arrays = change(to_arrays(made(name), "torch"))
    with pytest.raises(ForeignFileError, match=why):
        to_model(arrays, "attention" if name == "peeky" else name.split(",")[0])


@pytest.mark.parametrize("name", [name for name in OURS if name.startswith(("attention", "baseline", "peeky", "gru"))])
def test_all_names_that_are_missing_surplus_or_of_another_shape_are_listed(name):
    arrays = to_arrays(made(name), "torch")
    biases = [key for key in arrays if "bias" in key][:-1]
    gone, other = biases[0], biases[1]
    changed = without(arrays, gone) | {"more.a": np.zeros(2), "more.b": np.zeros((2, 2)), other: np.zeros(99)}
    with pytest.raises(ForeignFileError) as error:
        to_model(changed, name.split(",")[0])
    for part in (f"missing {gone}", f"{other} is (99,)", "left over more.a (2,)", "left over more.b (2, 2)"):
        assert part in str(error.value)


def test_a_number_of_layers_that_no_file_holds_takes_no_memory():
    arrays = to_arrays(made("gru"), "torch") | {"gru.weight_ih_l999999999": np.zeros((12, 8))}
    with pytest.raises(ForeignFileError, match=r"missing gru.weight_ih_l2 .*left over gru.weight_ih_l999999999"):
        to_model(arrays, "gru")


def test_a_message_lists_the_first_of_many_names():
    for kind in PLANS:
        with pytest.raises(ForeignFileError) as error:
            to_model({f"x{i}.weight": np.zeros((2, 2)) for i in range(10**4)}, kind)
        assert len(str(error.value)) < 1500 and "9980 more" in str(error.value), kind


SHAPES = st.lists(st.integers(0, 9), max_size=3).map(tuple)
ENDS = ["weight", "bias", "weight_ih_l0", "weight_hh_l0", "bias_hh_l3_reverse", "weight_hh", "weight_hr_l0"]


@settings(deadline=None)
@given(st.sampled_from(list(OURS)), st.sampled_from(list(PLANS)), st.data())
def test_whatever_else_a_file_holds_there_is_one_clear_error(name, kind, data):
    """A model, or a ForeignFileError on one line that names the file."""
    arrays = to_arrays(OURS[name](dtype=np.float32), "torch")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(sorted(arrays)))
        change = data.draw(st.sampled_from(["drop", "shape", "dtype", "rename", "nan"]))
        array = arrays.pop(at)
        if change == "shape":
            arrays[at] = np.zeros(data.draw(SHAPES), np.float32)
        elif change == "dtype":
            arrays[at] = np.zeros(
                array.shape, data.draw(st.sampled_from([np.int64, np.float16, np.bool_, np.complex64]))
            )
        elif change == "rename":
            prefix = data.draw(st.sampled_from(["", "x.", "encoder.", "decoder.", "attention."]))
            arrays[prefix + data.draw(st.sampled_from(ENDS))] = array
        elif change == "nan":
            arrays[at] = np.full(array.shape, np.nan)
        if not arrays:
            return
    try:
        to_model(arrays, kind)
    except ForeignFileError as error:
        assert str(error).startswith("arrays: ") and "\n" not in str(error)
