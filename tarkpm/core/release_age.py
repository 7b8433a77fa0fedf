"""The minimum age of a release, and whether a release has it.

Most malicious releases are found within days. A project that waits lets others find them
(docs/decisions/0185). Only new resolutions wait: what is locked stays allowed.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.release import PluginName, Source, folded
from tarkpm.core.text import short
from tarkpm.core.version import Version

KEY: Final = "minimum-release-age"
EXCLUDE_KEY: Final = "minimum-release-age-exclude"
HOUR: Final = 3600
DAY: Final = 24 * HOUR
MAX_AGE: Final = 365 * DAY
"""The longest age: with more, a typing error would block every update for years."""
LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999: later ones cannot be written as a date."""
_UNITS: Final = {"h": HOUR, "d": DAY, "w": 7 * DAY}
_AGE = lazy_pattern(r"([1-9][0-9]{0,3})([hdw])", re.ASCII)
_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_MOMENT_TEXT = lazy_pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)


def parse_age(text: str, *, key: str = KEY) -> int:
    """Return an age like ``3d``, ``12h`` or ``2w`` in seconds. Raises `ValueError` with ``key`` and the text.

    >>> parse_age("3d")
    259200
    """
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{key}: expected an age like 3d, 12h or 2w, found {short(text)}")
    seconds = int(found[1]) * _UNITS[found[2]]
    if seconds > MAX_AGE:
        raise ValueError(f"{key}: expected at most {age_text(MAX_AGE)}, found {short(text)}")
    return seconds


def age_text(seconds: int) -> str:
    """Return an age in the form that `parse_age` reads.

    >>> age_text(259200), age_text(5400)
    ('3d', '2h')
    """
    if seconds % DAY == 0:
        return f"{seconds // DAY}d"
    return f"{-(-seconds // HOUR)}h"


def parse_moment(text: str) -> int:
    """Return a moment like ``2026-11-28T22:30:00Z`` in seconds since the epoch. Raises `ValueError`."""
    # RFC 3339, section 5.6, in the one form that TUF metadata has, too: equal moments have equal texts.
    try:
        if not _MOMENT_TEXT.fullmatch(text):
            raise ValueError
        return int(datetime.strptime(text, _MOMENT).replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise ValueError(f"expected a time like 2026-11-28T22:30:00Z, found {short(text)}") from None


def moment_text(seconds: int) -> str:
    """Return a moment in the form that `parse_moment` reads."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_MOMENT)


class Young(msgspec.Struct, frozen=True):
    """A release that has not reached the minimum age.

    ``until`` is when it does, in seconds since the epoch; None if nobody says when it was published.
    """

    until: int | None = None

    def __str__(self) -> str:
        if self.until is None:
            return "has no time of publication, so it counts as too young"
        # Rounded up to the minute: a user who comes back at that time is not sent away again.
        minute = -(-self.until // 60) * 60
        if minute > LAST_SECOND:  # an index may list any time
            return "is too young until after the year 9999"
        moment = datetime.fromtimestamp(minute, UTC)
        return f"is too young until {moment:%Y-%m-%d %H:%M} UTC"


def is_young(published: int | None, *, now: int, minimum: int) -> Young | None:
    """Return until when a release is too young, or None if it is old enough.

    Times are in seconds. An unknown time is young: otherwise a source would only have to leave it out. A time
    in the future is young as well, so a clock that was set back makes no release older.
    """
    if not minimum:
        return None
    if published is None:
        return Young()
    return Young(published + minimum) if published + minimum > now else None


class Waiting(msgspec.Struct, frozen=True):
    """A release that is not taken yet: the newest of ``name`` that the requirements allow.

    ``until`` is when it reaches the minimum age, in seconds since the epoch; None if nobody says when it was
    published.
    """

    name: str
    version: str
    until: int | None = None

    def __str__(self) -> str:
        return f"'{self.name}' {self.version} {Young(self.until)}"


class AgeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The minimum age of new releases in seconds, 0 for none, and the plugins that are excluded from it.

    An excluded plugin's dependencies are not excluded.
    """

    minimum: int = 0
    excluded: tuple[str, ...] = ()

    @classmethod
    def of(cls, minimum: int, excluded: Iterable[str]) -> "AgeRule":
        """Return a rule with sorted, distinct names."""
        return cls(minimum, tuple(sorted(set(excluded))))

    def excludes(self, name: str) -> bool:
        """Return whether releases of a plugin may have any age; ``-`` and ``_`` are equal."""
        return folded(name) in map(folded, self.excluded)

    def at_least(self, minimum: int) -> "AgeRule":
        """Return this rule with at least this minimum age, in seconds. It never gets shorter."""
        return msgspec.structs.replace(self, minimum=max(self.minimum, minimum))


def met(one: AgeRule | None, other: AgeRule | None) -> AgeRule | None:
    """Return what both rules allow; None is no rule."""
    first, second = one or AgeRule(), other or AgeRule()
    both = [name for name in first.excluded if second.excludes(name)]
    found = AgeRule.of(max(first.minimum, second.minimum), both)
    return None if found == AgeRule() else found


def loosened(decided: AgeRule | None, accepted: AgeRule | None) -> tuple[str, ...]:
    """Return what one rule allows and the accepted one does not, as sentences without a subject."""
    now, before = decided or AgeRule(), accepted or AgeRule()
    found = []
    if now.minimum < before.minimum:
        after = age_text(now.minimum) if now.minimum else "none"
        found.append(f"shorten the minimum release age: {age_text(before.minimum)} → {after}")
    # Whether a minimum is set does not matter here: the user's own default may set one.
    new = (name for name in now.excluded if not before.excludes(name))
    found += (f"take releases of '{name}' of any age" for name in new)
    return tuple(found)


Fixes = Callable[[Source, PluginName, Version], bool]
"""Whether an advisory of this source names this release as the fix."""


def no_fix(_: Source, __: PluginName, ___: Version) -> bool:
    """Return that no advisory names a release: nobody is asked."""
    return False


class AgeCheck(msgspec.Struct, frozen=True):
    """A rule at a moment, and the advisories: what a resolution asks about each release.

    ``floor`` is the minimum age of team policies in seconds, from which no plugin is excluded.
    """

    rule: AgeRule = AgeRule()
    now: int = 0
    fixes: Fixes = no_fix
    floor: int = 0

    @property
    def is_on(self) -> bool:
        """Return whether any release can be too young."""
        return max(self.rule.minimum, self.floor) > 0

    def young(
        self, source: Source, name: PluginName, version: Version, published: int | None
    ) -> Young | None:
        """Return until when a release waits, or None if it may be taken now."""
        # An exclusion is the project's own: it must not shorten what a team policy demands.
        minimum = self.floor if self.rule.excludes(name) else max(self.rule.minimum, self.floor)
        young = is_young(published, now=self.now, minimum=minimum)
        return None if young and self.fixes(source, name, version) else young
