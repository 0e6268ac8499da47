"""What Adam and Nadam keep, moved between frameworks: the rules there, as the reference has them, on their arrays."""

import numpy as np
import pytest
import reference_optimizer

from classifier import GRUClassifier, SeqSelfClassifier
from common.layer import named_params
from common.optimizer import SGD, Adam, AdamW, Nadam
from interchange import Arrays, ForeignFileError, keras_layout, to_arrays, to_model, torch_layout
from interchange.description import KEY, describe
from interchange.optimizer_state import from_keras, from_torch, to_keras
from interchange.vocabulary import exchange
from seq2seq import AttentionSeq2seq

V, D, H, LR, B1, B2, EPS = 7, 3, 4, 0.03, 0.8, 0.95, 1e-4
RULES = {  # framework, rule: one step, and the optimizer of ours that takes it
    ("torch", "Adam"): (reference_optimizer.adam_1, (EPS,), lambda: Adam(LR, B1, B2, EPS, epsilon_hat=False)),
    ("torch", "AdamW"): (reference_optimizer.adamw, (EPS, 0.2), lambda: AdamW(LR, B1, B2, EPS, weight_decay=0.2)),
    ("torch", "NAdam"): (reference_optimizer.nadam, (EPS, 0.02), lambda: Nadam(LR, B1, B2, EPS, schedule_decay=0.02)),
    ("keras", "Adam"): (reference_optimizer.adam, (EPS,), lambda: Adam(LR, B1, B2, EPS)),
    ("keras", "Nadam"): (reference_optimizer.nadam, (EPS, 1.0), lambda: Nadam(LR, B1, B2, EPS, schedule_decay=1.0)),
}
GROUP = {"lr": LR, "betas": (B1, B2), "eps": EPS, "weight_decay": 0, "maximize": False}
DECOUPLED = {"weight_decay": 0.2, "decoupled_weight_decay": True}
GROUPS = {"Adam": GROUP | {"amsgrad": False}, "NAdam": GROUP | {"momentum_decay": 0.02}}
GROUPS["AdamW"] = GROUPS["Adam"] | DECOUPLED
SETTINGS = {"name": "a", "learning_rate": LR, "beta_1": B1, "beta_2": B2, "epsilon": EPS, "weight_decay": None}
MODELS = {"gru": GRUClassifier, "seqself": SeqSelfClassifier, "attention": AttentionSeq2seq}
LAYOUTS = {"torch": torch_layout, "keras": keras_layout}


def model_of(kind):
    more = {"gru": dict(layers=2, dropout=0.0, classes=3), "seqself": dict(units=2)}.get(kind, {})
    return MODELS[kind](V, D, H, **more, rng=np.random.default_rng(3), dtype=np.float64)


class There:
    """Training elsewhere: their weights, and m and v of each, which the reference's rule moves."""

    def __init__(self, framework, rule, model, frozen=""):
        self.framework, self.rule, self.count, self.layout = framework, rule, 0, LAYOUTS[framework]
        self.weights = {name: array.copy() for name, array in to_arrays(model, framework).items()}
        self.names = [name for name in self.weights if not frozen or frozen not in name]
        self.moments = {
            name: (np.zeros_like(self.weights[name]), np.zeros_like(self.weights[name])) for name in self.names
        }
        self.rows = self.layout.rows_of(model)
        self.metadata = {KEY: describe(model, {})} if isinstance(model, AttentionSeq2seq) else {}

    def arrays(self):
        """The weights, as a file of ours those of dates, which are read from no other of Keras."""
        return Arrays("arrays", Arrays.of(self.weights).entries, metadata=self.metadata)

    def step(self, grads):
        """grads: those of ours, by name; each of theirs is moved as its weight is."""
        rule, numbers, _ = RULES[self.framework, self.rule]
        self.count += 1
        for row in self.rows:
            theirs = dict(zip(row.theirs, row.to_theirs([grads[name] for name in row.names]), strict=True))
            if len(theirs) == 2:  # the biases of an LSTM: each has the gradient of the sum
                theirs = dict.fromkeys(theirs, theirs[next(iter(theirs))])
            for name in theirs.keys() & self.moments.keys():
                p, m, v = rule(self.weights[name], theirs[name], *self.moments[name], self.count, LR, B1, B2, *numbers)
                self.weights[name], self.moments[name] = p, (m, v)

    def schedule(self):
        decay = RULES[self.framework, self.rule][1][-1]
        return np.prod([B1 * (1 - 0.5 * 0.96 ** (t * decay)) for t in range(1, self.count + 1)])

    def state(self):
        """The state as PyTorch's ``state_dict`` says it."""
        state = {}
        for i, name in enumerate(self.weights):
            if name in self.moments:
                m, v = self.moments[name]
                state[i] = {
                    "step": np.float32(self.count),
                    "exp_avg": m,
                    "exp_avg_sq": v,
                    "mu_product": self.schedule(),
                }
        return {"state": state, "param_groups": [GROUPS[self.rule] | {"params": list(range(len(self.weights)))}]}

    def variables(self):
        """The state as the variables of an optimizer of Keras 3."""
        pairs = [array for name in self.weights for array in self.moments[name]]
        return [np.array(self.count), np.array(LR), *pairs, *[np.array(self.schedule())] * (self.rule == "Nadam")]

    def comes_here(self, kind, **ids):
        model = to_model(self.arrays(), kind, **ids).model
        if self.framework == "torch":
            return model, from_torch(model, self.arrays(), self.state(), **ids)
        description = {"class_name": self.rule, "config": SETTINGS}
        return model, from_keras(model, self.arrays(), self.variables(), description, **ids)

    def goes_on_like(self, model, optimizer, kind):
        """Take four more steps, there and here: the weights are the same."""
        for grads in draws(model, 4, seed=1):
            self.step(grads)
            update(model, optimizer, grads)
        wanted = named_params(to_model(self.arrays(), kind).model)
        for name, param in named_params(model).items():
            np.testing.assert_allclose(param, wanted[name], rtol=1e-9, atol=1e-11, err_msg=name)


