"""Fixtures: an index with two plugins, behind a server and in a folder, and clients that ask it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.indexrepo import IndexRepo
from support.indexserver import IndexServer
from tarkpm.core.project import IndexEntry
from tarkpm.core.release import PluginName
from tarkpm.sources.index import IndexClient

Ask = Callable[..., IndexClient]


@pytest.fixture
def index(tmp_path: Path) -> IndexRepo:
    """Two plugins, the first with two releases."""
    repo = IndexRepo(tmp_path / "srv", publish=False)
    key = repo.claim("text-tools")
    repo.release("text-tools", "1.0.0", key)
    repo.release("text-tools", "1.1.0", key)
    repo.release("json_core", "0.2.0", repo.claim("json_core"))
    repo.publish()
    return repo


@pytest.fixture
def index_server(index: IndexRepo) -> Iterator[IndexServer]:
    with IndexServer(index.folder) as server:
        yield server


@pytest.fixture
def ask_index(index: IndexRepo, index_server: IndexServer, tmp_path: Path) -> Iterator[Ask]:
    """Clients of that index, by default over HTTP and with one cache."""
    opened: list[IndexClient] = []

    def make(
        url: str = index_server.url, root: str = index.root_digest, cache: str = "cache", **more: Any
    ) -> IndexClient:
        entry = IndexEntry(PluginName("community"), url, root)
        settings = {"base": tmp_path, "lock_seconds": 20.0, **more}
        opened.append(IndexClient(entry, cache=tmp_path / cache, **settings))
        return opened[-1]

    yield make
    for client in opened:
        client.close()
