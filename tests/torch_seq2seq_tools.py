"""A seq2seq of nn.LSTM as PyTorch's users write it: what ours are compared with."""

import pytest

from common.layer import inference
from seq2seq import padding_of

torch = pytest.importorskip("torch")
nn = torch.nn


def lstms(inputs, hidden, layers=1, bidirectional=False):
    """An nn.LSTM of so many states, of both directions together; of several layers, a list of them."""
    each = hidden // (1 + bidirectional)
    made = [
        nn.LSTM(hidden if k else inputs, each, batch_first=True, bidirectional=bidirectional) for k in range(layers)
    ]
    return nn.ModuleList(made) if layers > 1 else made[0]


def run(lstm, xs, states=None):
    """Return what the top gives, with a skip connection around each layer but the first, and the last states of all."""
    last = []
    for k, layer in enumerate(lstm if isinstance(lstm, nn.ModuleList) else [lstm]):
        ys, (h, c) = layer(xs, None if states is None else states[k])
        last.append((torch.cat(tuple(h), 1)[None], torch.cat(tuple(c), 1)[None]))  # left to right first
        xs = xs + ys if k else ys
    return xs, last


class Encoder(nn.Module):
    def __init__(self, V, D, H, layers, bidirectional):
        super().__init__()
        self.embedding = nn.Embedding(V, D)
        self.lstm = lstms(D, H, layers, bidirectional)

    def forward(self, questions):
        return run(self.lstm, self.embedding(questions))


class Scores(nn.Module):
    """How well the encoder's states (N, T, H) fit one of the decoder (N, H). reads: what the Linear of general reads.

    names: of the Linear layers that read the decoder's state, the encoder's, and the tanh of their sum.
    """

    def __init__(self, score, H, reads, names=("query", "key", "score"), biases=(True, False, False)):
        super().__init__()
        self.kind, self.reads, self.names = score, reads, names
        if score == "general":
            setattr(self, names[reads == "encoder"], nn.Linear(H, H, biases[1]))
        elif score == "additive":
            for name, outputs, bias in zip(names, (H, H, 1), biases, strict=True):
                setattr(self, name, nn.Linear(H, outputs, bias))

    def forward(self, states, state):
        query, key, v = (getattr(self, name, None) for name in self.names)
        if self.kind == "additive":
            return v(torch.tanh(query(state)[:, None] + key(states)))[:, :, 0]
        if self.kind == "general":
            states, state = (key(states), state) if self.reads == "encoder" else (states, query(state))
        scores = torch.bmm(states, state[:, :, None])[:, :, 0]
        return scores / states.shape[2] ** 0.5 if self.kind == "scaled" else scores


class Decoder(nn.Module):
    """One step: attention over the encoder's states where there are some, after the LSTM (Luong et al. 2015)."""

    def __init__(self, kind, V, D, H, linear_reads, layers, scores):
        super().__init__()
        self.kind, self.linear_reads = kind, linear_reads
        self.embedding = nn.Embedding(V, D)
        self.lstm = lstms(D + H if kind == "peeky" else D, H, layers)
        self.dense = nn.Linear(H if kind == "baseline" else 2 * H, V)
        if kind == "attention":
            self.attention = scores

    def forward(self, characters, last, states, peeked, unseen):
        x = self.embedding(characters)[:, None]
        if self.kind == "peeky":
            x = torch.cat((peeked[:, None], x), dim=2)
        output, last = run(self.lstm, x, last)
        output, weights = output[:, 0], None
        if self.kind == "attention":
            scores = self.attention(states, output).masked_fill(unseen, -torch.inf)
            weights = scores.softmax(dim=1).nan_to_num(0)  # of a question that is all padding
            context = torch.bmm(weights[:, None], states)[:, 0]
            both = (context, output) if self.linear_reads == "context,state" else (output, context)
            output = torch.cat(both, dim=1)
        elif self.kind == "peeky":
            output = torch.cat((peeked, output), dim=1)
        return self.dense(output), last, weights


class Model(nn.Module):
    """As tutorials write it: an encoder, and a decoder that starts from its h, and from its c if ``cell_state``."""

    def __init__(
        self,
        kind,
        V,
        D,
        H,
        cell_state=False,
        linear_reads="context,state",
        mask_padding=None,
        *,
        shared=False,
        layers=1,
        bidirectional=False,
        score="dot",
        score_reads="encoder",
        **scores,
    ):
        super().__init__()
        self.encoder = Encoder(V, D, H, layers, bidirectional)
        self.decoder = Decoder(kind, V, D, H, linear_reads, layers, Scores(score, H, score_reads, **scores))
        self.cell_state, self.padding = cell_state, mask_padding
        if shared:
            self.decoder.embedding = self.encoder.embedding

    def forward(self, questions, answers):
        """Return scores (N, T, V) and attention (N, T, T_enc) for given answers (N, T)."""
        states, last = self.encoder(questions)
        peeked = last[-1][0][0]
        unseen = torch.zeros(questions.shape, dtype=torch.bool)
        if self.padding is not None:
            unseen = torch.from_numpy(padding_of(questions.numpy(), self.padding))
        last, steps = [(h, c if self.cell_state else torch.zeros_like(c)) for h, c in last], []
        for t in range(answers.shape[1]):
            scores, last, weights = self.decoder(answers[:, t], last, states, peeked, unseen)
            steps.append((scores, weights))
        scores, weights = zip(*steps, strict=True)
        return torch.stack(scores, 1), None if weights[0] is None else torch.stack(weights, 1)


def arrays_of(module, prefix=""):
    return {prefix + name: weight.numpy() for name, weight in module.state_dict().items()}


def scored(model, questions, answers):
    """Scores (N, T, V) and attention (N, T, T_enc) of ours for given answers (N, T)."""
    with inference(model):
        scores = model.decoder.forward(answers, model.encode(questions))
    attention = model.decoder.attention
    return scores, None if attention is None else attention.attention_weights.transpose(1, 0, 2)
