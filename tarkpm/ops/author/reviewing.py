"""Review an update before anybody is asked: what differs, and what the new releases do on recorded calls."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from tarkpm.core.consent import Admission
from tarkpm.core.difference import Difference, Documents, difference
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.release import PluginName
from tarkpm.core.text import counted, quoted
from tarkpm.errors import TarkError
from tarkpm.ops.author.replay import MAX_CALLS, Modules, NewlyAsked, ReplayedCall, replay
from tarkpm.ops.change.define import module_of
from tarkpm.ops.change.target import Target
from tarkpm.ops.project.ui import CardRow
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.facts import known_manifest
from tarkpm.ops.release.fetch import Release
from tarkpm.ops.release.installed import installed_files, installed_manifest, read_installed
from tarkpm.store.call_ring import CallRing

MAX_ROWS: Final = 5
MAX_RESULT: Final = 200
"""Calls that a card shows, and characters of each of their results; the JSON has more."""


class ReviewedDifference(Difference, frozen=True, kw_only=True):
    """What differs between the project's documents and those that the update would write."""

    before: str = ""
    after: str = "this update"


class PluginReplay(msgspec.Struct, frozen=True):
    """What a new release does on the recorded calls of its plugin.

    ``recorded`` counts the calls that can be read. ``reason`` says why none is replayed; "" if some are.
    """

    plugin: str
    before: str
    after: str
    recorded: int
    calls: tuple[ReplayedCall, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()

    def count(self, result: str) -> int:
        """Return how many calls had this result."""
        return sum(one.result == result for one in self.calls)

    @property
    def new(self) -> tuple[NewlyAsked, ...]:
        """What only the new release asks for, each capability once."""
        found = {ask.capability or ask.call: ask for one in reversed(self.calls) for ask in reversed(one.new)}
        return tuple(reversed(found.values()))


class UpdateReview:
    """Reviews one update. It is called before the user is asked, and holds what it found."""

    def __init__(self, show: Callable[[ReviewedDifference], None]) -> None:
        """``show`` is called with what differs, before any release is run."""
        self._show = show
        self.difference = ReviewedDifference()
        self.replays: tuple[PluginReplay, ...] = ()

    def __call__(
        self,
        workspace: Workspace,
        target: Target,
        admissions: Sequence[Admission],
        releases: Sequence[Release],
    ) -> Mapping[PluginName, tuple[CardRow, ...]]:
        """Review what an update selected, and return the rows for its cards. A `Look`."""
        self.difference = _difference(workspace, target, admissions)
        workspace.ui.busy("")
        self._show(self.difference)
        open_ = {one.change.name for one in admissions if all(each.askable for each in one.questions)}
        found = [
            _replay(workspace, entry, release, open_) for entry, release in _changed(workspace, releases)
        ]
        workspace.ui.busy("")
        self.replays = tuple(found)
        return {PluginName(one.plugin): tuple(_rows(one)) for one in found}


def _difference(workspace: Workspace, target: Target, admissions: Sequence[Admission]) -> ReviewedDifference:
    new = {one.change.name: one.candidate.manifest for one in admissions}
    known = {name: known_manifest(workspace, entry) for name in new if (entry := workspace.lock.get(name))}
    before = Documents(workspace.lock, workspace.project, _licenses(known))
    after = Documents(target.lock, target.project, _licenses(new))
    return ReviewedDifference(**msgspec.structs.asdict(difference(before, after)))


def _licenses(
    manifests: Mapping[PluginName, Manifest] | Mapping[PluginName, Manifest | None],
) -> dict[str, str]:
    return {name: manifest.license for name, manifest in manifests.items() if manifest}


def _changed(workspace: Workspace, releases: Sequence[Release]) -> Iterator[tuple[LockEntry, Release]]:
    """Yield the releases that replace a locked one, with its entry."""
    for release in releases:
        entry = workspace.followed.get(release.candidate.manifest.name)
        if entry is not None and not entry.same_as(release.candidate.entry()):
            yield entry, release


def _replay(workspace: Workspace, entry: LockEntry, release: Release, open_: set[PluginName]) -> PluginReplay:
    manifest, name = release.candidate.manifest, entry.name
    calls, problems = CallRing(workspace.state.root, workspace.data(name)).read()
    notes = (f"{counted(len(problems), 'recorded call')} cannot be read: {problems[0]}",) if problems else ()
    found = PluginReplay(name, str(entry.version), str(manifest.version), len(calls), notes=notes)
    if reason := _unable(entry, release, open_, has_calls=bool(calls)):
        return msgspec.structs.replace(found, reason=reason)
    module = module_of(release)
    after = release.contents.get(module.name) or workspace.store.read(module)
    before = _installed(workspace, entry)
    if before == after:
        return msgspec.structs.replace(found, reason="the new release has the same module")
    pins = release.candidate.tools
    tools = frozenset(pin.name for pin in pins) if pins is not None else None
    workspace.ui.busy(f"replaying {counted(min(len(calls), MAX_CALLS), 'recorded call')} of {name}")
    return msgspec.structs.replace(
        found, calls=replay(workspace.settings, Modules(name, before, after, tools), calls)
    )


def _unable(entry: LockEntry, release: Release, open_: set[PluginName], *, has_calls: bool) -> str:
    if "tool" not in (entry.type, release.candidate.manifest.type):
        return "only calls of tools are recorded"
    if release.candidate.manifest.type != "tool":
        return f"the new release is a plugin of type '{release.candidate.manifest.type}'"
    # Code of a release that no prompt lets in is not run (`propose`).
    if entry.name not in open_:
        return "the new release is not admitted"
    return "" if has_calls else "no call of it is recorded"


def _installed(workspace: Workspace, entry: LockEntry) -> bytes:
    """Return the checked module that is installed; b"" without it."""
    try:
        file = installed_files(workspace, entry)[installed_manifest(workspace, entry).wasm]
        return read_installed(workspace, entry.name, file)
    except TarkError:
        return b""


def _rows(found: PluginReplay) -> Iterator[CardRow]:
    """Yield the rows of a card: what is new comes first, and words of a plugin are quoted."""
    for ask in found.new[:MAX_ROWS]:
        what = f"{quoted(ask.capability, MAX_RESULT)} as in " if ask.capability else ""
        yield CardRow("newly asks", what + quoted(ask.call, MAX_RESULT), loud=True)
    if len(found.new) > MAX_ROWS:
        yield CardRow("", f"and {len(found.new) - MAX_ROWS} more, see --json", loud=True)
    # Equal calls with equal ends are one row: what differs elsewhere must not be pushed off the card.
    calls = Counter(replace(one, new=()) for one in found.calls if one.result in ("failed", "changed"))
    worse = list(calls.items())
    for one, times in worse[:MAX_ROWS]:
        often = f" ({times} calls)" if times > 1 else ""
        said = f"{quoted(one.tool, 60)} with {quoted(one.arguments, 120)}{often}"
        if one.result == "failed":
            yield CardRow("now fails", f"{said}: {quoted(one.reason, 200)}", loud=True)
            continue
        yield CardRow("result", f"{said} differs:", loud=True)
        for label, sign in (("was", "-"), ("is", "+")):
            if text := " ".join(line[1:] for line in one.diff if line[0] == sign):
                yield CardRow(label, quoted(text, MAX_RESULT), loud=True)
    if more := sum(times for _, times in worse[MAX_ROWS:]):
        yield CardRow("", f"and {counted(more, 'other call')}, see --json", loud=True)
    yield CardRow("replay", _summary(found))
    for text in dict.fromkeys(
        (*(one.reason for one in found.calls if one.result == "unknown"), *found.notes)
    ):
        yield CardRow("", text)


def _summary(found: PluginReplay) -> str:
    if found.reason:
        return f"nothing was replayed: {found.reason}"
    words = {
        "same": "with the same result",
        "changed": "with another result",
        "failed": "failed",
        "unknown": "cannot be compared",
    }
    counts = [f"{number} {text}" for result, text in words.items() if (number := found.count(result))]
    return f"{counted(len(found.calls), 'recorded call')}, nothing granted: {', '.join(counts)}"
