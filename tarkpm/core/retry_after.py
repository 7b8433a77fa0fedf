"""What a server says about when to come back: ``Retry-After`` (RFC 9110, 10.2.3). Pure."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

TOO_MANY: Final = 429
"""Too Many Requests (RFC 6585, 4)."""

_SECONDS = re.compile(r"[0-9]{1,9}")


def overloaded(status: int, retry_after: str) -> tuple[str, str]:
    """Return a message and a hint for status 429, or for another one that a later request may not get.

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
    return f"the server {what}{asks}", f"wait {when or 'a while'}, then run the command again"


def _when(text: str) -> str:
    if _SECONDS.fullmatch(text):
        count = int(text)
        return f"{count:,} second{'s' if count != 1 else ''}" if count else ""
    try:
        date = parsedate_to_datetime(text)
        return f"until {date.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if date.tzinfo else ""
    except (ValueError, OverflowError):
        return ""
