"""Versions as in SemVer 2.0, and version ranges as in Cargo.

Versions follow https://semver.org/spec/v2.0.0.html. Ranges follow the version requirements of Cargo
(https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html), including the rule that a prerelease
matches only if a comparator names a prerelease of the same three numbers.

>>> Version.parse("1.0.0-rc.1") < Version.parse("1.0.0")
True
>>> Range.parse("^1.2").matches(Version.parse("1.9.0"))
True
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property, total_ordering

from tarkpm.core.patterns import lazy_pattern

MAX_LENGTH = 256

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_PRE = rf"(?P<pre>{_IDENTIFIER}(?:\.{_IDENTIFIER})*)"
_BUILD = r"(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)"
_VERSION = lazy_pattern(
    rf"(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})(?:-{_PRE})?(?:\+{_BUILD})?"
)
_COMPARATOR = lazy_pattern(
    rf"(?P<op>\^|~|=|>=|<=|>|<)?\s*(?P<major>{_NUMBER})"
    rf"(?:\.(?:(?P<wild1>[*xX])(?:\.[*xX])?|(?P<minor>{_NUMBER})"
    rf"(?:\.(?:(?P<wild2>[*xX])|(?P<patch>{_NUMBER})(?:-{_PRE})?(?:\+{_BUILD})?))?))?"
)
_BARE = lazy_pattern(r"[0-9][0-9.]*(?:[-+]\S*)?")
"""A comparator without an operator or a wildcard."""

Key = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]


@total_ordering
class Version:
    """A SemVer 2.0 version. Immutable and hashable.

    Versions are ordered by precedence (SemVer, section 11). Versions that differ only in build metadata are
    ordered by it, so that the order is total and consistent with equality.
    """

    __slots__ = ("build", "key", "major", "minor", "patch", "pre", "text")

    def __init__(self, major: int, minor: int, patch: int, pre: str = "", build: str = "") -> None:
        self.major, self.minor, self.patch, self.pre, self.build = major, minor, patch, pre, build
        self.text = f"{major}.{minor}.{patch}" + (f"-{pre}" if pre else "") + (f"+{build}" if build else "")
        self.key: Key = (major, minor, patch, 0 if pre else 1, _identifiers(pre))

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version. Raises `ValueError` with what was expected."""
        match = _VERSION.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if match is None:
            raise ValueError(f"expected a version like 1.2.3, found {_quoted(text)}")
        return cls(
            int(match["major"]),
            int(match["minor"]),
            int(match["patch"]),
            match["pre"] or "",
            match["build"] or "",
        )

    @property
    def triple(self) -> tuple[int, int, int]:
        """Major, minor and patch."""
        return self.major, self.minor, self.patch

    @property
    def plain(self) -> str:
        """The text without build metadata, which does not affect precedence (SemVer, section 10)."""
        return self.text.partition("+")[0]

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Version({self.text!r})"

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: "Version") -> bool:
        return (self.key, self.build) < (other.key, other.build)


def _identifiers(pre: str) -> tuple[tuple[int, int, str], ...]:
    """Return prerelease identifiers as sort keys: numeric ones first, by value (SemVer, section 11.4)."""
    return (
        tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split("."))
        if pre
        else ()
    )


