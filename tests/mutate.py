"""The mutation score of the layers: change each line that computes, and see whether a test fails.

    nice -n 19 .venv/bin/python tests/mutate.py                  # all files of TESTS
    nice -n 19 .venv/bin/python tests/mutate.py common/gru.py    # one of them
    .venv/bin/python tests/mutate.py --lines                     # what would be changed, line by line; runs no tests

It mutates every ``forward`` and ``backward`` in common/, every function there that one of them uses, the optimizers
and the first values of weights: at every place and in every way that mutation/operators.py knows, without sampling.
For each mutant it runs the tests of the file (TESTS) that call the function, until one fails. Mutants that change
nothing that anyone could see are listed, each with the reason, in mutation/equivalent.txt, and run with --equivalent
only. Prints a Markdown table and the mutants that no test found; exits with 1 if there are any.

Results are kept in runs/mutation.jsonl: a second run tries only mutants of functions that have changed, and those
whose verdict rests on a test that has changed. Needs fork: does not run on Windows.
"""

import argparse
import collections
import functools
import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutation.equivalent import equivalents
from mutation.scope import ROOT, Case, Function, cases, functions, lines
from mutation.server import Server

RESULTS = ROOT / "runs" / "mutation.jsonl"
CALLS = ROOT / "runs" / "mutation-calls.json"
TESTS = {  # file -> its tests, without test_ and .py
    "common/functions.py": "functions soft_labels masks layers self_attention gradients properties number_types",
    "common/layer.py": "layers work_arrays layer rnn gradients functions masks parallel",
    "common/layers.py": "layers functions soft_labels label_smoothing embedding dropout gradients work_arrays traps "
    "number_types",
    "common/steps.py": "steps rnn gradients encoder_variants shares masks properties",
    "common/products.py": "products layers rnn",
    "common/rnn.py": "layers rnn gru gradients work_arrays steps encoder_variants properties functions",
    "common/bidirectional.py": "stacked layers rnn gradients work_arrays encoder_variants",
    "common/stacked.py": "stacked deep_models layers gradients work_arrays",
    "common/lstm.py": "layers rnn gradients work_arrays steps encoder_variants properties functions",
    "common/gru.py": "layers gru rnn gradients work_arrays steps properties functions",
    "common/attention.py": "layers scores gradients work_arrays properties functions",
    "common/additive_scores.py": "scores self_attention gradients work_arrays",
    "common/self_attention.py": "self_attention gradients work_arrays classifier properties functions",
    "common/layer_norm.py": "transformer gradients layers functions",
    "common/multi_head_attention.py": "multi_head_attention transformer gradients layers work_arrays",
    "common/transformer_layers.py": "transformer gradients layers work_arrays",
    "common/optimizer.py": "optimizer number_types embedding trainer training_state numeric_faults",
    "common/slices.py": "optimizer number_types embedding trainer training_state numeric_faults",
    "common/initializers.py": "initializers self_attention encoder_variants classifier seq2seq",
}


def tests_of(case: Case) -> list[str]:
    return [f"test_{name}.py" for name in TESTS[case.function.file].split()]


@functools.cache
def digest(file: str) -> str:
    """Return the digest of a test file and the files beside it that it imports, except conftest.py."""
    todo, seen = [ROOT / "tests" / file], {}
    while todo:
        if (path := todo.pop()) not in seen and path.exists():
            seen[path] = path.read_bytes()
            imported = re.findall(r"(?m)^(?:from|import) (\w+)", path.read_text(encoding="utf-8"))
            todo += [path.parent / f"{name}.py" for name in imported]
    return hashlib.sha256(b"".join(seen[path] for path in sorted(seen))).hexdigest()[:8]


def rests_on(case: Case, by: str) -> str:
    """Return the digest of what a verdict rests on: the file of the test that found the mutant, or all its tests."""
    file = Path(by.split("::")[0]).name
    return " ".join(map(digest, [file] if file in tests_of(case) else tests_of(case)))


def known(every: list[Case]) -> dict[str, str]:
    """Return what is known and still holds, by the id of the case: the test that found it, "" if no test did."""
    results = {}
    if RESULTS.exists():
        for line in RESULTS.read_text(encoding="utf-8").splitlines():
            result = json.loads(line)
            results[result["id"]] = result
    found = [(case, results[case.id]) for case in every if case.id in results]
    return {case.id: result["by"] for case, result in found if result["on"] == rests_on(case, result["by"])}