def draws(model, count, seed=0):
    rng = np.random.default_rng(seed)
    return [{name: rng.standard_normal(p.shape) for name, p in named_params(model).items()} for _ in range(count)]


def update(model, optimizer, grads):
    optimizer.update(list(named_params(model).values()), list(grads.values()))


CASES = [("torch", rule, "gru") for rule in ("Adam", "AdamW", "NAdam")]
CASES += [("keras", rule, kind) for rule in ("Adam", "Nadam") for kind in MODELS]


@pytest.mark.parametrize(("framework", "rule", "kind"), CASES)
def test_a_training_goes_on_here_as_it_would_there(framework, rule, kind):
    there = There(framework, rule, model_of(kind))
    for grads in draws(model_of(kind), 3):
        there.step(grads)
    model, optimizer = there.comes_here(kind)
    assert optimizer.iter == 3 and type(optimizer).__name__.lower() == rule.lower()
    there.goes_on_like(model, optimizer, kind)


@pytest.mark.parametrize(("framework", "rule", "kind"), [case for case in CASES if case[0] == "keras"])
def test_a_training_goes_on_there_as_it_would_here(framework, rule, kind):
    """For PyTorch see test_torch_optimizer.py: the state is made of its tensors."""
    model, optimizer = model_of(kind), RULES[framework, rule][2]()
    for grads in draws(model, 3):
        update(model, optimizer, grads)
    there = There(framework, rule, model)
    there.count = 3
    settings, variables = to_keras(model, optimizer)
    expected = {name: value for name, value in SETTINGS.items() if name not in ("name", "weight_decay")}
    assert settings == {"class_name": rule} | expected
    assert [int(variables[0]), float(variables[1])] == [3, LR]
    if rule == "Nadam":
        assert float(variables.pop()) == pytest.approx(there.schedule(), rel=1e-12)
    pairs = zip(variables[2::2], variables[3::2], strict=True)
    there.moments = dict(zip(there.names, pairs, strict=True))
    there.goes_on_like(model, optimizer, kind)


def test_the_rows_of_the_embedding_are_exchanged_with_the_words():
    there = There("torch", "Adam", model_of("gru"))
    for grads in draws(model_of("gru"), 3):
        there.step(grads)
    plain, moved = (there.comes_here("gru", padding_id=a, unknown_id=b)[1] for a, b in ((0, 1), (1, 0)))
    for one, other in ((plain.m[0], moved.m[0]), (plain.v[0], moved.v[0])):
        assert not np.array_equal(one, other)
        exchange(one, 1, 0)
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("frozen", ["bias_hh", "bias_ih", ""])
def test_two_biases_of_an_lstm_go_on_exactly_where_one_is_frozen(frozen):
    """Both have the gradient of their sum; each of the two steps is the one that the sum takes here."""
    there = There("torch", "Adam", model_of("attention"), frozen)
    for grads in draws(model_of("attention"), 3):
        there.step(grads)
    if not frozen:
        with pytest.raises(ForeignFileError, match=r"encoder.lstm.b, encoder.lstm.bias_ih_l0, .*freeze bias_hh"):
            there.comes_here("attention")
        return
    there.goes_on_like(*there.comes_here("attention"), "attention")


def group(**settings):
    return lambda state: state["param_groups"][0].update(settings)


