"""The part of the table of layers (layer_table.py) of both directions, stacks, and models with either."""

from functools import partial

import numpy as np
from recurrent_table import ALIKE, MASKS, WithConstant, WithMask, WithPrefixes, WithState, both_ways
from table_inputs import D, N, T, lively

from common.layer import walk
from common.layers import Dropout
from common.stacked import TimeStack
from common.steps import Prefixes
from common.time_layers import TimeBiLSTM, TimeLSTM
from seq2seq import (
    AttentionDecoder,
    AttentionEncoder,
    AttentionSeq2seq,
    Decoder,
    Encoder,
    PeekyDecoder,
    PeekySeq2seq,
    Seq2seq,
)

IDS = ALIKE["ragged"]
DEEP = {  # the options of models
    "bidirectional": {"bidirectional": True},
    "layers": {"layers": 2},
    "deep": {"bidirectional": True, "layers": 2, "dropout": 0.4, "cell_state": True},
}


class WithLast(WithState):
    """Any wrapper of a layer, or an encoder, with its last states as further outputs, h and c."""

    def __init__(self, given):
        super().__init__(getattr(given, "layer", given))
        self.given = given

    def forward(self, *inputs):
        return self.given.forward(*inputs), self.layer.h, self.layer.c

    def backward(self, dhs, dh, dc):
        if isinstance(self.given, WithState):
            return self.layer.backward(dhs, dc, dh)
        return self.given.backward(dhs, dc, dh)


class WithFirst(WithState):
    """A decoder that takes its first h and c as its last inputs; h is another input for attention alone."""

    def forward(self, xs, encoded, *state):
        if isinstance(self.layer, AttentionDecoder):
            self.layer.h, self.layer.c = state
        else:
            (self.layer.c,) = state
        return self.layer.forward(xs, encoded)

    def backward(self, dscores):
        dencoded = self.layer.backward(dscores)
        dh = [self.layer.dh] if isinstance(self.layer, AttentionDecoder) else []
        return dencoded, *dh, self.layer.dc


def fixed(layer):
    """The layer, whose dropout drops the same in every copy."""
    for _, part in walk(layer):
        if isinstance(part, Dropout):
            part.rng = np.random.default_rng(1)
    return layer


def stack(r, K=2, width=D, hidden=2, dropout=0.0, **options):
    """K LSTMs of a few units."""
    sizes = [width, *[hidden] * (K - 1)]
    return fixed(TimeStack([TimeLSTM(*r.weights(4, size, hidden), **options) for size in sizes], dropout))


def both(r, K=2, dropout=0.0):
    """K layers with two units in each direction."""
    ways = [TimeBiLSTM(*r.weights(4, size, 2), *r.weights(4, size, 2)) for size in [D, *[4] * (K - 1)]]
    return fixed(TimeStack(ways, dropout))


def rows_of(ids, r):
    """An input for each row of the Prefixes of ids, and these."""
    return r(Prefixes(ids).rows, D), ids


