"""fs: what a grant opens of a home folder, and every way out of it that is closed."""

import os
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.capability import CapabilitySet
from tarkpm.host.imports.fs import MAX_FILE, Fs
from tarkpm.host.imports.guard import Guard

DENIED = {"err": {"message": "is not granted to this plugin", "denied": True}}
PRIVATE = {"err": {"message": "plugins may not read this file", "denied": True}}
OUTSIDE = {"err": {"message": "is not below the user's home", "denied": True}}


def failed(message: str) -> Any:
    return {"err": {"message": message, "denied": False}}


LINK = failed("is a link, and links are not followed")


class Reader:
    """What a plugin with these grants can read."""

    def __init__(self, home: Path, *scopes: str, private: tuple[Path, ...] = ()) -> None:
        self.reports: list[str] = []
        granted = CapabilitySet.from_table({"fs_read": list(scopes)})
        self._fs = Fs(granted, home, self.reports.append, Guard(private, ((home, ()),)))

    def __call__(self, path: str) -> Any:
        return self._fs.call("read", (path,), time.monotonic() + 5)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    texts = {
        ".codex/auth.json": "{}",
        ".codex/sub/deep.json": "deep",
        ".ssh/id_rsa": "KEY",
        "work/a.md": "a",
        "work/.env": "SECRET=1",
        "work/b/c.md": "c",
        "work/b/.git/config": "git",
        "work/id_rsa": "KEY",
        "work/server.pem": "KEY",
    }
    for name, text in texts.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    (tmp_path / "outside.txt").write_text("outside")
    return home


def test_what_is_granted_is_read_by_either_name(home: Path) -> None:
    read = Reader(home, "~/.codex/auth.json", "~/work/")
    assert read("~/.codex/auth.json") == {"ok": "{}"}
    assert read(f"{home}/.codex/auth.json") == {"ok": "{}"}
    assert read("~/work/a.md") == {"ok": "a"}
    assert read("~/work/b/c.md") == {"ok": "c"}
    assert read("~/work/none") == failed("does not exist")
    assert read("~/work/b") == failed("is a folder")
    assert read("~/work/a.md/x") == failed("is not a folder")
    assert read.reports == []


def test_globs_stay_within_a_part(home: Path) -> None:
    read = Reader(home, "~/.codex/*.json")
    assert read("~/.codex/auth.json") == {"ok": "{}"}
    assert read("~/.codex/sub/deep.json") == DENIED
    assert read.reports == ["asked to read ~/.codex/sub/deep.json, which is not granted"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../outside.txt", "~", "~root/x", "", "work/a.md", "/", "file:///etc/passwd", "~\\work",
        "/home", "${HOME}/.codex/auth.json", "//etc/passwd",
    ],
)  # fmt: skip
def test_nothing_outside_the_home_is_named(home: Path, path: str) -> None:
    assert Reader(home, "~/work/")(path) == OUTSIDE


@pytest.mark.parametrize(
    "path",
    [
        "~/work/../.ssh/id_rsa", "~/work/./a.md", "~/work//a.md", "~/../outside.txt", "~/work/b/../../../outside.txt",
        "~/work/a.md\x00", "~/work/a\n.md", "~/work\\a.md", "~/", "~/work/" + "x" * 2000, "~/work/\u202ea.md",
    ],
)  # fmt: skip
def test_a_path_with_a_trick_in_it_is_refused(home: Path, path: str) -> None:
    answer = Reader(home, "~/work/")(path)
    assert "ok" not in answer, answer


def test_the_homes_own_path_is_a_prefix_by_parts(home: Path, tmp_path: Path) -> None:
    (tmp_path / "home2").mkdir()
    (tmp_path / "home2" / "x").write_text("other user")
    read = Reader(home, "~/work/", "~/x")
    assert read(f"{tmp_path}/home2/x") == OUTSIDE
    assert read(f"{home}/../home2/x") == failed("a path with an empty part, '.' or '..' is not accepted")


