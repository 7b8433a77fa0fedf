"""filesystem: what a grant opens, and every way out of it that is closed."""

import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.capability import CapabilitySet
from tarkpm.host.imports.filesystem import MAX_ENTRIES, MAX_FILE, Filesystem
from tarkpm.host.imports.folders import WorkspaceFolder
from tarkpm.host.imports.guard import is_protected

DONE = {"ok": None}
NOT_GRANTED = {"err": "is not granted to this plugin"}
READ_ONLY = {"err": "is granted for reading only"}
NOT_YOURS = {"err": "plugins may not use this file or folder"}
LINK = {"err": "is a link, and links are not followed"}
PLAIN = {"err": "expected a path relative to the workspace, with '/' between its parts"}
DOTS = {"err": "a path with an empty part, '.' or '..' is not accepted"}
HARD = {"err": "is a hard link, and its other names may not be granted"}


class Files:
    """A plugin's view of a workspace."""

    def __init__(self, root: Path, *scopes: str) -> None:
        self._files = Filesystem(
            CapabilitySet.from_table({"filesystem": list(scopes)}), WorkspaceFolder(root)
        )

    def __getattr__(self, function: str) -> Callable[..., Any]:
        return lambda *args: self._files.call(function, args, time.monotonic() + 10)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    for name, text in {"docs/a.txt": "ä", "docs/sub/b.txt": "b", "notes/n.txt": "n", "top.txt": "t"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    return root


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return tmp_path / "outside"


@pytest.fixture
def files(root: Path) -> Files:
    return Files(root, "docs/", "notes/:ro")


def test_read(files: Files) -> None:
    assert files.read("docs/a.txt") == {"ok": "ä"}
    assert files.read("./docs/sub/b.txt") == {"ok": "b"}
    assert files.read("notes/n.txt") == {"ok": "n"}
    assert files.read("docs/none") == {"err": "does not exist"}
    assert files.read("docs/none/x") == {"err": "does not exist"}
    assert files.read("docs/sub") == {"err": "is a folder"}
    assert files.read("docs/a.txt/x") == {"err": "is not a folder"}


def test_write(files: Files, root: Path) -> None:
    assert files.write("docs/new.txt", "ü") == DONE
    assert files.write("docs/a.txt", "") == DONE
    assert ((root / "docs/new.txt").read_text(), (root / "docs/a.txt").read_text()) == ("ü", "")
    assert files.write("docs/none/x", "x") == {"err": "does not exist"}
    assert files.write("docs/sub", "x") == {"err": "is a folder"}
    assert sorted(os.listdir(root / "docs")) == ["a.txt", "new.txt", "sub"]


def test_list_and_stat(files: Files) -> None:
    listed = [{"name": "a.txt", "kind": "file", "size": 2}, {"name": "sub", "kind": "directory", "size": 0}]
    assert files.list("docs") == files.list("docs/") == {"ok": listed}
    assert [files.stat(f"docs/{entry['name']}")["ok"] for entry in listed] == listed
    assert files.stat("docs") == {"ok": {"name": "docs", "kind": "directory", "size": 0}}
    assert files.list("docs/a.txt") == {"err": "is not a folder"}
    assert files.stat("docs/none") == {"err": "does not exist"}


def test_remove(files: Files, root: Path) -> None:
    assert files.remove("docs/sub") == {"err": "the folder is not empty"}
    assert files.remove("docs/sub/b.txt") == DONE
    assert files.remove("docs/sub") == DONE
    assert files.remove("docs/sub") == {"err": "does not exist"}
    assert os.listdir(root / "docs") == ["a.txt"]


def test_what_is_read_only(files: Files, root: Path) -> None:
    assert files.write("notes/n.txt", "x") == files.remove("notes/n.txt") == READ_ONLY
    assert files.write("notes/new", "x") == READ_ONLY
    assert os.listdir(root / "notes") == ["n.txt"]


def test_what_was_not_granted(files: Files, root: Path) -> None:
    for path in ("top.txt", "docs2/x", "doc", "Docs/a.txt", "notes2"):
        for answer in (files.read(path), files.stat(path), files.list(path), files.remove(path)):
            assert answer == NOT_GRANTED
        assert files.write(path, "x") == NOT_GRANTED
    assert (root / "top.txt").read_text() == "t"


def test_the_granted_folder_itself_stays(files: Files, root: Path) -> None:
    for path in ("docs/sub/b.txt", "docs/sub", "docs/a.txt"):
        assert files.remove(path) == DONE
    assert files.remove("docs") == READ_ONLY
    (root / "docs").rmdir()
    assert files.write("docs", "now a file") == READ_ONLY
    assert not (root / "docs").exists()


def test_a_single_file(root: Path) -> None:
    files = Files(root, "top.txt", "docs")
    assert files.write("top.txt", "x") == DONE
    assert files.read("top.txt") == {"ok": "x"}
    assert files.read("docs/a.txt") == files.list("docs") == NOT_GRANTED  # "docs/" would grant a folder
    assert files.stat("docs")["ok"]["kind"] == "directory"


def test_nothing_granted(root: Path) -> None:
    assert Files(root).read("docs/a.txt") == NOT_GRANTED


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("../outside/secret.txt", DOTS),
        ("docs/../top.txt", DOTS),
        ("docs/../../outside/secret.txt", DOTS),
        ("docs/sub/../a.txt", DOTS),
        ("docs/./a.txt", DOTS),
        ("docs//a.txt", DOTS),
        ("docs//", DOTS),
        ("", DOTS),
        (".", DOTS),
        ("./", DOTS),
        ("././docs/a.txt", DOTS),
        ("..", DOTS),
        ("/", PLAIN),
        ("/etc/passwd", PLAIN),
        ("//docs/a.txt", PLAIN),
        ("docs\\a.txt", PLAIN),
        ("docs\\..\\top.txt", PLAIN),
        ("docs/a.txt\0.png", PLAIN),
        ("docs/a\n", PLAIN),
        ("docs/\u202e", PLAIN),
        ("docs/\ud800", PLAIN),
        ("docs/" + "x" * 1024, {"err": "the path is longer than 1,024 characters or 64 parts"}),
        ("docs/" + "x/" * 65, {"err": "the path is longer than 1,024 characters or 64 parts"}),
        ("docs/" + "x" * 300, {"err": "cannot be used: File name too long"}),
        ("~/x", NOT_GRANTED),
        ("C:/x", NOT_GRANTED),
    ],
)
def test_paths_that_lead_elsewhere(files: Files, path: str, answer: dict[str, str]) -> None:
    assert files.read(path) == answer
    for found in (files.write(path, "x"), files.stat(path), files.list(path), files.remove(path)):
        assert "err" in found


