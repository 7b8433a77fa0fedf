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


def test_the_default_entry_is_for_other_hosts_and_only_where_it_is_allowed(tmp_path: Path) -> None:
    write(tmp_path, f"machine a.example login a password b\ndefault login me password {SECRET}\n")
    home = {"HOME": str(tmp_path)}
    assert netrc.find(home, "git.example") is None
    assert netrc.find(home, "default") is None
    assert netrc.find(home, "git.example", default=True) == Login("me", SECRET)
    assert netrc.find(home, "git.example", "me", default=True) == Login("me", SECRET)
    assert netrc.find(home, "git.example", "you", default=True) is None
    assert netrc.find(home, "a.example", default=True) == Login("a", "b")
    assert netrc.find(home, "a.example", "me", default=True) is None, "its own entry is for another user"


TWO = "machine h.example login a password 1\nmachine h.example login b password 2\n"


@pytest.mark.parametrize(
    "text",
    [
        TWO,
        TWO.replace("\n", " "),
        "machine h.example\n\tlogin a\n\tpassword 1\n\tlogin b\n\tpassword 2\n",
        "machine h.example login a password 1 login b password 2",
        "machine other login x password y\n" + TWO,
        'machine "h.example" login "a" password "\\1"\nmachine H.EXAMPLE login b password "2"',
        "\ufeff" + TWO,
        TWO.replace("\n", "\r\n"),
    ],
)
def test_several_logins_of_a_host(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    assert look(tmp_path, "h.example") == Login("a", "1"), "the first, without a user in the URL"
    assert look(tmp_path, "h.example", "a") == Login("a", "1")
    assert look(tmp_path, "h.example", "b") == Login("b", "2")
    assert look(tmp_path, "h.example", "c") is None


@pytest.mark.parametrize(
    "text",
    {
        "a macro at the end of the file": "LOGIN\nmacdef init\ncd /x\n",
        "a macro at the end without a line break": "LOGIN\nmacdef init\ncd /x",
        "a macro that ends": "machine x\nmacdef init\nmachine h.example login no password no\n\nLOGIN",
        "a macro behind a login": "LOGIN macdef init\nmachine h.example login b password no\n",
        "a word of another tool": "machine api login x password y method interactive\nLOGIN",
        "protocol": "LOGIN protocol https",
        "protocol in front": "machine h.example protocol https login a password 1",
        "port": "LOGIN port 8443",
        "account": "machine h.example login a account login password 1",
        "unknown words": "what is this\nLOGIN indeed",
        "words before any host": "login q password r\nLOGIN",
        "comments": "# machine h.example login no password no\n  #x\nLOGIN\n# end",
        "a value in the next line": "machine\nh.example\nlogin\na\npassword\n1",
        "an entry without a login": "machine h.example\nLOGIN",
        "an entry without a password": "machine h.example login a\nLOGIN",
        "nothing behind the last word": "LOGIN\nmachine",
    }.values(),
)
def test_what_curl_accepts(tmp_path: Path, text: str) -> None:
    write(tmp_path, text.replace("LOGIN", "machine h.example login a password 1"))
    assert look(tmp_path, "h.example") == Login("a", "1")


@pytest.mark.parametrize(
    ("written", "password"),
    [("a#b", "a#b"), ("#x", "#x"), (r"a\b", r"a\b"), ('"a b"', "a b"), (r'"\"\\"', '"\\'), ('a"b', 'a"b')],
)
def test_a_password_is_read_as_curl_reads_it(tmp_path: Path, written: str, password: str) -> None:
    write(tmp_path, f"machine h.example login a password {written}\n")
    assert look(tmp_path, "h.example") == Login("a", password)


@pytest.mark.parametrize("host", ["2001:db8::5", "2001:DB8:0::5"])
def test_an_address_is_compared_as_an_address(tmp_path: Path, host: str) -> None:
    write(tmp_path, "machine 2001:db8:0:0::5 login a password 1\n")
    assert look(tmp_path, host) == Login("a", "1")


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
        (
            f'\nmachine git.example password "{SECRET}\n',
            "expected a netrc file, found an open quotation in line 2",
        ),
        (f'machine git.example password "\\r{SECRET}"\n', "the login for 'git.example' contains an"),
        (f"machine git.example login me password {SECRET}\0\n", "the login for 'git.example' contains an"),
        (f'machine git.example login me password "{SECRET}\rX: y"\n', "the login for 'git.example' contains"),
        (f"machine git.example password {'x' * 5000}\n", "the login for 'git.example' has more than 4,096"),
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
