"""Runs tests on mutants: pytest collects them once, and each mutant is a fork in which one function has other code."""

import collections
import gc
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mutation.scope import Case, Function


class Server:
    """A pytest plugin that runs the collected tests on every mutant instead of once.

    A mutant meets the tests of its files that call its function, until one fails: first those that found most mutants
    of the function so far, then in the order of the files, the quickest first.
    files: maps a case to the names of its test files; note: receives each case and what found it, "" for nothing.
    functions: all functions; cache: the file that keeps which of them each test calls, valid as long as
    ``digest(test file)`` is the same.
    """

    def __init__(
        self,
        cases: list[Case],
        files: Callable[[Case], list[str]],
        note: Callable[[Case, str], None],
        jobs: int,
        functions: list[Function],
        cache: Path,
        digest: Callable[[str], str],
    ):
        self.cases, self.files, self.note, self.jobs = cases, files, note, jobs
        self.functions, self.cache, self.digest = functions, cache, digest
        self.kills, self.callers, self.seconds = collections.Counter(), collections.defaultdict(list), {}

    def pytest_runtestloop(self, session) -> bool:
        if session.testsfailed:
            return True  # not all could be collected; pytest says which
        self.session = session
        session.config._tmp_path_factory.getbasetemp()  # made now, for all forks
        gc.collect()
        gc.freeze()  # or each fork would copy all memory
        self.look(session.items)
        todo, running, alive = collections.deque(self.cases), {}, 0
        while todo or running:
            while todo and len(running) < self.jobs:
                case = todo.popleft()
                pid, path = self.fork(lambda path, case=case: self.attack(case, path))
                running[pid] = case, path
            pid, status = os.wait()
            case, path = running.pop(pid)
            by = path.read_text(encoding="utf-8")
            path.unlink()
            if not by and status:
                by = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""
                if not by:
                    raise RuntimeError(f"{case}\nthe process that ran its tests ended with {os.WEXITSTATUS(status)}")
            self.kills[case.function.key, by] += 1
            alive += not by
            self.note(case, by)
            done = len(self.cases) - len(todo) - len(running)
            if done % 100 == 0 or done == len(self.cases):
                print(f"{done} of {len(self.cases)} mutants, {alive} not found", file=sys.stderr, flush=True)
        return True

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed:
            self.failure = report.longreprtext

    def fork(self, work: Callable[[Path], None]) -> tuple[int, Path]:
        """Start another process that does the work and leaves the result in a file."""
        handle, name = tempfile.mkstemp()
        os.close(handle)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            code = 70
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1):
                os.dup2(null, stream)
            try:
                work(Path(name))
                code = 0
            finally:
                os._exit(code)
        return pid, Path(name)

    def run(self, items: list, each: Callable[[object], None] = lambda item: None) -> str:
        """Return the first test that fails, or an empty string."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            each(item)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.session.testsfailed:
                return item.nodeid
        return ""

    def baseline(self, items: list) -> tuple[dict[str, list[str]], dict[str, float]]:
        """Return for each test the keys of the functions that it calls, and its seconds. Raises if one fails."""
        names = {function.live().__code__: function.key for function in self.functions}
        calls, starts = collections.defaultdict(set), {}

        def begin(item):
            starts[item.nodeid] = time.process_time()

        def profile(frame, event, _):
            if event == "call" and frame.f_code in names:
                calls[next(reversed(starts))].add(names[frame.f_code])

        def work(path):
            threading.setprofile(profile)
            sys.setprofile(profile)
            failed = self.run(items, begin)
            sys.setprofile(None)
            ends = [*list(starts.values())[1:], time.process_time()]
            seconds = {name: end - start for (name, start), end in zip(starts.items(), ends, strict=True)}
            calls_of = {name: sorted(keys) for name, keys in calls.items()}
            path.write_text(json.dumps([calls_of, seconds, failed and f"{failed}\n{self.failure}"]))

        pid, path = self.fork(work)
        _, status = os.waitpid(pid, 0)
        calls, seconds, failed = json.loads(path.read_text() or '[{}, {}, "none of them could be run"]')
        path.unlink()
        if failed or status:
            raise RuntimeError(f"a test fails without any mutant: {failed}")
        return calls, seconds

    def look(self, items: list) -> None:
        """Fill in ``callers`` and ``seconds``, from the cache for the files that have not changed."""
        kept = json.loads(self.cache.read_text()) if self.cache.exists() else {}
        by_file = collections.defaultdict(list)
        for item in items:
            by_file[item.path.name].append(item)
        for file, of_file in by_file.items():
            if kept.get(file, {}).get("on") != self.digest(file):
                calls, seconds = self.baseline(of_file)
                kept[file] = {"on": self.digest(file), "calls": calls, "seconds": seconds}
                self.cache.write_text(json.dumps(kept))
            self.seconds |= kept[file]["seconds"]
            for item in of_file:
                for key in kept[file]["calls"].get(item.nodeid, []):
                    self.callers[key].append(item)

    def attack(self, case: Case, path: Path) -> None:
        """In a process of its own: run the tests on the mutant."""
        files, key = self.files(case), case.function.key
        items = [item for item in self.callers[key] if item.path.name in files]
        items.sort(
            key=lambda item: (-self.kills[key, item.nodeid], files.index(item.path.name), self.seconds[item.nodeid])
        )
        # a loop without end, or an array without bounds, is found out too
        limit = int(60 + 5 * sum(self.seconds[item.nodeid] for item in items))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20 * limit)
        case.apply()
        path.write_text(self.run(items), encoding="utf-8")
