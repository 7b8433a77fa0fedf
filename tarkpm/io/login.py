"""A user name with a password or token, which never appears in output by accident."""

import base64
from typing import Any

import msgspec

from tarkpm.core.patterns import lazy_pattern

MAX_SECRET = 4096
"""Length limit of a user name or password, in characters."""

_UNPRINTABLE = lazy_pattern(r"[\x00-\x1f\x7f-\x9f]")


class Login(msgspec.Struct, frozen=True):
    """A user name and a password. Either may be secret: some servers take a token as the user name."""

    username: str
    password: str = ""

    def __repr__(self) -> str:
        return "Login(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []

    @property
    def header(self) -> str:
        """The value of ``Authorization`` (RFC 7617)."""
        # UTF-8, the only charset that a server can announce (RFC 7617, section 2.1).
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def is_sendable(text: str) -> bool:
    """Return whether ``text`` may be part of a login.

    A line break could forge a header, or a line in the input of a credential helper.
    """
    return len(text) <= MAX_SECRET and _UNPRINTABLE.search(text) is None
