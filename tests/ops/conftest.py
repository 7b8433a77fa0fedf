"""A workspace without a command line: verbs' shared decisions are tested directly, and nothing is fetched."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.silent_ui import SilentUi

from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.project.workspace import Workspace, open_for_change

Open = Callable[..., Workspace]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A user with an empty home and an empty current folder."""
    home, cwd = tmp_path / "home", tmp_path / "app"
    home.mkdir()
    cwd.mkdir()
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    return Settings(cwd=cwd, paths=user_paths(environment), environment=environment, lock_seconds=5)


@pytest.fixture
def ui() -> SilentUi:
    """Nobody at a terminal, who remembers what was shown."""
    return SilentUi()


@pytest.fixture
def opened(settings: Settings, ui: SilentUi) -> Iterator[Open]:
    """Open the project whose tark.toml and tark.lock have these texts, for a change."""
    with ExitStack() as stack:

        def open_project(toml: str = "", lock: str | None = None) -> Workspace:
            (settings.cwd / "tark.toml").write_text(toml)
            if lock is not None:
                (settings.cwd / "tark.lock").write_text(lock)
            return stack.enter_context(open_for_change(settings, ui))

        yield open_project
