"""git:// and ssh: real servers, `git daemon` and OpenSSH's, and hostile ones in their place."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.daemons import Sshd, git_daemon, sshd
from support.gitattack import line, told
from support.gitrepo import GitRepo, configure

from tarkpm.errors import TarkError
from tarkpm.sources.git import Access, GitRemote, TransferLimits, parse
from tarkpm.sources.git.stream import StreamGitClient

TOML, WASM = b'[plugin]\nname = "x"\n', b"\0asm" + bytes(range(256)) * 8
FILES = {"plugin.toml": TOML, "dist/plugin.wasm": WASM}
QUICK = TransferLimits(connect=2, stall=0.5, total=5)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """Two commits, a tag on the first."""
    repo = GitRepo(tmp_path / "work")
    repo.write("plugin.toml", TOML)
    repo.write("dist/plugin.wasm", WASM)
    repo.write("src/big.c", b"int main;\n" * 1000)
    repo.commit("first")
    repo.annotated_tag("v1")
    repo.write("README", b"read me\n")
    repo.commit("second")
    repo.publish(tmp_path / "srv", "demo")
    return repo


def read(
    url: str, home: Path | None = None, limits: TransferLimits = QUICK, **asked: str
) -> dict[str, bytes]:
    with session(url, home, limits) as remote:
        return dict(remote.tree(remote.resolve(**asked)).read(list(FILES)))


def session(url: str, home: Path | None = None, limits: TransferLimits = QUICK) -> GitRemote:
    environment = {"HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin"} if home else {}
    return GitRemote(parse(url), limits, Access(environment))


def said(url: str, home: Path | None = None, limits: TransferLimits = QUICK, **asked: str) -> str:
    with session(url, home, limits) as remote, pytest.raises(TarkError) as caught:
        remote.tree(remote.resolve(**asked)).read(["plugin.toml"])
    return told(caught.value).replace(url, "URL")


# git daemon


@pytest.fixture
def daemon(tmp_path: Path, repo: GitRepo) -> Iterator[str]:
    with git_daemon(tmp_path / "srv") as base:
        yield f"{base}/demo.git"


@pytest.mark.parametrize("asked", [{}, {"branch": "main"}, {"tag": "v1"}])
def test_git_daemon(daemon: str, asked: dict[str, str]) -> None:
    assert read(daemon, None, QUICK, **asked) == FILES


def test_git_daemon_gives_any_commit(daemon: str, repo: GitRepo) -> None:
    assert read(daemon, rev=repo.rev("HEAD~1")) == FILES


@pytest.mark.parametrize(("allow_filter", "allow_any"), [(True, False), (False, True), (False, False)])
def test_git_daemon_that_allows_less(
    daemon: str, tmp_path: Path, allow_filter: bool, allow_any: bool
) -> None:
    configure(tmp_path / "srv" / "demo.git", allow_filter=allow_filter, allow_any_sha1=allow_any)
    assert read(daemon) == FILES


def test_one_conversation_a_session(daemon: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    real = StreamGitClient._open

    def count(self: StreamGitClient) -> object:
        opened.append(self)
        return real(self)

    monkeypatch.setattr(StreamGitClient, "_open", count)
    assert read(daemon) == FILES
    assert len(opened) == 1


def test_what_git_daemon_does_not_have(daemon: str) -> None:
    assert said(daemon, branch="none") == (
        f"NotFound: there is no branch 'none' [URL] try: git ls-remote --heads {daemon}".replace(
            daemon, "URL"
        )
    )
    assert said(daemon, rev="1" * 40) == f"NotFound: there is no commit {'1' * 40} [URL]"
    assert said(f"{daemon}x") == (
        "NotFound: there is no such repository, or you cannot access it:"
        " it said 'access denied or repository not exported: /demo.gitx' [URL]"
    )


def test_nobody_listens() -> None:
    assert said("git://127.0.0.1:1/r") == "Unreachable: cannot connect: connection refused [URL]"


# sshd


@pytest.fixture(scope="module", params=[True, False], ids=["version 2", "version 0"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd that lets GIT_PROTOCOL in, and one that does not, as most are."""
    with sshd(tmp_path_factory.mktemp("sshd") / "etc", version_2=request.param) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, server: Sshd) -> Path:
    server.client(tmp_path / "home")
    return tmp_path / "home"


@pytest.mark.parametrize("asked", [{}, {"branch": "main"}, {"tag": "v1"}])
def test_ssh(server: Sshd, home: Path, repo: GitRepo, tmp_path: Path, asked: dict[str, str]) -> None:
    assert read(server.url(tmp_path / "srv" / "demo.git"), home, TransferLimits(stall=10), **asked) == FILES


