"""The list of mutants that change nothing that anyone could see, equivalent.txt beside this file."""

import ast
from pathlib import Path

from mutation.operators import text
from mutation.scope import Case

LIST = Path(__file__).with_name("equivalent.txt")


def as_written(statement: str) -> str:
    """Rewrite a statement, or the head of one, as this Python writes it: versions differ in parentheses."""
    return text(ast.parse(f"{statement} pass" if statement.endswith(":") else statement).body[0])


def read() -> dict[tuple[str, str, str, str], str]:
    """Return the reasons by (file, function, statement before, after). Raises ValueError for a line out of place."""
    found, where, reason, before = {}, None, [], None
    for number, line in enumerate(LIST.read_text(encoding="utf-8").splitlines(), 1):
        mark, rest = line[:2], line[2:]
        if mark == "# " or not line:
            where, reason, before = tuple(rest.split()) or where, [], None
        elif mark == "- " and reason:
            before = as_written(rest)
        elif mark == "+ " and before and len(where) == 2 and (entry := (*where, before, as_written(rest))) not in found:
            found[entry] = " ".join(reason)
        elif mark not in ("- ", "+ ") and before is None:
            reason.append(line)
        else:
            raise ValueError(f"{LIST.name}, line {number}: {line!r} is not expected here, or stands there twice")
    return found


def equivalents(cases: list[Case]) -> dict[str, str]:
    """Return the reasons by the id of the case. Raises ValueError for an entry that is no mutant of its file."""
    entries, found = read(), {}
    unused = set(entries)
    for case in cases:
        entry = case.function.file, case.function.name, case.mutant.before, case.mutant.after
        if entry in entries:
            found[case.id] = entries[entry]
            unused.discard(entry)
    files = {case.function.file for case in cases}
    for file, function, before, after in sorted(unused):
        if file in files:
            raise ValueError(f"{LIST.name}: no mutant of {file} {function} reads\n- {before}\n+ {after}")
    return found
