"""A community index with a transparency log, the users it has, and the thieves of its keys."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from support.community import BOTH, Community
from support.indexserver import IndexServer
from support.sandbox import Result, Sandbox
from tarkpm.core.layout import rows_path
from tarkpm.core.release import PluginName
from tarkpm.core.rows import Listing, ReleaseRow, render
from tarkpm.core.tlog.log import LogKeys
from tarkpm.registry.change import IndexChange
from tarkpm.registry.folder import Index, open_index
from tarkpm.registry.keys import Signer
from tarkpm.registry.log import IndexLog
from tarkpm.registry.logged import log_rows

TEXT = PluginName("text-tools")


class LoggedIndex(Community):
    """An index whose log has two witnesses, ``wanda`` and ``will``, and one release, text-tools 1.0.0."""

    def __init__(self, root: Path, *, maintainers: str = "maintainers") -> None:
        super().__init__(Sandbox(root / maintainers))
        self.users = root / "users"
        self.claim()
        self.publish("1.0.0")
        self.log_init()

    def log_init(self, *more: str) -> None:
        """Both maintainers begin the log, or change its witnesses."""
        witnesses = (f"{name}.example={self.key(name)}" for name in ("wanda", "will"))
        self.run("log", "init", *(w for one in witnesses for w in ("--witness", one)), *BOTH, *more).ok()

    def witness(self, name: str, *more: str, place: Path | None = None) -> Result:
        """What a witness, on a machine of its own, says to the index in ``place``; `refresh` takes it."""
        root = self.users.parent / name
        sandbox = _again(root) if root.exists() else Sandbox(root)
        shutil.copytree(self.sandbox.state / "keys", sandbox.state / "keys", dirs_exist_ok=True)
        words = ("witness", place or self.folder, "--root", self.root, "--key", name)
        return sandbox.run("index", "log", *words, *more)

    def user(self, server: IndexServer, name: str = "user") -> Sandbox:
        """A user with a project that uses what this server shows of the index."""
        sandbox = Sandbox(self.users / name)
        sandbox.init()
        sandbox.run("index", "add", "community", server.url, "--root", self.root).ok()
        return sandbox

    # thieves

    @property
    def keys_of_log(self) -> LogKeys:
        """The keys of the log, which it has."""
        keys = self.open().authority.log
        assert keys is not None
        return keys

    @property
    def log(self) -> IndexLog:
        """The log in the folder."""
        return IndexLog(self.folder, self.keys_of_log)

    def has(self, name: str) -> bool:
        """Whether there is a key of this name."""
        return (self.sandbox.state / "keys" / f"{name}.pem").exists()

    def copied(self, name: str) -> Path:
        """A copy of the folder, where thieves of keys go another way."""
        return Path(shutil.copytree(self.folder, self.users.parent / name))


def relist(
    index: LoggedIndex, change: Callable[[ReleaseRow], ReleaseRow], folder: Path | None = None
) -> None:
    """What a thief of the online key does: other rows of text-tools, validly signed."""
    place = folder or index.folder
    found, online = open_index(place), index.signer("community-online")
    listing = found.listing(TEXT)
    rows = tuple(map(change, listing.rows))
    writing = IndexChange(found, _now())
    put(writing, msgspec.structs.replace(listing, rows=rows), online)
    writing.commit(place, online)


def rewrite(index: LoggedIndex, folder: Path, change: Callable[[ReleaseRow], ReleaseRow]) -> None:
    """What a thief of both the online key and the log's does: another log from the first entry on."""
    found, online = open_index(folder), index.signer("community-online")
    keys, listing = index.keys_of_log, found.listing(TEXT)
    shutil.rmtree(folder / "log")
    writing = IndexChange(found, _now())
    changed = [(listing.name, change(row)) for row in listing.rows]
    log = next(index.signer(name) for name in ("community-log-2", "community-log") if index.has(name))
    rows = log_rows(IndexLog(folder, keys), writing, log, changed)
    put(writing, msgspec.structs.replace(listing, rows=tuple(rows)), online)
    writing.commit(folder, online)


def put(writing: IndexChange, listing: Listing, online: Signer) -> None:
    writing.update_bin(rows_path(listing.name), render(listing), online)


def forget_log(sandbox: Sandbox) -> None:
    """A machine that has never seen the log."""
    shutil.rmtree(sandbox.state / "logs", ignore_errors=True)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _again(root: Path) -> Sandbox:
    """The sandbox that was made there before."""
    found = Sandbox.__new__(Sandbox)
    found.root, found.home, found.cwd = root, root / "home", root / "app"
    return found


__all__ = ["TEXT", "Index", "LoggedIndex", "forget_log", "put", "relist", "rewrite"]
