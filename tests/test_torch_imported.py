"""A classifier of film reviews that was trained in PyTorch, made a run by the script, and its maps drawn."""

import re

import pytest
from test_torch_trained import trained  # noqa: F401 -- the fixture

pytestmark = pytest.mark.slow


def test_a_run_of_film_reviews_is_right_as_often_and_draws_its_maps(trained, sentence_polarity, in_process, tmp_path):  # noqa: F811
    folder, printed = trained
    how = f"--model gru --vocabulary {folder / 'vocabulary.txt'} --tokenizer words --classes neg,pos --out run".split()
    data = "--data", sentence_polarity, "--format", "lines", "--seed", 1984
    done = in_process(tmp_path, "import_weights.py", folder / "model.pt", *how, *data)
    assert done.returncode == 0, done.stderr
    right = int(re.search(r"^PyTorch: (\d+) of 1066 texts right", printed, re.MULTILINE)[1])
    assert f"test accuracy {100 * right / 1066:.2f}%, 1,066 texts, of whose tokens " in done.stdout
    done = in_process(tmp_path, "plot_text_attention.py", "--run", "run", "--batch", 3)
    assert done.returncode == 0, done.stderr
    picture = (tmp_path / "run" / "fig" / "attention_3.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 10_000
