"""Tags that name versions: ``v1.2.0``, ``1.2.0``, or, for one of several plugins, ``text-tools-v1.2.0``.

A source may name a range on them (docs/decisions/0190): ``^1.2``, or ``text-tools-^1.2`` for the tags that
begin with ``text-tools-``. A ``v`` before the version is optional in both.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.text import short
from tarkpm.core.version import Range, Version

_VERSION: Final = lazy_pattern(r"(?P<prefix>(?:.*[^0-9.])?)(?P<version>[0-9]+\.[0-9]+\.[0-9]+(?:[-+].*)?)")
"""What comes before a version never ends in a digit or dot: ``v1.1.2.3`` names none."""
_RANGE: Final = lazy_pattern(r"(?P<prefix>(?:[^~^=<>*]*[-/_@+])?[vV]?)(?P<range>[~^=<>*].*|[0-9][0-9.]*\*.*)")
"""A range begins with an operator or has a ``*``: ``1.2`` and ``v1`` may be the names of tags."""
_PART: Final = lazy_pattern(r"(?P<stem>(?:.*[-/_@+])?)[vV]?(?P<version>[0-9]{1,9}(?:\.[0-9]{1,9})?)")
_NEVER: Final = frozenset("^~*")
"""Characters that no tag has (git-check-ref-format(1))."""
_V: Final = lazy_pattern(r"(?:(?<=[-/_@+])|^)[vV]$")


class VersionTag(msgspec.Struct, frozen=True):
    """A tag, the version it names, and what comes before the version in it."""

    name: str
    version: Version
    prefix: str

    @property
    def stem(self) -> str:
        """The prefix without a ``v`` that only announces the version."""
        return _V.sub("", self.prefix)


class TagRange(NamedTuple):
    """A range on the tags with one ``stem``: what comes before the version, without the ``v``."""

    stem: str
    range: Range

    def admits(self, tag: VersionTag | None) -> bool:
        """Return whether a tag has this stem and names a version in the range."""
        return tag is not None and tag.stem == self.stem and self.range.matches(tag.version)

    def newest(self, names: Iterable[str]) -> VersionTag | None:
        """Return the tag of the highest version; of two tags for it, the last by name."""
        found = [tag for name in names if self.admits(tag := version_tag(name)) and tag]
        return max(found, key=_order, default=None)


def version_tag(name: str) -> VersionTag | None:
    """Return the version that a tag names; None if it names none."""
    found = _VERSION.fullmatch(name)
    try:
        return VersionTag(name, Version.parse(found["version"]), found["prefix"]) if found else None
    except ValueError:
        return None


def tag_range(text: str) -> TagRange | None:
    """Return the range on tags that a text is; None for the name of one tag. Raises `ValueError`.

    >>> tag_range("text-tools-v^1.2").stem, tag_range("v1.2.0")
    ('text-tools-', None)
    """
    if found := _RANGE.fullmatch(text):
        return TagRange(_V.sub("", found["prefix"]), Range.parse(found["range"]))
    if _NEVER & {*text}:
        raise ValueError(f"expected a tag, or a range like ^1.2 or NAME-^1.2, found {short(text)}")
    return None


def meant_range(name: str, tags: Iterable[str]) -> str | None:
    """Return the range that a name which is no tag may mean: a part of a version, with a tag in its range.

    >>> meant_range("v1", ["v1.0.0"]), meant_range("v2", ["v1.0.0"])
    ('^1', None)
    """
    found = _PART.fullmatch(name)
    text = f"{found['stem']}^{found['version']}" if found else ""
    wanted = tag_range(text)
    return text if wanted and wanted.newest(tags) else None


def version_tags(names: Iterable[str], *, like: str = "") -> tuple[VersionTag, ...]:
    """Return the tags that name versions, newest first: those with the stem of ``like``, if it has one.

    ``like`` is a tag or a range on tags.
    """
    model = tag_range(like) or version_tag(like)
    found = (tag for name in names if (tag := version_tag(name)))
    chosen = [tag for tag in found if model is None or tag.stem == model.stem]
    return tuple(sorted(chosen, key=_order, reverse=True))


def newer_tag(names: Iterable[str], taken: str) -> VersionTag | None:
    """Return the newest tag above the one that was taken, with its stem; None if there is none.

    Prereleases count only above a prerelease, as for a range.
    """
    mine = version_tag(taken)
    if mine is None:
        return None
    higher = (tag for tag in version_tags(names, like=taken) if tag.version > mine.version)
    return next((tag for tag in higher if not tag.version.pre or mine.version.pre), None)


def _order(tag: VersionTag) -> tuple[Version, str]:
    return tag.version, tag.name
