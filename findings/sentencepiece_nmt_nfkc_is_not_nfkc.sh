#!/usr/bin/env bash
# SentencePiece's default normalisation, nmt_nfkc, keeps U+FF5E FULLWIDTH TILDE (～); NFKC makes it U+007E (~).
#
# A good guess: nmt_nfkc is NFKC "with some additional normalization around spaces" (doc/normalization.md), so that it
# gives the same text whether or not the input was normalised to NFKC first.
# Whom it hurts: whoever normalises texts before SentencePiece at one end only (training or serving). In Japanese, ～ is
# common (10時～12時), and becomes an unknown piece there, or one that the model was never trained on. Also, the rule
# nfkc is more than nmt_nfkc without its treatment of spaces: it gives ~.
# Source: src/builder.cc, BuildNmtNFKCMap: "Do not normalize FULL_WIDTH TILDE, since FULL_WIDTH TILDE and HALF_WIDTH
# TILDE are used differently in Japanese." doc/normalization.md mentions spaces, and sequences of characters that are
# left unchanged.
#
# Seen with sentencepiece 0.2.0 and 0.2.3, Python 3.11:
#   nmt_nfkc: ～ stays, ＡＢ① gives AB1; nfkc: ～ gives ~
#   a model trained on 10時～12時 knows it unchanged; after NFKC, its ~ is unknown
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 0.2.0 0.2.3; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "sentencepiece==$version"
    "$folder/$version/bin/python" - <<'PYTHON'
import io
import unicodedata

import sentencepiece as spm

given = "ＡＢ①～"
out = {rule: spm.SentencePieceNormalizer(rule_name=rule).normalize(given).lstrip("▁") for rule in ("nmt_nfkc", "nfkc")}
print(spm.__version__, given, out, "unicodedata:", unicodedata.normalize("NFKC", given))
assert out == {"nmt_nfkc": "AB1～", "nfkc": "AB1~"} and unicodedata.normalize("NFKC", given) == "AB1~"

model, texts = io.BytesIO(), ["10時～12時", "9時～17時", "午前～午後"] * 20
spm.SentencePieceTrainer.train(
    sentence_iterator=iter(texts), model_writer=model, vocab_size=16, hard_vocab_limit=False, minloglevel=3
)
processor = spm.SentencePieceProcessor(model_proto=model.getvalue())
for text in ("10時～12時", unicodedata.normalize("NFKC", "10時～12時")):
    ids = processor.encode(text)
    print("  ", text, processor.encode(text, out_type=str), ids)
    assert (processor.unk_id() in ids) == ("~" in text)
PYTHON
done
