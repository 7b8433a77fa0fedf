"""Fixtures: an index with a log, behind a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.indexserver import IndexServer
from support.logged import LoggedIndex


@pytest.fixture
def logged(tmp_path: Path) -> LoggedIndex:
    """An index whose log has one release and two witnesses."""
    return LoggedIndex(tmp_path)


@pytest.fixture
def log_server(logged: LoggedIndex) -> Iterator[IndexServer]:
    """What users ask."""
    with IndexServer(logged.folder) as running:
        yield running
