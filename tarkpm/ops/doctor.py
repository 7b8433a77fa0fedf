"""``tarkpm doctor``: where everything is, and what protects this machine from plugins."""

import platform
from importlib.metadata import version

import msgspec

from tarkpm import __version__
from tarkpm.host.confinement import confinement
from tarkpm.ops.place import locate
from tarkpm.ops.settings import Settings
from tarkpm.ops.tark import tark_version


class DoctorReport(msgspec.Struct, frozen=True):
    """What was found. ``confinement`` is active in every worker; ``missing`` is what this machine lacks."""

    tarkpm: str
    python: str
    wasmtime: str
    platform: str
    tark: str
    project: str
    state: str
    store: str
    confinement: tuple[str, ...]
    missing: tuple[str, ...]


def doctor(settings: Settings) -> DoctorReport:
    """Look around, and start one worker to see how it is confined. Raises `HostError`."""
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
        project=str(locate(settings).project_file),
        state=str(settings.paths.state),
        store=str(settings.paths.cache),
        confinement=tuple(active),
        missing=found.missing,
    )
