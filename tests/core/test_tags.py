"""Tags that name versions."""

import pytest

from tarkpm.core.tags import version_tag, version_tags


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
