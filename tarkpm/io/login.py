"""A user name and a password, or a token in its place, that never show by accident."""

import base64
import re
from typing import Any

import msgspec

MAX_SECRET = 4096
"""Characters a user name or a password may have."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Login(msgspec.Struct, frozen=True):
    """A user name and a password. Either may be the secret: some servers take a token as the user."""

    username: str
    password: str = ""

    def __repr__(self) -> str:
        return "Login(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []

    @property
    def header(self) -> str:
        """The value of ``Authorization`` (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def is_sendable(text: str) -> bool:
    """Whether ``text`` may be part of a login: a line break could forge a header, or what a helper reads."""
    return len(text) <= MAX_SECRET and _UNPRINTABLE.search(text) is None
