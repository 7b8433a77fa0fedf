"""An index in a folder, whose links lead elsewhere, or that holds what is no file."""

import os
import shutil
from pathlib import Path

import pytest
from support.index_fixtures import Victim

from tarkpm.errors import Refused, Unreachable


@pytest.mark.parametrize("inside", ["metadata", "targets/publishers", "files"])
def test_a_link_out_of_it(victim: Victim, inside: str) -> None:
    folder = victim.index.folder / inside
    elsewhere = victim.folder / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    ask = victim.installs if inside == "files" else victim.looks
    victim.meets(Refused, "a link leads out of the index folder", ask=ask, url=str(victim.index.folder))


def test_a_link_within_it(victim: Victim) -> None:
    folder = victim.index.folder
    (folder / "metadata").rename(folder / "m")
    (folder / "metadata").symlink_to("m")
    claim, _ = victim.looks(url=str(folder))
    assert claim is not None


@pytest.mark.parametrize("what", ["pipe", "folder"])
def test_no_file(victim: Victim, what: str) -> None:
    file = victim.index.folder / "metadata" / "timestamp.json"
    file.unlink()
    if what == "pipe":
        os.mkfifo(file)
    else:
        file.mkdir()
    victim.meets(Refused, "expected a regular file", url=str(victim.index.folder))


def test_no_index(victim: Victim, tmp_path: Path) -> None:
    problem = victim.meets(
        Unreachable, "could not check the index: there is no index here", url=str(tmp_path / "none")
    )
    assert problem.exit_status == 5


def test_one_that_went_away(victim: Victim) -> None:
    victim.looks(url=str(victim.index.folder))
    shutil.rmtree(victim.index.folder)
    victim.meets(
        Unreachable, "could not check the index: there is no index here", url=str(victim.index.folder)
    )
