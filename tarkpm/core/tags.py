"""Tags that name versions: ``v1.2.0``, ``1.2.0``, or, for one of several plugins, ``text-tools-v1.2.0``."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from tarkpm.core.version import Version

_VERSION: Final = re.compile(r"(?P<prefix>(?:.*[^0-9.])?)(?P<version>[0-9]+\.[0-9]+\.[0-9]+(?:[-+].*)?)")
"""What comes before a version never ends in a digit or dot: ``v1.1.2.3`` names none."""


class VersionTag(msgspec.Struct, frozen=True):
    """A tag, the version it names, and what comes before the version in it."""

    name: str
    version: Version
    prefix: str


def version_tag(name: str) -> VersionTag | None:
    """Return the version that a tag names; None if it names none."""
    found = _VERSION.fullmatch(name)
    try:
        return VersionTag(name, Version.parse(found["version"]), found["prefix"]) if found else None
    except ValueError:
        return None


def version_tags(names: Iterable[str], *, like: str = "") -> tuple[VersionTag, ...]:
    """Return the tags that name versions, newest first: those with the prefix of ``like``, if it is one."""
    model = version_tag(like)
    found = (tag for name in names if (tag := version_tag(name)))
    chosen = [tag for tag in found if model is None or tag.prefix == model.prefix]
    return tuple(sorted(chosen, key=lambda tag: (tag.version, tag.name), reverse=True))
