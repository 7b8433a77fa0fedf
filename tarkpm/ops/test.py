"""``tarkpm test``: run the cases of a plugin's folder, each in a world of its own."""

import stat
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.case import MAX_CASE, Case, Expected, parse_case
from tarkpm.core.digest import sha256
from tarkpm.core.text import neutral
from tarkpm.errors import CaseError, NotFound, Refused, TarkError, TooLarge
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogLine
from tarkpm.host.limits import Limits
from tarkpm.host.module.fit import check_module
from tarkpm.host.runtime import PluginHost
from tarkpm.host.trace import TracedCall, shown
from tarkpm.io.files import read_file
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.author.findings import Places
from tarkpm.ops.author.staleness import stale
from tarkpm.ops.author.trying import CaseMismatch, judge, run
from tarkpm.ops.author.world import World
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.release.working_copy import WorkingCopy, read_working_copy
from tarkpm.ops.run.images import Images, open_host

FOLDER: Final = "tests"
MAX_CASES: Final = 1_000
SECONDS: Final = 10.0
"""Limit of one call of a case."""
MANY: Final = 4
"""Cases from which workers are forked, which takes a server process but is faster for each."""
MAX_TOLD: Final = 40
"""Host calls, and lines of the log, that are kept of a failed case."""

_EMPTY: Final = "stderr: "
"""The line with which the runtimes of languages begin a report of an exception."""


class CaseResult(msgspec.Struct, frozen=True):
    """The result of one case; it passed if there is no mismatch. What a passed case did is not kept."""

    case: str
    passed: bool
    seconds: float
    mismatches: tuple[CaseMismatch, ...] = ()
    host_calls: tuple[str, ...] = ()
    log: tuple[str, ...] = ()


class CasesReport(msgspec.Struct, frozen=True):
    """The results of all cases, in the order of their names."""

    plugin: str
    version: str
    passed: int
    failed: int
    seconds: float
    cases: tuple[CaseResult, ...]
    notes: tuple[str, ...] = ()


def run_cases(settings: Settings, ui: Ui, folder: Path, *, only: str = "") -> CasesReport:
    """Run the cases ``tests/*.toml`` of the plugin in ``folder`` that have ``only`` in their names.

    No case reaches the network, the files, the variables or the clock of this machine, so no consent is
    needed. Raises `NotFound` without a case, `TooLarge` for too many, and what `read_working_copy` raises.
    """
    start = time.monotonic()
    copy = read_working_copy(settings.cwd, folder)
    files = _case_files(copy, only)
    check_module(copy.wasm, copy.manifest.type, where=str(copy.module_file), hint=copy.inspect_hint)
    if old := stale(settings, copy.manifest_file.parent, copy.manifest, copy.wasm):
        ui.note(f"{old.message}: {old.hint}")
    runner = _Runner(settings, copy)
    ui.busy(f"testing {copy.manifest.name}")
    try:
        results = runner.run(files)
    finally:
        ui.busy("")
    passed = sum(one.passed for one in results)
    seconds = round(time.monotonic() - start, 3)
    manifest = copy.manifest
    return CasesReport(
        manifest.name,
        str(manifest.version),
        passed,
        len(results) - passed,
        seconds,
        tuple(results),
        tuple(
            f"{one.case} has no [expect]: it passes whatever the result is"
            for one in results
            if one.passed and one.case in runner.aimless
        ),
    )


def _case_files(copy: WorkingCopy, only: str) -> list[Path]:
    """Return the files of the cases, sorted by name."""
    folder = copy.folder / FOLDER
    try:
        if stat.S_ISLNK(folder.lstat().st_mode):  # it would lead out of the folder
            raise Refused(f"'{FOLDER}' is a symbolic link", where=str(copy.folder))
        found = sorted(file for file in folder.glob("*.toml") if file.name.isprintable())
    except (FileNotFoundError, NotADirectoryError):
        found = []
    if len(found) > MAX_CASES:
        raise TooLarge(f"expected at most {MAX_CASES:,} cases, found {len(found):,}", where=str(folder))
    chosen = [file for file in found if only in file.name]
    if not chosen:
        # A test of nothing must not pass.
        text = f"no case has '{only}' in its name" if found else f"there is no case in {FOLDER}/*.toml"
        raise NotFound(text, where=str(folder), hint="see what a case is: tarkpm test --help")
    return chosen


