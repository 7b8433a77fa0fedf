"""Which releases a resolution may take now, and which wait (docs/decisions/0185)."""

import time
from collections.abc import Iterable
from typing import Final

from tarkpm.core import variables
from tarkpm.core.binding import Origin, revision
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import GitSource, OciSource, PluginName, Source, folded
from tarkpm.core.release_age import AgeCheck, AgeRule, Waiting, Young, parse_age
from tarkpm.core.version import Version
from tarkpm.errors import ReleaseTooYoung, TarkError
from tarkpm.ops.project.known_advisories import KnownAdvisories
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.team_policy import team_rules
from tarkpm.ops.project.workspace import Workspace
from tarkpm.store.first_seen import FirstSeen

VARIABLE: Final = "TARKPM_MINIMUM_RELEASE_AGE"


class ReleaseAges:
    """The minimum age during one verb. ``waiting`` are the releases that were left out, by plugin.

    ``any_age`` are plugins that the user named on the command line: tark.toml excludes them from now on.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._settings = workspace, workspace.settings
        self._now = int(time.time())
        self._rule = (workspace.project.ages or AgeRule()).at_least(own_minimum(workspace.settings))
        rules = team_rules(workspace)
        self._floor = rules.minimum_release_age if rules else 0
        self.any_age: tuple[PluginName, ...] = ()
        self.waiting: dict[PluginName, Waiting] = {}

    def allow(self, names: Iterable[PluginName]) -> None:
        """Take releases of these plugins whatever their age. Without a minimum age nothing changes."""
        if self._rule.minimum:
            self.any_age = tuple(dict.fromkeys((*self.any_age, *names)))

    @property
    def check(self) -> AgeCheck:
        """What a resolution asks about each release."""
        rule = AgeRule.of(self._rule.minimum, (*self._rule.excluded, *self.any_age))
        return AgeCheck(rule, self._now, self._fixes, self._floor)

    def _fixes(self, source: Source, name: PluginName, version: Version) -> bool:
        """Return whether an advisory names a release as its fix: that does not wait."""
        return bool(self._workspace.resource(KnownAdvisories).advised.fixing(source, name, version))

    def young(self, name: PluginName, version: Version, source: Source) -> Young | None:
        """Return until when the release at a commit or manifest waits; other sources have no age."""
        check = self.check
        # A commit is recorded only where its age matters: others leave no trace on this machine.
        if not check.is_on or not isinstance(source, GitSource | OciSource):
            return None
        place = source.git if isinstance(source, GitSource) else str(Origin.of(source))
        seen = FirstSeen(self._settings.paths.state).see(
            place, revision(source), now=self._now, deadline_seconds=self._settings.lock_seconds
        )
        return check.young(source, name, version, seen)

    def wait(self, found: Iterable[Waiting]) -> None:
        """Remember releases that wait, for the report."""
        self.waiting |= {PluginName(one.name): one for one in found}

    def hint(self, name: str) -> str:
        """Return the command that takes a release of this plugin all the same."""
        if self._floor:  # no option shortens it
            return f"tarkpm policy explain {name}"
        return f"{self._settings.command} --no-minimum-age {name}"

    def names(self, entries: Iterable[str]) -> tuple[PluginName, ...]:
        """Return the spelling in ``entries`` of the plugins that the user named."""
        spelled = {folded(name): PluginName(name) for name in entries}
        return tuple(spelled[folded(name)] for name in self.any_age if folded(name) in spelled)

    def close(self) -> None:
        """Forget what waits."""
        self.waiting.clear()


def keep_waiting(
    workspace: Workspace, name: PluginName, version: Version, source: Source, *, asked: Source
) -> LockEntry | None:
    """Return the locked entry to keep if the release that was found waits; None if it may be taken.

    ``source`` is where it was found, and ``asked`` what was asked for, which may be a range on tags.

    Raises `ReleaseTooYoung` if nothing of this source is locked, so that there is nothing to keep.
    """
    entry = workspace.followed.get(name)
    if entry and entry.source == source:
        return None  # what is locked stays allowed
    ages = workspace.resource(ReleaseAges)
    young = ages.young(name, version, source)
    if young is None:
        return None
    waiting = Waiting(name, str(version), young.until)
    required = workspace.project.requirements.get(name)
    # `source` has the tag that was found; what is required may be a range that the locked tag is in, too.
    in_range = entry and required and required.source == asked and asked.leads_to(entry.source)
    if entry and (in_range or entry.source.unpinned() == source.unpinned()):
        ages.wait([waiting])
        return entry
    text = f"{waiting}: its age counts from when this machine first saw it"
    raise ReleaseTooYoung(text, plugin=name, until=young.until, where=str(source), hint=ages.hint(name))


def own_minimum(settings: Settings) -> int:
    """Return the user's own minimum age in seconds, 0 for none. Raises `TarkError` for another value."""
    text = variables.text(settings.environment, VARIABLE)
    try:
        return parse_age(text, key=VARIABLE) if text else 0
    except ValueError as problem:
        raise TarkError(str(problem), where=VARIABLE, hint=f"unset {VARIABLE}") from None