def test_an_absolute_path_inside_is_none_either(files: Files, root: Path) -> None:
    assert files.read(str(root / "docs" / "a.txt")) == PLAIN


PROTECTED = [".git/config", ".tark/plugins/x/plugin.wasm", "tark.toml", "tark.lock"]
SPELLINGS = [
    ".GIT/config", ".g\u200dit/config", ".git./config", ".git /config", "git~1/config", "GIT~2/config",
    ".git::$INDEX_ALLOCATION/config", "．git/config", "sub/.git/config", "sub/.Tark/x", "TARK.TOML",
    "tark.toml.", "tark.toml::$DATA", "tark.loc\u212a", "sub/tark.lock", ".git", ".tark",
]  # fmt: skip


@pytest.mark.parametrize("name", PROTECTED + SPELLINGS)
def test_protected_names(root: Path, name: str) -> None:
    place = root / "docs" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.write_text("mine")
    files = Files(root, "docs/")
    path = f"docs/{name}"
    for answer in (files.read(path), files.stat(path), files.list(path), files.remove(path)):
        assert answer in (NOT_YOURS, PLAIN)
    assert files.write(path, "theirs") in (NOT_YOURS, PLAIN)
    assert place.read_text() == "mine"
    assert {entry["name"] for entry in files.list("docs")["ok"]} <= {"a.txt", "sub"}


