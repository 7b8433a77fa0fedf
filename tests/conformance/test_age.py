"""What is too old: metadata that expired, and versions that go back."""

from typing import Final

import pytest
from tuf.api.metadata import DelegatedRole

from conformance.simulator import in_days
from conformance.steps import (
    Case,
    Stage,
    at_later,
    changes,
    does,
    gives_hashes,
    goes_back,
    last_asked_for,
    play,
    publishes,
    publishes_all,
    refreshes,
    refuses,
    sets,
    trusts,
    trusts_just,
)
from tarkpm.core.layout import ROOT, SNAPSHOT, TIMESTAMP, TOP
from tarkpm.errors import IndexStale, IndexUntrusted

NOTHING_NEW: Final = {"root": 1, "snapshot": 1, "targets": 1, "timestamp": 1}
DELEGATED: Final = DelegatedRole("delegated", [], 1, False, ["below/*"])


EXPIRY: dict[str, Case] = {
    "the root": [
        refreshes,
        publishes(ROOT),
        refreshes,
        sets(ROOT, expires=in_days(-1)),
        publishes_all(ROOT),
        refuses(IndexStale),
        trusts(root=3, timestamp=1, snapshot=1),
    ],
    "the timestamp": [
        refreshes,
        sets(TIMESTAMP, expires=in_days(-5)),
        publishes(TIMESTAMP),
        refuses(IndexStale),
        trusts_just(**NOTHING_NEW),
    ],
    "the snapshot": [
        refreshes,
        sets(SNAPSHOT, expires=in_days(-5)),
        publishes(SNAPSHOT, TIMESTAMP),
        refuses(IndexStale),
        trusts_just(**NOTHING_NEW | {"timestamp": 2}),
    ],
    "targets": [
        refreshes,
        sets(TOP, expires=in_days(-5)),
        publishes_all(),
        refuses(IndexStale),
        trusts_just(**NOTHING_NEW | {"timestamp": 2, "snapshot": 2}),
    ],
    "the root that is kept, and a newer one is there": [
        sets(ROOT, expires=in_days(7)),
        publishes(ROOT),
        refreshes,
        sets(ROOT, expires=in_days(21)),
        publishes(ROOT),
        at_later(18),
        refreshes,
        trusts(root=3),
    ],
    "the timestamp that is kept, and a newer one is there": [
        sets(TIMESTAMP, expires=in_days(7)),
        publishes(TIMESTAMP),
        refreshes,
        sets(TIMESTAMP, expires=in_days(21)),
        publishes_all(),
        at_later(18),
        refreshes,
        trusts_just(root=1, snapshot=2, targets=2, timestamp=3),
    ],
}

ROLLBACK: dict[str, Case] = {
    "the timestamp": [
        publishes(TIMESTAMP),
        refreshes,
        trusts(timestamp=2),
        goes_back(TIMESTAMP),
        publishes(TIMESTAMP),
        refuses(IndexStale),
        trusts(timestamp=2),
        last_asked_for("metadata/timestamp.json"),
    ],
    "a role leaves the snapshot": [
        does(lambda repo: repo.delegate(TOP, DELEGATED)),
        publishes_all("delegated"),
        refreshes,
        changes(SNAPSHOT, lambda snapshot: snapshot.meta.pop("delegated.json")),
        publishes(SNAPSHOT, TIMESTAMP),
        refuses(IndexUntrusted),
        trusts(snapshot=2),
    ],
    "targets recover from being too far ahead": [
        does(lambda repo: repo.delegate(TOP, DELEGATED)),
        publishes("delegated"),
        publishes(TOP, times=99),
        publishes(SNAPSHOT, TIMESTAMP),
        refreshes,
        trusts(targets=100),
        does(lambda repo: repo.replace_keys(SNAPSHOT)),
        goes_back(TOP),
        changes(SNAPSHOT, lambda snapshot: snapshot.meta.pop("delegated.json")),
        publishes_all(ROOT),
        refreshes,
        trusts(targets=1),
    ],
    "the snapshot recovers from being too far ahead": [
        publishes(SNAPSHOT, times=99),
        publishes(TIMESTAMP),
        refreshes,
        trusts(snapshot=100),
        does(lambda repo: repo.replace_keys(SNAPSHOT)),
        does(lambda repo: repo.replace_keys(TIMESTAMP)),
        goes_back(SNAPSHOT),
        publishes_all(ROOT),
        refreshes,
        trusts(snapshot=1),
    ],
    "the timestamp recovers from being too far ahead": [
        publishes(TIMESTAMP, times=99),
        refreshes,
        trusts(timestamp=100),
        does(lambda repo: repo.replace_keys(TIMESTAMP)),
        goes_back(TIMESTAMP),
        publishes(ROOT, TIMESTAMP),
        refreshes,
        trusts(timestamp=1),
    ],
}


def roll_back(role: str, *, hashes: bool) -> Case:
    """The snapshot that is kept must be what the new one is compared with, with digests as well."""
    return [
        *([gives_hashes] if hashes else []),
        publishes_all(),
        refreshes,
        goes_back(role),
        publishes_all() if role == TOP else publishes(SNAPSHOT, TIMESTAMP),
        refuses(IndexStale),
        trusts(snapshot=2, targets=2) if role == TOP else trusts(snapshot=2, timestamp=2),
    ]


ROLLBACK |= {
    f"{role}, {'with' if hashes else 'without'} digests": roll_back(role, hashes=hashes)
    for role in (SNAPSHOT, TOP)
    for hashes in (False, True)
}


@pytest.mark.parametrize("name", list(EXPIRY))
def test_expiry(stage: Stage, name: str) -> None:
    play(EXPIRY[name], stage)


@pytest.mark.parametrize("name", list(ROLLBACK))
def test_rollback(stage: Stage, name: str) -> None:
    play(ROLLBACK[name], stage)