def run(pending: list[Case], jobs: int) -> None:
    """Try the mutants and append each verdict to RESULTS."""
    RESULTS.parent.mkdir(exist_ok=True)
    for case in pending:
        rests_on(case, "")  # as the tests are now: they are read only once
    with RESULTS.open("a", encoding="utf-8") as file, tempfile.TemporaryDirectory() as folder:
        code = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in TESTS)).hexdigest()[:8]

        def on_all(file: str) -> str:
            return f"{digest(file)} {code}"

        def note(case: Case, by: str) -> None:
            print(json.dumps({"id": case.id, "by": by, "on": rests_on(case, by)}), file=file, flush=True)

        tests = sorted({f"tests/{name}" for case in pending for name in tests_of(case)})
        options = "-n0 -q -s -p no:cacheprovider --assert=plain --tb=native -o tmp_path_retention_policy=none".split()
        server = Server(pending, tests_of, note, jobs, functions(TESTS), CALLS, on_all)
        if pytest.main([*options, f"--basetemp={folder}/of", *tests], plugins=[server]):
            sys.exit("mutate.py: the tests could not be run")


def table(found: list[Function], every: list[Case], by: dict[str, str], reasons: dict[str, str]) -> Iterator[str]:
    """Yield a Markdown table: one row per file, then their sum."""
    columns = "functions", "lines", "without a mutant", "mutants", "equivalent", "killed", "score"
    yield f"| file | {' | '.join(columns)} | tests: `test_....py` |"
    yield f"| --- {'| ---: ' * len(columns)}| --- |"
    total = collections.Counter()
    for file in [*dict.fromkeys(function.file for function in found), "all"]:
        inside = [function for function in found if function.file == file]
        here = [case for case in every if case.function.file == file]
        count = collections.Counter(
            {
                "functions": len(inside),
                "lines": sum(len(lines(function)) for function in inside),
                "without a mutant": sum(len(without(function)) for function in inside),
                "mutants": len(here),
                "equivalent": sum(case.id in reasons for case in here),
                "killed": sum(bool(by.get(case.id)) for case in here),
            }
        )
        count = total if file == "all" else count
        numbers = [f"{count[name]:,}" for name in columns[:-1]]
        numbers.append(f"{100 * count['killed'] / max(1, count['mutants'] - count['equivalent']):.1f}%")
        yield f"| {file} | {' | '.join(numbers)} | {TESTS.get(file, '')} |"
        total.update(count)


def without(function: Function) -> set[int]:
    """Return the lines without a mutant."""
    return lines(function) - {case.mutant.line for case in cases(function)}


def list_lines(found: list[Function]) -> Iterator[str]:
    """Yield each line that is looked at, with its mutants or a note that it has none."""
    for function in found:
        source = (ROOT / function.file).read_text(encoding="utf-8").splitlines()
        of_line = collections.defaultdict(list)
        for case in cases(function):
            of_line[case.mutant.line].append(f"    {case.mutant.kind:<9} {case.mutant.after}")
        for line in sorted(lines(function)):
            yield f"{function.file}:{line} {function.name}: {source[line - 1].strip()}"
            yield from of_line[line] or ["    no mutant"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE", help="files to mutate, of TESTS; all of them without any")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at once (2)")
    parser.add_argument("--lines", action="store_true", help="list the mutants of each line, and run nothing")
    parser.add_argument("--equivalent", action="store_true", help="try those that are listed as equivalent, too")
    arguments = parser.parse_args()
    if unknown := set(arguments.files) - set(TESTS):
        parser.error(f"expected files of {', '.join(TESTS)}; got {', '.join(sorted(unknown))}")
    found = [function for function in functions(TESTS) if function.file in (arguments.files or TESTS)]
    if arguments.lines:
        print(*list_lines(found), sep="\n")
        return 0
    every = [case for function in found for case in cases(function)]
    reasons, by = equivalents(every), known(every)
    tried = [case for case in every if arguments.equivalent or case.id not in reasons]
    if pending := [case for case in tried if case.id not in by]:
        run(pending, arguments.jobs)
        by = known(every)
    print(*table(found, every, by, reasons), sep="\n")
    alive = [case for case in every if not by.get(case.id) and case.id not in reasons]
    wrong = [case for case in every if by.get(case.id) and case.id in reasons]
    for title, group in ("No test found", alive), ("Listed as equivalent, but found", wrong):
        if group:
            print(f"\n{title}:\n", *group, sep="\n")
    return bool(alive or wrong)


if __name__ == "__main__":
    sys.exit(main())
