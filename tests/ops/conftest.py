"""A workspace without a command line: verbs' shared decisions are tested directly, and nothing is fetched."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from support.silent_ui import SilentUi
from support.workspaces import Install, Open

from tarkpm.core.acceptance import Acceptance
from tarkpm.ops.change.apply import apply
from tarkpm.ops.change.planning import make_plan
from tarkpm.ops.change.target import Target, check_target
from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.project.workspace import Workspace, open_for_change
from tarkpm.ops.release.fetch import Release


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

        def open_project(
            toml: str | None = "", lock: str | None = None, *, ui: SilentUi = ui, **changes: object
        ) -> Workspace:
            stack.close()  # the one before: a project is changed by one command at a time
            if toml is not None:
                (settings.cwd / "tark.toml").write_text(toml)
            if lock is not None:
                (settings.cwd / "tark.lock").write_text(lock)
            chosen = msgspec.structs.replace(settings, **changes)
            return stack.enter_context(open_for_change(chosen, ui, create=True))

        yield open_project


@pytest.fixture
def install(opened: Open) -> Install:
    """Install these releases, locked in the documents given, as a user who accepted them."""

    def install_releases(toml: str, lock: str, *releases: Release) -> Workspace:
        workspace = opened(toml, lock)
        workspace.remember(accepted=Acceptance.of(workspace.project, workspace.lock), accepted_at=1)
        target = check_target(workspace, Target(workspace.project, workspace.lock))
        apply(workspace, target, make_plan(workspace, target), releases)
        return workspace

    return install_releases
