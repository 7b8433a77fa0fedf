"""Packs that must not reach dulwich, in one piece and byte by byte."""

import hashlib
import random
import zlib
from collections.abc import Iterable

import pytest
from support.gitattack import header, number, pack, packed, ref_delta, told

from tarkpm.errors import TarkError
from tarkpm.sources.git.limits import MIB, TransferBudget, TransferLimits
from tarkpm.sources.git.objects import object_id
from tarkpm.sources.git.packguard import PackGuard

LIMITS = TransferLimits(pack=4 * MIB, inflated=3 * MIB, objects=50)
LARGEST = 2 * MIB


def scan(data: bytes, *, step: int = 0, limits: TransferLimits = LIMITS) -> None:
    guard = PackGuard(TransferBudget(limits, "the pack"), LARGEST)
    for part in parts(data, step):
        guard.feed(part)
    guard.finish()


def parts(data: bytes, step: int) -> Iterable[bytes]:
    return (data[n : n + step] for n in range(0, len(data), step)) if step else [data]


def refused(data: bytes, *, step: int = 0, limits: TransferLimits = LIMITS) -> str:
    with pytest.raises(TarkError) as caught:
        scan(data, step=step, limits=limits)
    return told(caught.value)


BASE = b"0123456789" * 10
BASE_ID = object_id("blob", BASE)
COPY_ALL = bytes([0b10010000, len(BASE)])
GOOD = {
    "empty": pack([]),
    "an empty blob": pack([packed("blob", b"")]),
    "each kind": pack(
        [packed("commit", b"c"), packed("tree", b""), packed("blob", b"b" * 999), packed("tag", b"t")]
    ),
    "a delta": pack([packed("blob", BASE), ref_delta(BASE_ID, len(BASE), len(BASE) + 1, COPY_ALL + b"\1x")]),
    "noise": pack([packed("blob", random.Random(1).randbytes(100_000)), packed("blob", b"\0" * 1_000_000)]),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("step", [0, 1, 7, 20, 21])
def test_a_good_pack_passes(name: str, step: int) -> None:
    if step == 1 and name == "noise":
        step = 3
    scan(GOOD[name], step=step)


@pytest.mark.parametrize("name", GOOD)
def test_a_pack_cut_anywhere_is_incomplete(name: str) -> None:
    data = GOOD[name]
    for length in {0, 5, 12, 13, len(data) // 2, len(data) - 20, len(data) - 1} - {len(data)}:
        told_ = refused(data[:length])
        assert told_ == "Unreachable: the connection was closed before everything had arrived [the pack]", (
            length
        )


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("name", [name for name in GOOD if name != "noise"])
def test_a_pack_with_something_behind_it_is_refused(name: str, step: int) -> None:
    assert refused(GOOD[name] + b"x", step=step) == "Garbled: the pack has data after its end [the pack]"


def test_a_pack_with_a_flipped_checksum_is_refused() -> None:
    data = GOOD["a delta"]
    assert (
        refused(data[:-1] + bytes([data[-1] ^ 1]))
        == "Garbled: the pack does not have its checksum [the pack]"
    )


def test_a_pack_with_a_flipped_bit_is_refused() -> None:
    data = bytearray(GOOD["noise"])
    data[5000] ^= 4
    assert refused(bytes(data)).startswith("Garbled: the ")


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    ("data", "sentence"),
    {
        b"<html>" + b" " * 100: "Garbled: expected a git pack, found something else",
        b"PACK"
        + (3).to_bytes(4)
        + (0).to_bytes(4)
        + bytes(20): "Garbled: expected a git pack, found something else",
        pack([], count=51): "TooLarge: the server announced 51 objects, the limit is 50",
        pack([], count=2**32 - 1): "TooLarge: the server announced 4294967295 objects, the limit is 50",
        pack([header(5, 1) + zlib.compress(b"x")]): "Garbled: the pack contains an object of unknown type 5",
        pack([header(0, 1) + zlib.compress(b"x")]): "Garbled: the pack contains an object of unknown type 0",
        pack([packed("blob", b"x", size=LARGEST + 1)]): (
            "TooLarge: the server sent an object of 2097153 bytes, the limit is 2 MiB"
        ),
        pack([packed("blob", b"x", size=2**38)]): (
            "TooLarge: the server sent an object of 274877906944 bytes, the limit is 2 MiB"
        ),
        pack([packed("blob", b"x", size=2**60)]): "Garbled: the pack contains a malformed number",
        pack([packed("blob", b"x" * 5000, size=4999)]): "Garbled: an object inflates to more than its size",
        pack([packed("blob", b"x" * 5000, size=5001)]): "Garbled: an object inflates to less than its size",
        pack(
            [packed("blob", bytes(LARGEST * 2), size=100)]
        ): "Garbled: an object inflates to more than its size",
        pack([header(3, 30) + b"not zlib, not at all, no bytes of it"]): "Garbled: the objects are damaged",
        pack([packed("blob", bytes(LARGEST))] * 2): (
            "TooLarge: the server sent objects of more than 3 MiB once unpacked"
        ),
        pack([packed("blob", BASE), ref_delta(BASE_ID, 100, 10**9, COPY_ALL)]): (
            "TooLarge: the server sent an object of 1000000000 bytes, the limit is 2 MiB"
        ),
        pack([packed("blob", BASE), *[ref_delta(BASE_ID, 100, LARGEST, COPY_ALL)] * 2]): (
            "TooLarge: the server sent objects of more than 3 MiB once unpacked"
        ),
        pack([ref_delta(BASE_ID, 100, 2**60, COPY_ALL)]): "Garbled: the pack contains a malformed number",
        pack(
            [header(7, 1) + bytes(20) + zlib.compress(b"\x80")]
        ): "Garbled: the pack contains a malformed number",
        pack(
            [header(6, 3) + b"\xff" * 12 + zlib.compress(b"\1\1x")]
        ): "Garbled: the pack contains a malformed number",
    }.items(),
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_hostile_packs(data: bytes, sentence: str, step: int) -> None:
    if step and len(data) > 10_000:
        step = 100
    assert refused(data, step=step) == f"{sentence} [the pack]"


def test_a_zlib_bomb_is_stopped_before_it_is_inflated() -> None:
    bomb = zlib.compress(bytes(256 * MIB), 1)
    data = pack([header(3, 1000) + bomb])
    assert refused(data) == "Garbled: an object inflates to more than its size [the pack]"


def test_an_endless_pack_is_stopped() -> None:
    guard = PackGuard(TransferBudget(TransferLimits(pack=100_000), "the pack"), LARGEST)
    guard.feed(b"PACK" + (2).to_bytes(4) + (1).to_bytes(4) + header(3, LARGEST))
    noise = random.Random(2).randbytes(1000)
    stream = zlib.compressobj(0)

    def feed_for_ever() -> None:
        while True:
            guard.feed(stream.compress(noise))

    with pytest.raises(TarkError) as caught:
        feed_for_ever()
    assert told(caught.value) == "TooLarge: the server sent more than 100000 bytes of objects [the pack]"


def test_the_header_is_enough_to_refuse() -> None:
    guard = PackGuard(TransferBudget(LIMITS, "the pack"), LARGEST)
    with pytest.raises(TarkError, match=r"^the server announced 1000 objects, the limit is 50$"):
        guard.feed(b"PACK" + (2).to_bytes(4) + (1000).to_bytes(4))


def test_limits_hold_for_a_whole_session() -> None:
    budget = TransferBudget(LIMITS, "the pack")
    for _ in range(12):
        guard = PackGuard(budget, LARGEST)
        guard.feed(GOOD["each kind"])
        guard.finish()
    with pytest.raises(TarkError, match=r"^the server announced 52 objects, the limit is 50$"):
        PackGuard(budget, LARGEST).feed(GOOD["each kind"])


def test_many_small_objects_are_scanned_in_linear_time() -> None:
    many = [packed("blob", number(n) * 20) for n in range(5000)]
    data = pack(many)
    budget = TransferBudget(TransferLimits(), "the pack")
    guard = PackGuard(budget, LARGEST)
    guard.feed(data)
    guard.finish()
    assert hashlib.sha1(data[:-20]).digest() == data[-20:]