def two_groups(state):
    first = state["param_groups"][0]
    state["param_groups"] = [first | {"params": [0]}, first | {"params": first["params"][1:], "lr": 0.5}]


NOT_EXACT = {  # what the state of PyTorch says, and how it is refused
    "weight_decay=0.1 shrinks weights": group(weight_decay=0.1),
    "amsgrad=True divides by": group(amsgrad=True),
    "maximize=True goes uphill": group(maximize=True),
    "initial_lr=0.1 is of a schedule": group(initial_lr=0.1),
    "groups of parameters with different settings": two_groups,
    "expected torch.optim.Adam or NAdam, got settings lr, ": lambda state: state["param_groups"][0].pop("amsgrad"),
    "expected 20 names, one per parameter, got 19": lambda state: state["param_groups"][0]["params"].append(20),
    "expected one number of steps for all weights, got .3.0, 4.0.": lambda state: state["state"][1].update(step=4),
    "expected one number of steps for all weights, got no state": lambda state: state["state"].clear(),
    "grus.0.forward_gru.Wx: trained here and not there": lambda state: state["state"].pop(1),
    r"embedding.weight is \(3, 7\), expected \(7, 3\); are the names": lambda state: state["state"][0].update(
        exp_avg=np.zeros((D, V))
    ),
    "embedding.weight: expected finite numbers": lambda state: state["state"][0].update(
        exp_avg=np.full((V, D), np.inf)
    ),
    "squares of at least 0": lambda state: state["state"][0].update(exp_avg_sq=np.full((V, D), -1.0)),
}


@pytest.mark.parametrize("reason", NOT_EXACT)
def test_a_state_of_pytorch_that_would_not_go_on_exactly_is_refused(reason):
    there = There("torch", "Adam", model_of("gru"))
    there.step(draws(model_of("gru"), 1)[0])
    there.count = 3
    state = there.state()
    NOT_EXACT[reason](state)
    with pytest.raises(ForeignFileError, match=f"^optimizer: .*{reason}"):
        from_torch(model_of("gru"), there.weights, state)


def test_padding_that_was_not_trained_there_is_refused_where_it_is_trained_here():
    there = There("torch", "Adam", model_of("gru"))
    there.step(draws(model_of("gru"), 1)[0])
    for moment in there.moments["embedding.weight"]:
        moment[2] = 0
    assert there.comes_here("gru", padding_id=2)[1].iter == 1
    there.comes_here("gru", padding_id=0, mask=False)
    with pytest.raises(ForeignFileError, match=r"^optimizer: embed.W, row 0: padding is not trained there, .*_idx"):
        there.comes_here("gru", padding_id=2, mask=False)