def test_ssh_gives_an_older_commit(server: Sshd, home: Path, repo: GitRepo, tmp_path: Path) -> None:
    """Protocol 0 serves what refs name: the commit is found in their history."""
    configure(tmp_path / "srv" / "demo.git", allow_filter=True, allow_any_sha1=False)
    url, rev = server.url(tmp_path / "srv" / "demo.git"), repo.rev("HEAD~1")
    assert read(url, home, TransferLimits(stall=10), rev=rev) == FILES


def test_a_path_with_a_quote_in_it(server: Sshd, home: Path, repo: GitRepo, tmp_path: Path) -> None:
    (tmp_path / "srv" / "demo.git").rename(tmp_path / "srv" / "it's;touch owned.git")
    url = server.url(tmp_path / "srv" / "it's;touch%20owned.git")
    assert read(url, home, TransferLimits(stall=10)) == FILES
    assert not (Path.home() / "owned.git").exists()


def test_an_unknown_host_key_is_refused(server: Sshd, tmp_path: Path) -> None:
    server.client(tmp_path / "home", known=False)
    assert said(server.url(Path("/r")), tmp_path / "home", TransferLimits(stall=10)) == (
        "Unreachable: ssh does not know this host's key, and tarkpm does not let it prompt [URL]"
        f" try: ssh -T -p {server.port} {server.user}@127.0.0.1"
    )
    assert (tmp_path / "home" / ".ssh" / "known_hosts").read_text() == ""


def test_a_changed_host_key_is_refused(server: Sshd, tmp_path: Path) -> None:
    server.client(tmp_path / "home")
    other = (server.folder / "user.pub").read_text().split()
    known = tmp_path / "home" / ".ssh" / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {other[0]} {other[1]}\n")
    assert said(server.url(Path("/r")), tmp_path / "home", TransferLimits(stall=10)) == (
        "Unreachable: the host key differs from the one ssh knows: the connection may be intercepted [URL]"
    )


def test_no_key_that_opens(server: Sshd, tmp_path: Path) -> None:
    server.client(tmp_path / "home", key=False)
    assert said(server.url(Path("/r")), tmp_path / "home", TransferLimits(stall=10)) == (
        "Unreachable: the server refuses the login; tried the keys of your ssh agent and ~/.ssh [URL]"
        f" try: ssh -T -p {server.port} {server.user}@127.0.0.1"
    )


def test_what_ssh_does_not_find(server: Sshd, home: Path) -> None:
    assert said(server.url(Path("/nowhere/r.git")), home, TransferLimits(stall=10)) == (
        "NotFound: there is no such repository, or you cannot access it: it said"
        " 'fatal: '/nowhere/r.git' does not appear to be a git repository' [URL]"
    )


def test_no_ssh_at_all() -> None:
    assert said("ssh://h.example/r") == "Unreachable: ssh is not installed [URL]"


def test_ssh_is_told_nothing_it_could_take_for_an_option(tmp_path: Path) -> None:
    program(tmp_path, 'printf "%s\\n" "$@" > "$HOME/told"; exit 255')
    assert said("me@h.example:~you/r.git", tmp_path).startswith("Unreachable: ssh ended with status 255")
    words = (tmp_path / "told").read_text().splitlines()
    assert words[-3:] == ["--", "me@h.example", "git-upload-pack '~you/r.git'"]
    assert "-oBatchMode=yes" in words


def test_tokens_do_not_reach_ssh(tmp_path: Path) -> None:
    program(tmp_path, 'env > "$HOME/told"; exit 255')
    environment = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin", "TARKPM_GIT_TOKEN_X": "s3"}
    with (
        GitRemote(parse("me@h.example:r"), QUICK, Access(environment)) as remote,
        pytest.raises(TarkError),
    ):
        remote.resolve()
    assert "TARKPM" not in (tmp_path / "told").read_text()
    assert "GIT_PROTOCOL=version=2" in (tmp_path / "told").read_text()


# Hostile ones. ssh only carries the bytes: what stands in for it here does what a server would.


def program(home: Path, script: str) -> None:
    """An ``ssh`` that is this shell script."""
    path = home / "bin" / "ssh"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("name", ["GIT_SSH_COMMAND", "GIT_SSH"])
def test_another_ssh_is_not_started_and_a_refused_login_says_so(tmp_path: Path, name: str) -> None:
    program(tmp_path, "echo 'me@h: Permission denied (publickey).' >&2; exit 255")
    environment = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    given = environment | {name: f"touch {tmp_path}/started; ssh -i key"}
    for variables, end in ((given, f" and ~/.ssh; tarkpm does not use {name}"), (environment, " and ~/.ssh")):
        with (
            GitRemote(parse("me@h.example:r"), QUICK, Access(variables)) as remote,
            pytest.raises(TarkError) as caught,
        ):
            remote.resolve()
        assert caught.value.message == f"the server refuses the login; tried the keys of your ssh agent{end}"
    assert not (tmp_path / "started").exists()


