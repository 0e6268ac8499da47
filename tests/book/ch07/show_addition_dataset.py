"""What the sums look like: the shapes, then one question and its answer as ids and as text."""

import sys

sys.path.append("..")
from dataset import sequence

(x_train, t_train), (x_test, t_test) = sequence.load_data("addition.txt", seed=1984)
char_to_id, id_to_char = sequence.get_vocab()

print("train", x_train.shape, t_train.shape)
print("test", x_test.shape, t_test.shape)

for ids in (x_train[0], t_train[0]):
    print(ids, "".join(id_to_char[i] for i in ids))
