"""HTTP headers that a plugin may send, or that follow a redirect, and the text of a response. Pure."""

import codecs
import re
from collections.abc import Sequence
from typing import Final

from tarkpm.core.headers import NAME, is_framing

Pairs = Sequence[tuple[str, str]]

MAX_COUNT: Final = 64
MAX_TEXT: Final = 32 << 10
"""Maximum characters of all header names and values that a plugin sends."""
MAX_ANSWERED: Final = 256

QUIETLY_OURS: Final = frozenset({"accept-encoding"})
"""Headers that are dropped silently. Many clients set them, but the host decompresses and sets its own."""

HARMLESS: Final = frozenset({"accept", "accept-language", "content-language", "content-type", "user-agent"})
"""Headers that follow a redirect to another host. Any other header may be a credential."""

_OF_THE_BODY: Final = frozenset({"content-type", "content-language"})
_UNSAID: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "trailer",
        "transfer-encoding",
    }
)
"""Response headers that describe the bytes on the wire, which are not the bytes that the plugin gets."""

_VALUE = re.compile(r"[\t\x20-\x7e]*")

_CHARSETS: Final = frozenset(
    {
        *(f"iso8859-{part}" for part in range(1, 17)),
        *(f"cp125{page}" for page in range(9)),
        "utf-8",
        "ascii",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "cp866",
        "cp874",
        "koi8-r",
        "koi8-u",
        "shift_jis",
        "cp932",
        "euc_jp",
        "iso2022_jp",
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "euc_kr",
        "cp949",
        "mac-roman",
    }
)
"""Python's names of the allowed charsets. Some other codecs are not for text or take quadratic time."""


def checked(headers: Pairs) -> list[tuple[str, str]]:
    """Return the headers to send, names in lower case. Raises `ValueError` for a forbidden header."""
    if len(headers) > MAX_COUNT:
        raise ValueError(f"expected at most {MAX_COUNT} headers, found {len(headers):,}")
    if sum(len(name) + len(value) for name, value in headers) > MAX_TEXT:
        raise ValueError(f"the headers have more than {MAX_TEXT:,} characters")
    return [_checked(name, value) for name, value in headers if name.lower() not in QUIETLY_OURS]


def _checked(name: str, value: str) -> tuple[str, str]:
    if not NAME.fullmatch(name):
        raise ValueError(f"expected a header name, found {name[:40]!r}")
    low = name.lower()
    if is_framing(low):
        raise ValueError(f"the header '{low}' is set by tarkpm")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"expected printable ASCII in the header '{low}'")
    return low, value.strip(" \t")


def crossing(headers: Pairs) -> list[tuple[str, str]]:
    """Return the headers that may follow a redirect to another host."""
    return [(name, value) for name, value in headers if name in HARMLESS]


def without_body(headers: Pairs) -> list[tuple[str, str]]:
    """Return the headers that remain when a redirect turns a POST into a GET (RFC 9110, 15.4)."""
    return [(name, value) for name, value in headers if name not in _OF_THE_BODY]


def answered(headers: Pairs) -> list[tuple[str, str]]:
    """Return the response headers that a plugin gets. Raises `ValueError` if there are too many."""
    if len(headers) > MAX_ANSWERED:
        raise ValueError(f"the response has {len(headers):,} headers, the limit is {MAX_ANSWERED}")
    return [(name, value) for name, value in headers if name not in _UNSAID]


def text(body: bytes, content_type: str) -> str:
    """Return the body as text. Invalid bytes become U+FFFD; an unknown charset is read as UTF-8."""
    if body.startswith(codecs.BOM_UTF8):
        return body[len(codecs.BOM_UTF8) :].decode("utf-8", "replace")
    found = re.search(r""";\s*charset\s*=\s*["']?([A-Za-z0-9._:+-]{1,40})""", content_type, re.IGNORECASE)
    try:
        name = codecs.lookup(found[1]).name if found else "utf-8"
    except LookupError:
        name = "utf-8"
    return body.decode(name if name in _CHARSETS else "utf-8", "replace")
