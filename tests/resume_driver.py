"""Two models that train in turn, in a process that stops itself wherever it is told to; then others go on.

python resume_driver.py FOLDER < PLANS, a JSON object of lists: under each name the stops of one run after another, the
last of which nothing stops. Each run is a process of its own, forked before anything is trained. A stop is
``{"signal": "KILL", "at": [[place, done]], "every": 1}``: at the place, when so many iterations are done over both
models; more places are of more signals. Prints, as JSON, of each plan what every run found done
and how it ended, and digests of all that the last one left.
"""

import hashlib
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

import numpy as np

from classifier import GRUClassifier
from common import training_state
from common.callbacks import Callback, EarlyStopping, Measure, ModelCheckpoint
from common.layer import named_params, walk
from common.optimizer import Adam, Nadam
from common.trainer import Trainer
from common.training_state import SaveState
from dataset.batches import PaddedTexts
from seq2seq import Seq2seq
from support.stop_signals import Interrupted, StopSignals

EPOCHS = 4
V = 7
AT_ONCE = 4  # exit code of a run that did not wait for the iteration's end
at: list = []  # the strikes to come, of this process
runs: list[tuple[str, Trainer, object, np.ndarray]] = []


class Texts(GRUClassifier):
    """With dropout; small as it is, its work is shared."""

    def forward(self, xs, ts):
        strike("forward")
        return super().forward(xs, ts)

    def shares(self, xs, ts, count):
        return np.array_split(np.arange(len(xs)), count)


class Answers(Seq2seq):
    def forward(self, xs, ts):
        strike("forward")
        return super().forward(xs, ts)


class Strike(Callback):
    def fit_begin(self, trainer):
        strike("fit")

    def iteration_end(self, trainer):
        strike("iteration")

    def epoch_end(self, trainer):
        strike("epoch")


def strike(place: str) -> None:
    if at and at[0][1:] == [place, done()] and threading.current_thread() is threading.main_thread():
        os.kill(os.getpid(), at.pop(0)[0])


def striking(function, before: str, after: str):
    def call(*arguments):
        strike(before)
        function(*arguments)
        strike(after)

    return call


def done() -> int:
    """Iterations, over both models."""
    return sum(
        sum(record["iterations"] for record in trainer.history) + len(trainer.losses) * bool(trainer.batches)
        for _, trainer, *_ in runs
    )


def make(folder: Path) -> None:
    data = np.random.default_rng(5)
    texts = PaddedTexts([data.integers(1, V, length) for length in data.integers(2, 6, 18)])
    questions, answers = data.integers(0, V, (9, 4)), data.integers(0, V, (9, 3))
    for name, x, t, optimizer in (
        ("texts", texts, (texts.lengths > 3).astype(int), Nadam(lr=0.05)),
        ("answers", questions, answers, Adam(lr=0.02)),
    ):
        weights, shuffling = (np.random.default_rng(seed) for seed in np.random.SeedSequence(7).spawn(2))
        model = Texts(V, 3, 3, layers=1, dropout=0.4, rng=weights) if name == "texts" else Answers(V, 3, 4, rng=weights)
        callbacks = [
            Measure("iterations", lambda model, t=t: len(t) // 4 + (len(t) == 18)),  # the last batch of texts is short
            Measure("weight", lambda model: float(model.params[1].max())),
            EarlyStopping("loss", 3 if name == "texts" else 1, "min", min_delta=0.02),
            ModelCheckpoint(folder / f"{name}.npz", "weight", "max"),
            Strike(),
        ]
        workers = 2 if name == "texts" else 1
        runs.append((name, Trainer(model, optimizer, rng=shuffling, callbacks=callbacks, workers=workers), x, t))
        optimizer.update = striking(optimizer.update, "gradients", "update")


def train(folder: Path, every: int) -> int:
    os.replace = striking(os.replace, "written", "saved")
    os.fsync = lambda file: None  # which takes longer than all the rest, and is for power cuts: no signal needs it
    make(folder)
    for name, trainer, *_ in runs:
        if (folder / f"{name}.state").exists():
            training_state.restore(folder / f"{name}.state", trainer)
    with open(folder / "found", "a") as file:
        file.write(f"{done()}\n")
    try:
        with StopSignals() as stop:
            for name, trainer, *_ in runs:
                trainer.callbacks.append(SaveState(folder / f"{name}.state", iterations=every, stop=stop))
            for epoch in range(EPOCHS):
                for _, trainer, x, t in runs:
                    if trainer.current_epoch <= epoch and not trainer.stop_training:
                        strike("between")
                        trainer.fit(x, t, 1, 4, max_grad=0.5, eval_interval=2)
            strike("end")
    except Interrupted as end:
        return end.exit_code
    except KeyboardInterrupt:
        return AT_ONCE
    (folder / "digests").write_text(json.dumps(digests(folder)))
    return 0


def digests(folder: Path) -> dict[str, str]:
    found = {}
    for name, trainer, *_ in runs:
        rngs = [trainer.rng, *(part.rng for _, part in walk(trainer.model) if hasattr(part, "rng"))]
        generators = [rng.bit_generator for rng in rngs]
        numbers = {key: value for key, value in vars(trainer.optimizer).items() if isinstance(value, (int, float))}
        slots = [value for slot in trainer.optimizer.slots for value in getattr(trainer.optimizer, slot)]
        found |= {
            f"{name}: weights": [p.tobytes() for p in named_params(trainer.model).values()],
            f"{name}: optimizer": [numbers, [value.tobytes() for value in slots]],
            f"{name}: streams": [(rng.state, rng.seed_seq.n_children_spawned) for rng in generators],
            f"{name}: history": trainer.history,
            f"{name}: loss_list": trainer.loss_list,
            f"{name}: counts": [[getattr(c, key) for key in c.state] for c in trainer.callbacks],
            f"{name}: best": (folder / f"{name}.npz").read_bytes(),
            f"{name}: end": [trainer.current_epoch, trainer.stop_training, trainer.iteration],
        }
    return {name: hashlib.sha256(repr(value).encode()).hexdigest() for name, value in found.items()}


def in_another_process(folder: Path, stop: dict) -> str:
    """How it ended: an exit code, the name of the signal that killed it, or "stopped at once"."""
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            number = getattr(signal, f"SIG{stop['signal']}")
            at[:] = [[number, *where] for where in stop["at"]]
            code = train(folder, stop.get("every", 1))
        finally:
            if sys.exc_info()[0] is not None:
                traceback.print_exc()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return {AT_ONCE: "stopped at once"}.get(code := os.WEXITSTATUS(status), str(code))


def main() -> None:
    results = {}
    for name, stops in json.load(sys.stdin).items():
        folder = Path(sys.argv[1], name)
        folder.mkdir()
        ends = [in_another_process(folder, stop) for stop in [*stops, {"signal": "KILL", "at": []}]]
        found = [int(line) for line in (folder / "found").read_text().split()]
        kept = sorted(path.name for path in folder.iterdir())
        results[name] = {"found": found, "ends": ends, "files": kept}
        if (folder / "digests").exists():
            results[name]["digests"] = json.loads((folder / "digests").read_text())
    print(json.dumps(results))


if __name__ == "__main__":
    main()
