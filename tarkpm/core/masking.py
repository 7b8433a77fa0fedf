"""Mask secrets in what a server sends: as they are, and in the encodings in which servers repeat them. Pure.

A masked run keeps its length, so that chunks can be masked as they arrive and no offset in a text moves.
A server can still spell a secret in a way that is not listed here: masking protects against one that repeats
what it was sent, such as in an error page, and not against one that works for the plugin.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Final

_NAMED: Final = {'"': "quot", "'": "apos", "&": "amp", "<": "lt", ">": "gt"}
"""HTML's names of the characters that a page must escape."""
_LONGEST: Final = 10
"""At most so many characters spell one of a secret: 7 in HTML, such as ``&#0103;``, times 4/3 in base64."""


def patterns(secret: str) -> tuple[str, ...]:
    """Return regular expressions for the spellings of an ASCII secret that are masked."""
    data = secret.encode()
    shifted = {_base64(data, before) for before in range(3)}
    return (
        "".join(map(_character, secret)),
        f"(?i:{data.hex()})",
        *("".join(map(_base64_character, text)) for text in sorted(shifted)),
    )


def _character(char: str) -> str:
    """Match one character as it is, or in the escapes of URLs, JSON, JavaScript and HTML.

    Encoders differ in which characters they escape, so each one may be.
    """
    code = ord(char)
    spelled = [f"%(?i:{code:02x})", rf"\\(?:u00|x)(?i:{code:02x})", rf"&\#(?:0?{code}|[xX]0?(?i:{code:x}));"]
    spelled += [f"&{_NAMED[char]};"] if char in _NAMED else []
    spelled += [rf"\\{re.escape(char)}"] if char in "\"'/\\" else []
    spelled += [r"\+"] if char == " " else []
    return f"(?:{'|'.join([*spelled, re.escape(char)])})"


def _base64(data: bytes, before: int) -> str:
    """Return the characters that ``data`` alone decides in base64 (RFC 4648), behind so many other bytes.

    In ``base64(user:token)`` the token begins at any of three positions within a group of three bytes.
    """
    text = base64.b64encode(bytes(before) + data).decode()
    return text[-(-8 * before // 6) : 8 * (before + len(data)) // 6]


def _base64_character(char: str) -> str:
    """Match a character of base64 in both alphabets, and escaped where text around it may escape it."""
    if char in "+/":
        return f"(?:{_character(char)}|{'-' if char == '+' else '_'})"
    return re.escape(char)


class Mask:
    """Masks the secrets it is given, from then on."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._patterns: tuple[re.Pattern[bytes], ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is something to mask."""
        return bool(self._secrets)

    def add(self, secret: str) -> None:
        """Mask this secret as well: printable ASCII, at least `MIN_LENGTH` characters."""
        if secret not in self._secrets:
            self._secrets.add(secret)
            self._patterns += tuple(re.compile(one.encode()) for one in patterns(secret))

    def text(self, text: str) -> str:
        """Return ``text`` with the secrets masked."""
        if not self._secrets:
            return text
        return self.data(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")

    def data(self, data: bytes) -> bytes:
        """Return ``data`` with the secrets masked."""
        return _masked(data, self._spans(data))

    def stream(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the bytes of ``chunks`` with the secrets masked, also those that chunks share.

        It holds back twice as many bytes as the longest spelling has, at most.
        """
        # One byte less than the longest: a spelling that is not complete yet begins within them.
        most = max((_LONGEST * len(secret) for secret in self._secrets), default=1) - 1
        held = b""
        for chunk in chunks:
            held += chunk
            spans = self._spans(held)
            ready = max(0, len(held) - most)
            # Not cut in two: with what follows, it may become part of a longer spelling.
            ready = min([start for start, end in spans if start < ready < end], default=ready)
            if ready:
                yield _masked(held[:ready], [span for span in spans if span[1] <= ready])
                held = held[ready:]
        if held:
            yield self.data(held)

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        return [found.span() for pattern in self._patterns for found in pattern.finditer(data)]


def _masked(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    if not spans:
        return data
    changed = bytearray(data)
    for start, end in spans:
        changed[start:end] = b"*" * (end - start)
    return bytes(changed)
