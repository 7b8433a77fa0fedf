"""The user who signs in, and the wait for them."""

import time
from typing import Final, Protocol

import msgspec

from tarkpm.host.results import DeviceCode

MAX_EXPIRY: Final = 30 * 60
"""Longest validity of a code, in seconds."""


class AuthReport(msgspec.Struct, frozen=True):
    """The status of an auth plugin: not-authenticated, authenticated or expired."""

    plugin: str
    display_name: str
    status: str


class Person(Protocol):
    """The user at a browser, here or elsewhere. The command line and tests implement it."""

    def code(self, code: DeviceCode) -> None:
        """Show a code and where to enter it."""

    def page(self, url: str) -> None:
        """Show the address to sign in at, or open it."""

    def waiting(self, seconds: int) -> None:
        """Show the seconds that are left; called about once a second."""


def pause(seconds: float, end: float, person: Person) -> None:
    """Sleep ``seconds``, not beyond ``end`` (of `time.monotonic`), and report what is left until ``end``."""
    until = min(time.monotonic() + seconds, end)
    while (left := until - time.monotonic()) > 0:
        person.waiting(max(0, round(end - time.monotonic())))
        time.sleep(min(1.0, left))
