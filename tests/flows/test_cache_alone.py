"""A CI job: a checkout, a cache of an earlier job, and nothing else. `sync --offline` restores the project."""

import re
from pathlib import Path

import pytest
from conftest import Publisher
from support.ci import aged, job
from support.faked_clock import Calendar
from support.indexed import IndexedProject
from support.sandbox import Sandbox

CALL = ("call", "text-tools", "text-stats", '{"text":"a"}')


def digest(machine: Sandbox) -> str:
    """What somebody reviewed, and put where a pull request cannot change it."""
    printed = machine.run("accept", "--print").ok().out
    return str(re.findall(r"sha256:[0-9a-f]{64}$", printed)[-1])


def restored(machine: Sandbox) -> None:
    """The project is restored without a network, and is well."""
    accepted = f"--accept-project={digest(machine)}"
    assert "+ text-tools 1.0.0" in machine.run("sync", "--offline", accepted).ok().out
    machine.run("verify").ok()
    machine.run(*CALL).ok()


def test_a_project_of_git(sandbox: Sandbox, publisher: Publisher, tmp_path: Path) -> None:
    publisher.release()
    sandbox.init()
    tag = ("--tag", "v1.0.0", "--trust", publisher.key, "--accept-capabilities")
    sandbox.run("add", publisher.url, *tag).ok()
    asked = len(publisher.server.requests)
    restored(job(sandbox, tmp_path / "job"))
    assert len(publisher.server.requests) == asked


@pytest.fixture
def project(indexed: IndexedProject) -> IndexedProject:
    """A project with a plugin and its dependency, of an index."""
    indexed.release("json-core")
    indexed.release("text-tools", "1.0.0", '[dependencies]\njson-core = "^1"')
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    return indexed


def test_a_project_of_an_index(project: IndexedProject, tmp_path: Path) -> None:
    asked = len(project.server.paths)
    machine = job(project.sandbox, tmp_path / "job")
    restored(machine)
    assert len(project.server.paths) == asked
    again = job(machine, tmp_path / "later")  # the cache that this job leaves serves the next one
    restored(again)


def test_a_cache_that_a_sync_made(project: IndexedProject, tmp_path: Path) -> None:
    """The first job has a network; it asks for no more than it installs."""
    first = Sandbox(tmp_path / "first")
    for name in ("tark.toml", "tark.lock"):
        (first.cwd / name).write_bytes((project.sandbox.cwd / name).read_bytes())
    first.run("sync", "--accept-project").ok()
    restored(job(first, tmp_path / "job"))


def test_other_decisions_are_not_accepted(project: IndexedProject, tmp_path: Path) -> None:
    machine = job(project.sandbox, tmp_path / "job")
    pinned = f"--accept-project={digest(machine)}"
    toml = machine.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace("127.0.0.1", "localhost"))
    machine.run("sync", "--offline", pinned).failed(4, "this project's decisions have the digest")
    assert not machine.plugins.exists()


def test_what_the_cached_index_had_revoked_is_refused(project: IndexedProject, tmp_path: Path) -> None:
    gone = project.repo.listings["text-tools"].rows[0].statement.sha256
    project.repo.claim("text-tools", project.keys["text-tools"], revoked=frozenset([gone]))
    project.repo.publish()
    project.sandbox.run("outdated").failed(1)
    machine = job(project.sandbox, tmp_path / "job")
    machine.run("sync", "--offline", "--accept-project").failed(3, "was revoked by the maintainers")
    assert not machine.plugins.exists()


def test_a_cache_is_of_use_when_the_timestamp_of_the_index_is_not(
    project: IndexedProject, tmp_path: Path, calendar: Calendar
) -> None:
    machine = aged(project.sandbox, tmp_path / "job", 60, calendar)
    machine.tarkpm("sync", "--offline", "--accept-project").ok()
    machine.tarkpm("verify").ok()


def test_a_cache_of_an_index_that_lost_a_file_is_not_enough(project: IndexedProject, tmp_path: Path) -> None:
    machine = job(project.sandbox, tmp_path / "job")
    for file in machine.store.glob("index/*/targets/publishers.text-tools.json"):
        file.unlink()
    machine.run("sync", "--offline", "--accept-project").failed(5, "--offline forbids network requests")
    machine.run("sync", "--accept-project").ok()
