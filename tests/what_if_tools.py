"""What the tests of "what if" share: the model's answer by its own layers, and the changes of a page in a browser."""

import numpy as np
from page_tools import with_options

from common.attention import WeightSum
from common.functions import log_softmax
from common.layer import inference
from seq2seq import AttentionSeq2seq
from seq2seq.page import to_page

CHANGE = """
const press = (selector, key, more = {}) => {
  const e = document.querySelector(selector);
  e.focus();
  e.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
};
const text = (id) => document.getElementById(id).textContent.replaceAll("␣", " ");
const read = () => {
  const changed = !document.getElementById("changed").hidden;
  const rows = [...document.querySelectorAll("#heat tbody tr")];
  return {
    written: text("row-out"),
    cells: rows.map((row) => [...row.querySelectorAll("td")].map((e) => Number(e.textContent.replace("−", "-")))),
    changed,
    before: changed && text("before"),
    after: changed && text("after"),
    logs: changed && ["log-before", "log-after"].map((id) => parseFloat(text(id).replace("−", "-"))),
    flipped: [...document.querySelectorAll("#row-out .changed")].map((e) => Number(e.dataset.out)),
  };
};
"""
READ = f"{CHANGE} return read();"
EDITS = f"""
{CHANGE}
return arguments[0].map(([question, edits]) => {{
  const field = document.getElementById("text");
  field.value = question;
  field.dispatchEvent(new Event("input"));
  return edits.map(([place, key]) => {{
    press(`#row-in [data-in="${{place}}"]`, key);
    return read();
  }});
}});
"""


def write_page(path, model: AttentionSeq2seq, vocabulary: str, masks: bool) -> AttentionSeq2seq:
    """Write the model's page, or that of one with the same weights that does not look at padding; return the model."""
    if masks:
        model = with_options(model, mask_padding=vocabulary.index(" "))
    settings = dict(start="_", T_enc=29, T_dec=10, reverse=True, question_characters=vocabulary.replace("_", ""))
    path.write_bytes(to_page(model, [], vocabulary=vocabulary, **settings))
    return model


def answer(model: AttentionSeq2seq, vocabulary: str, chars: list[str], given: str | None = None, forced=None):
    """What the model writes to 29 characters, "" for one that is blanked, read backwards: by its layers, one by one.

    forced: weights (29,) by place of the answer. Returns the answer, the log-probability of each of its characters (or
    of the given answer's) and the weights (10, 29), in the order of the text.
    """
    decoder, written, log_probs, weights = model.decoder, [], [], []
    with inference(model):
        hs = model.encode(np.array([[vocabulary.index(char or " ") for char in chars[::-1]]]))
        mask = decoder.mask
        if mask is not None:
            mask = mask & np.array([[char != "" for char in chars[::-1]]])
        decoder.start(hs)
        char = "_"
        for t in range(10):
            h = decoder.lstm.forward(decoder.embed.forward(np.array([[vocabulary.index(char)]])))
            context = decoder.attention.forward(hs, h, mask)
            a = decoder.attention.attention_weights[0]
            if forced and t in forced:
                a = np.asarray(forced[t], dtype=hs.dtype)[None, ::-1]
                context = WeightSum().forward(hs, a)[:, None]
            log_p = log_softmax(decoder.affine.forward(np.concatenate((context, h), axis=2)))[0, 0]
            written.append(vocabulary[log_p.argmax()])
            char = written[-1] if given is None else given[t]
            log_probs.append(log_p[vocabulary.index(char)])
            weights.append(np.array(a[0, ::-1]))
    return "".join(written), np.array(log_probs), np.stack(weights)
