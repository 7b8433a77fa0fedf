"""Random pull requests: no byte runs, no datum is read and no request is sent that was not accepted.

Pairs of (accepted project, changed project) are made from releases that really exist. What was accepted is
known from how the documents were made: the oracle asks nothing of the code under test.
"""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.pull_requests import NAMES, Documents, Forge, Option
from support.sandbox import Result, Sandbox

from tarkpm.core.digest import sha256

SEEDS = range(int(os.environ.get("PULL_REQUEST_SEEDS", "12")))
STEPS = int(os.environ.get("PULL_REQUEST_STEPS", "40"))

LOOKS = (
    ("update", "--dry-run"),
    ("lock", "--dry-run"),
    ("sync", "--dry-run"),
    ("outdated",),
    ("search", "calc"),
    ("verify",),
    ("audit",),
    ("bundle", "create", "-o", "plugins.tar"),
    *((verb, name) for verb in ("info", "versions", "rebuild") for name in NAMES),
    *(("call", name, "text-stats", '{"text":"a"}') for name in NAMES),
)


@dataclass(frozen=True)
class Covered:
    """What one plugin may be: from where, by whom or in which bytes, and what it may do."""

    place: str
    signers: frozenset[str]
    modules: frozenset[str]
    grants: frozenset[str]

    def allows(self, option: Option) -> bool:
        if option.place != self.place:
            return False
        return option.signer in self.signers if option.signer else option.module in self.modules


def covered_by(documents: Documents) -> dict[str, Covered]:
    """What somebody accepts who accepts these documents."""
    found = {}
    for choice in documents.choices:
        option = choice.option
        signers = choice.trust
        if option.index:  # the index vouches for the signer of what is locked; a pin narrows that
            signers = choice.trust or frozenset({option.signer})
        modules = frozenset({option.module}) if option.is_unsigned else frozenset()
        found[option.name] = Covered(option.place, signers, modules, choice.grants)
    return found


@dataclass
class Victim:
    """A user whose project others change, and what this user accepted so far."""

    forge: Forge
    sandbox: Sandbox
    covered: dict[str, Covered] = field(default_factory=dict)
    indexes: frozenset[str] = frozenset()
    disabled: set[tuple[str, str]] = field(default_factory=set)
    pairs: int = 0

    def by_module(self, name: str) -> Option | None:
        """The release that is installed, by its bytes."""
        module = self.sandbox.plugins / name / "plugin.wasm"
        if not module.is_file():
            return None
        digest = sha256(module.read_bytes())
        return next(one for one in self.forge.options[name] if one.module == digest)

    def sync(self, documents: Documents, *, accept: bool) -> Result:
        """Pull the documents and sync; asserts the property unless the user accepts them."""
        documents.write(self.sandbox.cwd)
        before = {name: self.by_module(name) for name in NAMES}
        self._clear_requests()
        done = self.sandbox.run("sync", *(["--accept-project"] if accept else []))
        assert done.status in (0, 1, 3, 4, 5), done
        if accept and done.status in (0, 1, 3, 5):
            # refused for another reason, the acceptance stands: it was given before anything was fetched
            self.covered = covered_by(documents)
            self.indexes = frozenset(url for _, url, _ in documents.urls)
        self.pairs += 1
        self._check_requests()
        if done.status:
            assert {name: self.by_module(name) for name in NAMES} == before
            return done
        self._check_installed(documents)
        if not accept:  # what was accepted is replaced by what is decided now, narrower too
            self._narrow(documents)
        return done

    def look(self, dice: random.Random, documents: Documents) -> None:
        """Pull the documents and do something that accepts nothing: it may neither ask a server nor run."""
        documents.write(self.sandbox.cwd)
        self._clear_requests()
        words = dice.choice(LOOKS)
        done = self.sandbox.run(*words)
        assert done.status in (0, 1, 2, 3, 4, 5), (words, done)  # 2: no such plugin
        self._check_requests()
        assert words[0] != "rebuild" or done.status, done  # a module that was committed is not rebuilt
        name = words[1] if words[0] == "call" else ""
        if name and not done.status:
            option, limit = self.by_module(name), self.covered.get(name)
            assert option is not None, words
            assert limit is not None, (words, option)
            assert limit.allows(option), (words, option, limit)

    def _narrow(self, documents: Documents) -> None:
        decided = covered_by(documents)
        self.indexes &= {url for _, url, _ in documents.urls}
        self.covered = {
            name: Covered(
                old.place,
                old.signers & decided[name].signers or decided[name].signers,
                decided[name].modules,
                old.grants & decided[name].grants,
            )
            for name, old in self.covered.items()
            if name in decided
        }

    def _check_installed(self, documents: Documents) -> None:
        asked = {one.option.name: one for one in documents.choices}
        for name in NAMES:
            option = self.by_module(name)
            if option is None:
                assert name not in asked
                continue
            limit = self.covered.get(name)
            assert limit is not None, f"{name} runs from {option.label}, accepted: nothing"
            assert limit.allows(option), f"{name} runs from {option.label}, accepted: {limit}"
            assert asked[name].grants <= limit.grants, (
                f"{name}: {asked[name].grants}, accepted: {limit.grants}"
            )
            self._check_data(name, option)
            self._check_disabled(name, option)

    def _check_data(self, name: str, option: Option) -> None:
        """What one publisher's plugin stored is not another's."""
        data = (self.sandbox.plugins / name / "data").resolve()
        token = data / "token"
        if token.exists():
            assert token.read_text() == option.place, f"{option.label} reads what {token.read_text()} stored"
        else:
            token.write_text(option.place)

    def _check_disabled(self, name: str, option: Option) -> None:
        marker = self.sandbox.plugins / name / ".disabled"
        if (name, option.place) in self.disabled:
            assert marker.exists(), f"{option.label} was disabled"
        elif marker.exists():  # another publisher's plugin took the place of a disabled one: it stays so
            self.disabled.add((name, option.place))

    def disable(self, name: str) -> None:
        if option := self.by_module(name):
            self.sandbox.run("disable", name).ok()
            self.disabled.add((name, option.place))

    def _clear_requests(self) -> None:
        self.forge.git.settle()
        self.forge.git.requests.clear()
        self.forge.asked.clear()
        for server in self.forge.servers.values():
            server.requests.clear()

    def _check_requests(self) -> None:
        places = {one.place for one in self.covered.values()}
        for request in self.forge.git.requests:
            repository = request.path.split(".git")[0].lstrip("/")
            assert self.forge.git.url(repository) in places, request.path
        assert {*self.forge.asked} <= places
        for server in self.forge.servers.values():
            assert not server.requests or server.url in self.indexes, server.requests[0].path


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_runs_that_was_not_accepted(forged: Forge, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    victim = Victim(forged, Sandbox(tmp_path / "victim"))
    shutil.copytree(forged.lead.cwd / "work", victim.sandbox.cwd / "work")
    merged: Documents | None = None  # what the last pull request that went through left
    applied = refused = 0
    for _ in range(STEPS):
        documents = forged.documents(dice, merged)
        if dice.random() < 0.2:
            victim.look(dice, documents)
        done = victim.sync(documents, accept=merged is None or dice.random() < 0.2)
        applied, refused = applied + (done.status == 0), refused + (done.status == 4)
        merged = documents if done.status == 0 else merged
        if dice.random() < 0.15:
            victim.disable(dice.choice(NAMES))
    assert applied, "nothing was ever installed"
    assert refused, "nothing was ever asked"
