"""The date models in PyTorch, as its users write them, with weights copied from ours.

Imported only where torch is installed: ``pip install torch==2.13.0``; it is no dependency of this project.
Some things differ from ours: ``nn.LSTM`` trains two biases (the second starts from zero, and both get the gradient of
our one); its gates are in the order i, f, g, o, ours f, g, i, o; ``nn.Transformer`` trains a bias of the keys, which
starts from zero and which softmax cancels; Adam has torch's own defaults (eps 1e-8).
So losses and gradients agree before the first update, and slowly drift apart after it.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from common.layer import named_params
from common.transformer_layers import sinusoids
from seq2seq import TransformerSeq2seq

TO_TORCH = [2, 0, 1, 3]  # the positions of torch's i, f, g, o in our order
TO_OURS = [1, 2, 0, 3]  # the positions of our f, g, i, o in torch's order
EVERY = slice(None)
MOST_POSITIONS = 512


def gates(array: np.ndarray, order: list[int]) -> np.ndarray:
    """Reorder the four blocks of the first axis (4H, ...)."""
    return np.concatenate([np.split(array, 4)[k] for k in order])


def to_torch(layer: nn.Module, array: np.ndarray) -> np.ndarray:
    """Convert one of our weights into the form of torch's layer: transposed, except for embeddings."""
    if isinstance(layer, nn.Embedding):
        return array
    return gates(array.T, TO_TORCH) if isinstance(layer, nn.LSTM) else array.T


def to_ours(layer: nn.Module, array: np.ndarray) -> np.ndarray:
    """Convert a weight of a torch layer into our form."""
    if isinstance(layer, nn.Embedding):
        return array
    return gates(array, TO_OURS).T if isinstance(layer, nn.LSTM) else array.T


class Twin(nn.Module):
    """A date model with our weights. A subclass has ``forward(xs, ts)`` and ``decode``.

    ``_pairs()`` of a subclass yields our name for each parameter, its layer, the parameter, and its rows that are ours.
    """

    _pairs: Callable[[], Iterator[tuple[str, nn.Module, nn.Parameter, slice]]]

    def _copy(self, params: dict[str, np.ndarray]) -> None:
        with torch.no_grad():
            for name, layer, parameter, rows in self._pairs():
                parameter[rows].copy_(torch.from_numpy(to_torch(layer, params[name])))

    def named_gradients(self) -> dict[str, np.ndarray]:
        """Return the gradients after ``backward``, with the names, gate order and axes of our model."""
        return {name: to_ours(layer, parameter.grad[rows].numpy()) for name, layer, parameter, rows in self._pairs()}


