"""The GRU classifier of film reviews as PyTorch's tutorials publish it; weights of such a model can be imported.

Imported only where torch is installed: ``pip install torch==2.13.0``; it is no dependency of this project.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

UNKNOWN, PADDING = 0, 1  # ids in the vocabularies of torchtext's time; the reverse of ours


class Published(nn.Module):
    """Embedding, bidirectional GRU, scaled dot attention whose query is the last layer's final states, Linear.

    packed: the GRU does not read padding, and the attention does not see it. Without, both take padding for words.
    """

    def __init__(
        self,
        words: int,
        wordvec_size: int,
        hidden_size: int,
        layers: int = 1,
        outputs: int = 1,
        *,
        attention: bool = True,
        packed: bool = True,
        dropout: float = 0.0,
        padding: int = PADDING,
    ):
        super().__init__()
        self.embedding = nn.Embedding(words, wordvec_size, padding_idx=padding)
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(wordvec_size, hidden_size, layers, batch_first=True, dropout=between, bidirectional=True)
        self.dense = nn.Linear(2 * hidden_size, outputs)
        self.dropout = nn.Dropout(dropout)
        self.attention, self.packed, self.padding = attention, packed, padding

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the scores (N, outputs) of texts (N, T), and the attention (N, T), None without."""
        real = text != self.padding
        embedded = self.dropout(self.embedding(text))
        if self.packed:
            lengths = real.sum(dim=1)
            embedded = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        output, hidden = self.gru(embedded)
        query = self.dropout(torch.cat((hidden[-2], hidden[-1]), dim=1))
        if not self.attention:
            return self.dense(query), None
        if self.packed:
            output, _ = pad_packed_sequence(output, batch_first=True, total_length=text.shape[1])
        scores = torch.bmm(output, query.unsqueeze(2)).squeeze(2) / query.shape[1] ** 0.5
        if self.packed:
            scores = scores.masked_fill(~real, -torch.inf)
        weights = scores.softmax(dim=1)
        return self.dense(torch.bmm(weights.unsqueeze(1), output).squeeze(1)), weights

    def learn(self, optimizer: torch.optim.Optimizer, text: Tensor, label: Tensor) -> None:
        """Take one step on texts (N, T) of two classes, with labels (N,)."""
        self.train()
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(self(text)[0][:, 0], label.float()).backward()
        optimizer.step()

    @torch.no_grad()
    def judge(self, text: Tensor) -> Tensor:
        """Return the probability (N,) of the second of two classes."""
        self.eval()
        return self(text)[0][:, 0].sigmoid()
