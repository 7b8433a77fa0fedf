"""``tarkpm inspect``: describe a WebAssembly file without running it."""

import itertools
import shlex
from pathlib import Path

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.name_similarity import nearest
from tarkpm.errors import ModuleInvalid, StoreError
from tarkpm.host.ipc.messages import Item
from tarkpm.host.module.inspect import MAGIC, is_known
from tarkpm.host.module.surface import Surface, read_surface
from tarkpm.io.files import read_file
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.compile_cache import compile_cache
from tarkpm.store.blobs import MAX_BLOB


class SurfaceEntry(msgspec.Struct, frozen=True):
    """An import or export, as in `Item`. ``known`` means that tark serves it, or that it is an export."""

    name: str
    kind: str
    known: bool
    type: str
    members: dict[str, str]
    types: dict[str, str]


class InspectReport(msgspec.Struct, frozen=True):
    """The surface of a module. Names and types are its claims.

    ``abi`` is "tark:plugin", "older tark ABI", or "" for neither; ``interfaces`` are those of tark it
    imports, ``fits`` the plugin types it can be, and ``misfits`` why it cannot be one of the others.
    """

    path: str
    kind: str
    abi: str
    size: int
    sha256: str
    imports: tuple[SurfaceEntry, ...]
    exports: tuple[SurfaceEntry, ...]
    interfaces: tuple[str, ...]
    fits: tuple[str, ...]
    misfits: dict[str, str]


def inspect_file(settings: Settings, ui: Ui, path: Path) -> InspectReport:
    """Read the surface of a file. Raises `ModuleInvalid` unless it is WebAssembly, and `HostError`."""
    file = (settings.cwd / path).resolve()
    try:
        return _inspect(settings, ui, path, _read(file))
    except ModuleInvalid as problem:
        problem.hint = problem.hint or (_modules_near(file) if file.suffix != ".wasm" else _look(file))
        raise


def _read(file: Path) -> bytes:
    try:
        return read_file(file, MAX_BLOB)
    except FileNotFoundError:
        text = "there is no such file"
        raise StoreError(text, where=str(file), hint=_modules_near(file)) from None
    except StoreError as problem:
        if file.is_dir():
            problem.message, problem.hint = "expected a file, found a folder", _modules_near(file)
        raise


def _modules_near(path: Path) -> str:
    """Return the command for a module in or beside ``path``, or else one that shows what is there."""
    folder = next((place for place in (path, *path.parents) if place.is_dir()), path.parent)
    # A bounded look: the folder may be anybody's.
    places = itertools.islice((*folder.glob("*.wasm"), *folder.glob("dist/*.wasm")), 100)
    found = sorted(place for place in places if place != path)
    near = nearest(path.name, [place.name for place in found])
    chosen = next((place for place in found if place.name == near), found[0] if found else None)
    return f"tarkpm inspect {shlex.quote(str(chosen))}" if chosen else _look(folder)


def _look(path: Path) -> str:
    return f"ls -l {shlex.quote(str(path))}"


def _inspect(settings: Settings, ui: Ui, path: Path, data: bytes) -> InspectReport:
    if data[: len(MAGIC)] == MAGIC:
        ui.busy("reading its types")
    found = read_surface(data, compile_cache(settings, ui.busy), where=str(path))
    ui.busy("")
    return InspectReport(
        path=str(path),
        kind=found.info.kind,
        abi=found.info.abi,
        size=len(data),
        sha256=sha256(data),
        imports=tuple(_entry(item, known=_known(item, found)) for item in found.imports),
        exports=tuple(_entry(item, known=True) for item in found.exports),
        interfaces=found.info.interfaces,
        fits=found.fits,
        misfits=found.misfits,
    )


def _known(item: Item, found: Surface) -> bool:
    if found.info.kind == "core":
        return not any(f"{item.name}.{member}" in found.info.unknown_imports for member in item.members)
    return is_known(item.name)


def _entry(item: Item, *, known: bool) -> SurfaceEntry:
    return SurfaceEntry(item.name, item.kind, known, item.type, item.members, item.types)
