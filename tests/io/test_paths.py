"""Paths without links, the same on every Python."""

import errno
from pathlib import Path

import pytest

from tarkpm.io.paths import resolved


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    assert resolved(tmp_path / "link" / "file") == tmp_path / "folder" / "file"


@pytest.mark.parametrize("path", ["loop", "loop/file", "around"])
def test_links_in_a_circle(tmp_path: Path, path: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "around").symlink_to("about")
    (tmp_path / "about").symlink_to("around")
    with pytest.raises(OSError, match="Too many levels of symbolic links") as found:
        resolved(tmp_path / path)
    assert found.value.errno == errno.ELOOP
