"""Two branches update two plugins, and git merges: `lock` resolves what is left, with or without the driver."""

import os
import sys
from pathlib import Path

import pytest
from support.gitrepo import GitRepo
from support.sandbox import Sandbox


class Team:
    """A project with two plugins in one repository, and the two branches that updated one plugin each."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.plugins = GitRepo(sandbox.root / "plugins")
        self.repo = GitRepo(sandbox.cwd)
        self.key = sandbox.run("key", "generate", "--name", "release", "--json").ok().json["public_key"]
        for name in ("one", "two"):
            self.release(name, "1.0.0")
        sandbox.init()
        for name in ("one", "two"):
            self.add(name)
        self.keep("base")

    def release(self, name: str, version: str) -> None:
        self.sandbox.plugin(self.plugins.folder / name, name=name, version=version, sign="release")
        self.plugins.git("add", name)
        self.plugins.commit(f"{name} {version}")

    def add(self, name: str) -> None:
        url = f"file://{self.plugins.folder}"
        options = ("--path", name, "--trust", self.key, "--accept-capabilities")
        self.sandbox.run("add", url, "-b", "main", *options).ok()

    def update(self, name: str) -> None:
        self.sandbox.run("update", name).ok()

    def keep(self, message: str) -> None:
        self.repo.git("add", "tark.toml", "tark.lock")
        self.repo.commit(message)

    def merge(self, branch: str) -> bool:
        """Merge as a person does; whether git found no conflict."""
        try:
            self.repo.git("merge", "--quiet", "--no-edit", branch)
        except AssertionError:
            return False
        return True

    @property
    def lock(self) -> bytes:
        return (self.sandbox.cwd / "tark.lock").read_bytes()


@pytest.fixture
def team(sandbox: Sandbox) -> Team:
    return Team(sandbox)


def diverge(team: Team) -> None:
    """Both branches update both plugins, each to what the repository held then."""
    team.repo.git("checkout", "--quiet", "-b", "side")
    team.release("one", "1.1.0")
    for name in ("one", "two"):
        team.update(name)
    team.keep("side")
    team.repo.git("checkout", "--quiet", "main")
    team.release("two", "1.1.0")
    for name in ("one", "two"):
        team.update(name)
    team.keep("ours")


def test_lock_resolves_what_a_merge_left(sandbox: Sandbox, team: Team) -> None:
    diverge(team)
    expected = team.lock
    assert not team.merge("side")
    assert b"<<<<<<<" in team.lock
    for verb in ("sync", "verify", "list", "lock --check"):
        sandbox.run(*verb.split()).failed(2, "a merge conflict is not resolved", "help: tarkpm lock\n")
    sandbox.run("lock").ok()
    assert team.lock == expected
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()


def test_a_declined_resolution_loses_nothing(sandbox: Sandbox, team: Team) -> None:
    diverge(team)
    assert not team.merge("side")
    before = team.lock
    sandbox.run("lock", "--dry-run").ok()
    assert team.lock == before


def test_the_driver_merges_by_plugin(sandbox: Sandbox, team: Team, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "tarkpm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tarkpm "$@"\n')
    program.chmod(0o755)
    report = sandbox.run("merge-driver", "install", "--json").ok().json
    assert report["changed"]
    assert not sandbox.run("merge-driver", "install", "--json").ok().json["changed"]
    team.repo.git("add", ".gitattributes")
    team.repo.commit("attributes")
    team.repo.git("checkout", "--quiet", "-b", "side")
    team.release("one", "1.1.0")
    team.update("one")
    team.keep("side")
    team.repo.git("checkout", "--quiet", "main")
    team.release("two", "1.1.0")
    team.update("two")
    team.keep("ours")
    path = f"{program.parent}:{os.environ['PATH']}"
    team.repo.env = lambda _env=team.repo.env: {**_env(), "PATH": path}  # type: ignore[method-assign,misc]
    assert team.merge("side")
    text = team.lock.decode()
    assert (text.count('"1.1.0"'), "<<<<" in text) == (2, False)
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()
    shown = team.repo.git("diff", "HEAD^1", "--", "tark.lock").splitlines()
    assert {"-one 1.0.0 (tool)", "+one 1.1.0 (tool)"} <= set(shown)


def test_install_outside_of_a_repository(sandbox: Sandbox) -> None:
    sandbox.init()
    sandbox.run("merge-driver", "install").failed(2, "this project is in no git repository")
