"""What a server looks at to notice that its project changed."""

from pathlib import Path

from tarkpm.ops.project.team_policy import policy_paths
from tarkpm.ops.project.workspace import Workspace

_Stamp = tuple[tuple[int, ...], ...]


class ProjectWatch:
    """The files of a project, as they were when it was read last."""

    def __init__(self) -> None:
        self._paths: tuple[Path, ...] = ()
        self._stamp: _Stamp | None = None

    def has_changed(self) -> bool:
        """Return whether the project must be read: its files changed, or it was not read yet."""
        return self._stamp is None or self._stamp != self._now()

    def begin(self, workspace: Workspace) -> None:
        """Remember the files of a project that is about to be read: a change meanwhile is seen later."""
        place, environment, state = workspace.location, workspace.environment, workspace.state.root
        documents = (place.project_file, place.lock_file, environment.base, environment.plugins)
        # What was accepted or disabled, revoked, warned of, and withheld.
        policies = policy_paths(workspace.settings, place.folder)
        self._paths = (
            *documents,
            *policies,
            *(state / name for name in ("projects", "indexes", "advisories", "withheld")),
        )
        self._stamp = self._now()

    def forget(self) -> None:
        """Let the project be read again at the next look, even if it is then as it was before."""
        self._stamp = None

    def _now(self) -> _Stamp:
        return tuple(map(_stat, self._paths))


def _stat(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
