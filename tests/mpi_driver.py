"""A training script whose ranks are struck, without pictures: ``python mpi_driver.py train_date --mpi OPTIONS``.

The environment variable STRIKE says how, as JSON: a list of ``{"rank": 1, "when": "step", "count": 2, "what": ...}``.

when: a moment, of which ``count`` counts how often it comes (1 if not given): "load", of the data; "begin", of a fit;
"step", before forward; "share", before the gradients are added up; "update", after it; "evaluation", at the end of an
epoch; "save", of a state, and "draw", of the history, on rank 0; "end", after training.
what: a signal for this rank, such as "TERM" or "INT twice"; "TERM soon", a second later; an error; "nan share", "nan
weight", "nan running" of the optimizer, "other weight"; "full", a disk; "stuck"; "slow", half a second per step from
now on; or a folder, into which the rank changes.

Every rank writes its process id to ``pid.RANK``, and the time at which it is struck to ``struck.RANK``.
"""

import builtins
import errno
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))
import entry

from common import ranks as ranks_module
from common import training_state
from common.callbacks import Callback
from common.parallel import Workers
from common.trainer import Trainer
from experiment import history, training

STRIKES = json.loads(os.environ.get("STRIKE", "[]"))
RANK = int(os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK", 0)))
counts: dict[str, int] = {}
slow = 0.0


def at(when: str, **given) -> None:
    """Strike this rank if its time has come."""
    counts[when] = counts.get(when, 0) + 1
    for strike in STRIKES:
        if (strike["rank"], strike["when"], strike.get("count", 1)) == (RANK, when, counts[when]):
            Path(f"struck.{RANK}").write_text(f"{time.time()}")
            do(strike["what"], **given)


def do(what: str, shares=(), trainer=None) -> None:
    global slow
    if what == "stuck":
        time.sleep(600)
    elif what == "slow":
        slow = 0.5
    elif what == "nan share":
        shares[0].grads[0][...] = np.nan
    elif what == "nan weight":
        trainer.model.params[0][...] = np.nan
    elif what == "nan running":
        trainer.optimizer.m[0][...] = np.nan
    elif what == "other weight":
        trainer.model.params[-1][...] += 1
    elif what == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "run/attention.state.npz")
    elif Path(what).is_dir():
        os.chdir(what)
    elif what.endswith(("Error", "Exit")):
        raise getattr(builtins, what)("a fault")
    else:
        name, *how = what.split()
        number = getattr(signal, f"SIG{name}")
        if how == ["soon"]:
            threading.Timer(1.0, os.kill, (os.getpid(), number)).start()
            return
        os.kill(os.getpid(), number)
        if how == ["twice"]:
            time.sleep(1.5)
            os.kill(os.getpid(), number)
            time.sleep(600)


def before(owner, name: str, when: str, **how) -> None:
    """Have a moment come before each call of a function. how: by name, what the moment is given of the arguments."""
    wrapped = getattr(owner, name)

    def call(*args, **kwargs):
        at(when, **{key: find(*args) for key, find in how.items()})
        return wrapped(*args, **kwargs)

    setattr(owner, name, call)


class Evaluation(Callback):
    def epoch_end(self, trainer):
        at("evaluation", trainer=trainer)

    def iteration_end(self, trainer):
        at("update", trainer=trainer)
        time.sleep(slow)


class Struck(Trainer):
    def __init__(self, *args, callbacks, **kwargs):
        super().__init__(*args, callbacks=[Evaluation(), *callbacks], **kwargs)


if __name__ == "__main__":
    Path(f"pid.{RANK}").write_text(str(os.getpid()))
    script = __import__(sys.argv.pop(1))
    from experiment import date_training, text_training

    date_training.Trainer = text_training.Trainer = Struck
    training.write_history = lambda *given, draw=True: history.write_history(*given, draw=False)
    script.to_files = script.draw_maps = lambda *given: None
    on_all = ranks_module.Ranks.on_all
    ranks_module.Ranks.on_all = lambda self, task: on_all(self, lambda: (at("load"), task())[1])
    before(Trainer, "fit", "begin", trainer=lambda self, *_: self)
    before(Workers, "step", "step")
    before(ranks_module.Ranks, "combine", "share", shares=lambda self, shares: shares)
    before(training_state.checkpoint, "save", "save")
    before(training, "write_history", "draw")
    run = training.Training.run
    training.Training.run = lambda *args, **kwargs: (run(*args, **kwargs), at("end"))[0]
    entry.run(script.main)