class RecurrentTwin(Twin):
    """Seq2seq of one kind: baseline, peeky or attention.

    params: name -> array, named as by ``common.layer.named_params`` of our model; copied.
    """

    def __init__(self, kind: str, params: dict[str, np.ndarray]):
        super().__init__()
        self.kind = kind
        V, D = params["encoder.embed.W"].shape
        H = len(params["encoder.lstm.Wh"])
        self.encoder_embed = nn.Embedding(V, D)
        self.encoder_lstm = nn.LSTM(D, H, batch_first=True)
        self.embed = nn.Embedding(V, D)
        self.lstm = nn.LSTM(D + H if kind == "peeky" else D, H, batch_first=True)
        self.affine = nn.Linear(H if kind == "baseline" else H + H, V)
        nn.init.zeros_(self.encoder_lstm.bias_hh_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        self._copy(params)

    def forward(self, xs: Tensor, ts: Tensor) -> Tensor:
        """Return the mean cross entropy. xs int (N, T_enc); ts int (N, T_dec + 1), the start character first."""
        hs_enc, (h, _) = self.encoder_lstm(self.encoder_embed(xs))
        scores, *_ = self._decoder(ts[:, :-1], hs_enc, (h, torch.zeros_like(h)))
        return cross_entropy(scores.flatten(0, 1), ts[:, 1:].flatten())

    def _decoder(self, ids: Tensor, hs_enc: Tensor, state: tuple) -> tuple[Tensor, tuple, Tensor | None]:
        """Return the scores (N, T, V) after ids (N, T), the LSTM's state after them, and attention (N, T, T_enc)."""
        weights, vectors = None, self.embed(ids)
        peek = hs_enc[:, -1:].expand(-1, vectors.shape[1], -1)
        if self.kind == "peeky":
            hs, state = self.lstm(torch.cat((peek, vectors), dim=2), state)
            hs = torch.cat((peek, hs), dim=2)
        else:
            hs, state = self.lstm(vectors, state)
        if self.kind == "attention":
            weights = torch.softmax(hs @ hs_enc.transpose(1, 2), dim=2)  # (N, T_dec, T_enc)
            hs = torch.cat((weights @ hs_enc, hs), dim=2)
        return self.affine(hs), state, weights

    @torch.no_grad()
    def decode(self, xs: Tensor, start_id: int, sample_size: int) -> tuple[Tensor, list]:
        """Return greedy answers (N, sample_size) to xs (N, T_enc), all at once, and the attention of each step."""
        hs_enc, (h, _) = self.encoder_lstm(self.encoder_embed(xs))
        state, ids, maps = (h, torch.zeros_like(h)), [torch.full((len(xs), 1), start_id)], []
        for _ in range(sample_size):
            scores, state, weights = self._decoder(ids[-1], hs_enc, state)
            ids.append(scores.argmax(dim=2))
            maps.append(weights)
        return torch.cat(ids[1:], dim=1), maps

    def _pairs(self):
        for path, embed, lstm in (
            ("encoder", self.encoder_embed, self.encoder_lstm),
            ("decoder", self.embed, self.lstm),
        ):
            yield f"{path}.embed.W", embed, embed.weight, EVERY
            yield f"{path}.lstm.Wx", lstm, lstm.weight_ih_l0, EVERY
            yield f"{path}.lstm.Wh", lstm, lstm.weight_hh_l0, EVERY
            yield f"{path}.lstm.b", lstm, lstm.bias_ih_l0, EVERY
        yield "decoder.affine.W", self.affine, self.affine.weight, EVERY
        yield "decoder.affine.b", self.affine, self.affine.bias, EVERY


class TransformerTwin(Twin):
    """The layers of ``nn.Transformer`` between embeddings and Linear: pre-norm, without dropout, padding not masked.

    model: our TransformerSeq2seq; its weights are copied.
    """

    def __init__(self, model: TransformerSeq2seq):
        super().__init__()
        sizes = "vocab_size", "wordvec_size", "hidden_size", "heads", "layers"
        V, D, H, heads, layers = (model.arguments[name] for name in sizes)
        how: dict = dict(dropout=0.0, batch_first=True, norm_first=True)
        self.encoder_embed, self.embed = nn.Embedding(V, D), nn.Embedding(V, D)
        layer = nn.TransformerEncoderLayer(D, heads, H, **how)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(D), enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(D, heads, H, **how), layers, nn.LayerNorm(D))
        self.affine = nn.Linear(D, V)
        self.register_buffer("positions", torch.from_numpy(sinusoids(MOST_POSITIONS, D)).float())
        for name, parameter in self.named_parameters():
            if name.endswith("in_proj_bias"):
                nn.init.zeros_(parameter)  # of the keys: ours have none
        self._copy(named_params(model))

    def _read(self, embed: nn.Embedding, ids: Tensor) -> Tensor:
        return embed(ids) * embed.embedding_dim**0.5 + self.positions[: ids.shape[1]]

    def _scores(self, ids: Tensor, memory: Tensor) -> Tensor:
        """Return the scores (N, T, V) after each of ids (N, T)."""
        later = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        vectors = self._read(self.embed, ids)
        return self.affine(self.decoder(vectors, memory, tgt_mask=later, tgt_is_causal=True))

    def forward(self, xs: Tensor, ts: Tensor) -> Tensor:
        """Return the mean cross entropy. xs int (N, T_enc); ts int (N, T_dec + 1), the start character first."""
        scores = self._scores(ts[:, :-1], self.encoder(self._read(self.encoder_embed, xs)))
        return cross_entropy(scores.flatten(0, 1), ts[:, 1:].flatten())

    @torch.no_grad()
    def decode(self, xs: Tensor, start_id: int, sample_size: int) -> tuple[Tensor, list]:
        """Return greedy answers (N, sample_size) to xs (N, T_enc), all at once; its layers keep no attention.

        They keep no keys and values, either: the decoder reads all characters so far again at each step.
        """
        self.eval()  # their encoder then takes a quicker way
        memory = self.encoder(self._read(self.encoder_embed, xs))
        ids = torch.full((len(xs), 1), start_id)
        for _ in range(sample_size):
            ids = torch.cat((ids, self._scores(ids, memory)[:, -1:].argmax(dim=2)), dim=1)
        self.train()
        return ids[:, 1:], []

    def _pairs(self):
        yield "encoder.embed.W", self.encoder_embed, self.encoder_embed.weight, EVERY
        yield "decoder.embed.W", self.embed, self.embed.weight, EVERY
        yield "decoder.affine.W", self.affine, self.affine.weight, EVERY
        yield "decoder.affine.b", self.affine, self.affine.bias, EVERY
        for part in ("encoder", "decoder"):
            theirs = getattr(self, part)
            yield from self._norm(f"{part}.norm", theirs.norm)
            for i, layer in enumerate(theirs.layers):
                blocks = {"attention": layer.self_attn}
                if part == "decoder":
                    blocks = {"self_attention": layer.self_attn, "cross_attention": layer.multihead_attn}
                for k, (name, attention) in enumerate(blocks.items(), 1):
                    yield from self._norm(f"{part}.layers.{i}.{name}.norm", getattr(layer, f"norm{k}"))
                    yield from self._attention(f"{part}.layers.{i}.{name}.layer", attention)
                path = f"{part}.layers.{i}.feed_forward"
                yield from self._norm(f"{path}.norm", getattr(layer, f"norm{len(blocks) + 1}"))
                for k in (1, 2):
                    linear = getattr(layer, f"linear{k}")
                    yield f"{path}.layer.affine{k}.W", linear, linear.weight, EVERY
                    yield f"{path}.layer.affine{k}.b", linear, linear.bias, EVERY

    @staticmethod
    def _norm(path: str, norm: nn.LayerNorm):
        yield f"{path}.gamma", norm, norm.weight, EVERY
        yield f"{path}.beta", norm, norm.bias, EVERY

    @staticmethod
    def _attention(path: str, attention: nn.MultiheadAttention):
        D = attention.embed_dim
        for k, name in enumerate(("query", "key", "value")):
            rows = slice(k * D, (k + 1) * D)
            yield f"{path}.{name}.W", attention, attention.in_proj_weight, rows
            if name != "key":
                yield f"{path}.{name}.b", attention, attention.in_proj_bias, rows
        yield f"{path}.output.W", attention, attention.out_proj.weight, EVERY
        yield f"{path}.output.b", attention, attention.out_proj.bias, EVERY


def twin_of(kind: str, model) -> Twin:
    """Return the twin of our model, which is of that kind."""
    return TransformerTwin(model) if kind == "transformer" else RecurrentTwin(kind, named_params(model))
