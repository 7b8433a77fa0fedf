"""Mask secrets in what a server sends: as they are, and in the encodings in which servers repeat them. Pure.

A masked run keeps its length, so that chunks can be masked as they arrive and no offset in a text moves.
A server can still spell a secret in a way that is not listed here: masking protects against one that repeats
what it was sent, such as in an error page, and not against one that works for the plugin.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final

_NAMED: Final = {'"': "quot", "'": "apos", "&": "amp", "<": "lt", ">": "gt"}
"""HTML's names of the characters that a page must escape."""
_LONGEST: Final = 15
"""At most so many bytes spell one character: 11 of base64 (7 in HTML, 4 of a line break), times 4/3."""
_HEAD: Final = 12
"""Characters that are searched for at first."""
_BLOCK: Final = 64 * 1024
"""Bytes of a stream that are searched at a time: a server may send every byte in a chunk of its own."""
_LINE_BREAK: Final = r"(?:=?\r?\n[ \t]?|(?:\\r)?\\n)?"
"""Text and base64 may be broken into lines (RFC 2045, 6.7 and 6.8), and JSON may spell a line break."""


class Spelling:
    """One way to spell a secret: a pattern for each character, and one for what may be between them."""

    def __init__(self, characters: list[str], between: str = "") -> None:
        self._characters, self._between = characters, between
        self._head = self._compiled(characters[:_HEAD])

    def spans(self, data: bytes | bytearray) -> list[tuple[int, int]]:
        """Return where ``data`` spells the secret."""
        # A long secret takes seconds to compile, and a server hardly ever repeats one.
        if not self._head.search(data):
            return []
        return [found.span() for found in self._whole.finditer(data)]

    @cached_property
    def _whole(self) -> re.Pattern[bytes]:
        return self._compiled(self._characters)

    def _compiled(self, characters: list[str]) -> re.Pattern[bytes]:
        return re.compile(self._between.join(characters).encode())


def spellings(secret: str) -> list[Spelling]:
    """Return the ways to spell an ASCII secret that are masked."""
    data = secret.encode()
    shifted = {_base64(data, before) for before in range(3)}
    return [
        Spelling([*map(_character, secret)], _LINE_BREAK),
        Spelling([f"(?i:{byte:02x})" for byte in data]),
        *(Spelling([*map(_base64_character, text)], _LINE_BREAK) for text in sorted(shifted)),
    ]


def _character(char: str) -> str:
    """Match one character in either case, or in the escapes of URLs, JSON, JavaScript and HTML.

    Encoders differ in which characters they escape, so each one may be. A URL in a URL is escaped twice, and
    names of headers are put in lower case.
    """
    code = ord(char)
    spelled = [f"%(?:25){{0,2}}(?i:{code:02x})", rf"\\(?:u00|x)(?i:{code:02x})"]
    spelled += [rf"&\#(?:0?{code}|[xX]0?(?i:{code:x}));"]
    spelled += [f"&{_NAMED[char]};"] if char in _NAMED else []
    spelled += [rf"\\{re.escape(char)}"] if char in "\"'/\\" else []
    spelled += [r"\+"] if char == " " else []
    # Not by a flag: `re` is ten times slower if a pattern does not begin with known bytes.
    cases = sorted({char.lower(), char.upper()})
    return f"(?:{'|'.join([*spelled, *map(re.escape, cases)])})"


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
        self._spellings: list[Spelling] = []

    def __bool__(self) -> bool:
        """Return whether there is something to mask."""
        return bool(self._secrets)

    def add(self, secret: str) -> None:
        """Mask this secret as well: printable ASCII, at least `MIN_LENGTH` characters."""
        if secret not in self._secrets:
            self._secrets.add(secret)
            self._spellings += spellings(secret)

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

    def data(self, data: bytes | bytearray) -> bytes:
        """Return ``data`` with the secrets masked."""
        return _masked(data, self._spans(data))

    def stream(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the bytes of ``chunks`` with the secrets masked, also those that chunks share.

        It holds back a block of 64 KiB and twice as many bytes as the longest spelling has, at most.
        """
        # One byte less than the longest: a spelling that is not complete yet begins within them.
        most = max((_LONGEST * len(secret) for secret in self._secrets), default=1) - 1
        held = bytearray()
        for chunk in chunks:
            held += chunk
            if len(held) < most + _BLOCK:
                continue
            spans = self._spans(held)
            ready = max(0, len(held) - most)
            # Not cut in two: with what follows, it may become part of a longer spelling.
            ready = min([start for start, end in spans if start < ready < end], default=ready)
            if ready:
                yield _masked(held[:ready], [span for span in spans if span[1] <= ready])
                del held[:ready]
        if held:
            yield self.data(held)

    def _spans(self, data: bytes | bytearray) -> list[tuple[int, int]]:
        return [span for spelling in self._spellings for span in spelling.spans(data)]


def _masked(data: bytes | bytearray, spans: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for start, end in spans:
        changed[start:end] = b"*" * (end - start)
    return bytes(changed)
