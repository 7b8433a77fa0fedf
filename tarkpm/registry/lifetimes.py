"""How long signatures last. The one place that says so; the guides repeat it.

A mirror can hold an index back for as long as its timestamp lasts, which is three days; it is renewed daily,
so that there are two to notice a job that failed. What is signed offline lasts a year. Index bins are renewed
by the daily job, each on a day of its own, so that no day rewrites them all.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

TIMESTAMP: Final = timedelta(days=3)
SNAPSHOT: Final = timedelta(days=14)
SNAPSHOT_RENEWED: Final = timedelta(days=7)
"""A snapshot with less than this left is renewed by `refresh`, even if nothing changed."""
BIN: Final = timedelta(days=120)
BIN_SPREAD: Final = 60
"""Days over which the bins' expiry is spread."""
BIN_RENEWED: Final = timedelta(days=30)
OFFLINE: Final = timedelta(days=365)
OFFLINE_WARNED: Final = timedelta(days=60)
"""`check` says so when what maintainers sign has less than this left."""

PROPOSAL: Final = timedelta(days=30)
"""How long a proposal may wait for its signatures."""
CLOCKS: Final = timedelta(hours=1)
"""How far the clocks of two maintainers may be apart."""
SUPERSEDED: Final = timedelta(days=2)
"""How long what a newer snapshot no longer lists is kept, for clients that began with the older one."""

_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


def bin_expiry(role: str, now: datetime) -> datetime:
    """When an index bin that is signed now expires."""
    number = int(role.rpartition("-")[2], 16)
    return now + BIN + timedelta(days=number % BIN_SPREAD)


def to_text(moment: datetime) -> str:
    """A moment as TUF metadata and proposals write it, in whole seconds of UTC."""
    return moment.astimezone(UTC).strftime(_FORMAT)


def from_text(text: str) -> datetime:
    """Read such a text; raises `ValueError`."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
