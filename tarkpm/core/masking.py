"""Mask secrets in what a server sends: as they are, and in the encodings in which servers repeat them. Pure.

A masked run keeps its length, so that chunks can be masked as they arrive and no offset in a text moves.
A server can still spell a secret in a way that is not listed here: masking protects against one that repeats
what it was sent, such as in an error page, and not against one that works for the plugin.

How long a search takes depends on the text and on how long the secrets are, but not on how much of a secret
the text contains: a plugin has a clock, and could otherwise find one character after another. So texts are
compared by their hashes, which Python makes with a random key.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Final

from tarkpm.core.unescape import folded, origins, unescaped

_LONGEST: Final = 24
"""At most so many bytes spell one character of a secret that is found: two levels of escapes, and base64."""
_BLOCK: Final = 64 * 1024
"""Bytes that are searched at a time: a server may send every byte in a chunk of its own."""
_HEAD: Final = 32
"""Bytes that are compared at every position. To guess as many at once is to guess the secret."""
_TOKEN: Final = rb"[a-z0-9!#$%&*+./:=?@^_`|~-]"
"""Characters of which tokens are made, folded: where others are found, only runs of these are searched."""
_SHORTEST: Final = 8
"""Bytes of a spelling that is searched for; shorter ones occur in ordinary text."""


def spellings(secret: str) -> set[bytes]:
    """Return the folded spellings of an ASCII secret.

    They are the secret, also as in a form and without escapes of its own, in hex and in base64.
    """
    data = secret.encode()
    found = {data, data.replace(b" ", b"+"), data.hex().encode(), *(_base64(data, n) for n in range(3))}
    return {one for one in [*map(folded, found), unescaped(data)] if len(one) >= _SHORTEST}


def _base64(data: bytes, before: int) -> bytes:
    """Return the characters that ``data`` alone decides in base64 (RFC 4648), behind so many other bytes.

    In ``base64(user:token)`` the token begins at any of three positions within a group of three bytes.
    """
    text = base64.b64encode(bytes(before) + data)
    return text[-(-8 * before // 6) : 8 * (before + len(data)) // 6]


class Mask:
    """Masks the secrets it is given, from then on."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._spellings: set[bytes] = set()
        self._lengths: list[int] = []
        self._heads: set[bytes] = set()
        self._width = _HEAD
        self._runs: re.Pattern[bytes] | None = None

    def __bool__(self) -> bool:
        """Return whether there is something to mask."""
        return bool(self._secrets)

    def add(self, secret: str) -> None:
        """Mask this secret as well: printable ASCII, at least `MIN_LENGTH` characters."""
        if secret in self._secrets:
            return
        self._secrets.add(secret)
        self._spellings |= spellings(secret)
        self._lengths = sorted({len(one) for one in self._spellings}, reverse=True)
        self._width = min(_HEAD, self._lengths[-1])
        self._heads = {one[: self._width] for one in self._spellings}
        is_usual = all(re.fullmatch(_TOKEN + b"+", one) for one in self._spellings)
        runs = rb"(?<!%s)%s{%d,}" % (_TOKEN, _TOKEN, self._width)
        self._runs = re.compile(runs) if is_usual else None

    def text(self, text: str) -> str:
        """Return ``text`` with the secrets masked."""
        if not self._secrets:
            return text
        return self.data(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")

    def header(self, value: str) -> str:
        """Return the value of a header with the secrets masked; all of it, if blanks divide one.

        A value that was folded into lines has a blank for each line break (RFC 9112, 5.2).
        """
        squeezed = "".join(value.split())
        masked = self.text(value)
        is_divided = masked == value != squeezed and self.text(squeezed) != squeezed
        return "*" * len(value) if is_divided else masked

    def data(self, data: bytes) -> bytes:
        """Return ``data`` with the secrets masked."""
        return b"".join(self.stream([data]))

    def stream(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the bytes of ``chunks`` with the secrets masked, also those that chunks share.

        It holds back a block of 64 KiB and twice as many bytes as the longest spelling has, at most.
        """
        if not self._secrets:
            yield from chunks
            return
        # One byte less than the longest: a spelling that is not complete yet begins within them.
        most = _LONGEST * max(map(len, self._secrets)) - 1
        held = b""
        for block in _blocks(chunks):
            held += block
            ready = len(held) - most
            if ready <= 0:
                continue
            spans = self._spans(held)
            # Not cut in two: with what follows, it may become part of a longer spelling.
            ready = min([start for start, end in spans if start < ready < end], default=ready)
            yield _masked(held[:ready], [span for span in spans if span[1] <= ready])
            held = held[ready:]
        yield _masked(held, self._spans(held))

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Return where ``data`` spells a secret."""
        plain, bare = folded(data), unescaped(data)
        spans = self._found(plain)
        # Also as it is: what stands before a secret may look like the beginning of an escape.
        if bare != plain and (found := self._found(bare)):
            starts, ends = origins(data)
            spans += [(starts[start], ends[end - 1]) for start, end in found]
        return spans

    def _found(self, text: bytes) -> list[tuple[int, int]]:
        width, heads = self._width, self._heads
        runs = [found.span() for found in self._runs.finditer(text)] if self._runs else [(0, len(text))]
        begins = [
            at
            for start, end in runs
            for at in range(start, end - width + 1)
            if text[at : at + width] in heads
        ]
        return [
            (at, at + length)
            for at in begins
            for length in self._lengths
            if at + length <= len(text) and text[at : at + length] in self._spellings
        ]


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of ``chunks`` in blocks: small chunks together, and large ones divided."""
    block = bytearray()
    for chunk in chunks:
        for at in range(0, len(chunk), _BLOCK):
            block += chunk[at : at + _BLOCK]
            if len(block) >= _BLOCK:
                yield bytes(block)
                block.clear()
    yield bytes(block)


def _masked(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    if not spans:
        return data
    changed = bytearray(data)
    for start, end in spans:
        changed[start:end] = b"*" * (end - start)
    return bytes(changed)
