"""Logins from a netrc file: whose they are, and that no error shows one."""

import os
from pathlib import Path

import pytest

from tarkpm.errors import Refused
from tarkpm.io import netrc
from tarkpm.io.login import Login

SECRET = "hunter2-s3cret"


def look(home: Path, host: str, username: str = "", **environment: str) -> Login | None:
    return netrc.find({"HOME": str(home), **environment}, host, username)


def write(home: Path, text: str) -> Path:
    path = home / ".netrc"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_one_host(tmp_path: Path) -> None:
    write(tmp_path, f"machine git.example login me password {SECRET}\n")
    assert look(tmp_path, "git.example") == Login("me", SECRET)
    assert look(tmp_path, "GIT.example") == Login("me", SECRET)
    assert look(tmp_path, "git.example.evil") is None
    assert look(tmp_path, "example") is None


def test_a_host_in_capitals_in_the_file(tmp_path: Path) -> None:
    write(tmp_path, f"machine Git.Example login me password {SECRET}\n")
    assert look(tmp_path, "git.example") == Login("me", SECRET)


def test_for_a_user(tmp_path: Path) -> None:
    write(tmp_path, f"machine git.example login me password {SECRET}\n")
    assert look(tmp_path, "git.example", "me") == Login("me", SECRET)
    assert look(tmp_path, "git.example", "you") is None


def test_a_password_without_a_user(tmp_path: Path) -> None:
    write(tmp_path, f"machine git.example password {SECRET}\n")
    assert look(tmp_path, "git.example", "you") == Login("you", SECRET)


def test_the_default_entry_goes_to_nobody(tmp_path: Path) -> None:
    write(tmp_path, f"machine a.example login a password b\ndefault login me password {SECRET}\n")
    assert look(tmp_path, "git.example") is None
    assert look(tmp_path, "default") is None


def test_another_file(tmp_path: Path) -> None:
    (tmp_path / "other").write_text(f"machine git.example login me password {SECRET}\n")
    write(tmp_path, "machine git.example login them password no\n")
    assert look(tmp_path, "git.example", NETRC=str(tmp_path / "other")) == Login("me", SECRET)


@pytest.mark.parametrize("environment", [{}, {"NETRC": "/nowhere/netrc"}, {"HOME": "/nowhere"}])
def test_no_file(environment: dict[str, str]) -> None:
    assert netrc.find(environment, "git.example") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"machine git.example {SECRET}\n", "expected a netrc file, at line 2 or before"),
        (f"\n{SECRET}\n", "expected a netrc file, at line 3 or before"),
        (f"machine git.example login me password {SECRET}\0\n", "the login for 'git.example' contains an"),
        (f'machine git.example login me password "{SECRET}\rX: y"\n', "the login for 'git.example' contains"),
        (f"machine git.example password {'x' * 5000}\n", "the login for 'git.example' contains an"),
    ],
)
def test_a_file_that_is_wrong_is_not_quoted(tmp_path: Path, text: str, sentence: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(Refused) as caught:
        look(tmp_path, "git.example")
    assert caught.value.message.startswith(sentence)
    assert caught.value.where == str(path)
    seen: BaseException | None = caught.value
    assert SECRET not in str(seen)
    assert caught.value.__cause__ is None


def test_a_file_too_large(tmp_path: Path) -> None:
    write(tmp_path, "# \n" * 100_000)
    with pytest.raises(Refused, match="the file has more than 262,144 bytes"):
        look(tmp_path, "git.example")


def test_what_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".netrc")  # opening it would wait for ever
    with pytest.raises(Refused, match="expected a file"):
        look(tmp_path, "git.example")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_bytes(b"machine git.example password " + SECRET.encode() + b"\xff\xfe\n")
    with pytest.raises(Refused) as caught:
        look(tmp_path, "git.example")
    assert caught.value.message == "the file cannot be read: not text"


def test_a_login_does_not_show() -> None:
    assert SECRET not in repr(Login("me", SECRET))
    assert SECRET not in str([Login(SECRET)])
    assert f"{Login('me', SECRET)}" == "Login(…)"


def test_the_header() -> None:
    assert Login("Aladdin", "open sesame").header == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617
