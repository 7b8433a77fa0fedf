"""The test server serves what git serves, to the real git client."""

from __future__ import annotations

import gzip
import http.client
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gitrepo import git, git_env
from support.gitserver import GitHandler, GitRepo, GitServer, make_junk

INFO_REFS = "/info/refs?service=git-upload-pack"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "srv") as running:
        yield running


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "work")
    made.write("plugin.toml", b'[plugin]\nname = "demo"\n')
    made.write("sub/plugin.wasm", b"\0asm\r\n" * 100)
    made.commit("first")
    return made


def clone(url: str, into: Path, *options: str) -> Path:
    """Clone with git itself; an AssertionError carries what it said."""
    git(into.parent, "clone", "--quiet", *options, url, str(into))
    return into


def ask(server: GitServer, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    host = server.base.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_clone_is_the_repository(server: GitServer, repo: GitRepo, tmp_path: Path) -> None:
    repo.symlink("link", "plugin.toml")
    head = repo.commit("second")
    repo.publish(server.root, "demo")
    copy = clone(server.url("demo"), tmp_path / "copy")
    assert git(copy, "rev-parse", "HEAD") == head
    assert (copy / "sub/plugin.wasm").read_bytes() == b"\0asm\r\n" * 100
    assert (copy / "link").readlink() == Path("plugin.toml")


def test_protocol_2_is_spoken_unless_switched_off(server: GitServer, repo: GitRepo, tmp_path: Path) -> None:
    repo.publish(server.root, "demo")
    clone(server.url("demo"), tmp_path / "two")
    assert [r.headers.get("git-protocol") for r in server.requests] == [
        "version=2"
    ] * 3  # refs, ls-refs, fetch
    assert b"version 2" in ask(server, "GET", f"/demo.git{INFO_REFS}", Git_Protocol="version=2")[1]
    server.protocol_v2 = False
    assert b"version 2" not in ask(server, "GET", f"/demo.git{INFO_REFS}", Git_Protocol="version=2")[1]
    clone(server.url("demo"), tmp_path / "zero")


def test_a_partial_clone_leaves_the_blobs(server: GitServer, repo: GitRepo, tmp_path: Path) -> None:
    repo.publish(server.root, "demo")
    copy = clone(server.url("demo"), tmp_path / "copy", "--filter=blob:none", "--no-checkout", "--depth=1")
    assert kinds(copy) == {"commit", "tree"}
    blob = repo.rev("HEAD:plugin.toml")
    asked = len(server.requests)
    assert git(copy, "cat-file", "blob", blob) == '[plugin]\nname = "demo"'  # fetched as it is missed
    assert f"want {blob}".encode() in server.requests[asked + 1].body


@pytest.mark.parametrize("protocol_v2", [True, False])
def test_without_filters_a_partial_clone_is_whole(
    server: GitServer, repo: GitRepo, tmp_path: Path, protocol_v2: bool
) -> None:
    server.protocol_v2 = protocol_v2
    repo.publish(server.root, "demo", allow_filter=False)
    copy = clone(server.url("demo"), tmp_path / "copy", "--filter=blob:none", "--no-checkout")
    assert "blob" in kinds(copy)
    server.configure("demo")
    copy = clone(server.url("demo"), tmp_path / "two", "--filter=blob:none", "--no-checkout")
    assert kinds(copy) == {"commit", "tree"}


def kinds(copy: Path) -> set[str]:
    """The kinds of objects that are really there."""
    listed = git(copy, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    return set(listed.split())


def test_any_object_may_be_asked_for_unless_switched_off(
    server: GitServer, repo: GitRepo, tmp_path: Path
) -> None:
    repo.publish(server.root, "demo", allow_any_sha1=False)
    blob = repo.rev("HEAD:plugin.toml")
    copy = GitRepo(tmp_path / "copy")
    fetch = ("-c", "protocol.version=0", "fetch", "--quiet", server.url("demo"), blob)
    with pytest.raises(AssertionError, match="Server does not allow request for unadvertised object"):
        copy.git(*fetch)
    copy.git("-c", "protocol.version=2", *fetch[2:])  # version 2 never minds
    server.configure("demo", allow_any_sha1=True)
    GitRepo(tmp_path / "other").git(*fetch)


def test_the_requests_are_recorded(server: GitServer, repo: GitRepo, tmp_path: Path) -> None:
    make_junk(repo, megabytes=1)
    repo.commit("junk")
    repo.publish(server.root, "demo")
    clone(server.url("demo"), tmp_path / "copy")
    assert [(r.method, r.path, r.status) for r in server.requests] == [
        ("GET", f"/demo.git{INFO_REFS}", 200),
        ("POST", "/demo.git/git-upload-pack", 200),
        ("POST", "/demo.git/git-upload-pack", 200),
    ]
    assert server.requests[0].headers["user-agent"].startswith("git/")
    assert b"command=ls-refs" in server.requests[1].body
    assert 1_000_000 < server.requests[2].sent < 1_050_000
    status, body = ask(server, "GET", f"/demo.git{INFO_REFS}")
    assert (status, len(body)) == (200, server.requests[3].sent)


def test_a_large_request_comes_as_gzip(server: GitServer, repo: GitRepo, tmp_path: Path) -> None:
    for n in range(40):
        repo.branch(f"b{n}", repo.commit(f"more {n}"))
    repo.publish(server.root, "demo")
    clone(server.url("demo"), tmp_path / "copy", "-c", "protocol.version=0")  # version 2 never compresses
    last = server.requests[-1]
    assert last.headers["content-encoding"] == "gzip"
    assert gzip.decompress(last.body).count(b"want ") == 41  # main, too


def test_a_chunked_request_is_read(server: GitServer, repo: GitRepo) -> None:
    repo.publish(server.root, "demo")
    request = b"0014command=ls-refs\n0001001bref-prefix refs/heads/\n0000"
    connection = http.client.HTTPConnection(server.base.removeprefix("http://"), timeout=10)
    try:
        headers = {"Git-Protocol": "version=2", "Content-Type": "application/x-git-upload-pack-request"}
        parts = iter((request[:9], request[9:]))
        connection.request("POST", "/demo.git/git-upload-pack", parts, headers, encode_chunked=True)
        assert connection.getresponse().read().endswith(b" refs/heads/main\n0000")
    finally:
        connection.close()
    assert server.requests[0].body == request


def test_plain_files_are_served_too(server: GitServer, repo: GitRepo) -> None:
    repo.publish(server.root, "demo")
    assert ask(server, "GET", "/demo.git/HEAD") == (200, b"ref: refs/heads/main\n")


def test_a_hook_may_hang_up_without_a_word(server: GitServer) -> None:
    server.before = lambda _handler: True
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, "GET", "/")
    assert server.requests[0].status == 0


def test_what_is_not_there_is_404(server: GitServer, repo: GitRepo, tmp_path: Path) -> None:
    repo.publish(server.root, "demo")
    for path in (f"/none.git{INFO_REFS}", "/demo.git/none", "/"):
        assert ask(server, "GET", path)[0] == 404, path
    for path in (f"/../work/.git{INFO_REFS}", f"/%2e%2e/work/.git{INFO_REFS}"):
        assert ask(server, "GET", path)[0] == 500, path
    with pytest.raises(AssertionError, match="not found"):
        clone(server.url("none"), tmp_path / "copy")


def test_a_hook_answers_instead(server: GitServer, repo: GitRepo, tmp_path: Path) -> None:
    repo.publish(server.root, "demo")

    def redirect(handler: GitHandler) -> bool:
        if not handler.path.startswith("/old"):
            return False
        handler.reply(302, headers={"Location": server.base + handler.path.replace("/old", "/demo", 1)})
        return True

    server.before = redirect
    clone(server.url("old"), tmp_path / "copy")
    assert [r.status for r in server.requests] == [302, 200, 200, 200]


def test_a_hook_changes_what_git_answers(server: GitServer, repo: GitRepo, tmp_path: Path) -> None:
    repo.publish(server.root, "demo")

    def truncate(handler: GitHandler) -> bool:
        status, headers, body = handler.backend_reply()
        handler.reply(status, body if b"fetch" not in handler.record.body else body[:-30], headers)
        return True

    server.before = truncate
    with pytest.raises(AssertionError, match=r"early EOF|unexpected|hung up|disconnect"):
        clone(server.url("demo"), tmp_path / "copy")


def test_a_drip_comes_in_parts_and_breaks_off(server: GitServer) -> None:
    def drip(handler: GitHandler) -> bool:
        handler.start(200, {"Content-Type": "text/plain"})
        for _ in range(3):
            handler.stream(b"x")
            handler.pause(0.01)
        return True

    server.before = drip
    with pytest.raises(http.client.IncompleteRead):
        ask(server, "GET", "/")
    assert (server.requests[0].status, server.requests[0].sent) == (200, 3)


def test_the_server_ends_while_clients_hang(tmp_path: Path, repo: GitRepo) -> None:
    hanging = threading.Event()

    def hang(handler: GitHandler) -> bool:
        hanging.set()
        return handler.pause(60)

    started = time.monotonic()
    with GitServer(tmp_path / "srv", before=hang) as server:
        client = subprocess.Popen(
            ["git", "ls-remote", server.url("demo")],
            env=git_env(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert hanging.wait(30)
    assert client.wait(30) != 0
    assert time.monotonic() - started < 45  # the hook hangs for 60


def test_a_failure_in_a_hook_fails_the_test(tmp_path: Path) -> None:
    def hook(handler: GitHandler) -> bool:
        raise AssertionError(f"nobody should ask for {handler.path}")

    def run() -> None:
        with (
            GitServer(tmp_path / "srv", before=hook) as server,
            pytest.raises(http.client.RemoteDisconnected),
        ):
            ask(server, "GET", "/secret")

    with pytest.raises(AssertionError, match="nobody should ask for /secret"):
        run()


def test_commits_are_the_same_everywhere(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        repo = GitRepo(tmp_path / name)
        repo.write("a", b"1")
        first = repo.commit("first")
        repo.write("a", b"2", executable=True)
        make_junk(repo, megabytes=1, seed=5)
        ids.append((first, repo.commit("second"), repo.annotated_tag("v1")))
    assert ids[0] == ids[1]
    assert ids[0][0] == "72961b5fce9e70d72f7530806675db6b57cee93b"


def test_every_kind_of_entry_and_ref_is_published(server: GitServer, repo: GitRepo) -> None:
    first = repo.rev("HEAD")
    repo.tag("light")
    repo.branch("side")
    repo.symlink("link", "nowhere")
    repo.gitlink("module", "2" * 40)
    repo.write("run", b"#!", executable=True)
    repo.rm("sub")
    repo.commit("second")
    tag = repo.annotated_tag("v1", message="note")
    bare = repo.publish(server.root, "demo")
    listed = git(bare, "ls-tree", "-r", "--format=%(objectmode) %(path)", "main").splitlines()
    assert listed == ["120000 link", "160000 module", "100644 plugin.toml", "100755 run"]
    assert git(bare, "rev-parse", "side", "light", "v1").split() == [first, first, tag]
    repo.git("branch", "--quiet", "-D", "side")
    repo.checkout("main")
    repo.publish(server.root, "demo")
    with pytest.raises(AssertionError, match="Needed a single revision"):
        git(bare, "rev-parse", "--verify", "side")


def test_a_malformed_tree_can_be_published(server: GitServer, repo: GitRepo) -> None:
    blob = bytes.fromhex(repo.rev("HEAD:plugin.toml"))
    twice = b"100644 plugin.toml\0" + blob
    tree = repo.raw_object("tree", twice + twice)
    commit = repo.git("commit-tree", tree, "-m", "hostile")
    repo.branch("hostile", commit)
    bare = repo.publish(server.root, "demo")
    assert git(bare, "ls-tree", "--name-only", "hostile").split() == ["plugin.toml"] * 2
