"""After a release was revoked: every hint is a command that brings the project back, as it is typed."""

import re
import shlex

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.indexed import IndexedProject
from support.indexrepo import public
from support.sandbox import Result

from tarkpm.core.claim import Claim
from tarkpm.core.release import PluginName

NAME = "text-tools"
CALL = ("call", NAME, "text-stats", '{"text":"a"}')


def revoke(
    indexed: IndexedProject, *versions: str, name: str = NAME, key: Ed25519PrivateKey | None = None
) -> None:
    """What `tarkpm index revoke` and, with ``key``, `rotate publisher` put into the claim."""
    old, rows = indexed.keys[name], indexed.repo.listings[name].rows
    gone = {str(row.version): row.statement.sha256 for row in rows if str(row.version) in versions}
    kept = frozenset(row.statement.sha256 for row in rows if str(row.version) not in versions)
    retired = {public(old): kept} if key else {}
    indexed.repo.put_claim(Claim(PluginName(name), public(key or old), retired, revoked_versions=gone))
    indexed.keys[name] = key or old
    indexed.repo.publish()


def hint(result: Result) -> list[str]:
    """The command that a refusal names."""
    (found,) = set(re.findall(r"help: tarkpm (.+)", result.out + result.err))
    return shlex.split(found)


def versions(indexed: IndexedProject) -> dict[str, str]:
    rows = indexed.sandbox.run("list", "--json").ok().json["plugins"]
    return {row["id"]: row["version"] for row in rows}


@pytest.fixture
def project(indexed: IndexedProject) -> IndexedProject:
    """A project with text-tools 1.1.0, which asks for ^1.0.0."""
    indexed.release(NAME, "1.0.0")
    indexed.use()
    indexed.sandbox.run("add", NAME, "--accept-capabilities").ok()
    indexed.release(NAME, "1.1.0")
    indexed.sandbox.run("update").ok()
    assert versions(indexed) == {NAME: "1.1.0"}
    return indexed


def refusals(project: IndexedProject) -> list[list[str]]:
    """The hints of all commands that refuse, after the project heard of it."""
    sandbox = project.sandbox
    sandbox.run("outdated").failed(1)
    found = [hint(sandbox.run(*words).failed(3, "was revoked")) for words in (("sync",), ("verify",), CALL)]
    listed = sandbox.run("list").ok().out
    found.append(shlex.split(re.findall(r"run: tarkpm (.+)", listed)[0]))
    return found


def works(project: IndexedProject, version: str) -> list[str]:
    """All hints are one command; typed, it leaves a project that is well. Returns it."""
    first, *others = refusals(project)
    assert all(other == first for other in others), (first, others)
    project.sandbox.run(*first).ok()
    assert versions(project)[NAME] == version
    project.sandbox.run("verify").ok()
    project.sandbox.run(*CALL).ok()
    return first


def test_to_a_newer_release(project: IndexedProject) -> None:
    project.release(NAME, "1.2.0")
    revoke(project, "1.1.0")
    assert works(project, "1.2.0") == ["update", NAME]


def test_to_an_older_release(project: IndexedProject) -> None:
    revoke(project, "1.1.0")
    assert works(project, "1.0.0") == ["update", NAME, "--allow-downgrade"]


def test_to_a_release_outside_the_range(project: IndexedProject) -> None:
    project.sandbox.run("add", f"{NAME}@^1.1").ok()
    revoke(project, "1.1.0")
    assert works(project, "1.0.0") == ["add", f"community:{NAME}@^1.0.0", "--allow-downgrade"]


def test_to_a_release_of_a_new_key(project: IndexedProject) -> None:
    key = Ed25519PrivateKey.generate()
    revoke(project, "1.1.0", key=key)
    project.release(NAME, "1.3.0")
    assert works(project, "1.3.0") == ["update", NAME, "--trust", public(key)]


def test_to_an_older_release_of_a_new_key(project: IndexedProject) -> None:
    """The key was stolen, all that it signed is revoked, and the publisher begins again."""
    key = Ed25519PrivateKey.generate()
    revoke(project, "1.0.0", "1.1.0", key=key)
    project.release(NAME, "1.0.1")
    assert works(project, "1.0.1") == ["update", NAME, "--allow-downgrade", "--trust", public(key)]


def test_to_an_older_release_that_a_retired_key_keeps(project: IndexedProject) -> None:
    """The new key has no release yet: nobody is told to trust it."""
    revoke(project, "1.1.0", key=Ed25519PrivateKey.generate())
    assert works(project, "1.0.0") == ["update", NAME, "--allow-downgrade"]


def test_two_plugins_of_one_stolen_key_come_back_together(project: IndexedProject) -> None:
    project.release("json-core", "1.0.0")
    project.sandbox.run("add", "json-core", "--accept-capabilities").ok()
    project.release("json-core", "1.0.1")
    project.sandbox.run("update", "json-core").ok()
    revoke(project, "1.0.1", name="json-core")
    revoke(project, "1.1.0")
    assert works(project, "1.0.0") == ["update", "json-core", NAME, "--allow-downgrade"]
    assert versions(project) == {NAME: "1.0.0", "json-core": "1.0.0"}


def test_a_plugin_without_any_release_is_removed(project: IndexedProject) -> None:
    revoke(project, "1.0.0", "1.1.0")
    (command, *others) = refusals(project)
    assert all(other == command for other in others)
    assert command == ["remove", NAME]
    project.sandbox.run(*command).ok()
    assert versions(project) == {}


def test_where_the_cache_is_gone_the_index_is_asked(project: IndexedProject) -> None:
    revoke(project, "1.1.0")
    project.sandbox.run("outdated").failed(1)
    project.sandbox.run("cache", "clean").ok()
    assert hint(project.sandbox.run("verify").failed(3)) == ["outdated"]
    told = project.sandbox.run("outdated").failed(1).out
    assert f"1.0.0 was not: tarkpm update {NAME} --allow-downgrade" in told


def test_an_update_that_fails_for_it_names_the_way_too(project: IndexedProject) -> None:
    project.sandbox.run("add", f"{NAME}@^1.1").ok()
    revoke(project, "1.1.0")
    refused = project.sandbox.run("update", NAME).failed(2, "is revoked")
    project.sandbox.run(*hint(refused)).ok()
    project.sandbox.run("verify").ok()
