"""Train a GRU classifier in PyTorch, import its weights, and compare what both say about the texts that test it.

python -m benchmarks.import_text --data path/to/sentence_polarity

``--out`` keeps the weights, ``model.pt``, and the vocabulary, ``vocabulary.txt``, a word on each line, as a user of
PyTorch would have them: unknown words have id 0 there, and padding has id 1. To make a run of it, which shows where the
model looks, with the texts that test it:

    python scripts/import_weights.py DIR/model.pt --model gru --vocabulary DIR/vocabulary.txt --classes neg,pos \\
        --tokenizer words --data path/to/sentence_polarity --format lines --seed 1984 --out runs/imported
"""

from pathlib import Path

from support import entry  # first: it reports a missing package in one line

# isort: split
import numpy as np

from dataset.labelled import READERS
from dataset.tokenizers import Words
from dataset.words import WordVocabulary
from experiment.command_line import Parser, positive_int
from experiment.corpus import pad, tokens_of
from interchange import read_arrays, to_model
from interchange.vocabulary import exchange


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument("--data", required=True, metavar="PATH", help="a corpus of two classes, a file for each")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for weights and vocabulary")
    parser.add_argument("--max-epoch", type=positive_int, default=5)
    parser.add_argument("--batch-size", type=positive_int, default=64)
    parser.add_argument("--wordvec-size", type=positive_int, default=100)
    parser.add_argument("--hidden-size", type=positive_int, default=128)
    parser.add_argument("--layers", type=positive_int, default=2)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--min-count", type=positive_int, default=2, help="words seen less often are unknown")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> int:
    args = parse()
    import torch

    from benchmarks.torch_published import PADDING, UNKNOWN, Published

    train, test = READERS["lines"](Path(args.data)).split()
    tokens = tokens_of(train, Words())
    vocabulary = WordVocabulary.build(tokens, min_count=args.min_count)
    x_train, x_test = (pad(part, vocabulary, "after", None) for part in (tokens, tokens_of(test, Words())))
    print(f"{train.source}: {len(x_train)} texts to train on, {len(x_test)} to test, {len(vocabulary)} words")

    def theirs(x: np.ndarray) -> torch.Tensor:
        """Their ids from ours: padding 0 and unknown 1 change places."""
        return torch.from_numpy(np.where(x < 2, 1 - x, x)).long()

    torch.set_num_threads(1)  # so narrow a model gains nothing from more, and gets other weights with each number
    torch.manual_seed(args.seed)
    sizes = len(vocabulary), args.wordvec_size, args.hidden_size, args.layers
    model = Published(*sizes, dropout=args.dropout)
    optimizer = torch.optim.Adam(model.parameters())
    rng = np.random.default_rng(args.seed)
    for epoch in range(args.max_epoch):
        for rows in x_train.batches(args.batch_size, rng):
            model.learn(optimizer, theirs(x_train[rows]), torch.from_numpy(train.labels[rows]))
        print(f"epoch {epoch + 1} of {args.max_epoch}", flush=True)

    words = list(vocabulary.words)
    exchange(words, PADDING, UNKNOWN)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), args.out / "model.pt")
    (args.out / "vocabulary.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")

    batches = np.array_split(np.arange(len(x_test)), max(1, len(x_test) // 128))
    said = np.concatenate([model.judge(theirs(x_test[rows])).numpy() for rows in batches])
    ours, notes = to_model(
        read_arrays(args.out / "model.pt"), "gru", padding_id=PADDING, unknown_id=UNKNOWN, dropout=args.dropout
    )
    ours_said = ours.probabilities(x_test)[:, 1]
    print(*(f"note: {note}" for note in notes), sep="\n")
    for who, p in (("PyTorch", said), ("ours", ours_said)):
        right = int(((p > 0.5) == test.labels).sum())
        print(f"{who}: {right} of {len(x_test)} texts right, {right / len(x_test):.2%}")
    other = int(((said > 0.5) != (ours_said > 0.5)).sum())
    print(f"texts with another class: {other}; largest difference of a probability: {abs(said - ours_said).max():.1e}")
    return int(other > 0)


if __name__ == "__main__":
    entry.run(main)
