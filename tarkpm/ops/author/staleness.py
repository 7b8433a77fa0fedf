"""Whether the sources of a module changed after `tarkpm build` built it, as far as this machine knows."""

import hashlib
import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, MAX_MANIFEST
from tarkpm.core.recipe import Recipe
from tarkpm.core.shapes import from_json
from tarkpm.errors import BuildError, TarkError
from tarkpm.io.files import keep, read_file, read_optional
from tarkpm.ops.author.sources import MAX_FILES, read_sources
from tarkpm.ops.project.settings import Settings
from tarkpm.sources.folder import ReleaseFiles

_MAX_RECORD: Final = MAX_FILES * 4096
"""Bytes; a path has at most 4096."""


class _Built(msgspec.Struct, frozen=True):
    """What the cache keeps of a folder: the module that was built last, and the digests of its sources.

    ``toolchain`` is the one that built it, with its version.
    """

    module: str
    sources: dict[str, str]
    toolchain: str = ""


def remember(
    settings: Settings, folder: Path, wasm: bytes, sources: dict[str, bytes], toolchain: str
) -> None:
    """Keep what the module of this folder was built from, and by what."""
    built = _Built(sha256(wasm), {name: sha256(data) for name, data in sources.items()}, toolchain)
    data = msgspec.json.encode(built)
    if read_optional(_file(settings, folder), _MAX_RECORD) != data:
        keep(_file(settings, folder), data, mode=0o600)


def stale(settings: Settings, folder: Path, manifest: Manifest, wasm: bytes) -> BuildError | None:
    """Return the error for a module that is older than its sources; None for one that was not built here.

    ``folder`` contains plugin.toml. Contents are compared, not dates: git gives all files new ones.
    """
    place = folder.resolve()
    with suppress(TarkError, OSError):  # no recipe
        built = _built(settings, place, wasm)
        if built is None:
            return None
        found = _sources(place, manifest)
        names = {*built.sources, *found}
        changed = sorted(name for name in names if built.sources.get(name) != found.get(name))
        if changed:
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            be = "are" if more else "is"
            text = f"{changed[0]}{more} {be} newer than the {manifest.wasm} that was built"
            return BuildError(text, where=str(place), hint=_command(settings, place))
    return None


def toolchain_of(settings: Settings, folder: Path, wasm: bytes) -> str:
    """Return what built this module of ``folder`` here, a toolchain with its version; "" if unknown."""
    built = _built(settings, folder.resolve(), wasm)
    return built.toolchain if built else ""


def _built(settings: Settings, place: Path, wasm: bytes) -> _Built | None:
    with suppress(TarkError, OSError, msgspec.MsgspecError):  # another version's record
        data = read_optional(_file(settings, place), _MAX_RECORD)
        built = from_json(data, _Built) if data else None
        return built if built and built.module == sha256(wasm) else None
    return None


def _sources(folder: Path, manifest: Manifest) -> dict[str, str]:
    data = read_file(folder / MANIFEST, MAX_MANIFEST)
    recipe = Recipe.read(data, lambda name: (folder / name).is_file())
    return {name: sha256(data) for name, data in read_sources(folder, manifest, recipe).items()}


def _command(settings: Settings, folder: Path) -> str:
    return "tarkpm build" if folder == settings.cwd.resolve() else f"tarkpm build {shlex.quote(str(folder))}"


def _file(settings: Settings, folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()
    return settings.paths.cache / "builds" / f"folder-{name}"


def require_fresh(settings: Settings, folder: Path, collected: ReleaseFiles, manifest: Manifest) -> None:
    """Raise the error of `stale` for the plugin that was collected in ``folder``, or in its ``dist/``."""
    problem = stale(settings, folder / collected.folder, manifest, collected.files[manifest.wasm])
    if problem is not None:
        raise problem
