"""``python -m mutants.child MODULE``: run a module's tests against each of its mutants, and print JSON lines.

The tests are collected once. Each mutant is a forked process in which one function has other code. It runs
the tests that reach the changed line, up to the first failure.
"""

import gc
import json
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NoReturn

import pytest

from mutants import ROOT
from mutants.modules import MODULES
from mutants.operators import Mutant, mutants

SECONDS = 5
"""CPU time that one mutant may take, in addition to ten times what its tests take: it may loop."""
WAIT = 300
"""Seconds of the clock after which a mutant that waits for something counts as found."""
Reached = dict[int, list[int]]
"""The tests that reach a line, by their number, the quickest first."""


class Plugin:
    """Replaces the run of the collected tests."""

    def __init__(self, module: str, out: Any) -> None:
        self._file = ROOT / "tarkpm" / f"{module}.py"
        self._out = out
        self._failed = False

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Let every mutant meet the same examples, and waste no time on smaller ones."""
        import hypothesis  # here: pytest wants to be the first to import it

        phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
        hypothesis.settings.register_profile(
            "mutants", deadline=None, derandomize=True, database=None, phases=phases
        )
        hypothesis.settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        self._failed |= report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests once as the code is, then those that matter for each mutant."""
        gc.unfreeze()  # tests/conftest.py freezes what is collected, and `_replace` would not find it
        items = list(session.items)
        reached, seconds = self._reached(items)
        for mutant in mutants(self._file.read_text()):
            numbers = reached.get(mutant.line, [])
            allowed = SECONDS + 10 * sum(seconds[number] for number in numbers)
            found = (
                self._try(mutant, [items[number] for number in numbers], allowed) if numbers else "unreached"
            )
            row = {"function": mutant.function, "line": mutant.line, "change": mutant.change, "found": found}
            self._out.write(json.dumps(row) + "\n")
            self._out.flush()
        return True

    # -- the code as it is

    def _reached(self, items: list[pytest.Item]) -> tuple[Reached, list[float]]:
        with tempfile.TemporaryFile() as file:
            process = os.fork()
            if not process:
                self._measure(items, file)
            if os.waitpid(process, 0)[1]:
                sys.exit("the tests fail without a mutant")
            file.seek(0)
            lines, seconds = pickle.load(file)
        reached: Reached = {}
        for number in sorted(range(len(items)), key=seconds.__getitem__):
            for line in lines[number]:
                reached.setdefault(line, []).append(number)
        return reached, seconds

    def _measure(self, items: list[pytest.Item], file: Any) -> NoReturn:
        _silence()
        lines, seconds = [], []
        for item in items:
            tracer = _Lines(str(self._file))
            began = time.process_time()
            sys.settrace(tracer.enter)
            _run(item)
            sys.settrace(None)
            lines.append(tracer.lines)
            seconds.append(time.process_time() - began)
        pickle.dump((lines, seconds), file)
        file.flush()
        os._exit(self._failed)

    # -- mutants

    def _try(self, mutant: Mutant, items: list[pytest.Item], seconds: float) -> str:
        """Return "killed", "endless" or "survived"."""
        process = os.fork()
        if not process:
            _silence()
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
            signal.alarm(WAIT)
            _replace(mutant, str(self._file))
            for item in items:
                _run(item)
                if self._failed:
                    break
            os._exit(self._failed)
        status = os.waitpid(process, 0)[1]
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM):
            return "endless"
        return "killed" if status else "survived"


class _Lines:
    """The lines of one file that run."""

    def __init__(self, file: str) -> None:
        self.lines: set[int] = set()
        self._file = file

    def enter(self, frame: FrameType, _event: str, _arg: object) -> Any:
        return self._line if frame.f_code.co_filename == self._file else None

    def _line(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event == "line":
            self.lines.add(frame.f_lineno)
        return self._line


def _run(item: pytest.Item) -> None:
    # Without a next item, every fixture ends with its test: the next process has none of them.
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def _silence() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)


def _replace(mutant: Mutant, file: str) -> None:
    """Give every function of this name the changed code: whoever imported it has the same object."""
    code = _found(compile(mutant.tree(), file, "exec"), mutant.function)
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and _is_same(one.__code__, code):
            one.__code__ = code


def _is_same(code: CodeType, other: CodeType) -> bool:
    place = (other.co_filename, other.co_qualname, other.co_firstlineno)
    return (code.co_filename, code.co_qualname, code.co_firstlineno) == place


def _found(code: CodeType, name: str) -> CodeType:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            if one.co_qualname == name:
                return one
            if name.startswith(one.co_qualname + "."):
                return _found(one, name)
    raise LookupError(name)


def main(module: str) -> int:
    """Run the tests of a module; the rows go to the standard output as it was."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    words = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-m", "not slow", *MODULES[module]]
    return int(pytest.main(words, plugins=[Plugin(module, out)]))


if __name__ == "__main__":
    os.chdir(Path(ROOT))
    sys.exit(main(sys.argv[1]))