class _Runner:
    """Runs cases in parallel, each in a fresh instance of the plugin."""

    def __init__(self, settings: Settings, copy: WorkingCopy) -> None:
        self._settings, self._copy = settings, copy
        self._digest = sha256(copy.wasm)
        # By the name of the case's image; a case writes its own entries only.
        self._worlds: dict[str, World] = {}
        self._logs: dict[str, list[str]] = {}
        self.aimless: set[str] = set()
        """Cases that expect nothing but success."""

    def run(self, files: list[Path]) -> list[CaseResult]:
        """Return the result of every case."""
        images = Images({}, self._copy.folder)
        with open_host(
            self._settings,
            images,
            log=self._hear,
            trace=self._trace,
            interfaces=lambda image, report: self._worlds[image.name].interfaces(image, report),
            limits=Limits(seconds=SECONDS),
            long_lived=len(files) >= MANY,
        ) as host:
            # The first one alone: it compiles the module for all.
            first = [self._case(host, files[0])]
            rest = run_parallel(
                lambda file: self._case(host, file), files[1:], threads=self._settings.threads
            )
            return [*first, *rest]

    def _hear(self, line: LogLine) -> None:
        log = self._logs[line.plugin]
        if len(log) < MAX_TOLD:
            log.append(f"{line.stream or line.level}: {line.message}")

    def _trace(self, call: TracedCall) -> None:
        self._worlds[call.plugin].saw(call)

    def _case(self, host: PluginHost, file: Path) -> CaseResult:
        start = time.monotonic()
        name = f"{FOLDER}/{file.name}"
        with tempfile.TemporaryDirectory(prefix="tarkpm-test-", ignore_cleanup_errors=True) as root:
            mismatches, world = self._judged(host, file, Path(root))
        seconds = round(time.monotonic() - start, 3)
        log = self._logs.pop(file.name, [])
        if log[:1] == [_EMPTY]:
            del log[0]
        if not mismatches:
            return CaseResult(name, True, seconds)
        calls = _told(world.calls) if world else ()
        return CaseResult(name, False, seconds, mismatches, calls, tuple(log))

    def _judged(
        self, host: PluginHost, file: Path, root: Path
    ) -> tuple[tuple[CaseMismatch, ...], World | None]:
        data = b""
        try:
            data = read_file(file, MAX_CASE)
            case = parse_case(data, where=str(file))
            if case.plugin_type != (kind := self._copy.manifest.type):
                text = f"expected a case for type '{kind}', as the plugin is, not '{case.plugin_type}'"
                raise CaseError(text)
            if case.expect == Expected():
                self.aimless.add(f"{FOLDER}/{file.name}")
            world = self._world(case, root)
            self._worlds[file.name], self._logs[file.name] = world, []
            image = self._image(file.name, world)
            try:
                outcome = run(host, image, case)
            finally:
                host.unload(image.name)
            return tuple(judge(case, outcome, world)), world
        except CaseError as problem:
            place = Places(f"{FOLDER}/{file.name}", data).key(*problem.path)
            return (CaseMismatch(f"{place}: {problem.message}"),), None
        except (TarkError, OSError) as problem:
            return (CaseMismatch(getattr(problem, "message", str(problem))),), None
        finally:
            self._worlds.pop(file.name, None)

    def _world(self, case: Case, root: Path) -> World:
        try:
            granted = case.granted(self._copy.declared)
        except ValueError as problem:
            raise CaseError(str(problem), path=("grant",)) from None
        return World(case, granted, root)

    def _image(self, name: str, world: World) -> PluginImage:
        """Return the plugin under the name of a case: the host has one worker for each name."""
        image = self._copy.image(world.granted, world.data)
        # With its digest, because its types were compared: each worker would compare them again.
        return msgspec.structs.replace(image, name=name, sha256=self._digest)


def _told(calls: Iterable[TracedCall]) -> tuple[str, ...]:
    lines = [neutral(shown(call).rpartition("  ")[0] or shown(call)) for call in calls]
    return tuple(lines[:MAX_TOLD])