@pytest.mark.parametrize("name", ["param_names", "names"])
def test_names_say_which_state_is_of_which_weight(name):
    there = There("torch", "Adam", model_of("gru"))
    there.step(draws(model_of("gru"), 1)[0])
    state, order = there.state(), sorted(there.weights)
    at = [there.names.index(n) for n in order]
    state["state"] = {i: state["state"][at[i]] for i in range(len(at))}
    options = {"names": order} if name == "names" else {}
    state["param_groups"][0] |= {} if options else {"param_names": order}
    found = from_torch(to_model(there.weights, "gru").model, there.weights, state, **options)
    for a, b in zip(found.m + found.v, there.comes_here("gru")[1].m + there.comes_here("gru")[1].v, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_of_another_size_is_refused():
    there = There("torch", "Adam", model_of("gru"))
    there.step(draws(model_of("gru"), 1)[0])
    model = GRUClassifier(V + 1, D, H, 2, 0.0, 3)
    with pytest.raises(ForeignFileError, match=r"^optimizer: embed.W: the model has another shape than the arrays"):
        from_torch(model, there.weights, there.state())


def test_two_outputs_there_and_one_score_here_are_refused():
    """Their difference moves by two steps."""
    there = There("torch", "Adam", model_of("gru"))
    there.weights["dense.weight"], there.weights["dense.bias"] = np.ones((2, 2 * H)), np.ones(2)
    there.moments["dense.weight"] = np.ones((2, 2 * H)), np.ones((2, 2 * H))
    there.moments["dense.bias"] = np.ones(2), np.ones(2)
    there.count = 1
    with pytest.raises(ForeignFileError, match=r"affine.W, dense.weight: a number here is not one that is trained"):
        there.comes_here("gru")


def test_a_table_that_two_layers_share_there_is_refused():
    there = There("torch", "Adam", model_of("attention"))
    there.metadata = {}  # what was exported from here has two
    there.weights["embedding.weight"] = there.weights.pop("encoder.embedding.weight")
    del there.weights["decoder.embedding.weight"]
    there.moments = {name: (np.zeros_like(w), np.zeros_like(w)) for name, w in there.weights.items()}
    with pytest.raises(ForeignFileError, match=r"^optimizer: encoder.embed.W, embedding.weight: a number here"):
        there.comes_here("attention")


SETTINGS_NOT_EXACT = {
    "weight_decay=0.1 shrinks weights": dict(weight_decay=0.1),
    "clipnorm=1.0 clips each gradient": dict(clipnorm=1.0),
    "global_clipnorm=1.0 .*Trainer.fit has max_grad": dict(global_clipnorm=1.0),
    "use_ema=True keeps averages": dict(use_ema=True),
    "expected one of Keras 3, got the settings is_legacy_optimizer, jit_compile": dict(
        is_legacy_optimizer=False, jit_compile=True
    ),
    "expected a constant learning rate": dict(learning_rate={"class_name": "ExponentialDecay"}),
}


@pytest.mark.parametrize("reason", SETTINGS_NOT_EXACT)
def test_settings_of_keras_that_would_not_go_on_exactly_are_refused(reason):
    there = There("keras", "Nadam", model_of("seqself"))
    there.count = 1
    said = {"class_name": "Nadam", "config": SETTINGS | SETTINGS_NOT_EXACT[reason]}
    with pytest.raises(ForeignFileError, match=f"^optimizer: {reason}"):
        from_keras(model_of("seqself"), there.weights, there.variables(), said)


def test_other_variables_of_keras_are_refused():
    there, model = There("keras", "Nadam", model_of("seqself")), model_of("seqself")
    for kind, match in (("Adam", "expected 2 numbers and m and v of 14 weights, got 3 and 28"), ("Lion", "got Lion$")):
        with pytest.raises(ForeignFileError, match=match):
            from_keras(model, there.weights, there.variables(), {"class_name": kind, "config": SETTINGS})
    with pytest.raises(ForeignFileError, match=r"^optimizer: no beta_1, beta_2, epsilon among its settings$"):
        from_keras(model, there.weights, there.variables(), {"class_name": "Nadam", "config": {"learning_rate": 1}})
    with pytest.raises(ForeignFileError, match=r"no settings in the file; pass keras.optimizers.serialize"):
        from_keras(model, there.weights, there.variables())


def test_what_keras_has_not_is_not_written():
    model = model_of("seqself")
    for optimizer, match in (
        (Adam(epsilon_hat=False), "before the bias is corrected"),
        (Nadam(), "has schedule_decay=1.0, got 0.004"),
        (Adam(), "expected an Adam or Nadam that has trained"),
        (AdamW(epsilon_hat=True), "AdamW is not written; train with Adam"),
        (SGD(), "expected an Adam or Nadam that has trained, got SGD"),
    ):
        with pytest.raises(ValueError, match=match):
            to_keras(model, optimizer)


@pytest.mark.parametrize("given", [{}, {"padding_id": 0, "unknown_id": 2}])
def test_other_ids_than_those_of_the_model_are_refused(given):
    there = There("torch", "Adam", model_of("gru"))
    there.step(draws(model_of("gru"), 1)[0])
    model = to_model(there.weights, "gru", padding_id=1, unknown_id=0).model
    with pytest.raises(ForeignFileError, match="expected the arrays and the ids that to_model was given"):
        from_torch(model, there.weights, there.state(), **given)


def test_ids_are_those_that_a_file_of_ours_says():
    there = There("torch", "Adam", model_of("gru"))
    there.step(draws(model_of("gru"), 1)[0])
    for ids in ([2, 0], [0, None]):
        there.metadata = {KEY: describe(model_of("gru"), {"imported": {"ids": ids}})}
        if ids[1] is not None:
            _, optimizer = there.comes_here("gru")
            np.testing.assert_array_equal(optimizer.m[0][:2], there.moments["embedding.weight"][0][[2, 0]])
        else:
            with pytest.raises(ForeignFileError, match="unknown words are left out of a text there"):
                there.comes_here("gru")


@pytest.mark.parametrize("ids", [{"padding_id": 1, "unknown_id": 0}, {"padding_id": 3, "unknown_id": 2}])
def test_moments_go_back_with_the_ids_they_came_with(ids):
    there = There("keras", "Adam", model_of("gru"))
    there.step(draws(model_of("gru"), 1)[0])
    model, optimizer = there.comes_here("gru", mask=False, **ids)
    back = to_arrays(model, "keras", **ids)
    assert all(np.array_equal(back[name], there.weights[name]) for name in back)
    _, variables = to_keras(model, optimizer, **ids)
    for name, m, v in zip(there.names, variables[2::2], variables[3::2], strict=True):
        np.testing.assert_array_equal((m, v), there.moments[name])
