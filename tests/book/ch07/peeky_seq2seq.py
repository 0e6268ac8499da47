"""A decoder that sees the encoder's vector at every step, not only at the first."""

import sys

sys.path.append("..")
from common.np import *
from common.time_layers import *
from seq2seq import Seq2seq, Encoder


class PeekyDecoder:
    def __init__(self, vocab_size, wordvec_size, hidden_size):
        V, D, H = vocab_size, wordvec_size, hidden_size
        rn = np.random.randn

        embed_W = (rn(V, D) / 100).astype("f")
        lstm_Wx = (rn(H + D, 4 * H) / np.sqrt(H + D)).astype("f")
        lstm_Wh = (rn(H, 4 * H) / np.sqrt(H)).astype("f")
        lstm_b = np.zeros(4 * H).astype("f")
        affine_W = (rn(H + H, V) / np.sqrt(H + H)).astype("f")
        affine_b = np.zeros(V).astype("f")

        self.embed = TimeEmbedding(embed_W)
        self.lstm = TimeLSTM(lstm_Wx, lstm_Wh, lstm_b, stateful=True)
        self.affine = TimeAffine(affine_W, affine_b)

        self.params, self.grads = [], []
        for layer in (self.embed, self.lstm, self.affine):
            self.params += layer.params
            self.grads += layer.grads
        self.cache = None

    def forward(self, xs, h):
        N, T = xs.shape
        H = h.shape[1]
        self.lstm.set_state(h)

        peek = np.repeat(h, T, axis=0).reshape(N, T, H)
        hs = self.lstm.forward(np.concatenate((peek, self.embed.forward(xs)), axis=2))
        self.cache = H
        return self.affine.forward(np.concatenate((peek, hs), axis=2))

    def backward(self, dscore):
        H = self.cache

        dout = self.affine.backward(dscore)
        dpeek_affine, dhs = dout[:, :, :H], dout[:, :, H:]
        dout = self.lstm.backward(dhs)
        dpeek_lstm, dembed = dout[:, :, :H], dout[:, :, H:]
        self.embed.backward(dembed)

        dpeek = dpeek_affine + dpeek_lstm
        return self.lstm.dh + np.sum(dpeek, axis=1)  # h went to every step, so every step's gradient returns

    def generate(self, h, start_id, sample_size):
        self.lstm.set_state(h)
        peek = h.reshape(1, 1, h.shape[1])
        answer, char_id = [], start_id
        while len(answer) < sample_size:
            out = self.embed.forward(np.array([[char_id]]))
            out = self.lstm.forward(np.concatenate((peek, out), axis=2))
            score = self.affine.forward(np.concatenate((peek, out), axis=2))
            char_id = int(np.argmax(score.flatten()))
            answer.append(char_id)
        return answer


class PeekySeq2seq(Seq2seq):
    def __init__(self, vocab_size, wordvec_size, hidden_size):  # the parent's __init__ is not called, on purpose
        sizes = vocab_size, wordvec_size, hidden_size
        self.encoder = Encoder(*sizes)
        self.decoder = PeekyDecoder(*sizes)
        self.softmax = TimeSoftmaxWithLoss()

        self.params = self.encoder.params + self.decoder.params
        self.grads = self.encoder.grads + self.decoder.grads
