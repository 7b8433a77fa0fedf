"""Replay recorded calls of a plugin against another release of it, in the world that the record shows.

Each call is made twice: by the installed release and by the new one, each in a fresh worker and in a `World`
of its own. The worker is granted what the record shows that the call used, and nothing of it is real: what a
release asks for beyond the record is refused, and reported. Two runs in the same world differ by what the
releases do, and not by the secrets that the record leaves out, the time or randomness.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from tarkpm.core.asked import allows, asked
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.case import Case
from tarkpm.core.compared import difference, is_equal, value_of
from tarkpm.core.digest import sha256
from tarkpm.core.recorded import RecordedCall, case_of
from tarkpm.core.text import neutral
from tarkpm.errors import CaseError
from tarkpm.host.image import PluginImage
from tarkpm.host.imports import Interface
from tarkpm.host.limits import KIB, MIB, Limits
from tarkpm.host.runtime import PluginHost
from tarkpm.host.trace import TracedCall, masked_text
from tarkpm.ops.author.recording import MAX_CALL, shown_call
from tarkpm.ops.author.trying import CaseOutcome, run
from tarkpm.ops.author.world import World
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.run.images import Images, open_host

MAX_CALLS: Final = 20
"""Recorded calls that are replayed, the newest ones."""
SECONDS: Final = 30.0
"""Time for all replays of one plugin; what is left then is not replayed."""
LIMITS: Final = Limits(
    seconds=5.0, load_seconds=20.0, memory=256 * MIB, output=256 * KIB, host_calls=300, log_messages=0
)
"""Limits of one replayed call: what a release asks for is kept until it is compared."""
MAX_NEW: Final = 20
"""Things asked for beyond the record that are kept of one call."""
MAX_LINES: Final = 10
MAX_SHOWN: Final = 120
"""Lines of each side of a difference, and characters of a line, of arguments and of what is asked for."""

Result = Literal["same", "changed", "failed", "unknown"]


class NewlyAsked(msgspec.Struct, frozen=True):
    """What only the new release asks for, and its first host call for it.

    ``capability`` is "" if the record shows that capability, but no such request, file or program.
    """

    capability: str
    call: str


class ReplayedCall(msgspec.Struct, frozen=True):
    """One recorded call: what the new release did differently from the installed one.

    ``result`` is "failed" if only the new release fails, and "unknown" if the two cannot be compared, for the
    ``reason``. ``diff`` are the lines that differ: ``-`` installed, ``+`` new.
    """

    tool: str
    arguments: str
    result: Result
    reason: str = ""
    new: tuple[NewlyAsked, ...] = ()
    diff: tuple[str, ...] = ()


class _Outcome(msgspec.Struct, frozen=True):
    """What a release did: its result, and what it asked for beyond the record."""

    result: CaseOutcome
    asked: tuple[NewlyAsked, ...]

    def beyond(self, other: "_Outcome | None") -> tuple[NewlyAsked, ...]:
        """Return what this release asked for and the ``other`` one did not."""
        known = {one.capability or one.call for one in other.asked} if other else set()
        return tuple(one for one in self.asked if (one.capability or one.call) not in known)


class Modules(msgspec.Struct, frozen=True):
    """The code of two releases of the plugin ``name``, verified. ``before`` is empty if it cannot be run.

    ``tools`` are the names of the new release's tools; None if they are not known.
    """

    name: str
    before: bytes
    after: bytes
    tools: frozenset[str] | None = None


def replay(settings: Settings, modules: Modules, calls: Sequence[RecordedCall]) -> tuple[ReplayedCall, ...]:
    """Replay the newest of ``calls``, which come newest first. Nothing a release does reaches the world."""
    replayer = _Replayer(modules)
    with open_host(
        settings,
        Images({}, settings.cwd),
        log=None,
        interfaces=replayer.interfaces,
        trace=replayer.saw,
        limits=LIMITS,
        long_lived=True,  # each run gets a fresh worker
    ) as host:
        return tuple(replayer.replayed(host, call) for call in calls[:MAX_CALLS])


class _Replayer:
    """Replays calls one after the other."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._end = time.monotonic() + SECONDS
        self._granted = CapabilitySet()
        self._denied: dict[Capability, str] = {}

    def interfaces(self, image: PluginImage, report: Callable[[str], None]) -> Mapping[str, Interface]:
        """Return what serves the run that begins now. An `Interfaces`."""
        return self._world.interfaces(image, report)

    def saw(self, call: TracedCall) -> None:
        """Note what was refused. A `Trace`."""
        wanted = asked(call.interface, call.function, call.args)
        if wanted is None or len(self._denied) == MAX_NEW or allows(self._granted, wanted):
            return
        self._denied.setdefault(wanted, shown_call(call.interface, call.function, tuple(call.args)))

    def replayed(self, host: PluginHost, call: RecordedCall) -> ReplayedCall:
        """Replay one call."""
        shown = (neutral(call.tool, limit=MAX_SHOWN), neutral(call.arguments, limit=MAX_SHOWN))
        if reason := self._unable(call):
            return ReplayedCall(*shown, "unknown", reason)
        try:
            case, self._granted = case_of(call)
            before = self._run(host, self._modules.before, case) if self._modules.before else None
            after = self._run(host, self._modules.after, case)
        except (CaseError, OSError, ValueError, TypeError) as problem:
            text = problem.message if isinstance(problem, CaseError) else str(problem)
            return ReplayedCall(*shown, "unknown", f"its world cannot be made again: {neutral(text)}")
        return _compared(call, before, after, *shown)

    def _unable(self, call: RecordedCall) -> str:
        if call.left_out:
            return f"it is not recorded: {neutral(call.left_out, limit=MAX_SHOWN)}"
        if self._modules.tools is not None and call.tool not in self._modules.tools:
            return "the new release has no such tool"
        return "the time for replays was used up" if time.monotonic() > self._end else ""

    def _run(self, host: PluginHost, wasm: bytes, case: Case) -> _Outcome:
        self._denied = {}
        with tempfile.TemporaryDirectory(prefix="tarkpm-review-", ignore_cleanup_errors=True) as root:
            self._world = World(case, self._granted, Path(root))
            image = PluginImage(
                self._modules.name, "tool", wasm, self._granted, self._world.data, sha256=sha256(wasm)
            )
            try:
                result = run(host, image, case)
            finally:
                host.unload(image.name)
        others = (neutral(text, limit=MAX_CALL) for text in dict.fromkeys(self._world.unanswered[:MAX_NEW]))
        return _Outcome(
            result,
            (
                *(NewlyAsked(str(one), text) for one, text in self._denied.items()),
                *(NewlyAsked("", text) for text in others),
            ),
        )


