"""Build a plugin: sources to a checked module, shared by `build` and `dev`."""

import hashlib
import shlex
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from tarkpm import __version__
from tarkpm.core.digest import sha256
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, MAX_MANIFEST, STATEMENT
from tarkpm.core.recipe import Recipe
from tarkpm.core.release import is_extra
from tarkpm.core.shapes import from_json
from tarkpm.core.text import some
from tarkpm.core.verification import check_distinct
from tarkpm.errors import BuildError, ManifestError, NotFound, TarkError
from tarkpm.host.module.inspect import ModuleInfo
from tarkpm.host.module.surface import read_surface
from tarkpm.host.module.tark_types import IMPORTS
from tarkpm.io.files import atomic_write, keep, make_private, read_file, read_optional
from tarkpm.io.paths import expanded, resolved
from tarkpm.ops.author.as_component import as_component
from tarkpm.ops.author.progress import counting
from tarkpm.ops.author.python_source import check_python
from tarkpm.ops.author.reproducing import require_same
from tarkpm.ops.author.sources import check_no_link, read_sources
from tarkpm.ops.author.staleness import remember
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.compile_cache import compile_cache
from tarkpm.sources.path import LEAVE_OUT, MAX_FILE, LocalTree
from tarkpm.toolchains.choose import choose
from tarkpm.toolchains.job import Job, Toolchain
from tarkpm.toolchains.programs import Compiler
from tarkpm.toolchains.resources import HEADER, header, wit_files

WORLD: Final = "this-plugin"
_ALWAYS: Final = ("log", "clock", "random")
"""Interfaces that every plugin may use, whatever it declares."""
_MAX_RECORD: Final = 4096


class BuildReport(msgspec.Struct, frozen=True):
    """The module; ``built`` is false if nothing had changed, and with `--dry-run`.

    ``reproducible`` is whether the toolchain gives equal bytes for equal sources, which was not tried unless
    ``compared``.
    """

    path: str
    size: int
    sha256: str
    language: str
    toolchain: str
    version: str
    reproducible: bool
    built: bool
    notes: tuple[str, ...] = ()
    compared: bool = False


class _Record(msgspec.Struct, frozen=True):
    """What the cache keeps of a build: its result, and the version of the toolchain."""

    sha256: str
    version: str


class BuildPlan(msgspec.Struct, frozen=True):
    """Everything that a build depends on; ``key`` is its digest."""

    folder: Path
    manifest: Manifest
    recipe: Recipe
    toolchain: Toolchain
    program: Compiler
    sources: dict[str, bytes]
    key: str

    @property
    def module(self) -> Path:
        """Return where the module is written."""
        return self.folder / self.manifest.wasm

    @property
    def made(self) -> Path:
        """Return the file with problems of the result: the module, or the core module that becomes it."""
        return self.folder / self.recipe.source if self.recipe.language == "wasm" else self.module

    def by(self, version: str) -> str:
        """Return the toolchain with its version."""
        return f"{self.toolchain.name} {version}".strip()


def plan_build(settings: Settings, folder: Path) -> BuildPlan:
    """Read a plugin's folder and find its toolchain.

    Raises `NotFound` without a plugin.toml, `ManifestError`, `Refused` for two files of one name,
    `ToolchainMissing`, `BuildError`.
    """
    place = resolved(settings.cwd / expanded(folder))
    where = str(place / MANIFEST)
    data = read_optional(place / MANIFEST, MAX_MANIFEST) if place.is_dir() else None
    if data is None:
        raise NotFound(f"there is no {MANIFEST}", where=str(place), hint="tarkpm new my-plugin --lang c")
    try:
        manifest = Manifest.parse(data, where=where)
    except ManifestError as problem:  # `check` has the line, and how to write it
        problem.hint = problem.hint or shlex.join(["tarkpm", "check", str(folder)])
        raise
    recipe = Recipe.read(data, lambda name: (place / name).is_file(), where=where)
    # A build is the first step to a release: what no source could hold is refused before the compiler runs.
    names = LocalTree(place).names("") or ()
    check_distinct({MANIFEST, manifest.wasm, *filter(is_extra, names)}, where=str(place))
    check_no_link(place, manifest.wasm)
    toolchain = choose(recipe, where=where)
    program = toolchain.find(place, settings.search_path)
    sources = read_sources(place, manifest, recipe)
    key = _key(manifest, recipe, toolchain, program, sources)
    return BuildPlan(place, manifest, recipe, toolchain, program, sources, key)


def _key(
    manifest: Manifest, recipe: Recipe, toolchain: Toolchain, program: Compiler, sources: dict[str, bytes]
) -> str:
    files = sources | wit_files() | {HEADER: header()}
    parts = [
        __version__, manifest.type, world(manifest), recipe.source, toolchain.name, program.identity,
        *(f"{name}\0{sha256(data)}" for name, data in sorted(files.items())),
    ]  # fmt: skip
    return hashlib.sha256("\0\0".join(parts).encode()).hexdigest()


def world(manifest: Manifest) -> str:
    """Return the WIT world of the plugin: its type, and the interfaces it declares.

    Interpreted guests import all of their world, so the world has no more than what may be granted.
    """
    declared = {capability.kind for capability in manifest.capabilities}
    names = [name for name in IMPORTS if name in declared or name in _ALWAYS]
    imports = "".join(f"  import {name};\n" for name in names)
    return f"package tark:plugin;\n\nworld {WORLD} {{\n{imports}  export {manifest.type}-plugin;\n}}\n"


