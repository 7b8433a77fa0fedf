"""Small packs whose deltas cost far more than their bytes: each is refused, or unpacked, in seconds.

What counts is work: deltas applied, bytes made by it, and how deep deltas lie on each other. An order in
which every delta comes before its base must cost no more than the best order.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Publisher
from support.gitattack import Hostile, commit, opened, pack, packed, ref_delta
from support.gitserver import GitServer
from support.measured import MIB, run_measured
from support.sandbox import Sandbox

from tarkpm.errors import TooLarge
from tarkpm.sources.git import GitRemote, parse
from tarkpm.sources.git.limits import TransferLimits
from tarkpm.sources.git.objects import object_id

COUNT = 40_000


def chain(length: int, seed: int = 0) -> list[bytes]:
    """A whole object and deltas, each on the one before it, by id."""
    last = random.Random(seed).randbytes(100)
    objects = [packed("blob", last)]
    for place in range(length):
        made = last[:100] + place.to_bytes(4)
        objects.append(ref_delta(object_id("blob", last), len(last), 104, b"\x90\x64\4" + place.to_bytes(4)))
        last = made
    return objects


def seconds_of(objects: Sequence[bytes]) -> float:
    data = pack(objects)
    start = time.process_time()
    opened(data)
    return time.process_time() - start


@pytest.mark.slow
def test_the_worst_order_costs_what_the_best_does() -> None:
    objects = [each for seed in range(COUNT // 51) for each in chain(50, seed)]
    forward = seconds_of(objects)
    assert seconds_of(objects[::-1]) < 3 * forward + 0.5


def test_a_chain_without_end() -> None:
    """git itself makes none longer than 4,095."""
    objects = chain(COUNT)
    for order in (objects, objects[::-1]):
        start = time.process_time()
        with pytest.raises(TooLarge, match=r"^the server sent a chain of more than 4095 deltas$"):
            opened(pack(order))
        assert time.process_time() - start < 10


def test_the_longest_chain_that_git_makes() -> None:
    objects = chain(4095)
    random.Random(1).shuffle(objects)
    opened(pack(objects))


def on_one(base: bytes, count: int) -> list[bytes]:
    """Deltas that all make a large object of a large one."""
    size, copy = len(base), bytearray()
    for at in range(0, size, 0xFFFF):
        copy += bytes([0b10111111]) + at.to_bytes(4, "little") + min(0xFFFF, size - at).to_bytes(2, "little")
    return [ref_delta(object_id("blob", base), size, size, bytes(copy))] * count


def test_much_made_of_little() -> None:
    """All of it counts: objects, deltas and what is unpacked again because it was forgotten."""
    bases = [bytes([n]) * (20 * MIB) for n in range(2)]
    objects = [packed("blob", base) for base in bases]
    for one, other in zip(on_one(bases[0], 20), on_one(bases[1], 20), strict=True):
        objects += [one, other]
    limits = TransferLimits(work=500 * MIB)
    with pytest.raises(TooLarge, match=r"^the server sent objects that take more than 500 MiB to unpack$"):
        opened(pack(objects), limits)
    opened(pack(objects))


def test_deltas_applied_again_and_again() -> None:
    """Reading counts, too: each look at the end of a long chain walks it."""
    objects, limits = chain(4000), TransferLimits(deltas=10_000)
    data = pack(objects)
    found = opened(data, limits)
    found._cache.clear()
    found._cached = 0
    last = max(found._by_id, key=lambda oid: found._by_id[oid])
    found.find(last)
    with pytest.raises(
        TooLarge, match=r"^the server sent objects that take more than 10000 deltas to unpack$"
    ):
        found.find(last)


def test_through_the_whole_program(sandbox: Sandbox, server: GitServer) -> None:
    top = commit(object_id("tree", b""))
    server.before = Hostile(object_id("commit", top), [pack([packed("commit", top), *chain(COUNT)[::-1]])])
    sandbox.init()
    run = run_measured(sandbox, "add", server.url("x"), "-y")
    assert run.status == 2, run
    assert "error: the server sent a chain of more than 4095 deltas\n" in run.err
    assert run.seconds < 30


def test_a_repository_of_usual_size_passes(publisher: Publisher, server: GitServer, tmp_path: Path) -> None:
    """With git's own deltas, 50 deep and of every order, on a server that does not filter."""
    dice = random.Random(3)
    text = [dice.randbytes(40).hex() for _ in range(400)]
    for number_ in range(300):
        text[dice.randrange(400)] = dice.randbytes(40).hex()
        publisher.repo.write(f"docs/{number_:03}.txt", "\n".join(text).encode())
    publisher.release("1.0.0")
    bare = server.root / "text-tools.git"
    publisher.repo.git("-C", str(bare), "repack", "-adfq", "--depth=50", "--window=50")
    server.configure("text-tools", allow_filter=False)
    with GitRemote(parse(publisher.url)) as remote:
        tree_ = remote.tree(remote.resolve(branch="main"))
        names = [f"docs/{number_:03}.txt" for number_ in range(300)]
        assert len(tree_.read(names)) == 300
