"""Whoever signs in, and waiting for them."""

import time
from typing import Final, Protocol

import msgspec

from tarkpm.host.results import DeviceCode

MAX_EXPIRY: Final = 30 * 60
"""Seconds that a code is waited for at most."""


class AuthReport(msgspec.Struct, frozen=True):
    """How an auth plugin stands: not-authenticated, authenticated or expired."""

    plugin: str
    display_name: str
    status: str


class Person(Protocol):
    """Somebody at a browser, here or elsewhere. The command line implements it; so do tests."""

    def code(self, code: DeviceCode) -> None:
        """Show a code, and where to enter it."""

    def page(self, url: str) -> None:
        """Show the address to sign in at, or open it."""

    def waiting(self, seconds: int) -> None:
        """Say that so many seconds are left; called about once a second."""


def pause(seconds: float, end: float, person: Person) -> None:
    """Sleep that long, but not beyond ``end`` (on `time.monotonic`), telling what is left of the whole."""
    until = min(time.monotonic() + seconds, end)
    while (left := until - time.monotonic()) > 0:
        person.waiting(max(0, round(end - time.monotonic())))
        time.sleep(min(1.0, left))
