"""What the tests of "what if" for texts share: the changes of a page in a browser, and the model's answers to them."""

import numpy as np
from text_page_tools import ENGLISH, KINDS, write_text_run

from common.functions import log_softmax, softplus
from common.layer import inference
from dataset import blogs
from experiment import TextModel
from experiment.text_page import page_of

SHORT = 20  # tokens of an English text
PADDED = dict(padding="before", width=40)
MODELS = {  # kind, arguments of the model, facts of the run
    "gru": ("gru", {}, {}),
    "seqself, sees padding": ("seqself", dict(mask=False), PADDED),
    "gru, sees padding": ("gru", dict(mask=False, classes=3, layers=1), PADDED),
    "gru, padded after": ("gru", dict(mask=True), dict(width=40)),
    "seqself": ("seqself", {}, {}),
    "seqself, a window": ("seqself", dict(attention=dict(attention_width=4)), dict(width=40)),
}
CHANGE = """
const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const settled = async () => {
  do await new Promise((resolve) => setTimeout(resolve));
  while ($("view").ariaBusy === "true");
};
const fire = (target, kind, Kind = Event, more = {}) =>
  target.dispatchEvent(new Kind(kind, { bubbles: true, cancelable: true, ...more }));
const press = (place, key) => {
  const token = all(".token")[place];
  token.focus();
  fire(token, "keydown", KeyboardEvent, { key });
};
const put = (place, text) => {
  all(".token")[place].click();
  $("replacement").value = text;
  fire($("replacement"), "input", InputEvent);
  fire($("replacement"), "change");
};
const type = async (text) => {
  $("text").value = text;
  fire($("text"), "input");
  await settled();
};
const number = (text) => Number(text.replace("−", "-"));
const read = () => {
  const changed = !$("changed").hidden;
  const rows = all("#table tbody tr").map((row) => [...row.cells].map((cell) => cell.textContent));
  return {
    tokens: all(".token bdi").map((e) => e.textContent),
    struck: all(".token").flatMap((e, place) => [...e.querySelectorAll("del")].map((was) => [place, was.textContent])),
    labels: all(".token").map((e) => e.ariaLabel),
    looks: all(".token").map((e) => [...e.ariaLabel.matchAll(/ at \\d+ ([\\d.]+)/g)].map((found) => Number(found[1]))),
    weights: rows.map((row) => number(row[1])),
    change: rows.flatMap((row) => row.slice(5)).map(number),
    changed,
    shares: changed && all("#outcome-table tbody tr").map((row) =>
      [...row.querySelectorAll(".share")].map((bar) => Number(bar.style.getPropertyValue("--w")))),
    best: changed && all("#outcome-table tbody tr").map((row) =>
      [...row.cells].slice(1).map((cell) => cell.className === "best")),
    logs: changed && ["log-before", "log-after"].map((id) => number($(id).textContent)),
    flipped: changed && $("flipped").textContent,
    refused: $("refused").textContent,
  };
};
"""
READ = f"{CHANGE} return read();"
EDITS = f"""
{CHANGE}
return (async () => {{
  const found = [];
  for (const [text, edits] of arguments[0]) {{
    await type(text);
    const states = [];
    for (const [how, place, what] of edits) {{
      ({{ press, put }})[how](place, what);
      await settled();
      states.push(read());
    }}
    found.push(states);
  }}
  return found;
}})();
"""


KEYS = ("Delete", "Backspace", "Escape")


def texts_of(kind: str, count: int) -> list[str]:
    """Texts that no test of the page embeds, each of another length or other words."""
    if kind == "seqself":
        return [text for text in blogs.generate(3 * count, seed=81).texts if len(text) < 40][:count]
    words = " ".join(ENGLISH).split()
    return [" ".join(np.random.default_rng(k).permutation(words)[:SHORT]) for k in range(count)]


def write_page(folder, kind: str, facts: dict | None = None, texts=(), **options) -> TextModel:
    """Write a run and its page, which has these texts; return the run."""
    text_model = write_text_run(folder, kind, facts, **options)
    (folder / "page.html").write_bytes(page_of(text_model, [(text, None) for text in texts], "texts"))
    return text_model


def edits_of(kind: str, tokens: list[str], count: int, rng) -> list[tuple[tuple[str, int, str], list[str]]]:
    """Changes of a text, one after another: what is done, where, with what; and the tokens that are then there."""
    tokenizer, words = (
        KINDS[kind][2],
        sorted({*"".join(KINDS[kind][1])} if kind == "seqself" else "film plot dull".split()),
    )
    now, edits = [*tokens], []
    for _ in range(count):
        changed = [place for place, token in enumerate(now) if token != tokens[place]]
        place = int(rng.choice(changed if changed and rng.random() < 0.4 else len(now)))
        what = str(rng.choice([*KEYS, *rng.choice(words, 3)]))
        how = "press" if what in KEYS or (kind == "seqself" and rng.random() < 0.5) else "put"
        if what == "Escape":
            now[place] = tokens[place]
        elif what in KEYS:
            now[place] = tokens[place] if now[place] == "" else ""
        else:
            (now[place],) = tokenizer(what)
        edits.append(((how, place, what), [*now]))
    return edits


def ids_of(text_model: TextModel, tokens: list[str]) -> tuple[np.ndarray, slice]:
    """The ids (1, T) that the model reads for tokens, padding for "", and where the tokens stand among them."""
    ids = text_model.encode([[token or text_model.vocabulary.words[2] for token in tokens]])
    first = ids.shape[1] - len(tokens) if text_model.facts["padding"] == "before" else 0
    for place, token in enumerate(tokens):
        if token == "":
            ids[0, first + place] = 0
    return ids, slice(first, first + len(tokens))


def answer(text_model: TextModel, tokens: list[str], kind: str | None = None):
    """The model's probabilities (K,), their logarithms, the weights of the tokens, and their map, if there is one."""
    model = text_model.model
    xs, where = ids_of(text_model, tokens)
    probabilities, weights = model.explain(xs, kind)
    a = model.attention_layer.attention_weights[0]
    with inference(model):
        scores = model.scores(xs)
    logs = log_softmax(scores) if scores.ndim == 2 else np.stack((-softplus(scores), -softplus(-scores)), axis=1)
    return probabilities[0], logs[0], weights[0, where], a[where, where] if a.ndim == 2 else None