V2 = line(b"version 2\n") + line(b"agent=git/2.0\n") + line(b"ls-refs\n") + line(b"fetch=shallow\n") + b"0000"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("sleep 60", "Unreachable: nothing arrived for 0.5 seconds [URL]"),
        ("sleep 60 & sleep 60", "Unreachable: nothing arrived for 0.5 seconds [URL]"),
        (
            "printf fff0; while :; do printf x; sleep 0.1; done",
            "Unreachable: the transfer took longer than 3 seconds [URL]",
        ),
        ("yes >&2", "Unreachable: nothing arrived for 0.5 seconds [URL]"),
        (
            "printf '\\033[2Jfatal: \\033]0;x\\007oops\\n' >&2; exit 3",
            "Unreachable: ssh ended with status 3: it said '?[2Jfatal: ?]0;x?oops' [URL]",
        ),
        ("exit 1", "Unreachable: ssh ended with status 1: it said 'nothing' [URL]"),
        ("exit 0", "Unreachable: the connection was closed before everything had arrived [URL]"),
        (
            "printf '0010ERR go away\\033'; sleep 60",
            "NotFound: there is no such repository, or you cannot access it: it said 'go away?' [URL]",
        ),
        (
            "echo Welcome to this server",
            "Garbled: the fetch failed: Invalid pkt-line length prefix: 'Welc' [URL]",
        ),
    ],
)
def test_hostile_over_ssh(tmp_path: Path, script: str, sentence: str) -> None:
    program(tmp_path, script)
    start = time.monotonic()
    answer = said("me@h.example:r", tmp_path, TransferLimits(connect=2, stall=0.5, total=3))
    assert time.monotonic() - start < 6
    assert answer == sentence or answer.startswith(f"{sentence} (")


@contextmanager
def answering(act: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does this with every connection once it was spoken to."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=speak, args=(connection,), daemon=True).start()

    def speak(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(1 << 16)
            act(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"git://127.0.0.1:{listener.getsockname()[1]}/r"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
        thread.join()


def forever(piece: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return act


def ending(data: bytes) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return act


def talking(*answers: bytes, last: bytes = b"") -> Callable[[socket.socket], None]:
    """Greets in version 2, then gives one answer a question, the last one without end."""

    def act(connection: socket.socket) -> None:
        connection.sendall(V2)
        for answer in answers:
            connection.recv(1 << 16)
            connection.sendall(answer)
        while last:
            connection.sendall(last)

    return act


HEAD = line(b"1" * 40 + b" HEAD\n") + b"0000"
SMALL = TransferLimits(connect=2, stall=0.5, total=20, meta=100_000, pack=100_000, objects=10)


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda c: time.sleep(2), "Unreachable: nothing arrived for 0.5 seconds"),
        (forever(b"x"), "Garbled: the fetch failed: Invalid pkt-line length prefix: '"),
        (forever(line(b"version 1\n")), "TooLarge: the server sent more than 100000 bytes besides"),
        (forever(line(b"1" * 40 + b" refs/heads/x\n")), "TooLarge: the server sent more than 100000 bytes"),
        (ending(b""), "Unreachable: the connection was closed before everything had arrived"),
        (ending(b"001"), "Garbled: the fetch failed: Invalid pkt-line length prefix: '"),
        (ending(V2[:-4]), "Unreachable: the connection was closed before everything had arrived"),
        (
            ending(line(b"ERR \x1b[2Jno")),
            "NotFound: there is no such repository, or you cannot access it: it",
        ),
        (talking(b"", last=line(b"1" * 40 + b" HEAD\n")), "TooLarge: the server sent more than 100000"),
        (talking(HEAD, last=line(b"\2Counting\r")), "TooLarge: the server sent more than 100000 bytes"),
        (
            talking(HEAD, line(b"packfile\n"), last=line(b"\1PACK" + bytes(99))),
            "Garbled: expected a git pack",
        ),
        (talking(HEAD, line(b"ERR not our ref\x1b")), "NotFound: there is no commit"),
        (talking(HEAD, line(b"packfile\n") + b"0000"), "Garbled: the server did not send object"),
        (
            talking(
                HEAD, line(b"packfile-uris\n") + line(b"x sha1 https://h.example/p") + line(b"packfile\n")
            ),
            "Garbled: the fetch failed: Server sent packfile-uris but",
        ),
    ],
)
def test_hostile_over_tcp(act: Callable[[socket.socket], None], sentence: str) -> None:
    with answering(act) as url:
        start = time.monotonic()
        assert said(url, limits=SMALL).startswith(sentence)
        assert time.monotonic() - start < 15  # the limit of time is not what ended it


def test_a_drip_over_tcp() -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"fff0")
        forever(b"x", 0.05)(connection)

    with answering(drip) as url:
        start = time.monotonic()
        answer = said(url, limits=TransferLimits(connect=2, stall=1, total=0.7))
        assert time.monotonic() - start < 3
        assert answer == "Unreachable: the transfer took longer than 0.7 seconds [URL]"
