"""Measure the explorer's pages in Chromium: the time from a key to the picture, and the longest pause.

python -m benchmarks.pages             # needs chromium, chromedriver, and pip install selenium

Models have random weights at the sizes of the chapter, for two cores, and of the originals; texts have 60 words of a
vocabulary of 1,000, whose size does not matter to the time. The time is from the event of a key to the first frame that
shows what the model finds; CPU is the time of the page's thread on a processor meanwhile, which other programs change
little; the pause is the longest time for which the page could answer nobody. Of dates, also a character is blanked by a
key, and each occluded in turn by a click.
"""

import statistics
import tempfile
from pathlib import Path

from support import entry  # first: it reports a missing package in one line

# isort: split
import numpy as np

import classifier.page
import seq2seq.page
from benchmarks import chromium
from benchmarks.facts import environment
from classifier import GRUClassifier, SeqSelfClassifier
from experiment.command_line import Parser
from seq2seq import AttentionSeq2seq, TransformerSeq2seq

WORDS, TIMES, WARM = 60, 20, 5
VOCABULARY = ["<pad>", "<unk>", *(f"w{k}" for k in range(998))]
DATE_CHARACTERS = "_ " + "".join(map(chr, range(33, 90)))
# Types texts, or changes the last one, one after another; with a channel that sends itself messages, which tell for how
# long the page answers nobody, or without.
TYPE = """
const [actions, listens, done] = arguments;
const [field, view] = ["text", "view"].map((id) => document.getElementById(id));
const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
const times = [];
const pauses = [];
let last = Infinity;
let pause = 0;
const { port1, port2 } = new MessageChannel();
port1.onmessage = () => {
  const now = performance.now();
  pause = Math.max(pause, now - last);
  last = now;
  port2.postMessage(0);
};
if (listens) port2.postMessage(0);
const acts = {
  type: (text) => {
    field.value = text;
    field.dispatchEvent(new Event("input"));
    return () => view.ariaBusy !== "true";
  },
  blank: (place) => {
    const key = new KeyboardEvent("keydown", { key: "Delete", bubbles: true, cancelable: true });
    document.querySelector(`#row-in [data-in="${place}"]`).dispatchEvent(key);
    return () => true;
  },
  occlude: () => {
    document.getElementById("occlude").click();
    return () => !document.getElementById("parts").hidden;
  },
};
const measure = async ([act, argument]) => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  const begin = performance.now();
  [last, pause] = [begin, 0];
  const isDone = acts[act](argument);
  while (!isDone()) await frame();
  await frame();
  times.push(performance.now() - begin);
  pauses.push(pause);
};
const all = async () => {
  for (const action of actions) await measure(action);
  port1.close();
};
all().then(() => done([times, pauses]));
"""


def page_of_dates(kind=AttentionSeq2seq, wordvec_size: int = 16, hidden_size: int = 256) -> bytes:
    model = kind(len(DATE_CHARACTERS), wordvec_size, hidden_size)
    return seq2seq.page.to_page(model, [], vocabulary=DATE_CHARACTERS, start="_", T_enc=29, T_dec=10, reverse=True)


def page_of_texts(kind, **sizes) -> bytes:
    model = kind(len(VOCABULARY), **sizes)
    names = [f"class {k}" for k in range(model.classes)]
    return classifier.page.to_page(model, [], vocabulary=VOCABULARY, tokenizer={"name": "words"}, classes=names)


PAGES = {
    "dates 16/256": page_of_dates,
    "dates 16/256, blank": page_of_dates,
    "dates 16/256, occlude": page_of_dates,
    "dates Transformer": lambda: page_of_dates(TransformerSeq2seq, 64, 256),
    "dates Transformer, occlude": lambda: page_of_dates(TransformerSeq2seq, 64, 256),
    "gru 100/64, 1 layer": lambda: page_of_texts(GRUClassifier, wordvec_size=100, hidden_size=64, layers=1),
    "seqself 300/32/356": lambda: page_of_texts(SeqSelfClassifier),
    "gru 300/512, 3 layers": lambda: page_of_texts(GRUClassifier),
}


def typed(rng: np.random.Generator, name: str, count: int) -> list[str]:
    """Return texts that differ from one another in every place, so that nothing is computed before."""
    if name.startswith("dates"):
        return ["".join(rng.choice([*DATE_CHARACTERS[2:]], 29)) for _ in range(count)]
    return [" ".join(rng.choice(VOCABULARY[2:], WORDS)) for _ in range(count)]


def actions(rng: np.random.Generator, name: str, count: int) -> list[tuple[str, str | int]]:
    """Return what is done to a page, one after another: the name of an act of TYPE, and its argument."""
    act = name.rpartition(", ")[2]
    if act in ("blank", "occlude"):
        return [(act, place) for place in range(count)]
    return [("type", text) for text in typed(rng, name, count)]


def measure(driver, name: str) -> tuple[float, float, float]:
    """Return the median time from a key to the picture, the mean CPU time, and the median pause, in ms."""
    rng = np.random.default_rng(0)
    first = ("type", *typed(rng, name, 1))
    driver.execute_async_script(TYPE, [first, *actions(rng, name, WARM)], False)
    before = cpu_time(driver)
    times, _ = driver.execute_async_script(TYPE, actions(rng, name, TIMES), False)
    cpu = (cpu_time(driver) - before) / TIMES
    _, pauses = driver.execute_async_script(TYPE, actions(rng, name, TIMES), True)
    return statistics.median(times), cpu, statistics.median(pauses)


def cpu_time(driver) -> float:
    """Return the time, in ms, that the tasks of the page's thread have spent on a processor."""
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return 1e3 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def main() -> int:
    Parser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        driver = chromium.start(Path(folder) / "browser", "window-size=1280,900")
        try:
            driver.set_script_timeout(300)
            driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
            print(f"{environment()['CPU']}, Chromium {driver.capabilities['browserVersion']}; medians of {TIMES}")
            print(f"{'':<26} {'key to picture':>15} {'CPU':>10} {'longest pause':>15}")
            for name, page in PAGES.items():
                path = Path(folder) / "page.html"
                path.write_bytes(page())
                driver.get(path.as_uri())
                times, cpu, pauses = measure(driver, name)
                print(f"{name:<26} {times:>12.1f} ms {cpu:>7.1f} ms {pauses:>12.1f} ms", flush=True)
        finally:
            driver.quit()
    return 0


if __name__ == "__main__":
    entry.run(main)