def _compared(
    call: RecordedCall, before: _Outcome | None, after: _Outcome, tool: str, arguments: str
) -> ReplayedCall:
    new = after.beyond(before)
    is_new_failure = after.result.error is not None and (before is None or before.result.error is None)
    if is_new_failure and call.error is None:
        reason = neutral(after.result.error or "without a reason", limit=4 * MAX_SHOWN)
        return ReplayedCall(tool, arguments, "failed", reason, new)
    if before is None:
        return ReplayedCall(tool, arguments, "unknown", "the installed release cannot be run", new)
    if not _repeats(call, before.result):
        reason = "the installed release does not repeat its recorded result: it depends on the time, on "
        return ReplayedCall(tool, arguments, "unknown", f"{reason}randomness or on what is masked", new)
    lines = tuple(_differences(before.result, after.result))
    return ReplayedCall(tool, arguments, "changed" if lines else "same", "", new, lines)


def _repeats(call: RecordedCall, found: CaseOutcome) -> bool:
    """Return whether a release returns in its recorded world what it returned in the real one."""

    def stars(value: str, _: str) -> str:
        return "*" * len(value)

    # The record is masked by name; what is compared with it must be, too.
    output, error = masked_text(found.output, stars), found.error and masked_text(found.error, stars)
    recorded = masked_text(call.output, stars), call.error and masked_text(call.error, stars)
    return error == recorded[1] and _is_equal(CaseOutcome(recorded[0]), CaseOutcome(output))


def _differences(before: CaseOutcome, after: CaseOutcome) -> Iterable[str]:
    """Yield the lines by which the results differ; nothing if they are equal, or equal as JSON."""
    if before == after or (before.error is None and after.error is None and _is_equal(before, after)):
        return
    was, now = (one.output if one.error is None else f"failed: {one.error}" for one in (before, after))
    is_json = before.error is None and after.error is None
    lines = [line for line in difference(value_of(was) if is_json else was, now) if line[0] in "-+…"]
    if not lines:
        yield "the results differ in line breaks only"
    # Of each side: a long result that is gone must not hide what is there instead.
    for sign in "-+":
        found = [neutral(line, limit=MAX_SHOWN) for line in lines if line[0] == sign]
        yield from found[:MAX_LINES]
        if len(found) > MAX_LINES:
            yield f"{sign}… {len(found) - MAX_LINES:,} more lines"


def _is_equal(before: CaseOutcome, after: CaseOutcome) -> bool:
    try:
        return is_equal(value_of(before.output), after.output)
    except RecursionError:
        return False
