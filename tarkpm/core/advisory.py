"""Advisories of an index: which releases of a plugin to avoid, and which release fixes them.

The maintainers of an index sign them offline, as they sign claims, so neither a publisher nor the holder of
the online key can add, change or hide one. `core.osv` reads and writes the documents.

An advisory decides nothing by itself: `tarkpm audit` reports it, and a team's policy may block a severity.
"""

from enum import IntEnum
from typing import Final

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.release import PluginName, folded
from tarkpm.core.text import short
from tarkpm.core.version import Comparator, Range, Version

MAX_ID: Final = 64

# Upper case only: an id is part of a file's name, and some file systems ignore case. OSV gives private
# databases the prefix x_.
_ID = lazy_pattern(r"x_[A-Z0-9]+(?:-[A-Z0-9]+)*")


class Severity(IntEnum):
    """How bad the problem is, in the words of CVSS; ordered."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @classmethod
    def parse(cls, text: str) -> "Severity":
        """Read a severity in any case; GitHub's ``moderate`` is medium. Raises `ValueError`."""
        word = "MEDIUM" if text.upper() == "MODERATE" else text.upper()
        if word not in cls.__members__:
            raise ValueError(f"expected low, medium, high or critical, found {short(text)}")
        return cls[word]

    def __str__(self) -> str:
        return self.name.lower()


class Span(msgspec.Struct, frozen=True):
    """Affected versions: from ``introduced`` (None: from the first), to below ``fixed`` or up to ``last``.

    At most one of ``fixed`` and ``last`` is set. With neither, all later versions are affected.
    """

    introduced: Version | None = None
    fixed: Version | None = None
    last: Version | None = None

    def contains(self, version: Version) -> bool:
        """Return whether a version is affected, by SemVer precedence: prereleases count like any other."""
        # Keys, not versions: build metadata has no precedence, so 1.0.0+build is affected like 1.0.0.
        if self.introduced and version.key < self.introduced.key:
            return False
        if self.fixed:
            return version.key < self.fixed.key
        return self.last is None or version.key <= self.last.key

    def __str__(self) -> str:
        if self.introduced and self.last and self.introduced.key == self.last.key:
            return f"={self.last}"
        low = f">={self.introduced}" if self.introduced else ""
        high = f"<{self.fixed}" if self.fixed else f"<={self.last}" if self.last else ""
        return ", ".join(filter(None, (low, high))) or "*"


class Advisory(msgspec.Struct, frozen=True):
    """An advisory about one plugin of one index, ``index`` being the digest of the index's first root.

    Times are UTC like 2026-01-31T12:00:00Z. ``withdrawn`` is "" unless the maintainers took it back.
    ``releases`` are exact releases by the digest of their statement. ``summary`` and ``references`` are
    untrusted text.
    """

    id: str
    name: PluginName
    index: str
    severity: Severity
    summary: str
    published: str
    modified: str
    withdrawn: str = ""
    spans: tuple[Span, ...] = ()
    releases: tuple[Digest, ...] = ()
    references: tuple[str, ...] = ()

    @property
    def affected(self) -> str:
        """The affected versions as ranges, joined by ``or``."""
        return " or ".join(map(str, self.spans))

    @property
    def fixed(self) -> tuple[Version, ...]:
        """The releases that it names as the fix."""
        return tuple(span.fixed for span in self.spans if span.fixed)


def affects(advisory: Advisory, name: str, version: Version, statement: Digest | None = None) -> bool:
    """Return whether a release of the advisory's index is affected.

    ``statement`` is the digest of its statement, None if that is not known. A withdrawn advisory affects
    nothing.
    """
    if advisory.withdrawn or folded(advisory.name) != folded(name):
        return False
    return statement in advisory.releases or any(span.contains(version) for span in advisory.spans)


def names_release(advisory: Advisory, name: str, statement: Digest | None) -> bool:
    """Return whether exactly this release is named. It is the same release from any source.

    Versions mean nothing outside of the index: another publisher's plugin may have the name.
    """
    return not advisory.withdrawn and folded(advisory.name) == folded(name) and statement in advisory.releases


def fixes(advisory: Advisory, name: str, version: Version) -> bool:
    """Return whether this release of the advisory's index is named as the fix, and is not affected itself."""
    # With its build metadata: 1.0.1+x has the precedence of 1.0.1, is preferred to it and is another release,
    # which somebody with the publisher's key can make once the fix is named.
    return (
        version in advisory.fixed
        and not advisory.withdrawn
        and folded(advisory.name) == folded(name)
        and not any(span.contains(version) for span in advisory.spans)
    )


def span_of(text: str) -> Span:
    """Return the affected versions of a range as typed: ``<1.2.3``, ``>=1.0.0, <1.2.3``, ``=1.0.0`` or ``*``.

    Only ``<`` names a fix, so ``^`` and ``~`` are refused: their upper bound is not a release. Raises
    `ValueError`.
    """
    parts = Range.parse_typed(text).comparators
    if any(one.partial or one.op not in ("<", "<=", ">=", "=") for one in parts):
        raise ValueError(f"expected a range like <1.2.3 or >=1.0.0, <1.2.3, found {short(text)}")
    found: dict[str, Version] = {}
    for one in parts:
        for end in _ends(one.op):
            if end in found:
                raise ValueError(f"expected one lower and one upper bound, found {short(text)}")
            found[end] = _version(one)
    return checked(Span(found.get("introduced"), found.get("fixed"), found.get("last")))


def _ends(operator: str) -> tuple[str, ...]:
    return {"<": ("fixed",), "<=": ("last",), ">=": ("introduced",), "=": ("introduced", "last")}[operator]


def _version(one: Comparator) -> Version:
    return Version(one.major, one.minor or 0, one.patch or 0, one.pre)


def checked(span: Span) -> Span:
    """Return the span; raises `ValueError` if its bounds contradict each other."""
    if span.fixed and span.last:
        raise ValueError("expected one upper bound, found two")
    if span.introduced and (
        (span.fixed and span.fixed.key <= span.introduced.key)
        or (span.last and span.last.key < span.introduced.key)
    ):
        raise ValueError(f"expected the lower bound to be below the upper one, found '{span}'")
    return span


def advisory_id(text: str) -> str:
    """Check an id such as ``x_TARK-2026-0001``. Raises `ValueError`."""
    if len(text) > MAX_ID or not _ID.fullmatch(text):
        raise ValueError(f"expected an id like x_TARK-2026-0001, found {short(text)}")
    return text
