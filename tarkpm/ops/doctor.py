"""``tarkpm doctor``: report paths, confinement, servers and problems."""

import platform
from importlib.metadata import version

import msgspec

from tarkpm import __version__
from tarkpm.errors import TarkError
from tarkpm.host.confinement import confinement
from tarkpm.host.limits import Limits
from tarkpm.ops.audit.connectivity import ServerStatus, reach
from tarkpm.ops.audit.leftovers import Trouble, check_up
from tarkpm.ops.audit.readiness import check_folders, check_project
from tarkpm.ops.audit.surroundings import check_configuration, check_variables
from tarkpm.ops.project.acceptance import not_accepted
from tarkpm.ops.project.location import locate
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.tark_version import tark_version
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading


class DoctorReport(msgspec.Struct, frozen=True):
    """The report of `tarkpm doctor`.

    ``confinement`` is active in every worker; ``missing`` is unavailable here. ``limits`` are those of
    one plugin (`tarkpm.host.limits.Limits`): bytes and seconds.
    """

    tarkpm: str
    python: str
    wasmtime: str
    platform: str
    tark: str
    project: str
    state: str
    store: str
    plugins: str
    confinement: tuple[str, ...]
    missing: tuple[str, ...]
    limits: dict[str, float]
    servers: tuple[ServerStatus, ...]
    troubles: tuple[Trouble, ...]

    @property
    def is_well(self) -> bool:
        """Return whether no problem remains."""
        bad = any(trouble.counts for trouble in self.troubles)
        return not self.missing and not bad and all(server.reached for server in self.servers)


def doctor(settings: Settings, ui: Ui, *, fix: bool = False) -> DoctorReport:
    """Check this machine, and start one worker to see its confinement. ``fix`` fixes problems.

    Raises `HostError`.
    """
    place = locate(settings)
    # Several folders may be below the same one that cannot be written: it is named once.
    folders = list(dict.fromkeys(check_folders(settings, place)))
    own = [*check_variables(settings), *check_configuration(settings)]
    troubles = [*folders, *own, *check_up(settings, fix=fix)]
    # Without a cache every server would seem to be at fault.
    servers, more = _project(settings, ui, ask=not folders)
    ui.busy("starting a worker")
    found = confinement()
    active = [f"Landlock {found.landlock}"] if found.landlock else []
    active += [
        name for name, there in (("seccomp", found.seccomp), ("sealed memory", found.sealed_memory)) if there
    ]
    return DoctorReport(
        tarkpm=__version__,
        python=platform.python_version(),
        wasmtime=version("wasmtime"),
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        tark=str(tark_version(settings.search_path) or ""),
        project=str(place.project_file),
        state=str(settings.paths.state),
        store=str(settings.paths.cache),
        plugins=str(place.environment.plugins),
        confinement=tuple(active),
        missing=found.missing,
        limits=msgspec.to_builtins(Limits()),
        servers=servers,
        troubles=(*troubles, *more),
    )


def _project(settings: Settings, ui: Ui, *, ask: bool) -> tuple[tuple[ServerStatus, ...], list[Trouble]]:
    """Check the project and return the status of its servers, unless they are not to be asked.

    Servers of a project that was not accepted are not contacted (docs/trust-rules.md, rule 3).
    """
    try:
        with open_for_reading(settings, ui) as workspace:
            troubles = list(check_project(workspace))
            if settings.offline or not ask or not_accepted(workspace):
                return (), troubles
            ui.busy("asking servers")
            return reach(workspace), troubles
    except TarkError as problem:
        return (), [Trouble.of(problem)]
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        return (), [Trouble("Project", f"the project cannot be read: {reason}", str(problem.filename or ""))]
