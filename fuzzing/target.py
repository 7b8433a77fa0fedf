"""A parser under test, and the property that holds for every input."""

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from fuzzing import CORPUS
from tarkpm.errors import TarkError

SECONDS: Final = 3.0
"""CPU time of one input. Inputs have at most `Target.longest` bytes, so real ones take milliseconds."""
MEMORY: Final = 96 << 20
"""Bytes that Python may allocate for one input. To read a file reserves its limit, at most 64 MiB."""


class BrokenPromise(AssertionError):
    """An input made a parser do something other than return or raise a documented error."""


class Target(NamedTuple):
    """A parser.

    ``run`` gets the bytes, raises a `TarkError` or one of ``refusals`` for invalid ones, and asserts what
    holds for valid ones. ``words`` help the fuzzer to get past keywords.
    """

    name: str
    run: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()
    words: tuple[str, ...] = ()
    longest: int = 2048

    @property
    def corpus(self) -> Path:
        """The folder of the inputs that CI replays."""
        return CORPUS / self.name

    def check(self, data: bytes, seconds: float = SECONDS) -> None:
        """Run one input. Raises `BrokenPromise`, or the exception that escaped."""
        before = time.thread_time()
        try:
            self.run(data)
        except TarkError:
            pass
        except Exception as problem:
            # The very class: a UnicodeError or JSONDecodeError is a ValueError that nobody meant to raise.
            if type(problem) not in self.refusals:
                raise
        if (took := time.thread_time() - before) > seconds:
            raise BrokenPromise(f"{len(data)} bytes took {took:.1f} s of CPU time")

    def check_memory(self, data: bytes) -> None:
        """Run one input as `check` does, and also bound what it allocates."""
        tracemalloc.start()
        try:
            self.check(data, SECONDS * 4)  # tracing takes time
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        if peak > MEMORY:
            raise BrokenPromise(f"{len(data)} bytes took {peak >> 20} MiB of memory")
