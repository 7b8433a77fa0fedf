"""What a pack becomes once a guard has let it through: deltas in any order, of any depth, and in circles."""

import io
import random

import pytest
from support import gitattack
from support.gitattack import header, number, pack, packed, ref_delta

from tarkpm.errors import Garbled, TooLarge
from tarkpm.sources.git.limits import TransferBudget, TransferLimits
from tarkpm.sources.git.objects import Object, object_id
from tarkpm.sources.git.packfile import PackFile
from tarkpm.sources.git.packguard import PackGuard

BASE = random.Random(1).randbytes(1000)
COPY = bytes([0b10110000]) + (1000).to_bytes(2, "little")
LIMITS = TransferLimits(blob=5000)


def opened(data: bytes, limits: TransferLimits = LIMITS) -> PackFile:
    return gitattack.opened(data, limits)


def appending(base: bytes, tail: bytes) -> tuple[bytes, bytes]:
    """A delta that adds ``tail`` to ``base``, which begins with `BASE`, and what it makes of it."""
    copy = bytes([0b10110000]) + len(base).to_bytes(2, "little")
    made = base + tail
    return ref_delta(object_id("blob", base), len(base), len(made), copy + bytes([len(tail)]) + tail), made


def test_whole_objects_of_each_kind() -> None:
    kinds = {"commit": b"c", "tree": b"", "blob": b"b" * 999, "tag": b"t"}
    found = opened(pack([packed(kind, data) for kind, data in kinds.items()]))
    for kind, data in kinds.items():
        assert found.find(object_id(kind, data)) == Object(kind, data)
        assert object_id(kind, data) in found
    assert found.find("1" * 40) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_chain_of_deltas_in_any_order(seed: int) -> None:
    """A delta may come before what it is based on."""
    objects, wanted = [packed("blob", BASE)], [BASE]
    for n in range(50):
        delta, made = appending(wanted[-1], bytes([n]) * 5)
        objects.append(delta)
        wanted.append(made)
    random.Random(seed).shuffle(objects)
    found = opened(pack(objects))
    for data in wanted:
        assert found.find(object_id("blob", data)) == Object("blob", data)


def test_a_delta_that_makes_its_own_base_again() -> None:
    """It has its base's id, and is not taken for its base."""
    again = ref_delta(object_id("blob", BASE), 1000, 1000, COPY)
    delta, made = appending(BASE, b"x")
    found = opened(pack([packed("blob", BASE), again, again, delta]))
    assert found.find(object_id("blob", BASE)) == Object("blob", BASE)
    assert found.find(object_id("blob", made)) == Object("blob", made)


def test_deltas_based_on_each_other() -> None:
    one, other = ref_delta("1" * 40, 5, 5, b"\5aaaaa"), ref_delta("2" * 40, 5, 5, b"\5bbbbb")
    with pytest.raises(Garbled, match="^2 objects are based on others that were not sent$"):
        opened(pack([one, other]))


@pytest.mark.parametrize(
    ("back", "sentence"),
    [
        (0, "the pack contains a malformed number"),
        *[(back, "an object is based on another that was not sent") for back in (1, 5, 100)],
    ],
)
def test_an_offset_that_leads_nowhere(back: int, sentence: str) -> None:
    delta = number(1) + number(1) + b"\1x"
    data = pack([packed("blob", b"x"), header(6, len(delta)) + bytes([back]) + packed("blob", delta)[1:]])
    with pytest.raises(Garbled, match=f"^{sentence}$"):
        opened(data)


def test_an_object_over_the_limit_is_known_and_not_unpacked() -> None:
    large = bytes(6000)
    based, _ = appending(large, b"x" * 9)
    found = opened(pack([packed("blob", large), based, packed("blob", BASE)]))
    assert found.find(object_id("blob", BASE)) == Object("blob", BASE)
    assert object_id("blob", large) in found
    with pytest.raises(TooLarge, match="^the file has 6000 bytes, the limit is 5000 bytes$"):
        found.find(object_id("blob", large))


def test_unpacking_ends_with_the_budget() -> None:
    budget = TransferBudget(LIMITS, "the pack")
    data = pack([packed("blob", BASE)])
    guard = PackGuard(budget, LIMITS.inflated)
    guard.feed(data)
    guard.finish()
    budget.expired = True
    with pytest.raises(Exception, match="^the transfer took longer than 300 seconds$"):
        PackFile(io.BytesIO(data), guard.entries, budget)
