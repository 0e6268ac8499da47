"""The three date models in PyTorch, as its users write them, with weights copied from ours.

Imported only where torch is installed: ``pip install torch==2.13.0``; it is no dependency of this project.
Three things differ from ours: ``nn.LSTM`` trains two biases (the second starts from zero, and both get the gradient of
our one); its gates are in the order i, f, g, o, ours f, g, i, o; Adam has torch's own defaults (eps 1e-8).
So losses and gradients agree before the first update, and slowly drift apart after it.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

TO_TORCH = [2, 0, 1, 3]  # the positions of torch's i, f, g, o in our order
TO_OURS = [1, 2, 0, 3]  # the positions of our f, g, i, o in torch's order


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
        with torch.no_grad():
            for name, layer, parameter in self._pairs():
                parameter.copy_(torch.from_numpy(to_torch(layer, params[name])))

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

    def named_gradients(self) -> dict[str, np.ndarray]:
        """Return the gradients after ``backward``, with the names, gate order and axes of our model."""
        return {name: to_ours(layer, parameter.grad.numpy()) for name, layer, parameter in self._pairs()}

    def _pairs(self) -> Iterator[tuple[str, nn.Module, nn.Parameter]]:
        """Yield our name for each parameter, its layer, and the parameter itself."""
        for path, embed, lstm in (
            ("encoder", self.encoder_embed, self.encoder_lstm),
            ("decoder", self.embed, self.lstm),
        ):
            yield f"{path}.embed.W", embed, embed.weight
            yield f"{path}.lstm.Wx", lstm, lstm.weight_ih_l0
            yield f"{path}.lstm.Wh", lstm, lstm.weight_hh_l0
            yield f"{path}.lstm.b", lstm, lstm.bias_ih_l0
        yield "decoder.affine.W", self.affine, self.affine.weight
        yield "decoder.affine.b", self.affine, self.affine.bias
