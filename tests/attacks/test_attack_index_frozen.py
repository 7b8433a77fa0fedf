"""A mirror keeps serving an index nobody renewed: its signatures have run out."""

import pytest
from support.index_fixtures import Victim

from tarkpm.errors import IndexStale


@pytest.fixture(params=["someone new", "someone who saw it"])
def someone(victim: Victim, request: pytest.FixtureRequest) -> Victim:
    if request.param == "someone who saw it":
        victim.looks()
    return victim


def _meets(victim: Victim, role: str) -> None:
    problem = victim.meets(
        IndexStale, "index expired since 2", "(locked installs still work)", f"its {role} was"
    )
    assert problem.exit_status == 5
    assert "tarkpm index refresh" in problem.hint


def test_timestamp(someone: Victim) -> None:
    someone.index.publish(timestamp=-1)
    _meets(someone, "timestamp")


def test_the_same_timestamp_as_before(victim: Victim) -> None:
    """Nothing on the server changed; time went by."""
    victim.index.publish(timestamp=3 / 86400)  # less than that: moments are whole seconds
    victim.looks()
    import time

    time.sleep(3)
    _meets(victim, "timestamp")


def test_snapshot(someone: Victim) -> None:
    someone.index.publish(snapshot=-1)
    _meets(someone, "snapshot")


def test_root(someone: Victim) -> None:
    someone.index.write_root(expires=-1)
    someone.index.publish()
    _meets(someone, "root")


@pytest.mark.parametrize("path", ["publishers/text-tools.json", "index/text-tools.json"])
def test_bin(someone: Victim, path: str) -> None:
    role = someone.index.bin(path)
    someone.index.edit(role, {}, expires=-1)
    someone.index.publish()
    _meets(someone, role)
