"""A file that is rewritten keeps its readers, and on the way nobody else can read or replace it."""

import os
import stat
from pathlib import Path

import pytest

from tarkpm.io import files
from tarkpm.io.files import atomic_write, replace_by

OTHER, GROUP = 12345, 23456
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o440, 0o664, 0o644, 0o444, 0o400])
def test_the_new_file_is_private_until_it_is_the_old_one(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "x", []

    def look(descriptor: int, data: bytes) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        os.write(descriptor, data)

    path.write_bytes(b"old")
    path.chmod(mode)
    monkeypatch.setattr(files, "write_all", look)
    before = os.umask(0)
    try:
        atomic_write(path, b"new")
    finally:
        os.umask(before)
    assert seen == [0o600]
    assert (path.read_bytes(), permissions(path)) == (b"new", mode)
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_set_id_bits_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o6755)
    atomic_write(path, b"new")
    assert permissions(path) == 0o755


@pytest.mark.parametrize("rewrite", ["beside", "staged"])
def test_a_link_that_is_put_there_meanwhile_is_replaced_and_not_followed(
    tmp_path: Path, rewrite: str
) -> None:
    path, precious = tmp_path / "x", tmp_path / "precious"
    precious.write_bytes(b"precious")
    precious.chmod(0o666)
    path.symlink_to(precious)
    if rewrite == "staged":
        staged = tmp_path / "staged"
        files.write_new(staged, b"new", 0o600)
        replace_by(path, staged)
    else:
        atomic_write(path, b"new")
    assert (precious.read_bytes(), permissions(precious)) == (b"precious", 0o666)
    assert (path.is_symlink(), path.read_bytes(), permissions(path)) == (False, b"new", 0o600)


@needs_root
def test_root_leaves_a_file_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o660)
    os.chown(path, OTHER, GROUP)
    atomic_write(path, b"new")
    found = path.stat()
    assert (found.st_uid, found.st_gid, permissions(path)) == (OTHER, GROUP, 0o660)


def as_user(number: int, folder: Path, path: Path) -> int:
    """Rewrite ``path`` as another user in a process of their own; returns its exit status."""
    os.chown(folder, number, number)
    for parent in (folder, *folder.parents):
        parent.chmod(parent.stat().st_mode | 0o111)
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(number, number, number)
            os.setresuid(number, number, number)
            atomic_write(path, b"new")
            status = 0
        finally:  # never on into pytest
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@needs_root
@pytest.mark.parametrize(
    ("mode", "expected"), [(0o660, 0o600), (0o664, 0o644), (0o640, 0o600), (0o666, 0o666)]
)
def test_a_group_that_cannot_be_kept_gives_its_rights_to_no_other(
    tmp_path: Path, mode: int, expected: int
) -> None:
    """The file was its group's to write; the user is not in that group, and the new file has the user's own."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "x"
    path.write_bytes(b"old")
    path.chmod(mode)
    os.chown(path, OTHER, GROUP)
    assert as_user(OTHER, folder, path) == 0
    found = path.stat()
    assert (found.st_uid, found.st_gid, permissions(path)) == (OTHER, OTHER, expected)


def entry(tag: int, rights: int, number: int = 0xFFFFFFFF) -> bytes:
    return tag.to_bytes(2, "little") + rights.to_bytes(2, "little") + number.to_bytes(4, "little")


def a_list(rights: int, mask: int) -> bytes:
    """The access list of a file in the kernel's form: user OTHER has ``rights``, as far as the mask goes."""
    version = (2).to_bytes(4, "little")
    return version + entry(1, 6) + entry(2, rights, OTHER) + entry(4, 4) + entry(16, mask) + entry(32, 0)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A file system that has access lists."""
    (tmp_path / "probe").touch()
    try:
        os.setxattr(tmp_path / "probe", "system.posix_acl_access", a_list(4, 4))
    except OSError:
        pytest.skip("this file system has no access lists")
    return tmp_path


def test_an_access_list_is_kept(listed: Path) -> None:
    """Without it, the group would get the mask's rights: another user's become its own."""
    path = listed / "x"
    path.write_bytes(b"old")
    os.setxattr(path, "system.posix_acl_access", a_list(6, 6))
    assert permissions(path) == 0o660
    atomic_write(path, b"new")
    assert os.getxattr(path, "system.posix_acl_access") == a_list(6, 6)


def test_an_access_list_that_cannot_be_kept_gives_nothing(
    listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = listed / "x"
    path.write_bytes(b"old")
    os.setxattr(path, "system.posix_acl_access", a_list(6, 6))

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setxattr", refuse)
    atomic_write(path, b"new")
    assert permissions(path) == 0o600


def test_a_list_inherited_from_the_folder_is_not_added(listed: Path) -> None:
    path = listed / "x"
    path.write_bytes(b"old")
    path.chmod(0o660)
    os.setxattr(listed, "system.posix_acl_default", a_list(6, 6))
    atomic_write(path, b"new")
    assert permissions(path) == 0o660
    with pytest.raises(OSError, match="No data"):
        os.getxattr(path, "system.posix_acl_access")
