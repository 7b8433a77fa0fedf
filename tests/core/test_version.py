"""SemVer 2.0 and Cargo's ranges; each property quotes its specification."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.version import Range, Version

NUMBERS = st.integers(0, 30)
IDENTIFIERS = st.one_of(st.integers(0, 30).map(str), st.sampled_from(["a", "alpha", "b-1", "rc", "0a", "-"]))
PRE = st.lists(IDENTIFIERS, max_size=3).map(".".join)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS, PRE)
RELEASES = st.builds(Version, NUMBERS, NUMBERS, NUMBERS)


def test_precedence_is_the_specifications_own_example() -> None:
    """SemVer 11.4: 1.0.0-alpha < 1.0.0-alpha.1 < … < 1.0.0."""
    texts = ["alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1"]
    versions = [Version.parse(f"1.0.0-{text}") for text in texts] + [Version.parse("1.0.0")]
    assert sorted(versions, reverse=True)[::-1] == versions
    assert all(low < high for low, high in pairwise(versions))


@given(VERSIONS, VERSIONS)
def test_precedence_compares_field_by_field(one: Version, other: Version) -> None:
    """SemVer 11.2: major, minor and patch are always compared numerically."""
    if one.triple != other.triple:
        assert (one < other) == (one.triple < other.triple)


@given(RELEASES, PRE.filter(bool))
def test_a_prerelease_comes_before_its_release(release: Version, pre: str) -> None:
    """SemVer 11.3: a pre-release version has lower precedence than a normal version."""
    assert Version(*release.triple, pre) < release


@given(VERSIONS)
def test_a_version_reads_back(version: Version) -> None:
    assert Version.parse(str(version)) == version


def test_build_metadata_does_not_change_precedence_but_identity() -> None:
    """SemVer 10: build metadata must be ignored when determining version precedence."""
    one, other = Version.parse("1.0.0+a"), Version.parse("1.0.0+b")
    assert one.key == other.key
    assert one != other
    assert one < other


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.3-", "1.2.3-01", "1.2.3+", "v1.2.3", " 1.2.3",
     "1.2.3\n", "١.2.3", "1.2.3-a..b", "1.2.3-é", "9" * 300],
)  # fmt: skip
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a version like 1.2.3"):
        Version.parse(text)


# the tables of the Cargo book, "Specifying Dependencies"
CARGO = [
    ("1.2.3", ">=1.2.3, <2.0.0"), ("1.2", ">=1.2.0, <2.0.0"), ("1", ">=1.0.0, <2.0.0"),
    ("0.2.3", ">=0.2.3, <0.3.0"), ("0.2", ">=0.2.0, <0.3.0"), ("0.0.3", ">=0.0.3, <0.0.4"),
    ("0.0", ">=0.0.0, <0.1.0"), ("0", ">=0.0.0, <1.0.0"),
    ("~1.2.3", ">=1.2.3, <1.3.0"), ("~1.2", ">=1.2.0, <1.3.0"), ("~1", ">=1.0.0, <2.0.0"),
    ("1.*", ">=1.0.0, <2.0.0"), ("1.2.*", ">=1.2.0, <1.3.0"), ("1.2.x", ">=1.2.0, <1.3.0"),
    ("*", ">=0.0.0"), ("=1.2", ">=1.2.0, <1.3.0"), (">1.2", ">=1.3.0"), (">1", ">=2.0.0"),
    ("<=1.2", "<1.3.0"), ("<=1", "<2.0.0"), (">=1.2", ">=1.2.0"), ("<1.2", "<1.2.0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "meaning"), CARGO)
@given(version=RELEASES)
def test_a_range_means_what_the_cargo_book_says(text: str, meaning: str, version: Version) -> None:
    assert Range.parse(text).matches(version) == Range.parse(meaning).matches(version)


@given(VERSIONS, VERSIONS)
def test_caret_and_plain_are_one(base: Version, version: Version) -> None:
    """Cargo: a version alone is a caret requirement."""
    assert Range.parse(str(base)).matches(version) == Range.parse(f"^{base}").matches(version)


@given(VERSIONS, VERSIONS)
def test_comma_means_and(low: Version, version: Version) -> None:
    both = Range.parse(f">={low}, <{low.major + 2}.0.0")
    parts = [Range.parse(f">={low}"), Range.parse(f"<{low.major + 2}.0.0")]
    if not version.pre:
        assert both.matches(version) == all(part.matches(version) for part in parts)


@given(VERSIONS, VERSIONS)
def test_a_prerelease_needs_one_named_at_the_same_three_numbers(base: Version, version: Version) -> None:
    """Cargo: pre-release versions are excluded unless the requirement names one of the same version."""
    if version.pre and (not base.pre or base.triple != version.triple):
        assert not Range.parse(f">={base}").matches(version)


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [
        (">=1.0.0-a", "1.0.0-b", True), (">=1.0.0-a", "1.0.1-b", False), ("^1.0.0-a", "1.1.0", True),
        ("=1.0.0-a", "1.0.0-a", True), ("=1.0.0-a", "1.0.0-a.1", False), ("<=1.0.0", "1.0.0-a", False),
        (">1.0.0-a", "1.0.0-a.0", True), (">1.0.0", "1.0.0+build", False), ("=1.2.3", "1.2.3+b", True),
        ("^1.2", "2.0.0-a", False), ("~1.0.0-rc.1", "1.0.0-rc.2", True), ("*", "1.0.0-a", False),
    ],
)  # fmt: skip
def test_prereleases_in_ranges(text: str, version: str, expected: bool) -> None:
    assert Range.parse(text).matches(Version.parse(version)) is expected


@pytest.mark.parametrize(
    "text",
    ["", "^", "1.*.3", ">*", "^1.*", "1.2.3.4", "01.2", "1.2-a", "1,,2", " , ", "1 2", "=>1", "latest"],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a range like|takes no"):
        Range.parse(text)
