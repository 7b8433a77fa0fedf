"""Tags that name versions."""

import pytest

from tarkpm.core.release import GitSource, source_from_table
from tarkpm.core.tags import meant_range, newer_tag, tag_range, version_tag, version_tags


@pytest.mark.parametrize(
    ("tag", "prefix", "version"),
    [
        ("v1.2.3", "v", "1.2.3"),
        ("1.2.3", "", "1.2.3"),
        ("text-tools-v1.2.3-rc.1", "text-tools-v", "1.2.3-rc.1"),
        ("plugins/text-tools/1.0.0+build.5", "plugins/text-tools/", "1.0.0+build.5"),
        ("base64-v1.0.0", "base64-v", "1.0.0"),
    ],
)
def test_a_version(tag: str, prefix: str, version: str) -> None:
    found = version_tag(tag)
    assert found is not None
    assert (found.prefix, str(found.version)) == (prefix, version)


@pytest.mark.parametrize(
    "tag", ["", "latest", "v1", "v1.2", "v1.2.3.4", "v01.2.3", "1.2.3 x", "v" * 5000 + "1.2"]
)
def test_no_version(tag: str) -> None:
    assert version_tag(tag) is None


def test_the_newest_first_and_of_one_plugin() -> None:
    names = ["v1.9.0", "v1.10.0", "v2.0.0-rc.1", "other-v9.0.0", "latest"]
    assert [tag.name for tag in version_tags(names, like="v1.9.0")] == ["v2.0.0-rc.1", "v1.10.0", "v1.9.0"]
    assert next(tag.name for tag in version_tags(names, like="latest")) == "other-v9.0.0"


@pytest.mark.parametrize(
    ("text", "stem", "range_"),
    [
        ("^1.2", "", "^1.2"),
        ("v^1.2", "", "^1.2"),
        (">=1.2, <2", "", ">=1.2, <2"),
        ("=1.2.0", "", "=1.2.0"),
        ("*", "", "*"),
        ("v*", "", "*"),
        ("1.*", "", "1.*"),
        ("text-tools-^1.2", "text-tools-", "^1.2"),
        ("text-tools-v~1.2.3", "text-tools-", "~1.2.3"),
        ("plugins/text-tools/^1", "plugins/text-tools/", "^1"),
        ("text-tools@^1", "text-tools@", "^1"),
        ("base64-v1.*", "base64-", "1.*"),
    ],
)
def test_a_range(text: str, stem: str, range_: str) -> None:
    found = tag_range(text)
    assert found is not None
    assert (found.stem, str(found.range)) == (stem, range_)


@pytest.mark.parametrize("text", ["v1", "1.2", "v1.2.0", "1.x", "release=1", "a<b", "latest", ""])
def test_the_name_of_a_tag_is_no_range(text: str) -> None:
    assert tag_range(text) is None


@pytest.mark.parametrize("text", ["base64^1", "v1.2.0^{}", "^", "^1.2 x", "~", "a~b", "-^", "^1" * 200])
def test_what_is_neither(text: str) -> None:
    with pytest.raises(ValueError, match="expected a (tag|range)"):
        tag_range(text)
    with pytest.raises(ValueError, match="tag: expected a (tag|range)"):
        source_from_table({"git": "https://git.example/x.git", "tag": text})


@pytest.mark.parametrize(
    ("text", "newest"),
    [
        ("^1", "v1.10.0"),
        ("~1.9", "1.9.1"),
        ("*", "v3.0.0"),
        ("^2.0.0-rc.1", "v2.0.0-rc.1"),
        ("other-^1", "other-v1.0.0"),
        ("lib/^1", "lib/1.0.0"),
        ("^9", None),
        ("=1.2.3", "v1.2.3"),
    ],
)
def test_the_newest_in_a_range(text: str, newest: str | None) -> None:
    """Prereleases as in Cargo; two tags of one version: the last by name."""
    names = ["v1.9.0", "1.9.1", "v1.10.0", "v2.0.0-rc.1", "v3.0.0", "other-v1.0.0", "other-v9.0.0"]
    names += ["lib/1.0.0", "1.2.3", "v1.2.3", "v1", "latest", "^1", "x1.11.0"]
    wanted = tag_range(text)
    assert wanted is not None
    found = wanted.newest(reversed(names))
    assert (found.name if found else None) == newest


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("v1", "^1"),
        ("1.1", "^1.1"),
        ("text-tools-v1", "text-tools-^1"),
        ("v3", None),
        ("v1.0.9", None),  # a whole version means itself
        ("main", None),
        ("other-1", None),
        ("", None),
    ],
)
def test_the_range_that_a_part_of_a_version_may_mean(name: str, meant: str | None) -> None:
    assert meant_range(name, ["v1.0.0", "1.1.0", "text-tools-1.0.0", "v2"]) == meant


def test_newer_than_what_was_taken() -> None:
    names = ["v1.0.0", "v2.0.0", "v3.0.0-rc.1", "other-v9.0.0", "latest"]
    assert [tag and tag.name for tag in (newer_tag(names, "v1.0.0"), newer_tag(names, "v2.0.0"))] == [
        "v2.0.0",
        None,
    ]
    newer = newer_tag(names, "v3.0.0-beta")
    assert newer is not None
    assert newer.name == "v3.0.0-rc.1"
    assert newer_tag(names, "latest") is None


def test_which_locked_sources_follow_from_a_range() -> None:
    asked = GitSource("https://git.example/x.git", tag="^1.2", path="a")
    taken = GitSource("https://git.example/x.git", tag="v1.3.0", path="a", commit="c" * 40)
    assert asked.leads_to(taken)
    for other in (
        GitSource(taken.git, tag="v2.0.0", path="a", commit="c" * 40),
        GitSource(taken.git, tag="v1.3.0", path="b", commit="c" * 40),
        GitSource(taken.git, tag="x-v1.3.0", path="a", commit="c" * 40),
        GitSource(taken.git, branch="v1.3.0", path="a", commit="c" * 40),
        GitSource(taken.git, path="a", commit="c" * 40),
        GitSource("https://other.example/x.git", tag="v1.3.0", path="a", commit="c" * 40),
        asked.at("c" * 40),
    ):
        assert not asked.leads_to(other), other
    with pytest.raises(ValueError, match="expected the tag that was taken, found the range"):
        source_from_table({"git": taken.git, "tag": "^1.2", "commit": "c" * 40})