class Comparator:
    """One condition of a range: an operator and a version that may lack minor and patch."""

    __slots__ = ("major", "minor", "op", "patch", "pre")

    def __init__(self, op: str, major: int, minor: int | None, patch: int | None, pre: str) -> None:
        self.op, self.major, self.minor, self.patch, self.pre = op, major, minor, patch, pre

    @classmethod
    def parse(cls, text: str) -> "Comparator":
        """Read a comparator. Raises `ValueError`."""
        match = _COMPARATOR.fullmatch(text)
        if match is None:
            raise ValueError(f"expected a range like ^1.2, found {_quoted(text)}")
        wild = match["wild1"] or match["wild2"]
        if wild and match["op"] not in (None, "="):
            raise ValueError(f"a wildcard takes no '{match['op']}', found {_quoted(text)}")
        minor, patch = (int(part) if (part := match[group]) else None for group in ("minor", "patch"))
        op = "=" if wild else match["op"] or "^"
        return cls(op, int(match["major"]), minor, patch, match["pre"] or "")

    def matches(self, version: Version) -> bool:
        """Return whether ``version`` satisfies this condition, without the rule for prereleases."""
        low, high = self.bounds
        above = version.key >= low if self.op != ">" or self.partial else version.key > low
        return above and (high is None or version.key < high)

    @property
    def partial(self) -> bool:
        """Return whether the patch, or both minor and patch, are left out."""
        return self.patch is None

    @property
    def bounds(self) -> tuple[Key, Key | None]:
        """The half-open interval of precedence keys. For a full ``>``, the lower bound is excluded."""
        base = _key(self.major, self.minor or 0, self.patch or 0, self.pre)
        match self.op:
            case ">":
                return (self._after() if self.partial else base), None
            case ">=":
                return base, None
            case "<":
                return _LOWEST, _floor(self.major, self.minor or 0) if self.partial else base
            case "<=":
                return _LOWEST, self._after() if self.partial else (*base[:4], (*base[4], _NEXT))
            case "=":
                return base, self._after() if self.partial else (*base[:4], (*base[4], _NEXT))
            case "~":
                return base, _floor(self.major, self.minor + 1) if self.minor is not None else _floor(
                    self.major + 1
                )
            case _:
                return base, self._caret()

    def _after(self) -> Key:
        """Return the least key above all versions that this partial version names."""
        if self.minor is None:
            return _floor(self.major + 1)
        return _floor(self.major, self.minor + 1)

    def _caret(self) -> Key:
        """Return the least key above what `^` allows: the leftmost non-zero number may not change."""
        if self.major or self.minor is None:
            return _floor(self.major + 1)
        if self.minor or self.patch is None:
            return _floor(0, self.minor + 1)
        return _floor(0, 0, self.patch + 1)


_LOWEST: Key = (0, 0, 0, -1, ())
_NEXT = (-1, 0, "")
"""Appended to the identifiers of a key, it gives the least key above: -1 sorts before every identifier."""


def _key(major: int, minor: int, patch: int, pre: str) -> Key:
    return major, minor, patch, 0 if pre else 1, _identifiers(pre)


def _floor(major: int, minor: int = 0, patch: int = 0) -> Key:
    """Return the key below all versions of these three numbers, prereleases included."""
    return major, minor, patch, -1, ()


class Range:
    """A set of versions: comparators joined by commas, all of which must match. Immutable."""

    def __init__(self, text: str, comparators: tuple[Comparator, ...]) -> None:
        self.text, self.comparators = text, comparators

    @classmethod
    def parse(cls, text: str) -> "Range":
        """Read a range. Raises `ValueError` with what was expected."""
        stripped = text.strip()
        if stripped in ("*", "x", "X"):
            return cls("*", ())
        if not stripped or len(text) > MAX_LENGTH:
            raise ValueError(f"expected a range like ^1.2, found {_quoted(text)}")
        parts = [part.strip() for part in stripped.split(",")]
        return cls(", ".join(parts), tuple(Comparator.parse(part) for part in parts))

    @classmethod
    def parse_typed(cls, text: str) -> "Range":
        """Read a range as typed behind ``NAME@``; raises `ValueError`.

        A version without an operator means what it says, as npm and pip users expect, not Cargo's caret
        (docs/decisions/0115).

        >>> str(Range.parse_typed("1.1.0")), str(Range.parse_typed("1.1")), str(Range.parse_typed("^1.1"))
        ('=1.1.0', '=1.1', '^1.1')
        """
        parts = (part.strip() for part in text.split(","))
        return cls.parse(", ".join(f"={part}" if _BARE.fullmatch(part) else part for part in parts))

    @property
    def is_exact(self) -> bool:
        """Return whether the range is one whole version, so that no other release can satisfy it."""
        return any(one.op == "=" and not one.partial for one in self.comparators)

    def matches(self, version: Version) -> bool:
        """Return whether ``version`` is in the range, with Cargo's rule for prereleases."""
        if not all(comparator.matches(version) for comparator in self.comparators):
            return False
        return not version.pre or version.triple in self._prereleases

    def span(self, keys: Sequence[Key]) -> tuple[int, int]:
        """Return the slice of ascending ``keys`` that satisfy every comparator, as (start, stop).

        It takes two bisections per comparator. The rule for prereleases is not applied: see `matches`.
        """
        low, high = 0, len(keys)
        for comparator in self.comparators:
            least, past = comparator.bounds
            side = bisect_right if comparator.op == ">" and not comparator.partial else bisect_left
            low = max(low, side(keys, least))
            high = high if past is None else min(high, bisect_left(keys, past))
        return low, max(low, high)

    @cached_property
    def _prereleases(self) -> frozenset[tuple[int, int, int]]:
        return frozenset((c.major, c.minor or 0, c.patch or 0) for c in self.comparators if c.pre)

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Range) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
