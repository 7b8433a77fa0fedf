"""The lifetimes of signatures (docs/decisions/0072-how-long-signatures-last.md).

A mirror can withhold updates until the timestamp expires, which is after three days. It is renewed daily, so
there are two days to notice a failed job. Metadata signed offline lasts a year. The daily job renews index
bins on different days, so that no day rewrites all of them.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

TIMESTAMP: Final = timedelta(days=3)
SNAPSHOT: Final = timedelta(days=14)
SNAPSHOT_RENEWED: Final = timedelta(days=7)
"""`refresh` renews a snapshot with less than this left, even if nothing changed."""
BIN: Final = timedelta(days=120)
BIN_SPREAD: Final = 60
"""Days over which the expiry of bins is spread."""
BIN_RENEWED: Final = timedelta(days=30)
OFFLINE: Final = timedelta(days=365)
OFFLINE_WARNED: Final = timedelta(days=60)
"""`check` adds a note when metadata signed by maintainers has less than this left."""

PROPOSAL: Final = timedelta(days=30)
"""The time in which a proposal must get its signatures."""
CLOCKS: Final = timedelta(hours=1)
"""Tolerated difference between the clocks of two maintainers."""
SUPERSEDED: Final = timedelta(days=2)
"""The time for which superseded files are kept, for clients that began with an older snapshot."""

_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


def bin_expiry(role: str, now: datetime) -> datetime:
    """Return when an index bin signed ``now`` expires."""
    number = int(role.rpartition("-")[2], 16)
    return now + BIN + timedelta(days=number % BIN_SPREAD)


def to_text(moment: datetime) -> str:
    """Format a moment as TUF metadata and proposals do: UTC, in whole seconds."""
    return moment.astimezone(UTC).strftime(_FORMAT)


def from_text(text: str) -> datetime:
    """Parse the format of `to_text`; raises `ValueError`."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