@pytest.mark.parametrize("name", PROTECTED)
def test_protected_names_at_the_top(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("mine")
    files = Files(root, name, name.partition("/")[0] + "/")  # even if somebody grants just that
    assert files.read(name) == NOT_YOURS
    assert files.write(name, "theirs") == NOT_YOURS


@pytest.mark.parametrize(
    "name", [".gitignore", ".github", "git", "tark.toml.bak", "mytark.lock", "a~1", "git~x"]
)
def test_names_that_only_look_like_it(root: Path, name: str) -> None:
    files = Files(root, "docs/")
    assert not is_protected(name)
    assert files.write(f"docs/{name}", "x") == DONE
    assert files.read(f"docs/{name}") == {"ok": "x"}


def test_a_protected_folder_under_another_name(
    root: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a bind mount, or a file system with ideas of its own about names, would show it."""
    monkeypatch.setattr("tarkpm.host.imports.guard.PROTECTED", frozenset({"docs"}))
    monkeypatch.setattr("tarkpm.host.imports.guard.is_protected", lambda name: False)
    monkeypatch.setattr("tarkpm.host.imports.filesystem.is_protected", lambda name: False)
    assert files.read("docs/a.txt") == {"err": "plugins may not use this file or folder"}


@pytest.mark.parametrize(
    "target", ["../../outside/secret.txt", "a.txt", "../top.txt", "nowhere", "/etc/passwd"]
)
def test_a_link_to_a_file(root: Path, files: Files, target: str, outside: Path) -> None:
    (root / "docs/link").symlink_to(target)
    assert files.read("docs/link") == files.write("docs/link", "x") == LINK
    assert files.remove("docs/link") == {"err": "is neither a file nor a folder"}
    assert files.stat("docs/link") == {"ok": {"name": "link", "kind": "other", "size": 0}}
    assert {"name": "link", "kind": "other", "size": 0} in files.list("docs")["ok"]
    assert (outside / "secret.txt").read_text() == "secret"


@pytest.mark.parametrize("target", ["../../outside", "sub", "..", ".", "/"])
def test_a_link_to_a_folder(root: Path, files: Files, target: str, outside: Path) -> None:
    (root / "docs/link").symlink_to(target)
    sentence = {"err": "'link' is a link, and links are not followed"}
    assert files.list("docs/link") == files.list("docs/link/") == sentence
    for name in ("secret.txt", "b.txt", "top.txt", "etc/passwd"):
        assert files.read(f"docs/link/{name}") == files.write(f"docs/link/{name}", "x") == sentence
        assert files.stat(f"docs/link/{name}") == files.remove(f"docs/link/{name}") == sentence
    assert os.listdir(outside) == ["secret.txt"]


def test_a_granted_folder_that_is_a_link(root: Path, files: Files, outside: Path) -> None:
    (root / "notes/n.txt").unlink()
    (root / "notes").rmdir()
    (root / "notes").symlink_to(outside)
    assert files.read("notes/secret.txt") == {"err": "'notes' is a link, and links are not followed"}


def test_a_workspace_reached_through_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    assert Files(tmp_path / "alias", "docs/").read("docs/a.txt") == {"ok": "ä"}


def test_a_hard_link(root: Path, files: Files, outside: Path) -> None:
    os.link(outside / "secret.txt", root / "docs/hard")
    assert files.read("docs/hard") == files.write("docs/hard", "x") == HARD
    assert (outside / "secret.txt").read_text() == "secret"
    assert files.remove("docs/hard") == DONE  # the name is the plugin's to remove, the file stays
    assert (outside / "secret.txt").read_text() == "secret"


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_file(root: Path, files: Files, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = root / "docs/odd"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "socket":
        monkeypatch.chdir(root / "docs")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("odd")
    else:
        try:
            os.mknod(place, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    started = time.monotonic()
    assert files.read("docs/odd") == files.write("docs/odd", "x") == {"err": "is not a regular file"}
    assert files.remove("docs/odd") == {"err": "is neither a file nor a folder"}
    assert files.stat("docs/odd")["ok"]["kind"] == "other"
    assert time.monotonic() - started < 5


def test_sizes(root: Path, files: Files) -> None:
    assert files.write("docs/big", "x" * MAX_FILE) == DONE
    assert len(files.read("docs/big")["ok"]) == MAX_FILE
    assert files.write("docs/big", "x" * MAX_FILE + "x") == {"err": "the text is larger than 8 MiB"}
    with (root / "docs/big").open("a") as file:
        file.write("x")
    assert files.read("docs/big") == {"err": "the file is larger than 8 MiB"}


def test_what_is_not_text(root: Path, files: Files) -> None:
    (root / "docs/bin").write_bytes(b"\xff")
    assert files.read("docs/bin") == {"err": "the file is not UTF-8 text"}
    assert files.write("docs/x", "\ud800") == {"err": "the text is not valid Unicode"}


def test_names_that_are_not_text(root: Path, files: Files) -> None:
    try:
        (root / "docs" / os.fsdecode(b"\xff")).write_text("")
    except OSError:
        pytest.skip("this file system has only names of text")
    assert [entry["name"] for entry in files.list("docs")["ok"]] == ["a.txt", "sub"]


def test_a_folder_with_too_much_in_it(root: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tarkpm.host.imports.filesystem.MAX_ENTRIES", 1)
    assert MAX_ENTRIES == 10_000
    assert files.list("docs") == {"err": "the folder has more than 1 entries"}


@pytest.mark.parametrize("mode", [0o640, 0o755, 0o600, 0o6755])
def test_a_replaced_file_keeps_its_mode_but_no_privilege(root: Path, files: Files, mode: int) -> None:
    (root / "docs/a.txt").chmod(mode)
    assert files.write("docs/a.txt", "x") == DONE
    assert stat.S_IMODE((root / "docs/a.txt").stat().st_mode) == mode & 0o777


def test_a_new_file_has_the_users_usual_mode(root: Path, files: Files) -> None:
    old = os.umask(0o027)
    try:
        assert files.write("docs/new", "x") == DONE
    finally:
        os.umask(old)
    assert stat.S_IMODE((root / "docs/new").stat().st_mode) == 0o640


def test_write_protected(root: Path, files: Files) -> None:
    (root / "docs/a.txt").chmod(0o444)
    assert files.write("docs/a.txt", "x") == files.remove("docs/a.txt") == {"err": "is write-protected"}


def test_a_write_that_fails_leaves_nothing(root: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    assert files.write("docs/a.txt", "x") == {"err": "cannot be used: No space left on device"}
    assert (root / "docs/a.txt").read_text() == "ä"
    assert sorted(os.listdir(root / "docs")) == ["a.txt", "sub"]


def test_readers_see_the_old_text_or_the_new(root: Path, files: Files) -> None:
    texts = {"a" * 100_000, "b" * 100_000}
    files.write("docs/a.txt", "a" * 100_000)
    over, seen = threading.Event(), set()

    def look() -> None:
        while not over.is_set():
            seen.add((root / "docs/a.txt").read_text())

    thread = threading.Thread(target=look)
    thread.start()
    for turn in range(50):
        assert files.write("docs/a.txt", "ab"[turn % 2] * 100_000) == DONE
    over.set()
    thread.join()
    assert seen <= texts


def swap(place: Path, real: Path, target: Path, over: threading.Event) -> None:
    """Make ``place`` a folder and a link to elsewhere by turns, as fast as whoever uses it can notice."""
    spare = place.with_name("spare-link")
    while not over.is_set():
        os.symlink(target, spare)
        os.rename(place, real)
        os.rename(spare, place)
        time.sleep(0.00005)
        os.unlink(place)
        os.rename(real, place)
        time.sleep(0.0002)


def test_a_folder_swapped_for_a_link_while_it_is_used(root: Path, files: Files, outside: Path) -> None:
    (root / "docs/sub/secret.txt").write_text("harmless")
    over = threading.Event()
    racer = threading.Thread(target=swap, args=(root / "docs/sub", root / "docs/real", outside, over))
    racer.start()
    answers: dict[str, int] = {}
    until = time.monotonic() + 1.5
    try:
        while time.monotonic() < until:
            files.write("docs/sub/written.txt", "x")
            for answer in (files.read("docs/sub/secret.txt"), files.remove("docs/sub/written.txt")):
                answers[str(answer)] = answers.get(str(answer), 0) + 1
            listed = files.list("docs/sub")
            assert "ok" not in listed or {"secret.txt"} <= {entry["name"] for entry in listed["ok"]}
    finally:
        over.set()
        racer.join()
    assert "secret" not in answers
    assert (outside / "secret.txt").read_text() == "secret"
    assert os.listdir(outside) == ["secret.txt"]
    assert answers.get("{'ok': 'harmless'}", 0) > 10, answers  # it did run
    assert any("link" in answer for answer in answers), answers  # and it did meet the link


def test_a_file_swapped_for_a_link_while_it_is_used(root: Path, files: Files, outside: Path) -> None:
    place, spare, plain = root / "docs/a.txt", root / "docs/spare", root / "docs/plain"
    over = threading.Event()

    def race() -> None:
        while not over.is_set():
            os.symlink(outside / "secret.txt", spare)
            os.replace(spare, place)
            plain.write_text("harmless")
            os.replace(plain, place)

    racer = threading.Thread(target=race)
    racer.start()
    seen: set[str] = set()
    until = time.monotonic() + 1.0
    try:
        while time.monotonic() < until:
            seen.add(str(files.read("docs/a.txt")))
            files.write("docs/a.txt", "harmless")
            files.stat("docs/a.txt")
    finally:
        over.set()
        racer.join()
    assert str({"ok": "secret"}) not in seen
    assert (outside / "secret.txt").read_text() == "secret"
    assert len(seen) > 1, seen


@given(st.text(st.sampled_from("ab./\\~ \0\ud800:.git"), max_size=12))
def test_no_path_leads_out(path: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "in" / "work"
        (root / "a").mkdir(parents=True)
        before = sorted(os.walk(name))
        for prefix in ("", "a/", "a/../"):
            Files(root, "a/").write(prefix + path, "x")
        after = sorted(os.walk(name))
        assert [entry for entry in after if entry[0] != str(root / "a")] == [
            entry for entry in before if entry[0] != str(root / "a")
        ]


def test_nothing_is_left_open(root: Path, files: Files) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        for path in ("docs/a.txt", "docs/none", "docs/sub", "docs/.git", "docs/a.txt/x"):
            for answer in (
                files.read(path),
                files.list(path),
                files.stat(path),
                files.write(path + "2", "x"),
            ):
                assert answer
    assert len(os.listdir("/dev/fd")) <= before
