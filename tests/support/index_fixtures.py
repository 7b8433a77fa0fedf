"""Fixtures: an index with two plugins behind a server, clients that ask it, and a victim of attacks on it."""

import copy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.indexrepo import IndexRepo
from support.indexserver import IndexServer
from tarkpm.core.claim import Claim
from tarkpm.core.project import IndexEntry
from tarkpm.core.release import PluginName
from tarkpm.core.rows import Listing
from tarkpm.errors import TarkError
from tarkpm.sources.index import IndexClient

TEXT, JSON = PluginName("text-tools"), PluginName("json-core")
Ask = Callable[..., IndexClient]


class World(IndexRepo):
    """Two plugins, the first with two releases, and the keys of their publishers."""

    text_key: Ed25519PrivateKey
    json_key: Ed25519PrivateKey

    @classmethod
    def make(cls, folder: Path) -> "World":
        world = cls(folder, publish=False)
        world.text_key, world.json_key = world.claim("text-tools"), world.claim("json_core")
        world.release("text-tools", "1.0.0", world.text_key)
        world.release("text-tools", "1.1.0", world.text_key)
        world.release("json_core", "0.2.0", world.json_key)
        world.publish()
        return world

    def copied(self, folder: Path) -> "World":
        """The same index, by the same keys, to be changed without changing this one."""
        shutil.copytree(self.folder, folder)
        world = copy.copy(self)
        world.folder = folder
        world.maintainers = list(self.maintainers)
        world.versions, world.listings = dict(self.versions), dict(self.listings)
        return world


class Victim:
    """Somebody with one cache, which remembers what it saw, who asks what a server makes of an index."""

    def __init__(self, index: World, server: IndexServer, folder: Path) -> None:
        self.index, self.server, self.folder = index, server, folder
        self.root = index.root_digest

    def client(self, *, url: str = "", cache: str = "cache", **more: Any) -> IndexClient:
        """A client for one command."""
        entry = IndexEntry(PluginName("community"), url or self.server.url, self.root)
        settings = {"base": self.folder, "lock_seconds": 20.0, **more}
        return IndexClient(entry, cache=self.folder / cache, **settings)

    @property
    def cached(self) -> Path:
        """The folder of this index in the cache."""
        return self.folder / "cache" / "index" / self.root.removeprefix("sha256:")

    def looks(self, **more: Any) -> tuple[Claim | None, Listing | None]:
        """What a command is told of text-tools."""
        with self.client(**more) as client:
            return client.claims([TEXT])[TEXT], client.listings([TEXT])[TEXT]

    def installs(self, version: str = "1.0.0", **more: Any) -> dict[str, bytes]:
        """The files of a release, as a command gets them."""
        with self.client(**more) as client:
            listing = client.listings([TEXT])[TEXT]
            assert listing is not None
            row = next(row for row in listing.rows if str(row.version) == version)
            return client.release(TEXT, row.statement, row.files)

    def meets(
        self, kind: type[TarkError], *texts: str, ask: Callable[..., Any] | None = None, **more: Any
    ) -> TarkError:
        """A command must end with this very kind of error, which says each of ``texts``."""
        with pytest.raises(TarkError) as caught:
            (ask or self.looks)(**more)
        problem = caught.value
        assert type(problem) is kind, repr(problem)
        for text in texts:
            assert text in problem.message, problem.message
        return problem


@pytest.fixture(scope="session")
def made_index(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The index that tests copy: to sign it takes longer."""
    return World.make(tmp_path_factory.mktemp("index") / "index")


@pytest.fixture
def index(tmp_path: Path, made_index: World) -> World:
    return made_index.copied(tmp_path / "index")


@pytest.fixture
def index_server(index: World) -> Iterator[IndexServer]:
    with IndexServer(index.folder) as server:
        yield server


@pytest.fixture
def victim(index: World, index_server: IndexServer, tmp_path: Path) -> Victim:
    return Victim(index, index_server, tmp_path)
