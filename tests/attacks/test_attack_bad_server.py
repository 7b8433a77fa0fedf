"""A server that is down, slow, lost, wrong or hostile: one clear error, the right status, nothing changed."""

import socket
from collections.abc import Callable

import pytest
from conftest import Publisher
from support.gitserver import GitHandler, GitServer
from support.sandbox import Result, Sandbox

from attacks.tampering import install, installed_files, unchanged
from tarkpm.sources.git import GitRemote, TransferLimits


@pytest.fixture
def victim(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """Somebody with an empty project, and a release to be had."""
    publisher.release()
    sandbox.init()
    return sandbox


def _refused(victim: Sandbox, publisher: Publisher, status: int, *texts: str) -> Result:
    publisher.server.requests.clear()
    with unchanged(victim):
        result = victim.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities")
        result.failed(status, *texts, "127.0.0.1")
    assert "error: unexpected" not in result.err
    assert not list(victim.plugins.glob("*"))
    return result


def _reply(status: int, body: bytes = b"", **headers: str) -> Callable[[GitHandler], bool]:
    def answer(handler: GitHandler) -> bool:
        handler.reply(status, body, {key.replace("_", "-"): value for key, value in headers.items()})
        return True

    return answer


def test_one_that_is_down(sandbox: Sandbox, publisher: Publisher) -> None:
    sandbox.init()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x.git"
        with unchanged(sandbox):
            sandbox.run("add", url).failed(5, "cannot connect", url)


def test_one_that_goes_down_later(victim: Sandbox, publisher: Publisher) -> None:
    """What is installed and in the store does not need it."""
    import shutil

    install(victim, publisher)
    good = installed_files(victim)
    publisher.server.before = _reply(503)
    with unchanged(victim):
        victim.run("update").failed(5, "the server failed with HTTP status 503")
        victim.run("sync").ok()
        victim.run("verify").ok()
    shutil.rmtree(victim.plugins / "text-tools")
    victim.run("sync", "--offline").ok()
    assert installed_files(victim) == good
    shutil.rmtree(victim.plugins / "text-tools")
    shutil.rmtree(victim.store)
    with unchanged(victim):
        victim.run("sync").failed(5, "the server failed with HTTP status 503")
        victim.run("sync", "--offline").failed(5, "not in the store, and --offline forbids downloads")


def test_one_that_never_answers(
    victim: Sandbox, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GitRemote.__init__, "__defaults__", (TransferLimits(stall=0.2), None, None))
    publisher.server.before = lambda handler: handler.pause(30) or True
    _refused(victim, publisher, 5, "nothing arrived for 0.2 seconds")


def test_one_that_sends_a_byte_at_a_time(
    victim: Sandbox, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GitRemote.__init__, "__defaults__", (TransferLimits(stall=5, total=0.5), None, None))

    def drip(handler: GitHandler) -> bool:
        handler.start(200, {"Content-Type": "application/x-git-upload-pack-advertisement"})
        while not handler.pause(0.05):
            handler.stream(b"0")
        return True

    publisher.server.before = drip
    _refused(victim, publisher, 5, "the transfer took longer than 0.5 seconds")


@pytest.mark.parametrize(
    ("status", "exit_status", "text"),
    [
        (401, 5, "the server requires authentication; tried netrc and the credential helper"),
        (403, 5, "the server does not let anonymous users read this"),
        (404, 2, "there is no such repository, or it is private"),
        (429, 5, "the server limits the rate of requests (HTTP 429)"),
        (500, 5, "the server failed with HTTP status 500"),
        (418, 5, "the server answered with HTTP status 418"),
    ],
)
def test_one_that_says_no(
    victim: Sandbox, publisher: Publisher, status: int, exit_status: int, text: str
) -> None:
    publisher.server.before = _reply(status)
    _refused(victim, publisher, exit_status, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (_reply(200, b"<html>", Content_Type="text/html"), "expected a git server, found one that answers"),
        (_reply(200, b""), "expected a git server"),
        (
            _reply(200, b"\xff" * 100, Content_Type="application/x-git-upload-pack-advertisement"),
            "the fetch failed: ",
        ),
        (
            _reply(200, b"0000", Content_Type="application/x-git-upload-pack-advertisement"),
            "",
        ),
    ],
)
def test_one_that_is_no_git_server(
    victim: Sandbox, publisher: Publisher, answer: Callable[[GitHandler], bool], text: str
) -> None:
    publisher.server.before = answer
    _refused(victim, publisher, 5, text)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("file:///etc", "redirected"),
        ("/other.git/info/refs?service=git-upload-pack", "redirects"),
        ("http://example.com/x.git/info/refs?service=git-upload-pack", "http is neither encrypted"),
        ("ftp://127.0.0.1/x/info/refs?service=git-upload-pack", "redirected to"),
        ("https://127.0.0.1:1/login", "which is not a git repository"),
        ("http://[::1", "redirected to something that is not a URL"),
    ],
)
def test_one_that_redirects(victim: Sandbox, publisher: Publisher, location: str, text: str) -> None:
    publisher.server.before = _reply(302, Location=location)
    _refused(victim, publisher, 2, text)
    assert len(publisher.server.requests) <= 4


