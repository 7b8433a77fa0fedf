"""The producers sections of binaries: a real one, nested ones, and hostile ones, of which nothing is taken."""

import pytest
from support.producers import made_by_wit_component

from tarkpm.host.module.producers import MAX_DEPTH, MAX_PRODUCERS, Producer, producers

CORE, COMPONENT = b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"
RUST = Producer("language", "Rust", "1.95.0")


def number(value: int) -> bytes:
    """LEB128 of a small number."""
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + number(value >> 7)


def text(value: str) -> bytes:
    return number(len(value.encode())) + value.encode()


def section(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + number(len(body)) + body


def made_by(*found: Producer) -> bytes:
    """A producers section."""
    fields = [text(one.kind) + number(1) + text(one.name) + text(one.version) for one in found]
    return section(0, text("producers") + number(len(fields)) + b"".join(fields))


def nested(depth: int) -> bytes:
    binary = CORE + made_by(RUST)
    for _ in range(depth):
        binary = COMPONENT + section(1 if binary.startswith(CORE) else 4, binary)
    return binary


def test_a_real_plugin() -> None:
    found = producers(made_by_wit_component())
    assert found == (Producer("processed-by", "wit-component", "0.262.0"),)


@pytest.mark.parametrize("depth", range(MAX_DEPTH + 1))
def test_modules_inside_components(depth: int) -> None:
    assert producers(nested(depth)) == (RUST,)
    assert producers(COMPONENT + made_by(RUST) + section(1, nested(0)) * 2) == (RUST,)


@pytest.mark.parametrize(
    "binary",
    [
        b"",
        b"(module)",
        CORE,
        nested(MAX_DEPTH + 1),
        CORE + made_by(RUST)[:-1],
        CORE + section(0, text("producers") + number(1 << 27)),
        CORE + section(0, text("producers") + number(1) + text("language") + number(100)),
        CORE + section(0, text("producers") + number(1) + b"\x02\xff\xff"),
        CORE + section(0, text("name") + b"x"),
        CORE + section(0, text("producers") + number(1) + text("author") + number(1) + text("x") + text("1")),
        CORE + b"".join(made_by(Producer("sdk", f"x{n}")) for n in range(MAX_PRODUCERS + 2)),
        CORE + section(1, b"") * 30_000,
    ],
    ids=range(12),
)
def test_what_says_nothing(binary: bytes) -> None:
    assert producers(binary) == ()
