"""What a server says about when to come back: ``Retry-After`` (RFC 9110, 10.2.3). Pure."""

from datetime import UTC, datetime
from typing import Final

from tarkpm.core.patterns import lazy_pattern

TOO_MANY: Final = 429
"""Too Many Requests (RFC 6585, 4)."""

_SECONDS = lazy_pattern(r"[0-9]{1,9}")


def is_overloaded(status: int) -> bool:
    """Return whether the same request may succeed later: it came too often, or the server failed."""
    return status in (408, TOO_MANY) or status >= 500


def overloaded(status: int, retry_after: str) -> tuple[str, str]:
    """Return a message and a hint for a status for which `is_overloaded` is true.

    ``retry_after`` is the value of the header, "" if there is none. Another form than the two of the RFC is
    ignored, and never shown.

    >>> overloaded(429, "60")[0]
    'the server limits the rate of requests (HTTP 429) and asks to wait 60 seconds'
    """
    when = _when(retry_after.strip())
    what = (
        "limits the rate of requests (HTTP 429)"
        if status == TOO_MANY
        else f"failed with HTTP status {status}"
    )
    asks = f" and asks to wait {when}" if when else ""
    # A server that failed and names no time may fail again: the caller knows a better hint.
    known = when or ("a while" if status == TOO_MANY else "")
    return f"the server {what}{asks}", f"wait {known}, then run the command again" if known else ""


def pause(retry_after: str, now: float) -> float | None:
    """Return the seconds that a server asks to wait, never negative; None if it names no time.

    ``now`` is in seconds since the epoch.

    >>> pause("60", 0.0), pause("Thu, 01 Jan 1970 00:01:00 GMT", 50.0), pause("soon", 0.0)
    (60.0, 10.0, None)
    """
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = _parsed(text)
        return max(0.0, date.timestamp() - now) if date.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _parsed(text: str) -> datetime:
    from email.utils import parsedate_to_datetime  # a dozen modules, which hardly any answer needs

    return parsedate_to_datetime(text)


def _when(text: str) -> str:
    if _SECONDS.fullmatch(text):
        count = int(text)
        return f"{count:,} second{'s' if count != 1 else ''}" if count else ""
    try:
        date = _parsed(text)
        return f"until {date.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if date.tzinfo else ""
    except (ValueError, OverflowError):
        return ""
