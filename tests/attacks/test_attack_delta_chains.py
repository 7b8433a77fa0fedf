"""A small pack whose deltas take for ever, because the base of each leaf is no longer kept when it is needed."""

import time
from collections.abc import Callable

import pytest
from support.gitattack import number, opened, pack, packed, ref_delta

from tarkpm.errors import TooLarge
from tarkpm.sources.git.objects import object_id

KIB = 1 << 10


def seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def variant(base: bytes, tail: int) -> tuple[bytes, bytes]:
    """A delta that replaces the last four bytes of ``base``, and what it makes."""
    size = len(base) - 4
    copy = bytes([0b11110000 if size > 0xFFFF else 0b10110000])
    copy += size.to_bytes(3 if size > 0xFFFF else 2, "little")
    made = base[:-4] + tail.to_bytes(4)
    return ref_delta(object_id("blob", base), len(base), len(made), copy + b"\4" + made[-4:]), made


def chain(base: bytes, length: int, start: int = 1) -> tuple[list[bytes], list[bytes]]:
    """Deltas each based on the one before, and all they make, the base included."""
    deltas, made = [], [base]
    for tail in range(start, start + length):
        delta, result = variant(made[-1], tail)
        deltas.append(delta)
        made.append(result)
    return deltas, made


def branching(size: int, length: int) -> bytes:
    """A chain with a leaf at every link: when a leaf's turn comes, its base is no longer kept."""
    base = packed("blob", bytes(size))
    deltas, made = chain(bytes(size), length)
    leaves = [variant(each, 1 << 30 | place)[0] for place, each in enumerate(made)]
    return pack([base, *deltas, *leaves])


@pytest.mark.parametrize(
    ("size", "length"),
    [(256 * KIB, 1_900), pytest.param(6 * KIB, 4_000, marks=pytest.mark.slow)],
    ids=["bytes", "deltas"],
)
def test_bases_that_are_not_kept(size: int, length: int) -> None:
    """Left alone, each leaf takes its whole chain: millions of deltas. It is refused in seconds."""
    data = branching(size, length)
    assert len(data) < 1 << 20
    honest = pack([packed("blob", number(n) * (8 << 20)) for n in range(32)])
    plain = seconds(lambda: opened(honest))
    start = time.process_time()
    with pytest.raises(TooLarge):
        opened(data)
    assert time.process_time() - start < 20 * plain
