"""What Adam and Nadam keep, from PyTorch and Keras 3 to ours and back, where training then goes on as if it had stayed.

Each number of our moments m and v is one of theirs, moved as its weight is; m changes its sign with the weight, v, a
mean of squares, does not. Whatever a step of ours would not do as theirs is refused with the reason: no exact
continuation. The dropout of the steps to come, and the order of the texts, are not part of the state.

    model = to_model(module.state_dict(), "gru").model
    optimizer = from_torch(model, module.state_dict(), optimizer.state_dict())
    Trainer(model, optimizer).fit(...)
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from common.layer import named_params
from common.optimizer import Adam, AdamW, Nadam
from interchange import keras_layout, torch_layout
from interchange.arrays import Arrays, ForeignFileError, as_numpy
from interchange.description import NAMES
from interchange.models import plan_of, settle_ids
from interchange.packages import require
from interchange.rows import Row
from interchange.vocabulary import exchange, restore

KERAS = {  # the settings of Keras 3, and of those that would change a step, what they do
    **dict.fromkeys(("name", "learning_rate", "beta_1", "beta_2", "epsilon", "ema_momentum"), ""),
    "ema_overwrite_frequency": "",
    "amsgrad": "divides by the largest v so far",
    "weight_decay": "shrinks weights",
    "clipnorm": "clips each gradient by itself",
    "clipvalue": "clips each number",
    "global_clipnorm": "clips gradients; Trainer.fit has max_grad for it",
    "use_ema": "keeps averages of the weights",
    "loss_scale_factor": "scales the loss",
    "gradient_accumulation_steps": "adds up the gradients of several batches",
}
SLOTS = "exp_avg", "exp_avg_sq"  # m and v of PyTorch
TORCH = {  # as of Keras
    "amsgrad": KERAS["amsgrad"],
    "weight_decay": KERAS["weight_decay"],
    "maximize": "goes uphill",
    "initial_lr": "is of a schedule of learning rates; delete it to go on with lr as it is",
}
SEVERAL = (
    "a number here is not one that is trained there, but none, or several that would each take a step: no exact "
    "continuation (of the two biases of an LSTM, whose sum is one here, freeze bias_hh there)"
)


def from_torch(
    model: Any,
    arrays: Mapping[str, Any],
    state: Mapping[str, Any],
    *,
    names: Sequence[str] | None = None,
    padding_id: int = 0,
    unknown_id: int = 1,
    **options: Any,
) -> Adam | Nadam:
    """Return our optimizer in the state of a ``torch.optim.Adam``, ``AdamW`` or ``NAdam``.

    model, arrays: what ``to_model`` returned, and from what; padding_id, unknown_id and options as there. state: that
    of ``optimizer.state_dict()``. names: of the parameters, in the order in which the optimizer got them; by default
    its own (``param_names``, if it got names), or that of the arrays, which is right for ``module.parameters()``.
    Raises ForeignFileError where the continuation would not be exact: see this module and docs/interchange.md. An LSTM
    has two biases there and their sum here, which two steps would move twice: freeze one of them there
    (``requires_grad_(False)``) before training. An nn.Embedding with padding_idx does not train that row; here only a
    model with a mask leaves it. Of a seq2seq, padding_id (or the model's mask_padding) says which row that is.
    """
    arrays = Arrays.of(arrays)
    group, ids = _torch_group(state)
    order = list(names or group.get("param_names") or arrays)
    if len(order) != len(ids):
        raise ForeignFileError(f"optimizer: expected {len(ids)} names, one per parameter, got {len(order)}")
    kept = {name: state["state"][i] for name, i in zip(order, ids, strict=True) if state["state"].get(i)}
    steps = sorted({float(as_numpy(values["step"])) for values in kept.values()})
    if len(steps) != 1:
        raise ForeignFileError(f"optimizer: expected one number of steps for all weights, got {steps or 'no state'}")
    beta1, beta2 = group["betas"]
    optimizer: Adam | Nadam
    if "momentum_decay" in group:
        optimizer = Nadam(group["lr"], beta1, beta2, group["eps"], group["momentum_decay"])
        optimizer.schedule = float(as_numpy(next(iter(kept.values()))["mu_product"]))
    elif group["weight_decay"]:
        optimizer = AdamW(group["lr"], beta1, beta2, group["eps"], weight_decay=group["weight_decay"])
    else:
        optimizer = Adam(group["lr"], beta1, beta2, group["eps"], epsilon_hat=False)
    optimizer.iter = int(steps[0])
    m, v = ({name: as_numpy(each[slot]) for name, each in kept.items()} for slot in SLOTS)
    rows = plan_of(arrays, NAMES[type(model)], **options).rows
    _fill(optimizer, model, arrays, rows, m, v, _ids(arrays, padding_id, unknown_id))
    if isinstance(optimizer, AdamW) and any(arrays[n].any() for row in rows for n in row.theirs if n not in m):
        raise ForeignFileError("optimizer: a bias that is frozen there would shrink here, in a sum: set it to 0")
    _refuse_fixed_padding(model, optimizer, padding_id)
    return optimizer


def to_torch(
    model: Any, optimizer: Adam | Nadam, names: Sequence[str], *, padding_id: int = 0, unknown_id: int = 1
) -> dict[str, Any]:
    """Return the state of our optimizer for ``load_state_dict`` of a ``torch.optim.Adam``, ``AdamW`` or ``NAdam``.

    names: of the parameters that the optimizer there has, in its order, as ``to_arrays(model, "torch")`` calls them:
    ``[name for name, p in module.named_parameters() if p.requires_grad]``. Of the two biases of an LSTM, ``bias_hh``
    must not be among them. padding_id, unknown_id: those that ``to_arrays`` was given. An nn.Embedding there may have
    padding_idx only if our model has a mask. Raises ValueError where the continuation would not be exact, as for an
    Adam that was made without ``epsilon_hat=False``.
    """
    torch = require("torch")
    if isinstance(optimizer, Adam) and optimizer.epsilon_hat and optimizer.epsilon:
        raise ValueError("to_torch: PyTorch adds epsilon after the bias is corrected; train with epsilon_hat=False")
    moments = _theirs(model, optimizer, torch_layout.rows_of(model), names, (padding_id, unknown_id))
    shared: dict[str, float] = {"step": float(optimizer.iter)}
    made_of = [torch.zeros(1)], optimizer.lr, (optimizer.beta1, optimizer.beta2), optimizer.epsilon
    if isinstance(optimizer, Nadam):
        shared["mu_product"] = optimizer.schedule
        made = torch.optim.NAdam(*made_of, momentum_decay=optimizer.schedule_decay)
    elif isinstance(optimizer, AdamW):
        made = torch.optim.AdamW(*made_of, optimizer.weight_decay)
    else:
        made = torch.optim.Adam(*made_of)
    group = made.state_dict()["param_groups"][0] | {"params": list(range(len(names)))}
    state = {}
    for i, name in enumerate(names):
        values = {slot: torch.from_numpy(moment[name]) for slot, moment in zip(SLOTS, moments, strict=True)}
        state[i] = {name: torch.tensor(value) for name, value in shared.items()} | values
    return {"state": state, "param_groups": [group]}


def _refuse_fixed_padding(model: Any, optimizer: Any, padding_id: int) -> None:
    """Raise ForeignFileError for a row of padding that no step there has moved, and one here would."""
    v = dict(zip(named_params(model), optimizer.v, strict=True))
    mask_padding = model.arguments.get("mask_padding")
    of_encoder = padding_id if mask_padding is None else mask_padding
    for name, row in (("embed.W", 0), ("encoder.embed.W", of_encoder)):
        if name in v and not getattr(model, "mask", False) and not v[name][row : row + 1].any():
            raise ForeignFileError(
                f"optimizer: {name}, row {row}: padding is not trained there, as with padding_idx; here a model that "
                "reads padding trains it: no exact continuation"
            )


def from_keras(
    model: Any,
    arrays: Mapping[str, Any],
    variables: Iterable[Any] | None = None,
    description: Mapping[str, Any] | None = None,
    *,
    padding_id: int = 0,
    unknown_id: int = 1,
    **options: Any,
) -> Adam | Nadam:
    """Return our optimizer in the state of an ``Adam`` or ``Nadam`` of Keras 3.

    model, arrays: what ``to_model`` returned, and from what; padding_id, unknown_id and options as there. variables:
    those of the optimizer, in its order; by default, those in the file. description: what
    ``keras.optimizers.serialize(optimizer)`` says; by default, what the file says (a ``.weights.h5`` does not).
    No file tells the backend: with TensorFlow, v of an embedding's row that a mini-batch uses more than once gets the
    squares of all uses, here, and with PyTorch, that of their sum (findings/keras_adam_repeated_rows.sh).
    Raises ForeignFileError where the continuation would not be exact: see this module and docs/interchange.md.
    """
    arrays = Arrays.of(arrays)
    if variables is None:
        variables = () if arrays.optimizer is None else arrays.optimizer.values()
    if description is None and arrays.optimizer is not None:
        description = arrays.optimizer.config
    kind, settings = _keras_settings(description)
    values = [as_numpy(value) for value in variables]
    scalars, each = [v for v in values if v.shape == ()], [v for v in values if v.shape != ()]
    rows = plan_of(arrays, NAMES[type(model)], **options).rows
    names = list(dict.fromkeys(name for row in rows for name in row.theirs))
    nadam = kind == "Nadam"
    if (len(scalars), len(each)) != (2 + nadam, 2 * len(names)):
        expected = f"{2 + nadam} numbers and m and v of {len(names)} weights"
        raise ForeignFileError(f"optimizer: expected {expected}, got {len(scalars)} and {len(each)} arrays")
    numbers = float(scalars[1]), settings["beta_1"], settings["beta_2"], settings["epsilon"]
    optimizer: Adam | Nadam
    if nadam:
        optimizer = Nadam(*numbers, schedule_decay=1.0)
        optimizer.schedule = float(scalars[2])
    else:
        optimizer = Adam(*numbers)
    optimizer.iter = int(scalars[0])
    m, v = (dict(zip(names, each[slot::2], strict=True)) for slot in (0, 1))
    return _fill(optimizer, model, arrays, rows, m, v, _ids(arrays, padding_id, unknown_id))


def to_keras(
    model: Any, optimizer: Adam | Nadam, *, padding_id: int = 0, unknown_id: int = 1
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the settings and the variables of an optimizer of Keras 3 in the state of ours.

    ``getattr(keras.optimizers, settings.pop("class_name"))(**settings)`` makes it; after ``build`` with
    ``model.trainable_variables``, assign the values to its ``variables`` one by one. padding_id,
    unknown_id: those that ``to_arrays`` was given. Raises ValueError where the
    continuation would not be exact: for an Adam with ``epsilon_hat=False``, a Nadam without ``schedule_decay=1.0``.
    """
    nadam = isinstance(optimizer, Nadam)
    if isinstance(optimizer, AdamW):
        raise ValueError("to_keras: AdamW is not written; train with Adam")
    if isinstance(optimizer, Nadam) and optimizer.schedule_decay != 1:
        raise ValueError(f"to_keras: Keras 3's Nadam has schedule_decay=1.0, got {optimizer.schedule_decay}")
    if isinstance(optimizer, Adam) and not optimizer.epsilon_hat and optimizer.epsilon:
        raise ValueError("to_keras: Keras adds epsilon before the bias is corrected; train with epsilon_hat=True")
    rows = keras_layout.rows_of(model)
    names = list(dict.fromkeys(name for row in rows for name in row.theirs))
    m, v = _theirs(model, optimizer, rows, names, (padding_id, unknown_id))
    settings = dict(class_name="Nadam" if nadam else "Adam", learning_rate=optimizer.lr, epsilon=optimizer.epsilon)
    numbers = [np.array(optimizer.iter), np.array(optimizer.lr)]
    last = [np.array(optimizer.schedule)] if isinstance(optimizer, Nadam) else []
    variables = [*numbers, *(moment[name] for name in names for moment in (m, v)), *last]
    return settings | dict(beta_1=optimizer.beta1, beta_2=optimizer.beta2), variables


def _torch_group(state: Mapping[str, Any]) -> tuple[dict[str, Any], list[int]]:
    """Return the settings that all groups of parameters have, and the numbers of the parameters."""
    if not {"state", "param_groups"} <= state.keys():
        raise ForeignFileError(f"optimizer: expected optimizer.state_dict(), got {', '.join(map(str, state))}")
    groups = state["param_groups"]
    group = {name: value for name, value in groups[0].items() if name != "params"}
    if any(each.get(name) != group[name] for each in groups for name in group if name != "param_names"):
        raise ForeignFileError("optimizer: groups of parameters with different settings; ours has one for all")
    if "param_names" in group:
        group["param_names"] = [name for each in groups for name in each["param_names"]]
    if not {"amsgrad", "momentum_decay"} & group.keys():
        raise ForeignFileError(f"optimizer: expected torch.optim.Adam or NAdam, got settings {', '.join(group)}")
    own_decay = group.get("decoupled_weight_decay") and "momentum_decay" not in group  # AdamW's, which ours has
    _refuse(group, {name: reason for name, reason in TORCH.items() if not (own_decay and name == "weight_decay")})
    return group, [i for each in groups for i in each["params"]]


def _keras_settings(description: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(description, Mapping):
        raise ForeignFileError("optimizer: no settings in the file; pass keras.optimizers.serialize(model.optimizer)")
    kind, settings = description.get("class_name"), dict(description.get("config") or {})
    if unknown := settings.keys() - KERAS:
        raise ForeignFileError(
            f"optimizer: expected one of Keras 3, got the settings {', '.join(sorted(unknown))}; tf_keras keeps the "
            "schedule of its Nadam in no file, and Keras 2 had other rules"
        )
    if kind not in ("Adam", "Nadam"):
        raise ForeignFileError(f"optimizer: expected Adam or Nadam of Keras 3, got {kind}")
    if missing := [name for name in ("learning_rate", "beta_1", "beta_2", "epsilon") if name not in settings]:
        raise ForeignFileError(f"optimizer: no {', '.join(missing)} among its settings")
    if not isinstance(settings["learning_rate"], (int, float)):
        raise ForeignFileError("optimizer: expected a constant learning rate, got a schedule, which ours has not")
    _refuse(settings, {name: reason for name, reason in KERAS.items() if reason})
    return kind, settings


def _refuse(settings: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    for name, reason in reasons.items():
        if settings.get(name):
            raise ForeignFileError(f"optimizer: {name}={settings[name]} {reason}: no exact continuation")


def _ids(arrays: Arrays, padding_id: int, unknown_id: int | None) -> tuple[int, int]:
    padding_id, unknown_id = settle_ids(arrays, padding_id, unknown_id)
    if unknown_id is None:
        raise ForeignFileError(
            "optimizer: unknown words are left out of a text there, and have a row here: no exact continuation"
        )
    return padding_id, unknown_id


def _fill(
    optimizer: Any,
    model: Any,
    arrays: Arrays,
    rows: Iterable[Row],
    m: Mapping[str, np.ndarray],
    v: Mapping[str, np.ndarray],
    ids: tuple[int, int],
) -> Any:
    """Give the optimizer m and v of all parameters, in their order. m, v: those of their weights that are trained."""
    rows, params = list(rows), named_params(model)
    shapes = {name: shape for row in rows for name, shape in row.theirs.items()}
    for name, array in [*m.items(), *v.items()]:
        if array.shape != shapes.get(name):
            found = f"{array.shape}, expected {shapes.get(name, 'no such weight')}"
            raise ForeignFileError(f"optimizer: {name} is {found}; are the names in the order of the optimizer?")
        if not np.isfinite(array).all() or v[name].min(initial=0) < 0:
            raise ForeignFileError(f"optimizer: {name}: expected finite numbers, and squares of at least 0")
    uses = Counter(name for row in rows for name in row.theirs)
    for row in rows:
        shared = any(uses[name] > 1 for name in row.theirs)
        if shared or not row.moves or (len(row.theirs) > 1 and row.theirs.keys() <= m.keys()):
            raise ForeignFileError(f"optimizer: {', '.join(row.names)}, {', '.join(row.theirs)}: {SEVERAL}")
    for slot, theirs in (("m", m), ("v", v)):
        ours: dict[str, np.ndarray] = {}
        for row in rows:
            if theirs.keys() & row.theirs.keys():  # one that is frozen adds nothing
                given = [theirs.get(name, np.zeros(shape)) for name, shape in row.theirs.items()]
                ours |= zip(row.names, row.to_ours(given), strict=True)
        if untrained := [name for name in params if name not in ours]:
            raise ForeignFileError(
                f"optimizer: {', '.join(untrained)}: trained here and not there: no exact continuation"
            )
        if other := [name for name, param in params.items() if ours[name].shape != param.shape]:
            raise ForeignFileError(f"optimizer: {', '.join(other)}: the model has another shape than the arrays make")
        values = {name: np.array(ours[name], dtype=param.dtype, order="C") for name, param in params.items()}
        if "embed.W" in values:  # of a classifier, as to_model exchanges its rows
            exchange(values["embed.W"], *ids)
        setattr(optimizer, slot, [np.abs(value) if slot == "v" else value for value in values.values()])
    _expect_embedding(model, arrays, rows, ids)
    return optimizer


def _expect_embedding(model: Any, arrays: Arrays, rows: Iterable[Row], ids: tuple[int, int]) -> None:
    """Raise ForeignFileError unless the arrays, with these ids, make the embedding of a classifier."""
    for row in rows:
        if row.ours == "embed.W":
            W, own = arrays[next(iter(row.theirs))], named_params(model)["embed.W"]
            exchange(W, *ids)
            if not np.array_equal(W.astype(own.dtype), own):
                what = f"{arrays.path} with padding_id={ids[0]}, unknown_id={ids[1]}"
                raise ForeignFileError(
                    f"optimizer: expected the arrays and the ids that to_model was given, and no step since: {what} "
                    "does not make the embedding of this model"
                )


def _theirs(
    model: Any, optimizer: Any, rows: Iterable[Row], names: Sequence[str], ids: tuple[int, int]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return m and v of their weights, by name."""
    if not isinstance(optimizer, (Adam, Nadam)) or optimizer.m is None:
        raise ValueError(f"expected an Adam or Nadam that has trained, got {type(optimizer).__name__}")
    rows, params = list(rows), named_params(model)
    known = [name for row in rows for name in row.theirs]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"expected names of {', '.join(known)}, got {', '.join(unknown)}")
    for row in rows:
        if [name for name in row.theirs if name in names] != list(row.theirs)[:1]:  # further ones are 0
            raise ValueError(f"optimizer: {', '.join(row.names)}, {', '.join(row.theirs)}: {SEVERAL}")
    m: dict[str, np.ndarray] = {}
    v: dict[str, np.ndarray] = {}
    for values, theirs in ((optimizer.m, m), (optimizer.v, v)):
        ours = dict(zip(params, values, strict=True))
        for row in rows:
            theirs |= zip(row.theirs, row.to_theirs([ours[name] for name in row.names]), strict=True)
            if row.ours == "embed.W":
                name = next(iter(row.theirs))
                theirs[name] = theirs[name].copy()
                restore(theirs[name], *ids)
    return {name: np.array(m[name], order="C") for name in names}, {name: np.abs(v[name], order="C") for name in names}
