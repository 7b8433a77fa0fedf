"""What cases are made of: steps of a repository, and of a client whose outcome is asserted.

The client is the real session, fetcher and cache, one session a question, as commands run one after another. Only
the gate that knows how an index is laid out (`shape.check`) is open: the cases are about TUF, not about indexes.
"""

import datetime
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from tuf.ngclient._internal import trusted_metadata_set

from conformance.simulator import ONLINE, Simulator
from tarkpm.core.digest import sha256
from tarkpm.core.layout import ROOT
from tarkpm.errors import TarkError
from tarkpm.sources.index import shape
from tarkpm.sources.index.places import USUAL
from tarkpm.sources.index.session import Session

LIMIT: Final = 1 << 20


def open_gate(role: str, data: bytes, *, where: str) -> shape.Seen:
    """Take any metadata of any role; what it says of itself, as far as it says so."""
    try:
        signed = json.loads(data)["signed"]
        versions = {
            name.removesuffix(".json"): about["version"] for name, about in signed.get("meta", {}).items()
        }
        return shape.Seen(signed["version"], signed["expires"], versions)
    except (ValueError, LookupError, TypeError, AttributeError):
        return shape.Seen(0, "")


class Stage:
    """A repository, and a client that was given its first root."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(shape, "check", open_gate)
        self._folder, self._patch = folder, patch
        self.repo = Simulator()
        self.begin(self.repo.initial)

    def begin(self, root: bytes) -> None:
        """The client's trust begins with these bytes, which came to it some other way."""
        self._root = sha256(root)
        self.cached = self._folder / "index" / self._root
        history = self.cached / "root_history"
        history.mkdir(parents=True)
        (history / "1.root.json").write_bytes(root)

    def ask(self, *paths: str) -> dict[str, bytes | None]:
        """One command's question."""
        session = Session(
            self.repo,
            f"sha256:{self._root}",
            self._folder,
            where="simulator:",
            threads=1,
            lock_seconds=1.0,
            patience=USUAL,
            floors={},
        )
        self.repo.requests.clear()
        return session.targets(paths, LIMIT)

    def later(self, days: float) -> None:
        """Move the clock that metadata's age is read from."""

        class Later(datetime.datetime):
            @classmethod
            def now(cls, tz: datetime.tzinfo | None = None) -> "Later":
                return super().now(tz) + datetime.timedelta(days=days)

        clock = SimpleNamespace(datetime=Later, timezone=datetime.timezone)
        self._patch.setattr(trusted_metadata_set, "datetime", clock)

    def versions(self) -> dict[str, int]:
        """What is trusted and kept, by role."""
        return {
            file.name.removesuffix(".json"): json.loads(file.read_bytes())["signed"]["version"]
            for file in self.cached.glob("*.json")
        }


Step = Callable[[Stage], object]
Case = Sequence[Step]


def play(case: Case, stage: Stage) -> None:
    for step in case:
        step(stage)


# what the repository does


def publishes(*roles: str, times: int = 1) -> Step:
    def step(stage: Stage) -> None:
        for _ in range(times):
            stage.repo.publish(*roles)

    return step


def publishes_all(*first: str) -> Step:
    """Those, and targets, snapshot and timestamp."""
    return publishes(*first, *ONLINE)


def does(change: Callable[[Simulator], object]) -> Step:
    return lambda stage: change(stage.repo)


def changes(role: str, change: Callable[[Any], object]) -> Step:
    """Change what the next version of a role says."""
    return lambda stage: change(stage.repo.signed[role])


def sets(role: str, **fields: Any) -> Step:
    def step(stage: Stage) -> None:
        for name, value in fields.items():
            setattr(stage.repo.signed[role], name, value)

    return step


def goes_back(role: str, version: int = 1) -> Step:
    return does(lambda repo: repo.again(role, version))


def loses_a_key(role: str) -> Step:
    """A signature less from now on."""
    return does(lambda repo: repo.signers[role].pop())


def gives_hashes(stage: Stage) -> None:
    stage.repo.hashes = True


# what the client does, and what must come of it


def refreshes(stage: Stage) -> None:
    stage.ask()


def refuses(kind: type[TarkError]) -> Step:
    """To refresh ends with this very kind of error."""
    return lambda stage: _meets(stage, kind)


def finds(path: str, data: bytes) -> Step:
    def step(stage: Stage) -> None:
        assert stage.ask(path) == {path: data}

    return step


def finds_nothing(path: str) -> Step:
    def step(stage: Stage) -> None:
        assert stage.ask(path) == {path: None}

    return step


def refuses_target(kind: type[TarkError], *paths: str) -> Step:
    return lambda stage: _meets(stage, kind, *paths)


def _meets(stage: Stage, kind: type[TarkError], *paths: str) -> None:
    with pytest.raises(TarkError) as caught:
        stage.ask(*paths)
    assert type(caught.value) is kind, repr(caught.value)


def trusts(**versions: int) -> Step:
    """Of these roles these versions; 0 for none."""

    def step(stage: Stage) -> None:
        found = stage.versions()
        assert {role: found.get(role, 0) for role in versions} == versions

    return step


def trusts_just(**versions: int) -> Step:
    def step(stage: Stage) -> None:
        assert stage.versions() == versions

    return step


def asked_for(*names: str) -> Step:
    """The files that the last question asked for, in order."""

    def step(stage: Stage) -> None:
        assert stage.repo.requests == list(names)

    return step


def last_asked_for(name: str) -> Step:
    def step(stage: Stage) -> None:
        assert stage.repo.requests[-1:] == [name]

    return step


def at_later(days: float) -> Step:
    return lambda stage: stage.later(days)


def keeps_what_was_served(*roles: str) -> Step:
    """Byte for byte."""

    def step(stage: Stage) -> None:
        for role in roles:
            kept = (stage.cached / f"{role}.json").read_bytes()
            assert kept == stage.repo.files[stage.repo.name(role)], role

    return step


def begins_with(change: Callable[[dict[str, Any]], object]) -> Step:
    """The client was given this root instead of the true one."""

    def step(stage: Stage) -> None:
        document = json.loads(stage.repo.initial)
        change(document)
        stage.begin(json.dumps(document).encode())

    return step


def begins_with_newest(stage: Stage) -> None:
    """The client was given the newest root."""
    stage.begin(stage.repo.files[stage.repo.name(ROOT)])
