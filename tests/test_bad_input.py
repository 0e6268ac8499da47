"""Bad input, wherever a user can give it: one error says what, where and what is expected; nothing is written."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from script_tools import ROOT, everything, refused

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier, confusion_matrix, evaluate
from common.attention import Attention, TimeAttention
from common.functions import cross_entropy_error
from common.initializers import normal
from common.layers import Affine, Embedding, MatMul, SigmoidWithLoss, SoftmaxWithLoss
from common.optimizer import SGD, Adam, AdamW, Momentum, Nadam, RMSprop, clip_grads
from common.time_layers import LSTM, TimeGRU, TimeLSTM
from common.trainer import Trainer
from common.util import eval_seq2seq
from dataset import blogs, files
from dataset.batches import PaddedTexts
from dataset.labelled import read_folders
from dataset.sequence import Vocabulary, read
from dataset.tokenizers import SentencePiece, tokenizer_from_json
from dataset.words import WordVocabulary
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, exact_match

V, K = 10, 3
XS, TS = np.zeros((3, 5), int), np.zeros((3, 4), int)
SEQ2SEQ = [cls(V, 4, 6) for cls in (Seq2seq, PeekySeq2seq, AttentionSeq2seq)]
TEXTS = [
    GRUClassifier(V, 4, 3, 1, classes=K),
    SeqSelfClassifier(V, 4, 3, 3, classes=K),
    BagOfWords(V, K),
]


def z(*shape):
    return np.zeros(shape)


def refuses(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "xs, ts, message",
    [
        (XS.tolist(), TS, r"xs .*expected an array, got list; np\.asarray makes one"),
        (XS, TS.tolist(), r"ts .*expected an array, got list"),
        ("abc", TS, "expected an array, got str"),
        (None, TS, "expected an array, got NoneType"),
        (XS * 1.0, TS, "expected integer ids, got float64"),
        (XS, TS * 1.0, "expected integer ids, got float64"),
        (XS + V, TS, r"expected ids in 0\.\.9, got 10\.\.10"),
        (XS, TS + V, r"expected ids in 0\.\.9, got 10\.\.10"),
        (XS - 1, TS, r"expected ids in 0\.\.9, got -1\.\.-1"),
        (XS[0], TS, r"xs \(N, T_enc\) .* got \(5,\)"),
        (XS[None], TS, r"got \(1, 3, 5\)"),
        (XS[:0], TS[:0], r"at least one question and one character, got \(0, 5\)"),
        (XS[:, :0], TS, r"got \(3, 0\)"),
        (XS, TS[:2], r"expected ts \(3, T_dec \+ 1\), got \(2, 4\)"),
        (XS, TS[:, :1], r"expected ts \(3, T_dec \+ 1\), got \(3, 1\)"),
    ],
)
def test_seq2seq_refuses_ids(xs, ts, message):
    for model in SEQ2SEQ:
        refuses(lambda model=model: model.forward(xs, ts), message)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((XS.tolist(), 0, 3), r"questions .*expected an array, got list"),
        ((XS * 1.0, 0, 3), "expected integer ids"),
        ((XS + V, 0, 3), r"expected ids in 0\.\.9"),
        ((XS[0], 0, 3), r"\(N, T_enc\) .* got \(5,\)"),
        ((XS[:0], 0, 3), r"got \(0, 5\)"),
        ((XS, V, 3), r"expected ids in 0\.\.9, got 10"),
        ((XS, -1, 3), r"expected ids in 0\.\.9, got -1"),
        ((XS, 0.5, 3), "expected integer ids, got float64"),
        ((XS, "_", 3), "expected integer ids, got <U1"),
        ((XS, 0, 0), "expected a sample_size of at least 1, got 0"),
        ((XS, 0, -2), "expected a sample_size of at least 1, got -2"),
        ((XS, 0, 3, 0), "a batch_size, got .* and 0"),
    ],
)
def test_decode_refuses(arguments, message):
    for model in SEQ2SEQ:
        refuses(lambda model=model: model.decode(*arguments), message)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: SEQ2SEQ[0].generate(XS[:1].tolist(), 0, 3), "expected an array, got list"),
        (lambda: SEQ2SEQ[2].generate(XS[:1], V, 3), r"expected ids in 0\.\.9, got 10"),
        (lambda: SEQ2SEQ[0].decode(XS, 0, 3, workers=0), "at least 1, got 0"),
        (lambda: exact_match(SEQ2SEQ[0], XS.tolist(), TS.tolist()), "exact_match: ts .*expected an array"),
        (lambda: exact_match(SEQ2SEQ[0], XS, TS[:, 0]), r"exact_match: expected ts .*, got \(3,\)"),
        (lambda: exact_match(SEQ2SEQ[0], XS, TS[:1]), "expected as many answers as questions, got 3 and 1"),
        (lambda: exact_match(SEQ2SEQ[0], XS[:0], TS[:0]), "got 0 and 0"),
        (lambda: eval_seq2seq(SEQ2SEQ[0], XS[:1], [], {}), "eval_seq2seq: correct: .* got nothing"),
        (lambda: Seq2seq(0, 4, 6), r"expected sizes \(V, D, H\) of at least 1, got \(0, 4, 6\)"),
        (lambda: PeekySeq2seq(V, -4, 6), "of at least 1, got"),
        (lambda: Seq2seq(V, 4, 6, dtype=int), "expected a dtype of real or complex numbers, got int64"),
        (lambda: GRUClassifier(V, 4, 3, 1, 2.0), r"expected a ratio in \[0, 1\), got 2.0"),
        (lambda: BagOfWords(-1), "at least 1, got -1"),
        (lambda: SeqSelfClassifier(V, 4, 3, classes=1), "expected at least 2 classes, got 1"),
        (lambda: evaluate(TEXTS[0], XS, TS[:2, 0]), "expected as many labels as texts, got 3 and 2"),
        (lambda: confusion_matrix(np.array([0, 3]), np.array([0, 1]), 3), r"confusion_matrix: labels: expected 0\.\.2"),
        (lambda: confusion_matrix(np.array([0]), np.array([0, 1]), 3), "confusion_matrix: labels: expected shape"),
        (lambda: confusion_matrix(np.array([0, -1]), np.array([0, 1]), 3), "got -1"),
        (lambda: MatMul(z(4)), r"MatMul: W \(D, M\): .* got \(4,\)"),
        (lambda: MatMul(z(3, 2)).forward([[1, 2, 3]]), "MatMul: x .*expected an array, got list"),
        (lambda: Affine(z(4), z(4)), r"Affine: W \(D, M\): .* got \(4,\)"),
        (lambda: Embedding(z(4)), r"Embedding: W \(V, D\)"),
        (lambda: SoftmaxWithLoss().forward(z(2, 3), [0, 1]), "SoftmaxWithLoss: labels: expected an array, got list"),
        (lambda: SigmoidWithLoss().forward(z(3), np.array([0, 1, 2])), "labels: expected 0 and 1, got 2"),
        (lambda: SigmoidWithLoss().forward(z(3), np.array([0, 1, np.nan])), "labels: expected 0 and 1, got nan"),
        (lambda: cross_entropy_error(z(0, 3), np.zeros(0, int)), r"expected at least one, got shape \(0,\)"),
        (lambda: TimeLSTM(z(4, 8), z(2, 8), z(8)).forward(z(2, 3, 4).tolist()), "TimeLSTM: .*expected an array"),
        (lambda: TimeGRU(z(4, 6), z(2, 6), z(6)).forward(z(2, 3, 4), mask=[[True] * 3] * 2), "mask: expected an array"),
        (lambda: LSTM(z(4, 8), z(2, 8), z(8)).forward([[1] * 4], z(1, 2), z(1, 2)), "LSTM: .*expected an array"),
        (lambda: TimeAttention().forward(z(2, 3, 4), z(2, 3, 4), np.ones((2, 3), int)), "mask: expected bool"),
        (lambda: Attention().attention_weight_layer.forward(z(2, 3, 4), z(2, 4), z(2, 3)), "mask: expected bool"),
        (lambda: normal((2, 3), 1.0, dtype=bool), "got bool"),
        (lambda: SGD(-0.1), r"SGD: lr: expected a number in \[0, inf\), got -0.1"),
        (lambda: Adam(float("nan")), "Adam: lr: .* got nan"),
        (lambda: AdamW(weight_decay=-1), "AdamW: weight_decay: .* got -1"),
        (lambda: Nadam(float("inf")), "Nadam: lr: .* got inf"),
        (lambda: Momentum(0.1, 1.0), r"Momentum: momentum: expected a number in \[0, 1\), got 1.0"),
        (lambda: RMSprop(0.1, -0.5), r"RMSprop: decay_rate: expected a number in \[0, 1\)"),
        (lambda: Adam(0.1, 0.9, float("nan")), "Adam: beta2: .* got nan"),
        (lambda: Nadam(0.1, 2), "Nadam: beta1: .* got 2"),
        (lambda: clip_grads([z(2)], 0), "clip_grads: expected a max_norm above 0, got 0"),
        (lambda: clip_grads([z(2)], float("nan")), "clip_grads: .* got nan"),
        (lambda: Vocabulary("ab").decode([0.7]), "expected whole numbers as ids"),
        (lambda: Vocabulary("ab").decode([[0]]), "expected whole numbers as ids"),
        (lambda: WordVocabulary(["<pad>", "<unk>"]).decode(["a"]), "expected whole numbers as ids"),
        (lambda: PaddedTexts(["ab"]), "text 0: expected 1-D ids from 1 up"),
        (lambda: PaddedTexts([[1], [2**31]]), "text 1: expected 1-D ids"),
        (lambda: tokenizer_from_json([1]), r"expected one of words, .*, got \[1\]"),
        (lambda: tokenizer_from_json(None), "sentencepiece, got None"),
    ],
)
def test_doors_refuse(call, message):
    refuses(call, message)


@pytest.mark.parametrize(
    "xs, ts, message",
    [
        (XS.tolist(), TS[:, 0], r"xs \(N, T\): expected an array, got list"),
        (XS, [0, 1, 2], r"ts \(N,\): expected an array, got list"),
        (XS * 1.0, TS[:, 0], "expected integer ids"),
        (XS + V, TS[:, 0], r"expected ids in 0\.\.9"),
        (XS[0], TS[:, 0], r"xs \(N, T\) .* got \(5,\)"),
        (XS[:0], TS[:0, 0], r"got \(0, 5\)"),
        (XS[:, :0], TS[:, 0], r"got \(3, 0\)"),
        (XS, TS[:2, 0], r"labels: expected shape \(3,\).* got \(2,\)"),
        (XS, TS[:, 0] + K, r"labels: expected 0\.\.2, got 3"),
        (XS, TS[:, 0] - 1, r"labels: expected 0\.\.2, got -1"),
        (XS, TS[:, 0] * 1.0, "labels: expected integers, got float64"),
    ],
)
def test_classifiers_refuse(xs, ts, message):
    for model in TEXTS:
        refuses(lambda model=model: model.forward(xs, ts), message)


def test_classifiers_refuse_to_judge():
    for model in TEXTS:
        refuses(lambda model=model: model.probabilities(XS.tolist()), "probabilities: xs .*expected an array, got list")
        refuses(lambda model=model: model.probabilities(XS, 0), "a batch_size, got 3 and 0")
        refuses(lambda model=model: model.probabilities(XS[:0]), "a text and")
        refuses(lambda model=model: model.explain(XS.tolist()), "expected an array|got None")
        refuses(lambda model=model: model.explain(XS, "looks"), "token weights: expected .*, got 'looks'")


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(x=XS.tolist()), "fit: x: expected an array, got list"),
        (dict(t=None), "fit: t: expected an array, got NoneType"),
        (dict(batch_size=2.5), "fit: batch_size: expected a whole number, got 2.5"),
        (dict(max_epoch=float("inf")), "fit: max_epoch: expected a whole number, got inf"),
        (dict(eval_interval=1.5), "fit: eval_interval: expected a whole number"),
        (dict(max_grad=float("nan")), "fit: expected max_grad above 0, got nan"),
    ],
)
def test_fit_refuses(options, message):
    trainer = Trainer(SEQ2SEQ[0], SGD(), callbacks=())
    refuses(lambda: trainer.fit(**dict(x=XS, t=TS) | options), message)


def test_data_file_beyond_the_size_is_not_read(monkeypatch, tmp_path, tiny):
    """Whoever reads data; a file that is just small enough is read."""
    size = tiny.stat().st_size
    monkeypatch.setattr(files, "MAX_BYTES", size)
    assert len(read(tiny).questions) == 40 and len(files.read_bytes(tiny)) == size
    monkeypatch.setattr(files, "MAX_BYTES", size - 1)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for name in ("a", "b"):
        shutil.copy(tiny, tmp_path / name / "text.txt")
    wanted = rf"\.txt: expected a data file of at most {size - 1:,} bytes, got a larger one"
    refuses(lambda: read(tiny), wanted)
    refuses(lambda: read_folders(tmp_path, classes=["a", "b"]), wanted)
    refuses(lambda: SentencePiece.load(tiny), wanted)
    if Path("/dev/zero").exists():  # what has no size is not read on for ever
        refuses(lambda: files.read_bytes("/dev/zero"), "zero: expected a data file of at most")
    monkeypatch.undo()
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(files.MAX_BYTES + 1)
    refuses(lambda: read(tmp_path / "sparse"), "sparse: expected a data file of at most 1,073,741,824 bytes")


# The scripts: one line, exit code 2, nothing written

TRAIN_DATE = """
--batch-size 0|--batch-size 1.5|--batch-size x|--max-epoch -1|--max-epoch 0|--lr nan|--lr 0|--lr inf
--max-grad 0|--max-grad nan|--hidden-size 0|--wordvec-size -1|--seed -1|--seed x|--workers 0|--save-every 0
--save-every xs|--save-every nans|--save-every s|--until 0|--until 2|--models other|--data missing|--data .
--data empty|--out file|--out file/below|--out /proc/run|--resume missing|--resume file|--resume .|--more
--hidden-size 9999999999999|--workers 257|--out=|--resume=|--data="""
TRAIN_TEXT = """
--batch-size 0|--max-epoch -1|--lr nan|--dropout 2|--dropout nan|--dropout x|--layers 0|--units 0|--patience 0
--test-share 0|--test-share 2|--validation-share 1|--min-count 0|--min-count 99999|--vocab-size 1|--max-len 0
--pieces 0|--embeddings missing|--embeddings empty|--embeddings .|--save-every 0|--save-every xs|--out file
--out /proc/run|--format csv|--data missing --format lines|--data file --format lines
--data . --format folders|--resume missing|--seed -1|--workers 0|--workers 257|--layers 101
--out=|--data= --format lines"""
WANTED = {
    "--batch-size x": "argument --batch-size: expected a whole number of at least 1, got 'x'",
    "--dropout 2": r"argument --dropout: expected a share of at least 0 and below 1, got 2",
    "--save-every xs": "argument --save-every: expected iterations as 50, or seconds as 30s, got xs",
    "--out=": "argument --out: expected a text, got an empty one",
    "--workers 257": "argument --workers: expected a whole number of 1 to 256, got 257",
    "--out file": "--out file: expected a folder, got a file",
    "--out file/below": "--out file/below: cannot make a folder there",
    "--data missing --format lines": "missing: No such file",
    "--min-count 99999": "--min-count 99999: no word",
    "--hidden-size 9999999999999": "not enough memory for these sizes: |dimension|too large|too big",
}


@pytest.mark.parametrize(
    "name, options",
    [
        *(("train_date.py", options) for line in TRAIN_DATE.strip().split("\n") for options in line.split("|")),
        *(("train_text.py", options) for line in TRAIN_TEXT.strip().split("\n") for options in line.split("|")),
    ],
)
def test_training_scripts_refuse(in_process, monkeypatch, tmp_path, tiny, name, options):
    generate = blogs.generate
    monkeypatch.setattr(blogs, "generate", lambda: generate(60))  # of thousands
    (tmp_path / "file").write_bytes(b"here")
    (tmp_path / "empty").write_bytes(b"")
    before = everything(tmp_path)
    model = ("--data", tiny, "--models", "baseline") if name == "train_date.py" else ("--model", "gru")
    done = in_process(tmp_path, name, *model, "--hidden-size", 3, "--quiet", *options.split())
    named = "|".join(map(re.escape, options.replace("=", " ").split()[:2]))  # the option, or what was given for it
    refused(done, rf"^{name}: .*({WANTED.get(options, named)})")
    assert everything(tmp_path) == before


def test_memory_that_is_not_there_is_said(in_process, monkeypatch, tmp_path):
    """Python's own MemoryError has no words."""

    def run_out(*_):
        raise MemoryError

    monkeypatch.setattr("experiment.date_parts.open_data", run_out)
    refused(in_process(tmp_path, "train_date.py"), "^train_date.py: not enough memory for these sizes$")


def test_the_default_number_of_workers_may_be_given_too(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")

    from experiment import command_line as cli

    monkeypatch.setattr(cli, "cores", lambda: 384)
    parser = cli.Parser()
    parser.add_workers("threads")
    default = parser.parse_args([]).workers
    assert parser.parse_args([f"--workers={default}"]).workers == default, "which is how a run goes on"
