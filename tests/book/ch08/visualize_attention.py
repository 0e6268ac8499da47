"""Where the trained model looks: one picture for each of a few test questions."""

import sys

sys.path.append("..")
import numpy as np
import matplotlib.pyplot as plt
from dataset import sequence
from attention_seq2seq import AttentionSeq2seq

# hyperparameters
wordvec_size = 16
hidden_size = 256
pictures = 5

(x_train, t_train), (x_test, t_test) = sequence.load_data("date.txt")
char_to_id, id_to_char = sequence.get_vocab()
x_test = x_test[:, ::-1]  # questions backwards, as in training

model = AttentionSeq2seq(len(char_to_id), wordvec_size, hidden_size)
model.load_params()


def visualize(attention_map, row_labels, column_labels):
    ax = plt.figure().add_subplot()
    ax.pcolor(attention_map, cmap=plt.cm.Greys_r, vmin=0.0, vmax=1.0)
    ax.invert_yaxis()
    ax.set_xticks(np.arange(len(row_labels)) + 0.5)
    ax.set_yticks(np.arange(len(column_labels)) + 0.5)
    ax.set_xticklabels(row_labels)
    ax.set_yticklabels(column_labels)
    plt.show()


np.random.seed(1984)
for _ in range(pictures):
    i = np.random.randint(0, len(x_test))
    x, t = x_test[[i]], t_test[[i]]
    model.forward(x, t)

    weights = np.array(model.decoder.attention.attention_weights)  # (T_dec, 1, T_enc)
    attention_map = weights[:, 0, ::-1]  # back into reading order
    row_labels = [id_to_char[c] for c in x[0][::-1]]
    column_labels = [id_to_char[c] for c in t[0][1:]]
    print("attention", attention_map.shape, "sums to", np.round(attention_map.sum(axis=1).mean(), 3))
    visualize(attention_map, row_labels, column_labels)
