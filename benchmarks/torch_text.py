"""The classifier of film reviews in PyTorch, as its users write it, with PyTorch's own first weights.

Imported only where torch is installed: ``pip install torch==2.13.0``; it is no dependency of this project.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class TextTwin(nn.Module):
    """Embedding, dropout, bidirectional GRU over packed sequences, masked scaled dot attention, Linear."""

    def __init__(self, words: int, wordvec_size: int, hidden_size: int, layers: int, dropout: float, attention: bool):
        super().__init__()
        self.embed = nn.Embedding(words, wordvec_size, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(wordvec_size, hidden_size, layers, batch_first=True, dropout=between, bidirectional=True)
        self.affine = nn.Linear(2 * hidden_size, 1)
        self.attention = attention

    def forward(self, xs: Tensor) -> Tensor:
        mask = xs != 0
        packed = pack_padded_sequence(
            self.dropout(self.embed(xs)), mask.sum(1).clamp(min=1), batch_first=True, enforce_sorted=False
        )
        hs, last = self.gru(packed)
        q = self.dropout(torch.cat((last[-2], last[-1]), dim=1))
        if self.attention:
            hs, _ = pad_packed_sequence(hs, batch_first=True, total_length=xs.shape[1])
            scores = (hs @ q[:, :, None])[:, :, 0] / q.shape[1] ** 0.5
            a = scores.masked_fill(~mask, -torch.inf).softmax(dim=1)
            q = (a[:, None] @ hs)[:, 0]
        return self.affine(q)[:, 0]

    def fit(self, optimizer: torch.optim.Optimizer, x, t: np.ndarray, batches: list[np.ndarray]) -> float:
        """Train on the batches; return their mean loss."""
        self.train()
        losses = []
        for rows in batches:
            optimizer.zero_grad()
            loss = binary_cross_entropy_with_logits(
                self(torch.from_numpy(x[rows]).long()), torch.from_numpy(t[rows]).float()
            )
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    @torch.no_grad()
    def accuracy(self, x, t: np.ndarray) -> float:
        """Return the share of the texts that are classified right."""
        self.eval()
        rows = np.array_split(x.lengths.argsort(), max(1, len(x) // 256))
        right = [((self(torch.from_numpy(x[r]).long()) > 0).numpy() == t[r]).sum() for r in rows]
        return sum(right) / len(x)
