"""Commands that help where a plugin is not found, or fails."""

from collections.abc import Iterator
from contextlib import contextmanager

from tarkpm.core.names import MANIFEST
from tarkpm.errors import HostError, NotFound
from tarkpm.ops.project.settings import Settings


@contextmanager
def or_folder(settings: Settings, name: str) -> Iterator[None]:
    """Name the folder that is called like a plugin that is not there."""
    try:
        yield
    except NotFound as problem:
        if (settings.cwd / name / MANIFEST).is_file():
            problem.message = f"no plugin named '{name}' is locked; did you mean the folder './{name}'?"
            problem.hint = f"tarkpm tools ./{name}"
        raise


@contextmanager
def helping(command: str, but: tuple[type[HostError], ...] = ()) -> Iterator[None]:
    """Add the hint ``command`` to a plugin's failure that has none, and is not one of ``but``."""
    try:
        yield
    except HostError as problem:
        if not isinstance(problem, but):
            problem.hint = problem.hint or command
        raise