@pytest.mark.parametrize("headers", [{}, {"Location": ""}])
def test_one_that_redirects_nowhere(victim: Sandbox, publisher: Publisher, headers: dict[str, str]) -> None:
    publisher.server.before = _reply(302, b"", **headers)
    _refused(victim, publisher, 5, "the server redirects (HTTP 302) without a Location")
    assert len(publisher.server.requests) == 1


def test_one_that_limits_the_rate(victim: Sandbox, publisher: Publisher) -> None:
    publisher.server.before = _reply(429, Retry_After="90")
    _refused(victim, publisher, 5, "(HTTP 429) and asks to wait 90 seconds", "wait 90 seconds, then run")


def test_one_that_breaks_off(victim: Sandbox, publisher: Publisher) -> None:
    def half(handler: GitHandler) -> bool:
        status, headers, body = handler.backend_reply()
        handler.start(status, headers)
        handler.stream(body[: len(body) // 2])
        return True

    publisher.server.before = half
    _refused(victim, publisher, 5, "the connection was closed before everything had arrived")


def test_one_whose_pack_has_a_flipped_byte(victim: Sandbox, publisher: Publisher) -> None:
    def flip(handler: GitHandler) -> bool:
        if handler.record.method == "GET":
            return False
        status, headers, body = handler.backend_reply()
        bad = bytearray(body)
        if b"PACK" not in body:
            handler.reply(status, body, headers)
            return True
        bad[body.index(b"PACK") + 30] ^= 1
        handler.reply(status, bytes(bad), headers)
        return True

    publisher.server.before = flip
    result = victim.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities")
    result.failed(5)
    assert "error: unexpected" not in result.err


@pytest.mark.parametrize(
    ("flags", "texts"),
    [
        (("--tag", "v9.9.9"), ("there is no tag 'v9.9.9'", "help: git ls-remote --tags")),
        (("-b", "nowhere"), ("there is no branch 'nowhere'", "help: git ls-remote --heads")),
        (("--rev", "1" * 40), ("1" * 40,)),
        (("--rev", "main"), ("--rev expects a full commit id",)),
        (("--path", "nowhere"), ("there is no folder 'nowhere'", "--path")),
        (("--path", "../up"), ("expected a folder inside the repository",)),
        (("--tag", "a", "-b", "b"), ("expected one of --tag, --branch and --rev",)),
        (("--tag", "-x"), ("expected the name of a tag",)),
        (("--tag", "a b"), ("expected the name of a tag",)),
    ],
)
def test_what_is_not_there(
    victim: Sandbox, publisher: Publisher, flags: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    with unchanged(victim):
        victim.run("add", publisher.url, *flags).failed(2, *texts)


def test_a_hint_with_a_url_that_a_shell_would_run(victim: Sandbox, publisher: Publisher) -> None:
    import shlex

    name = "x;touch$IFS'pwned'&(x)"
    publisher.repo.publish(publisher.server.root, name)
    url = f"{publisher.server.base}/{name}.git"
    refused = victim.run("add", url, "--tag", "none").failed(2, "there is no tag 'none'")
    words = shlex.split(refused.err.rpartition("help: ")[2])
    assert words == ["git", "ls-remote", "--tags", url]


def test_offline_asks_no_server(victim: Sandbox, publisher: Publisher) -> None:
    with unchanged(victim):
        victim.run("add", publisher.url, "--offline").failed(5, "--offline forbids network requests")
        victim.run("sync", "--offline").ok()
    assert publisher.server.requests == []


@pytest.mark.parametrize("command", ["sync", "add", "update", "lock"])
def test_the_environment_variable_is_as_good_as_the_option(
    victim: Sandbox, publisher: Publisher, command: str
) -> None:
    arguments = (command, publisher.url) if command == "add" else (command,)
    result = victim.run(*arguments, env={"TARKPM_OFFLINE": "1"})
    assert publisher.server.requests == []
    assert "unexpected" not in result.err
    assert result.status == (5 if command == "add" else 0)


def test_plain_http_elsewhere(victim: Sandbox) -> None:
    with unchanged(victim):
        victim.run("add", "http://example.com/x.git").failed(
            2, "http is neither encrypted nor authenticated", "help: use https://example.com/x.git"
        )


def test_all_or_none(victim: Sandbox, publisher: Publisher, server: GitServer) -> None:
    """One of two sources fails: the other is not installed either."""
    with unchanged(victim):
        victim.run(
            "add",
            publisher.url,
            server.url("missing"),
            "--trust",
            publisher.key,
            "--accept-capabilities",
        ).failed(2, "missing.git")
    assert not list(victim.plugins.glob("*"))
