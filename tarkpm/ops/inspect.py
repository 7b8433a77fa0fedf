"""``tarkpm inspect``: describe a WebAssembly file, or a plugin's module, without running it."""

import itertools
import shlex
from pathlib import Path

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.name_similarity import nearest
from tarkpm.core.release import IndexSource, PluginName, is_plugin_name, names_folder
from tarkpm.errors import ModuleInvalid, StoreError
from tarkpm.host.ipc.messages import Item
from tarkpm.host.module.inspect import MAGIC, is_known
from tarkpm.host.module.surface import Surface, read_surface
from tarkpm.io.files import read_file
from tarkpm.ops.change.offered import offered
from tarkpm.ops.change.source_args import GitRef, read_source_args
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.release.listing import look, not_installed
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

    ``path`` is the file, or the source of a plugin that is not installed, with the file's name in it.
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


def inspect(settings: Settings, ui: Ui, text: str, ref: GitRef) -> InspectReport:
    """Read the surface of a file, or of the module of a plugin that is named as `add` or `info` name it.

    A file of that name comes first. Raises `ModuleInvalid` unless it is WebAssembly, `HostError`, and what
    `add` raises before it asks.
    """
    path = settings.cwd / text
    if path.is_file() or not _names_plugin(text, ref):
        return _file(settings, ui, path.resolve(), text)
    if not ref.given and is_plugin_name(text.lower()) and (found := _installed(settings, ui, text)):
        return _described(settings, ui, *found)
    settings, (typed,) = read_source_args(settings, [text], ref, verb="inspect")
    with open_for_reading(settings, ui) as workspace:
        request = typed.request(workspace.project)
        if isinstance(request.source, IndexSource):
            require_accepted(workspace)
        release = offered(workspace, request).release
    module = release.candidate.manifest.wasm
    return _described(settings, ui, release.contents[module], f"{request.source}: {module}")


def _file(settings: Settings, ui: Ui, file: Path, text: str) -> InspectReport:
    try:
        return _described(settings, ui, _read(file), text)
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


def _names_plugin(text: str, ref: GitRef) -> bool:
    """Return whether an argument means a plugin: an error about ``x.wasm`` must be about that file."""
    named = ":" in text or "@" in text or is_plugin_name(text.lower())
    return ref.given or named or (names_folder(text) and not text.endswith(".wasm"))


def _installed(settings: Settings, ui: Ui, text: str) -> tuple[bytes, str] | None:
    """Return the module of an installed plugin and its path, else None. Raises `NotFound`."""
    with open_for_reading(settings, ui) as workspace:
        name = workspace.name_of(PluginName(text))
        if name not in workspace.environment.names():
            return None
        _, manifest = look(workspace, name)
        if manifest is None:
            raise not_installed(workspace, name, workspace.lock.get(name))
        place = str(workspace.environment.folder(name) / manifest.wasm)
        return workspace.environment.read(name, manifest.wasm), place


def _described(settings: Settings, ui: Ui, data: bytes, where: str) -> InspectReport:
    if data[: len(MAGIC)] == MAGIC:
        ui.busy("reading its types")
    found = read_surface(data, compile_cache(settings, ui.busy), where=where)
    ui.busy("")
    return InspectReport(
        path=where,
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
