"""A poisoned CI cache: what it says of an index counts only as far as the index's maintainers signed it."""

import json
import shutil
from pathlib import Path

import pytest
from support.ci import aged, job
from support.faked_clock import Calendar
from support.indexed import IndexedProject


@pytest.fixture
def project(indexed: IndexedProject) -> IndexedProject:
    """A project with a plugin of an index."""
    indexed.release("text-tools")
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    return indexed


def test_a_cache_is_not_believed_once_the_maintainers_signatures_expired(
    project: IndexedProject, tmp_path: Path, calendar: Calendar
) -> None:
    """Or a cache from before a revocation would be one for ever."""
    machine = aged(project.sandbox, tmp_path / "job", 400, calendar)
    machine.tarkpm("sync", "--offline", "--accept-project").failed(5, "what was kept of the index expired on")
    assert not machine.plugins.exists()


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "claims", "claims-"])
def test_a_cache_with_a_forged_file_is_refused(project: IndexedProject, tmp_path: Path, role: str) -> None:
    """By somebody who can write the cache and has no key."""
    machine = job(project.sandbox, tmp_path / "job")
    files = [file for file in machine.store.glob("index/*/*.json") if file.name.startswith(role)]
    assert files
    for file in files:
        table = json.loads(file.read_bytes())
        table["signed"]["expires"] = "2099-01-01T00:00:00Z"
        file.write_text(json.dumps(table))
    refused = machine.run("sync", "--offline", "--accept-project")
    assert refused.status in (3, 5), refused
    assert not machine.plugins.exists()


def test_a_cache_of_another_index_is_refused(project: IndexedProject, tmp_path: Path) -> None:
    """Signed from the first root on, by somebody else: the root that was accepted decides."""
    machine = job(project.sandbox, tmp_path / "job")
    (folder,) = (one for one in (machine.store / "index").iterdir() if one.is_dir())
    other = "0" * 64
    for name in ("tark.toml", "tark.lock"):
        file = machine.cwd / name
        file.write_text(file.read_text().replace(folder.name, other))
    folder.rename(folder.with_name(other))
    machine.run("sync", "--offline", "--accept-project").failed(3, "this is another index")
    assert not machine.plugins.exists()


def test_a_cache_older_than_what_this_machine_saw_is_refused(project: IndexedProject, tmp_path: Path) -> None:
    """The attacker kept the cache from before a revocation; this machine saw the index after it."""
    sandbox, repo = project.sandbox, project.repo
    old = tmp_path / "old"
    shutil.copytree(sandbox.store, old, symlinks=True)
    gone = repo.listings["text-tools"].rows[0].statement.sha256
    repo.claim("text-tools", project.keys["text-tools"], revoked=frozenset([gone]))
    repo.publish()
    machine = job(sandbox, tmp_path / "job")
    machine.run("sync", "--accept-project").failed(3, "was revoked")
    shutil.rmtree(machine.store)
    shutil.copytree(old, machine.store, symlinks=True)
    machine.run("sync", "--offline", "--accept-project").failed(3, "was revoked")
    assert not machine.plugins.exists()