def test_what_is_private_is_not_read_whatever_covers_it(home: Path) -> None:
    read = Reader(home, "~/work/")
    assert read("~/work/.env") == DENIED
    assert read("~/work/id_rsa") == PRIVATE
    assert read("~/work/server.pem") == PRIVATE
    assert read("~/work/b/.git/config") == DENIED
    assert read("~/.ssh/id_rsa") == DENIED
    assert "may not read ~/work/id_rsa, which is private" in read.reports


def test_tarks_own_folders_are_known_wherever_they_are(home: Path) -> None:
    state = home / "work" / "state"
    state.mkdir()
    (state / "key.md").write_text("KEY")
    os.rename(home / "work" / "b", home / "work" / "moved")
    read = Reader(home, "~/work/", private=(state, home / "work" / "moved"))
    assert read("~/work/state/key.md") == failed("plugins may not use this file or folder")
    assert read("~/work/moved/c.md") == failed("plugins may not use this file or folder")


def test_links_are_not_followed(home: Path, tmp_path: Path) -> None:
    (home / "work" / "file").symlink_to(home / ".ssh" / "id_rsa")
    (home / "work" / "inside").symlink_to("a.md")
    (home / "work" / "folder").symlink_to(tmp_path)
    (home / ".gone").symlink_to("work")
    read = Reader(home, "~/work/", "~/.gone/")
    assert read("~/work/file") == LINK
    assert read("~/work/inside") == LINK
    assert read("~/work/folder/outside.txt") == failed("'folder' is a link, and links are not followed")
    assert read("~/.gone/a.md") == failed("'.gone' is a link, and links are not followed")


def test_only_regular_files_of_one_name(home: Path) -> None:
    work = home / "work"
    os.link(home / ".ssh" / "id_rsa", work / "hard")
    os.mkfifo(work / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(work / "s"))
        read = Reader(home, "~/work/")
        assert read("~/work/hard") == failed("is a hard link, and its other names may not be granted")
        assert read("~/work/fifo") == failed("is not a regular file")
        assert read("~/work/s") == failed("is not a regular file")


def test_size_and_text_are_checked(home: Path) -> None:
    (home / "work" / "big").write_bytes(b"x" * (MAX_FILE + 1))
    (home / "work" / "full").write_bytes(b"x" * MAX_FILE)
    (home / "work" / "bytes").write_bytes(b"\xff")
    read = Reader(home, "~/work/")
    assert read("~/work/big") == failed("the file is larger than 128 KiB")
    assert read("~/work/full") == {"ok": "x" * MAX_FILE}
    assert read("~/work/bytes") == failed("the file is not UTF-8 text")


def test_a_home_that_is_reached_through_a_link_is_still_the_home(home: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(home)
    assert Reader(tmp_path / "linked", "~/work/")(f"{tmp_path}/linked/work/a.md") == {"ok": "a"}


def test_nothing_is_read_without_a_grant(home: Path) -> None:
    read = Reader(home)
    for path in ("~/work/a.md", "~/.codex/auth.json", f"{home}/work/a.md"):
        assert read(path) == DENIED


PIECES = st.sampled_from(
    [
        "~",
        "~/",
        "/",
        "..",
        ".",
        "work",
        ".codex",
        ".ssh",
        "a.md",
        "auth.json",
        "id_rsa",
        "b",
        "c.md",
        "*",
        "**",
        "HOME",
    ]
)


@given(st.lists(PIECES, max_size=6).map("/".join))
def test_whatever_is_asked_only_what_was_granted_is_told(path: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        for name in (".codex/auth.json", ".ssh/id_rsa", "work/a.md", "work/b/c.md", "work/b/id_rsa"):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(name)
        (Path(folder) / "a.md").write_text("outside")
        told = Reader(home, "~/work/", "~/.codex/*.md")(path.replace("HOME", str(home)))
        assert "ok" not in told or told["ok"] in ("work/a.md", "work/b/c.md")
