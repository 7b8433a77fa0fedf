"""What `python3 dev.py fuzz` checks, for the inputs in its corpora: each found an error once, or reaches some code."""

import pytest

from fuzzing import CORPUS
from fuzzing.target import MEMORY, BrokenPromise, Target
from fuzzing.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_an_input_of_the_corpus_keeps_the_promise(target: Target) -> None:
    inputs = sorted(target.corpus.iterdir())
    assert inputs
    for file in inputs:
        target.check_memory(file.read_bytes())


def test_there_is_no_corpus_without_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == TARGETS.keys()
    assert sum(file.stat().st_size for file in CORPUS.rglob("*") if file.is_file()) < 600_000


def _raise(problem: Exception) -> None:
    raise problem


def test_what_breaks_the_promise() -> None:
    """A ValueError that somebody documents is no excuse for one that a codec raises."""
    broken = Target("broken", lambda data: _raise(UnicodeError(data)), (ValueError,))
    with pytest.raises(UnicodeError):
        broken.check(b"")
    with pytest.raises(BrokenPromise, match="of CPU time"):
        Target("slow", lambda _: sum(range(100_000))).check(b"", seconds=0)
    with pytest.raises(BrokenPromise, match="of memory"):
        Target("big", lambda _: bytearray(MEMORY + 1)).check_memory(b"")
    Target("kept", lambda data: _raise(ValueError(data)), (ValueError,)).check(b"")