def build_plugin(settings: Settings, ui: Ui, plan: BuildPlan, *, compare: bool = False) -> BuildReport:
    """Build what changed, check the result, and write it. Raises `BuildError` and `HostError`.

    ``compare`` builds it twice, changed or not; results that differ are a `BuildError`, and none is written.
    """
    record_file = settings.paths.cache / "builds" / plan.key
    known = _recorded(record_file)
    there = _current(plan.module)
    if known and there is not None and sha256(there) == known.sha256 and not compare:
        if not settings.dry_run:
            remember(settings, plan.folder, there, plan.sources, plan.by(known.version))
        return _report(plan, there, known.version, built=False)
    if settings.dry_run:
        return _report(plan, there or b"", "", built=False)
    if plan.recipe.language == "python":
        check_python(ui, plan)
    ui.busy(f"building {plan.manifest.wasm} with {plan.toolchain.name}")
    wasm, version = build_module(settings, ui, plan)
    if compare:
        # The clock of __TIME__ and the like ticks once a second: the second build begins after a tick.
        time.sleep(1 - time.time() % 1)
        require_same(wasm, build_module(settings, ui, plan)[0], plan.toolchain, where=str(plan.module))
    ui.busy(f"checking {plan.manifest.wasm}")
    info = _checked(settings, plan, wasm)
    ui.busy("")
    atomic_write(plan.module, wasm)
    keep(record_file, msgspec.json.encode(_Record(sha256(wasm), version)), mode=0o600)
    remember(settings, plan.folder, wasm, plan.sources, plan.by(version))
    report = _report(plan, wasm, version, built=True, info=info)
    return msgspec.structs.replace(report, compared=compare, reproducible=compare or report.reproducible)


def _current(module: Path) -> bytes | None:
    """Return the module there is; None for whatever else has its name, which is replaced."""
    with suppress(OSError, TarkError):
        return read_file(module, MAX_FILE)
    return None


def _recorded(file: Path) -> _Record | None:
    data = read_optional(file, _MAX_RECORD)
    try:
        return from_json(data, _Record) if data else None
    except msgspec.MsgspecError:
        return None  # written by another version


def build_module(settings: Settings, ui: Ui, plan: BuildPlan) -> tuple[bytes, str]:
    """Return a component and the version of the toolchain, built in a copy of the sources.

    Nothing is written to the plugin's folder, and the component is not checked. Raises `BuildError`.
    """
    # Not in /tmp: rustup and cargo read files of the folders above, where another user may have put some.
    place = make_private(settings.paths.cache / "builds")
    with tempfile.TemporaryDirectory(prefix=".stage-", dir=place) as temporary:
        job = _staged(settings, plan, Path(temporary))
        version = plan.toolchain.version(job, plan.program)
        try:
            with counting(ui, f"building {plan.manifest.wasm} with {plan.toolchain.name}"):
                wasm = plan.toolchain.build(job, plan.program)
        except BuildError as problem:
            problem.where = f"{plan.folder / problem.where}" if problem.where else str(plan.folder)
            if problem.output and not version and any(plan.toolchain.least):
                least = ".".join(map(str, plan.toolchain.least))
                problem.message += f"; its version is unknown, and {least} or newer is needed"
            problem.hint = problem.hint or plan.toolchain.advice.get("failed", "")
            raise
    return as_component(plan, wasm), version


def _staged(settings: Settings, plan: BuildPlan, temporary: Path) -> Job:
    folders = {name: temporary / name for name in ("stage", "wit", "headers", "scratch")}
    for folder in folders.values():
        folder.mkdir()
    files = {folders["stage"] / name: data for name, data in plan.sources.items()}
    files |= {folders["wit"] / name: data for name, data in wit_files().items()}
    files[folders["wit"] / f"{WORLD}.wit"] = world(plan.manifest).encode()
    files[folders["headers"] / HEADER] = header()
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Job(
        stage=folders["stage"],
        source=plan.recipe.source,
        plugin_type=plan.manifest.type,
        wit=folders["wit"],
        world=WORLD,
        headers=folders["headers"],
        scratch=folders["scratch"],
        caches=settings.paths.cache / "toolchains",
        environment=settings.environment,
    )


def _checked(settings: Settings, plan: BuildPlan, wasm: bytes) -> ModuleInfo:
    """Return what a module imports that is valid and fits its type. It is compiled, but does not run."""
    where, kind = str(plan.made), plan.manifest.type
    if len(wasm) > MAX_FILE:
        text = f"the module has {len(wasm):,} bytes; a plugin has at most {MAX_FILE:,}"
        raise BuildError(text, where=where, hint=LEAVE_OUT)
    found = read_surface(wasm, compile_cache(settings), where=where)
    if kind not in found.fits:
        advice = plan.toolchain.advice
        hint = advice.get("import" if found.info.unknown_imports else "export", "")
        raise BuildError(f"the module {found.misfits.get(kind, 'does not fit')}", where=where, hint=hint)
    return found.info


def _report(
    plan: BuildPlan, wasm: bytes, version: str, *, built: bool, info: ModuleInfo | None = None
) -> BuildReport:
    return BuildReport(
        path=str(plan.module),
        size=len(wasm),
        sha256=sha256(wasm),
        language=plan.toolchain.language,
        toolchain=plan.toolchain.name,
        version=version,
        reproducible=plan.toolchain.steady,
        built=built,
        notes=tuple(_notes(plan, info)) if info else (),
    )


def _notes(plan: BuildPlan, info: ModuleInfo) -> list[str]:
    declared = {capability.kind for capability in plan.manifest.capabilities} | set(_ALWAYS)
    notes = []
    if beyond := sorted(info.kinds - declared):
        notes.append(f"it uses what {MANIFEST} does not declare, so these calls are refused: {some(beyond)}")
    if (plan.folder / STATEMENT).is_file():
        notes.append(f"{STATEMENT} is of an earlier build: sign it again with tarkpm sign")
    return notes
