"""Retry-After in its two forms (RFC 9110, 10.2.3), and what is neither."""

import pytest

from tarkpm.core.retry_after import overloaded, pause

LIMITS = "the server limits the rate of requests (HTTP 429)"


@pytest.mark.parametrize(
    ("header", "when"),
    [
        ("60", "60 seconds"),
        (" 1 ", "1 second"),
        ("86400", "86,400 seconds"),
        ("Fri, 31 Dec 1999 23:59:59 GMT", "until 1999-12-31 23:59:59 UTC"),
        ("Sat, 01 Jan 2000 00:59:59 +0100", "until 1999-12-31 23:59:59 UTC"),
    ],
)
def test_it_is_shown(header: str, when: str) -> None:
    message, hint = overloaded(429, header)
    assert message == f"{LIMITS} and asks to wait {when}"
    assert hint == f"wait {when}, then run the command again"


@pytest.mark.parametrize(
    "header",
    ["", "0", "-5", "soon", "1e9", "\u0665", "9" * 5000, "Fri, 99 Dec 1999 23:59:59 GMT", "\x1b[2J", "Fri, 31 Dec 1999 23:59:59"],
)  # fmt: skip
def test_what_is_neither_is_not_repeated(header: str) -> None:
    assert overloaded(429, header) == (LIMITS, "wait a while, then run the command again")


def test_another_status_is_a_failure() -> None:
    assert overloaded(503, "") == ("the server failed with HTTP status 503", "")
    assert overloaded(503, "5")[0] == "the server failed with HTTP status 503 and asks to wait 5 seconds"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("60", 60.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:01:00", None),
        ("-5", None),
        ("9" * 5000, None),
        ("soon", None),
        ("", None),
    ],
)
def test_how_long_to_wait(header: str, seconds: float | None) -> None:
    assert pause(header, 40.0) == seconds
