"""``tarkpm trial``: call a tool with a recording host, and say what plugin.toml has to declare for it."""

import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Final

import msgspec

from tarkpm.core.asked import allows, as_private, smallest
from tarkpm.core.capability import KINDS, Capability, CapabilitySet
from tarkpm.core.case import Case
from tarkpm.core.declaring import declare, declare_exactly, patch
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.names import MANIFEST, MAX_MANIFEST
from tarkpm.core.text import neutral, some
from tarkpm.core.tool import MAX_TOOL_NAME
from tarkpm.errors import CaseError, Edited, HostError
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.host.module.fit import check_module
from tarkpm.host.runtime import PluginHost
from tarkpm.io.files import atomic_write, read_file
from tarkpm.ops.author.recording import EVERYTHING, AskedFor, Recording
from tarkpm.ops.author.review import IMPORTED
from tarkpm.ops.author.trying import CaseOutcome, run
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.release.working_copy import WorkingCopy, read_working_copy
from tarkpm.ops.run.images import Images, open_host, serve

KINDS_IMPORTED: Final = tuple(kind for kind in KINDS if kind in IMPORTED)
"""The kinds that a trial sees: a sign-in is no host call."""


class AskedRow(msgspec.Struct, frozen=True):
    """A capability that the plugin asked for: what happened then, and whether plugin.toml declares it."""

    capability: str
    outcome: str
    declared: bool
    calls: int
    first: str


class TrialReport(msgspec.Struct, frozen=True):
    """What a call asked for, and the change of plugin.toml that covers it.

    ``smallest`` is the smallest set of capabilities for this call. ``unused`` is declared, and was not asked
    for. ``tool`` is "" for a call of another type. ``next`` is the command that goes one step further; "" if
    nothing was denied.
    """

    plugin: str
    tool: str
    output: str
    error: str
    asked: tuple[AskedRow, ...]
    smallest: tuple[str, ...]
    unused: tuple[str, ...]
    patch: str
    written: bool
    next: str


def trial(
    settings: Settings,
    ui: Ui,
    folder: str,
    case: Case,
    *,
    allow: Iterable[Capability],
    exact: bool,
    write: bool,
    log: LogSink,
    show: Callable[[AskedFor], None],
) -> TrialReport:
    """Make the call of a case to the plugin in ``folder``; only what ``allow`` covers is really done.

    Of ``case`` only the call is used: it meets the real world, or a refusal. Storage is an empty one of the
    trial's own. ``exact`` also removes from plugin.toml what was not asked for; ``write`` changes the file.
    ``show`` is called with each new capability. Raises what `read_working_copy` raises,
    `CaseError` if the case is of another plugin type, and `Edited` if plugin.toml changed meanwhile.
    """
    copy = read_working_copy(settings.cwd, folder)
    if case.plugin_type != copy.manifest.type:
        text = f"'{copy.manifest.name}' is a plugin of type '{copy.manifest.type}', not '{case.plugin_type}'"
        hint = "call what it exports with a case: tarkpm trial DIR --case FILE"
        raise CaseError(text, where=str(copy.folder), hint=hint)
    ui.busy(f"loading {copy.manifest.name}")
    check_module(copy.wasm, copy.manifest.type, where=str(copy.module_file), hint=copy.inspect_hint)
    allowed = CapabilitySet.of(allow)
    with tempfile.TemporaryDirectory(prefix="tarkpm-trial-") as scratch:
        recording = Recording(allowed, Path(scratch) / "data", serve(settings, settings.cwd), show)
        outcome = _called(settings, copy, recording, case, log)
    wanted = smallest(_as_granted(one, copy.declared.union(allowed)) for one in recording.asked)
    after = _declared(copy, wanted, exact=exact)
    before = copy.collected.files[MANIFEST]
    if write and after != before:
        _write(copy, before, after)
    denied = [one.capability for one in recording.asked.values() if one.outcome == "denied"]
    return TrialReport(
        copy.manifest.name,
        case.call,
        outcome.output,
        outcome.error or "",
        tuple(_row(copy, one) for one in recording.asked.values()),
        tuple(map(str, wanted)),
        tuple(map(str, _unused(copy, wanted))),
        patch(before, after, str(copy.manifest_file.relative_to(copy.folder))),
        write and after != before,
        _next(settings, denied),
    )


def _called(
    settings: Settings, copy: WorkingCopy, recording: Recording, case: Case, log: LogSink
) -> CaseOutcome:
    """Make the call. A plugin that fails for want of a capability has still asked for it."""
    # The data folder is not used: the recording replaces the storage.
    image = copy.image(EVERYTHING, Path("/nonexistent"))
    images = Images({image.name: image}, settings.cwd)
    with open_host(settings, images, log=log, interfaces=recording.interfaces) as host:
        outcome = run(host, image, case)
        meant = _meant(host, image, case.call) if case.call and outcome.error is not None else ""
    failed = outcome.error if outcome.error != "" else "the call failed without a reason"
    return CaseOutcome(outcome.output, failed + meant if failed else failed)


def _meant(host: PluginHost, image: PluginImage, tool: str) -> str:
    """Return the end of a failure's message for a tool that the plugin does not have: those it has."""
    with suppress(HostError):
        names = [neutral(one.name) for one in host.tools(image)]
        if names and tool not in names:
            return did_you_mean(tool[:MAX_TOOL_NAME], names) or f"; the plugin's tools are {some(names)}"
    return ""


def _as_granted(asked: Capability, granted: CapabilitySet) -> Capability:
    """Return a host as ``private:…`` where that form is granted: a call does not show which one it needs."""
    private = as_private(asked)
    return private if any(one.covers(private) for one in granted) else asked


def _declared(copy: WorkingCopy, wanted: CapabilitySet, *, exact: bool) -> bytes:
    """Return the plugin.toml that covers what was asked for."""
    before, where = copy.collected.files[MANIFEST], str(copy.manifest_file)
    declared = copy.declared
    if exact:
        kept = CapabilitySet.of(one for one in declared if one.kind in IMPORTED)
        return before if kept == wanted else declare_exactly(before, wanted, KINDS_IMPORTED, where=where)
    missing = CapabilitySet.of(one for one in wanted if not allows(declared, one))
    return declare(before, missing, where=where) if missing else before


def _unused(copy: WorkingCopy, wanted: CapabilitySet) -> list[Capability]:
    imported = [one for one in copy.declared if one.kind in IMPORTED]
    return [one for one in imported if not any(allows(CapabilitySet((one,)), other) for other in wanted)]


def _row(copy: WorkingCopy, one: AskedFor) -> AskedRow:
    declared = allows(copy.declared, one.capability)
    return AskedRow(str(one.capability), one.outcome, declared, one.calls, one.first)


def _write(copy: WorkingCopy, before: bytes, after: bytes) -> None:
    file = copy.manifest_file
    # The call may have taken long, and the author has the file open.
    if read_file(file, MAX_MANIFEST) != before:
        raise Edited(f"{MANIFEST} changed during the trial: nothing was written", where=str(file))
    atomic_write(file, after)


def _next(settings: Settings, denied: list[Capability]) -> str:
    return settings.command + "".join(f" --allow {quote(str(one))}" for one in denied) if denied else ""
