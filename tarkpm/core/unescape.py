"""Bring text into one spelling, so that a secret is found however a server escaped it. Pure.

Nothing here depends on a secret: how long it takes tells only what the text is like.
"""

import re
from array import array
from collections.abc import Mapping
from typing import Final

PASSES: Final = 3
"""Levels of escapes that are undone, such as a URL in JSON in HTML."""

# Each alternative begins with a byte of its own kind, by which `re` finds the next one quickly.
_ESCAPE: Final = re.compile(
    rb"%(?:25)*([0-9a-fA-F]{2})|\\(?:u00|x)([0-9a-fA-F]{2})|&\#0{0,4}([0-9]{1,3});|&\#[xX]0{0,4}([0-9a-fA-F]{1,2});"
    rb"|&(quot|apos|amp|lt|gt);|\\([\"'/\\])|\\r|\\n|=\r?\n[ \t]?|\r\n[ \t]?|\n[ \t]?"
)
_NAMED: Final[Mapping[bytes, bytes]] = {b"quot": b'"', b"apos": b"'", b"amp": b"&", b"lt": b"<", b"gt": b">"}
_ALIKE: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ+/", b"abcdefghijklmnopqrstuvwxyz-_")
"""Cases, and the two alphabets of base64 (RFC 4648)."""
_NOTHING: Final = b"\0"
"""Between the characters of a text in UTF-16 that is read as something else."""


def folded(data: bytes) -> bytes:
    """Return ``data`` with letters in lower case, and characters that stand for each other alike."""
    return data.translate(_ALIKE)


def unescaped(data: bytes) -> bytes:
    """Return ``data`` folded, without escapes of URLs, JSON, JavaScript and HTML, nor line breaks."""
    for _ in range(PASSES):
        data, count = _ESCAPE.subn(_undone, data)
        if not count:
            break
    return data.translate(_ALIKE, _NOTHING)


def origins(data: bytes) -> tuple["array[int]", "array[int]"]:
    """Return where each byte of ``unescaped(data)`` begins and ends in ``data``."""
    starts, ends = array("L", range(len(data))), array("L", range(1, len(data) + 1))
    for _ in range(PASSES):
        data, starts, ends = _passed(data, starts, ends)
    kept = [at for at, byte in enumerate(data) if byte not in _NOTHING]
    return array("L", (starts[at] for at in kept)), array("L", (ends[at] for at in kept))


def _passed(
    data: bytes, starts: "array[int]", ends: "array[int]"
) -> tuple[bytes, "array[int]", "array[int]"]:
    made, new_starts, new_ends, last = bytearray(), array("L"), array("L"), 0
    for found in _ESCAPE.finditer(data):
        start, end = found.span()
        undone = _undone(found)
        made += data[last:start] + undone
        new_starts += starts[last:start] + array("L", [starts[start]] * len(undone))
        new_ends += ends[last:start] + array("L", [ends[end - 1]] * len(undone))
        last = end
    made += data[last:]
    return bytes(made), new_starts + starts[last:], new_ends + ends[last:]


def _undone(found: re.Match[bytes]) -> bytes:
    percent, escaped, decimal, hexadecimal, named, quoted = found.groups()
    if code := percent or escaped or hexadecimal:
        return bytes([int(code, 16)])
    if decimal:
        # Beyond ASCII, which no secret has.
        return bytes([int(decimal)]) if int(decimal) < 256 else found[0]
    return _NAMED[named] if named else quoted or b""
