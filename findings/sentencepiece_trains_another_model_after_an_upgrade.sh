#!/usr/bin/env bash
# SentencePiece 0.2.3 trains a different model than 0.2.0 from the same texts with the same settings.
#
# A good guess: training a unigram model is deterministic (it is, from run to run), and a patch release that reads and
# applies the model files of the previous one also trains the same model.
# Whom it hurts: whoever trains the tokenizer again instead of keeping its file, such as scripts that resume training or
# repeat an experiment: after an upgrade of the package, ids mean other pieces, and stored weights match nothing.
# Source: found by running it.
#
# Seen with sentencepiece 0.2.0 and 0.2.3, Python 3.11, one thread: 76 of 400 pieces differ, and 368 of 2,000 texts are
# split differently; both versions split all texts in the same way with a model from 0.2.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/train.py" <<'PYTHON'
import io
import sys

import sentencepiece as spm


def numbers(seed=1):
    """The same on every machine."""
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed >> 8


draw = numbers()
words = ["".join(chr(0x3042 + next(draw) % 60) for _ in range(1 + next(draw) % 4)) for _ in range(300)]
texts = ["".join(words[next(draw) % 300] for _ in range(10)) for _ in range(2000)]


def trained():
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, vocab_size=400, num_threads=1, minloglevel=3
    )
    return model.getvalue()


model = trained()
assert trained() == model, "from run to run it is the same"
with open(f"{sys.argv[1]}.model", "wb") as file:
    file.write(model)
for name in sys.argv[1:]:  # this version's model, and those of others
    processor = spm.SentencePieceProcessor(model_file=f"{name}.model")
    with open(f"{name}.model-used-by-{sys.argv[1]}", "w", encoding="utf-8") as file:
        file.writelines("|".join(processor.encode(text, out_type=str)) + "\n" for text in texts)
    with open(f"{name}.pieces", "w", encoding="utf-8") as file:
        file.writelines(sorted(f"{processor.id_to_piece(i)}\n" for i in range(processor.get_piece_size())))
PYTHON
cd "$folder"
for version in 0.2.0 0.2.3; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet --disable-pip-version-check "sentencepiece==$version"
done
0.2.0/bin/python train.py 0.2.0
0.2.3/bin/python train.py 0.2.3 0.2.0
cmp 0.2.0.model-used-by-0.2.0 0.2.0.model-used-by-0.2.3 # the same file, used by both
python3 - <<'PYTHON'
def lines(name):
    with open(name, encoding="utf-8") as file:
        return file.read().splitlines()


old, new = (set(lines(f"{version}.pieces")) for version in ("0.2.0", "0.2.3"))
cut = zip(lines("0.2.0.model-used-by-0.2.0"), lines("0.2.3.model-used-by-0.2.3"), strict=True)
pieces, texts = len(new - old), sum(a != b for a, b in cut)
print(f"pieces that only the model of 0.2.3 has: {pieces} of {len(new)}; texts cut otherwise: {texts}")
assert pieces > 20 and texts > 100, (pieces, texts)
PYTHON