STACKED = {
    "TimeLSTM-last": lambda r: (WithLast(TimeLSTM(*r.weights(4, hidden=2))), r(N, T, D)),
    "TimeLSTM-prefixes-last": lambda r: (
        WithLast(WithPrefixes(TimeLSTM(*r.weights(4, hidden=2)))),
        *rows_of(ALIKE["ragged"], r),
    ),
    "TimeBiLSTM-last": lambda r: (WithLast(TimeBiLSTM(*both_ways(r, 4))), r(N, T, D)),
    "TimeStack": lambda r: (stack(r), r(N, T, D)),
    "TimeStack-one": lambda r: (WithLast(stack(r, 1)), r(N, T, D)),
    "TimeStack-three": lambda r: (WithLast(stack(r, 3)), r(N, T, D)),
    "TimeStack-dropout": lambda r: (WithLast(stack(r, 3, dropout=0.4)), r(N, T, D)),
    "TimeStack-N1-T1": lambda r: (WithLast(stack(r)), r(1, 1, D)),
    "TimeStack-both_ways": lambda r: (WithLast(both(r)), r(N, T, D)),
    "TimeStack-both_ways-dropout": lambda r: (both(r, 2, dropout=0.4), r(N, T, D)),
    "TimeStack-prefixes-dropout": lambda r: (
        WithLast(WithPrefixes(stack(r, dropout=0.4))),
        *rows_of(ALIKE["ragged"], r),
    ),
    "TimeStack-state": lambda r: (
        WithState(stack(r, stateful=True)),
        *(r(N, T, D), r(N, 4), r(N, 4)),
    ),
    "TimeStack-constant_and_state": lambda r: (
        WithConstant(stack(r, width=3 + D, stateful=True)),
        *(r(N, T, D), r(N, 3), r(N, 4), r(N, 4)),
    ),
}
for _what, _mask in MASKS.items():
    STACKED[f"TimeLSTM-masked_{_what}-last"] = lambda r, mask=_mask: (
        WithLast(WithMask(TimeLSTM(*r.weights(4, hidden=2)))),
        *(r(*mask.shape, D), mask),
    )
    STACKED[f"TimeBiLSTM-masked_{_what}-last"] = lambda r, mask=_mask: (
        WithLast(WithMask(TimeBiLSTM(*both_ways(r, 4)))),
        *(r(*mask.shape, D), mask),
    )
    STACKED[f"TimeStack-masked_{_what}"] = lambda r, mask=_mask: (
        WithLast(WithMask(stack(r))),
        *(r(*mask.shape, D), mask),
    )
    STACKED[f"TimeStack-both_ways-masked_{_what}"] = lambda r, mask=_mask: (
        WithLast(WithMask(both(r, dropout=0.4 if mask.all(axis=1).any() else 0))),
        *(r(*mask.shape, D), mask),
    )
for _alike, _ids in ALIKE.items():
    STACKED[f"TimeStack-prefixes-{_alike}"] = lambda r, ids=_ids: (
        WithLast(WithPrefixes(stack(r))),
        *rows_of(ids, r),
    )


def _without_cell(options):
    return {name: value for name, value in options.items() if name != "cell_state"}


def _add_models():
    for kind, options in DEEP.items():
        of_encoder = _without_cell(options)
        of_decoder = {name: value for name, value in of_encoder.items() if name != "bidirectional"}
        K = options.get("layers", 1)
        for cls in (Seq2seq, PeekySeq2seq, AttentionSeq2seq):
            STACKED[f"{cls.__name__}-{kind}"] = lambda r, cls=cls, options=options: (
                fixed(lively(partial(cls, **options), r, 6, 2, 2)),
                *(IDS, r.ids(len(IDS), 3, below=6)),
            )
        STACKED[f"Encoder-{kind}"] = lambda r, options=of_encoder: (
            fixed(lively(partial(Encoder, **options), r, 6, 2, 4)),
            IDS,
        )
        STACKED[f"AttentionEncoder-{kind}"] = lambda r, options=of_encoder: (
            WithLast(fixed(lively(partial(AttentionEncoder, **options), r, 6, 2, 4))),
            IDS,
        )
        if kind == "bidirectional":
            continue
        for cls in (Decoder, PeekyDecoder):
            STACKED[f"{cls.__name__}-{kind}"] = lambda r, cls=cls, options=of_decoder, K=K: (
                WithFirst(fixed(lively(partial(cls, **options), r, 6, 2, 3))),
                *(r.ids(N, 3, below=6), r(N, K * 3), r(N, K * 3)),
            )
        STACKED[f"AttentionDecoder-{kind}"] = lambda r, options=of_decoder, K=K: (
            WithFirst(fixed(lively(partial(AttentionDecoder, **options), r, 6, 2, 3))),
            *(r.ids(N, 3, below=6), r(N, T, 3), r(N, K * 3), r(N, K * 3)),
        )


_add_models()
