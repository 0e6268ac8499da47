"""The book's remaining tools, and the choice between numpy and cupy."""

import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from common import config
from common.base_model import np as from_base_model
from common.np import np
from common.optimizer import clip_grads
from common.time_layers import np as from_time_layers
from common.util import clip_grads as books_clip_grads
from common.util import eval_seq2seq, to_cpu, to_gpu

ID_TO_CHAR = dict(enumerate("0123456789+_ "))


class Answers:
    """A model that says the same to everything, and keeps what it was asked."""

    def __init__(self, *ids):
        self.ids = list(ids)

    def generate(self, question, start_id, sample_size):
        self.asked = question, start_id, sample_size
        return self.ids[:sample_size]


QUESTION = numpy.array([[5, 10, 7, 12]])  # "5+7 "
CORRECT = numpy.array([[11, 1, 2, 12]])  # "_12 "


@pytest.mark.parametrize("ids, right", [((1, 2, 12), 1), ((1, 3, 12), 0), ((1, 2, 0), 0)])
@pytest.mark.parametrize("correct", [CORRECT, CORRECT[0]], ids=["(1, T)", "(T,)"])
def test_eval_seq2seq_counts_exact_answers(capfd, ids, right, correct):
    model = Answers(*ids, 9, 9)
    result = eval_seq2seq(model, QUESTION, correct, ID_TO_CHAR)
    assert result == right and type(result) is int
    question, start_id, sample_size = model.asked
    assert (start_id, sample_size) == (11, 3) and question.shape == (1, 4)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("reverse", [False, True])
def test_eval_seq2seq_prints(capsys, reverse):
    question = QUESTION[:, ::-1] if reverse else QUESTION
    eval_seq2seq(Answers(1, 2, 12), question, CORRECT, ID_TO_CHAR, True, reverse)
    eval_seq2seq(Answers(9, 2, 12), question, CORRECT, ID_TO_CHAR, verbose=True, is_reverse=reverse)
    assert capsys.readouterr().out == "Q 5+7 \nT 12 \n☑ 12 \n---\nQ 5+7 \nT 12 \n☒ 92 \n---\n"
    eval_seq2seq(Answers(1, 2, 12), question, CORRECT, ID_TO_CHAR, True, not reverse)
    assert capsys.readouterr().out.startswith("Q  7+5\n")


def test_to_cpu_and_to_gpu():
    class OnGPU:
        def get(self):
            return numpy.arange(3)

    x = numpy.ones(2, numpy.float32)
    assert to_cpu(x) is x and to_gpu(x) is x  # nothing to move
    assert to_cpu(OnGPU()).tolist() == [0, 1, 2]
    assert isinstance(to_gpu([1.0]), np.ndarray)
    assert books_clip_grads is clip_grads


def test_np_is_numpy_through_every_door():
    assert config.GPU is False
    assert np is from_base_model is from_time_layers is numpy
    names = {}
    exec("from common.np import *", names)
    assert names["np"] is numpy


def run(code, **env):
    env = {k: v for k, v in os.environ.items() if k != "GPU"} | env
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env, timeout=60)
    return done.returncode, done.stdout, done.stderr


ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "code, env",
    [("import common.np", {"GPU": "1"}), ("from common import config; config.GPU = True; import common.np", {})],
    ids=["environment", "config"],
)
def test_gpu_without_cupy_says_what_to_install(code, env):
    status, _, error = run(f"import sys; sys.modules['cupy'] = None; {code}", **env)  # None: as if it were not there
    assert status != 0
    assert "ImportError" in error and "pip install" in error and "cupy-cuda12x" in error and "cupy" in error


@pytest.mark.parametrize("env", [{}, {"GPU": ""}, {"GPU": "0"}], ids=str)
def test_no_gpu_unless_asked(env):
    assert run("from common.np import np; print(np.__name__)", **env) == (0, "numpy\n", "")
