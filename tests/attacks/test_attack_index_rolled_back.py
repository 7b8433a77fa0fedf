"""A mirror serves yesterday's index, signatures and all, to someone who saw today's."""

import shutil
from pathlib import Path

from support.index_fixtures import Victim

from tarkpm.errors import IndexStale


def test_everything_of_yesterday(victim: Victim, tmp_path: Path) -> None:
    shutil.copytree(victim.index.folder, tmp_path / "yesterday")
    victim.index.release("text-tools", "1.2.0", victim.index.text_key)
    victim.index.publish()
    victim.looks()
    victim.server.serve(tmp_path / "yesterday")
    problem = victim.meets(IndexStale, "stale mirror: its metadata is older than a version seen before")
    assert problem.exit_status == 5
    assert "another mirror" in problem.hint
    victim.server.serve(victim.index.folder)
    _, listing = victim.looks()
    assert listing is not None
    assert str(listing.rows[-1].version) == "1.2.0"


def test_someone_new_believes_it_until_it_expires(victim: Victim, tmp_path: Path) -> None:
    """What TUF does not promise: SECURITY.md says so."""
    shutil.copytree(victim.index.folder, tmp_path / "yesterday")
    victim.index.release("text-tools", "1.2.0", victim.index.text_key)
    victim.index.publish()
    victim.server.serve(tmp_path / "yesterday")
    _, listing = victim.looks()
    assert listing is not None
    assert str(listing.rows[-1].version) == "1.1.0"
