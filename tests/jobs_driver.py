"""train_date.py without pictures, struck within the process of a model: ``python jobs_driver.py ARGUMENTS``.

The environment variable STRIKE says how, as JSON: ``{"model": "peeky", "epoch": 1, "iteration": 2, "what": ...}``;
iteration 0 is before the first. ``what`` is a signal and whom it is for, such as "TERM main", "KILL self", "INT all" or
"INT all twice"; or it is "nan", which spoils the weights, "leave", or an error. Each child adds its process id to
``pids``.
"""

import builtins
import json
import os
import signal
import sys
import time
from pathlib import Path

import jobs_driver
import numpy as np

from common.callbacks import Callback
from experiment import date_training

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))


class Strike(Callback):
    def __init__(self, at: dict):
        self.at = at

    def fit_begin(self, trainer):
        self.strike(trainer, 0)

    def iteration_end(self, trainer):
        self.strike(trainer, trainer.iteration)

    def strike(self, trainer, iteration):
        if (self.at["epoch"], self.at["iteration"]) != (trainer.current_epoch + 1, iteration):
            return
        if self.at["what"] == "nan":
            trainer.model.params[0][...] = np.nan
        elif self.at["what"] == "leave":
            os._exit(0)
        elif self.at["what"].endswith("Error"):
            raise getattr(builtins, self.at["what"])("a fault of ours")
        else:
            name, whom, *twice = self.at["what"].split()
            process = {"all": -os.getpgrp(), "main": os.getppid(), "self": os.getpid()}[whom]
            os.kill(process, getattr(signal, f"SIG{name}"))
            if twice:
                time.sleep(0.5)
                os.kill(process, getattr(signal, f"SIG{name}"))
            if twice or (name, whom) == ("KILL", "main"):
                time.sleep(600)  # as a long computation would go on


def load_and_make(name, **given):
    with open("pids", "a") as file:
        file.write(f"{os.getpid()}\n")
    made = date_training.load_and_make(name, **given)
    at = json.loads(os.environ["STRIKE"])
    if at is not None and at["model"] == name:
        made[0].callbacks.append(Strike(at))
    return made


if __name__ == "__main__":
    import entry
    import train_date

    from experiment import history, training

    training.write_history = lambda *given, draw=True: history.write_history(*given, draw=False)
    train_date.to_files = lambda: None
    train_date.draw_maps = lambda *given: None
    train_date.load_and_make = jobs_driver.load_and_make  # by the name under which a child can import it
    entry.run(train_date.main)
