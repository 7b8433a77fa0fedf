"""Sessions with a real git server: what refs mean, what is read, how little is asked, and the fallbacks."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gitattack import RESULT, line, told
from support.gitrepo import git
from support.gitserver import GitHandler, GitRepo, GitServer, Hook, make_junk

from tarkpm.errors import NotFound, Refused, TarkError
from tarkpm.sources.folder import collect
from tarkpm.sources.git import Access, GitRemote, TransferLimits, parse
from tarkpm.sources.git.remote import RemoteObjects

TOML, WASM = b'[plugin]\nname = "x"\n', b"\0asm" + bytes(range(256)) * 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "srv") as server:
        yield server


@pytest.fixture
def repo(tmp_path: Path, server: GitServer) -> GitRepo:
    """Two commits; tags on the first, main and HEAD on the second."""
    repo = GitRepo(tmp_path / "work")
    repo.write("dist/plugin.toml", TOML)
    repo.write("dist/plugin.wasm", WASM)
    repo.write("src/big.c", b"int main;\n" * 1000)
    repo.commit("first")
    repo.tag("light")
    repo.annotated_tag("heavy")
    repo.annotated_tag("heavier", "heavy")
    repo.branch("side")
    repo.write("dist/README", b"read me\n")
    repo.commit("second")
    return repo


@pytest.fixture
def published(repo: GitRepo, server: GitServer) -> GitRepo:
    repo.publish(server.root, "demo")
    return repo


def remote(server: GitServer, limits: TransferLimits | None = None, name: str = "demo") -> GitRemote:
    return GitRemote(parse(server.url(name)), limits or TransferLimits(stall=5, total=20))


def said(server: GitServer, **asked: str) -> str:
    with remote(server) as session, pytest.raises(TarkError) as caught:
        session.tree(session.resolve(**asked))
    return told(caught.value, server)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({}, "main"),
        ({"branch": "main"}, "main"),
        ({"branch": "side"}, "side"),
        ({"tag": "light"}, "light"),
        ({"tag": "heavy"}, "light"),
        ({"tag": "heavier"}, "light"),
    ],
)
def test_refs(server: GitServer, published: GitRepo, asked: dict[str, str], name: str) -> None:
    with remote(server) as session:
        commit = session.resolve(**asked)
        assert commit == published.rev(f"{name}^{{commit}}")
        files = session.tree(commit).read(["dist/plugin.toml", "dist/plugin.wasm", "dist/README"])
        assert files["dist/plugin.toml"] == TOML
        assert files["dist/plugin.wasm"] == WASM
        assert ("dist/README" in files) == (name == "main")
        assert session.notes == []


@pytest.mark.parametrize("name", ["HEAD", "HEAD~1", "refs/tags/heavy", "refs/tags/heavier"])
def test_revs(server: GitServer, published: GitRepo, name: str) -> None:
    with remote(server) as session:
        commit = session.resolve(rev=published.rev(name))
        assert commit == published.rev(f"{name}^{{commit}}")
        assert session.tree(commit).names("dist")


def test_a_branch_and_a_tag_of_one_name_are_two_things(server: GitServer, repo: GitRepo) -> None:
    repo.tag("both", "HEAD~1")
    repo.branch("both", "HEAD")
    repo.publish(server.root, "demo")
    with remote(server) as session:
        assert session.resolve(tag="both") == repo.rev("HEAD~1")
        assert session.resolve(branch="both") == repo.rev("HEAD")


def test_folders(server: GitServer, published: GitRepo) -> None:
    with remote(server) as session:
        tree = session.tree(session.resolve())
        assert tree.names("") == ["dist", "src"]
        assert tree.names("dist") == ["README", "plugin.toml", "plugin.wasm"]
        assert tree.names("none") is None


MISSING = {
    "tag": "NotFound: there is no tag 'v9' [http://SERVER/demo.git] try: git ls-remote --tags http://SERVER/demo.git",
    "branch": (
        "NotFound: there is no branch 'v9' [http://SERVER/demo.git]"
        " try: git ls-remote --heads http://SERVER/demo.git"
    ),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_missing_ref(server: GitServer, published: GitRepo, kind: str) -> None:
    published.tag("v9.1")
    published.branch("v9.1")
    published.publish(server.root, "demo")
    assert said(server, **{kind: "v9"}) == MISSING[kind]


def test_a_missing_rev(server: GitServer, published: GitRepo) -> None:
    assert said(server, rev="1" * 40) == f"NotFound: there is no commit {'1' * 40} [http://SERVER/demo.git]"
    assert asked(server) == ["GET", "fetch"]
    server.before = refusing_ids(published)
    assert said(server, rev="1" * 40) == (
        f"NotFound: commit {'1' * 40} is on no branch or tag [http://SERVER/demo.git]"
    )
    assert asked(server) == ["GET", "fetch", "ls-refs", "fetch"]


def test_an_empty_repository(server: GitServer) -> None:
    git(server.root, "init", "--quiet", "--bare", "demo.git")
    assert said(server) == (
        "NotFound: HEAD has no commits: the repository is empty, or its default branch does not exist [http://SERVER/demo.git] try: git ls-remote --heads http://SERVER/demo.git"
    )


def test_a_missing_repository(server: GitServer) -> None:
    assert said(server) == "NotFound: there is no such repository, or it is private [http://SERVER/demo.git]"


def test_a_rev_that_is_no_commit(server: GitServer, published: GitRepo) -> None:
    rev = published.rev("HEAD:dist")
    assert said(server, rev=rev) == (
        f"Refused: expected rev {rev} to name a commit, found a tree [http://SERVER/demo.git]"
    )


def test_a_tag_of_a_file(server: GitServer, repo: GitRepo) -> None:
    repo.annotated_tag("file", "HEAD:dist/README")
    repo.publish(server.root, "demo")
    assert said(server, tag="file") == (
        "Refused: expected tag 'file' to name a commit, found a blob [http://SERVER/demo.git]"
    )


def test_tags_of_tags_are_bounded(server: GitServer, published: GitRepo) -> None:
    limits = TransferLimits(tag_depth=1)
    with remote(server, limits) as session:
        assert session.resolve(tag="heavy") == published.rev("light")
        with pytest.raises(Refused, match=r"^tag 'heavier' is a tag of tags, over 1 deep$"):
            session.resolve(tag="heavier")


@pytest.mark.parametrize(
    "name", ["-x", "a b", "a..b", "a\nwant", "x.lock", "/x", "x/", "@{1}", "a\udcff", "a*", "\x1b"]
)
def test_what_is_no_ref_name_never_reaches_the_server(server: GitServer, name: str) -> None:
    for kind in ("tag", "branch"):
        with remote(server) as session, pytest.raises(Refused) as caught:
            session.resolve(**{kind: name})
        assert caught.value.message == f"expected the name of a {kind}, found {name!r}"
    assert server.requests == []


@pytest.mark.parametrize("rev", ["abc", "A" * 40, "1" * 39, "1" * 64, "HEAD", "\x1b" * 40])
def test_what_is_no_rev_never_reaches_the_server(server: GitServer, rev: str) -> None:
    with remote(server) as session:
        with pytest.raises(Refused) as caught:
            session.resolve(rev=rev)
        assert caught.value.message == f"rev: expected 40 hexadecimal digits, found {rev!r}"
        with pytest.raises(Refused, match=r"^commit: expected 40 hexadecimal digits"):
            session.tree(rev)
    assert server.requests == []


def asked(server: GitServer) -> list[str]:
    """The requests so far, in words."""
    words = []
    for request in server.requests:
        command = request.body.partition(b"command=")[2].partition(b"\n")[0].decode()
        words.append(command or request.method)
    server.requests.clear()
    return words


def test_round_trips(server: GitServer, published: GitRepo) -> None:
    with remote(server) as session:
        commit = session.resolve()
        assert asked(server) == ["GET", "ls-refs"]
        tree = session.tree(commit)
        tree.names("dist")
        assert asked(server) == ["fetch"]
        tree.read(["dist/plugin.toml", "dist/plugin.wasm"])
        assert asked(server) == ["fetch"]
        tree.read(["dist/plugin.toml"])
        session.tree(commit).names("src")
        assert asked(server) == []
        session.resolve(tag="heavy")
        assert asked(server) == ["ls-refs", "fetch"]
    with remote(server) as session:
        session.tree(session.resolve(rev=commit)).read(["dist/README"])
        assert asked(server) == ["GET", "fetch", "fetch"]


def test_one_connection_serves_a_session(server: GitServer, published: GitRepo) -> None:
    ports = set()

    def note(handler: GitHandler) -> bool:
        ports.add(handler.client_address[1])
        return False

    server.before = note
    with remote(server) as session:
        session.tree(session.resolve(tag="heavy")).read(["dist/plugin.toml", "dist/plugin.wasm"])
    assert len(server.requests) == 4
    assert len(ports) == 1


def test_junk_is_not_transferred(server: GitServer, repo: GitRepo) -> None:
    make_junk(repo, 30)
    repo.commit("junk")
    repo.publish(server.root, "demo")
    with remote(server) as session:
        tree = session.tree(session.resolve())
        assert tree.read(["dist/plugin.wasm"]) == {"dist/plugin.wasm": WASM}
    assert sum(request.sent for request in server.requests) < 20_000


def test_headers(server: GitServer, published: GitRepo) -> None:
    with remote(server) as session:
        session.tree(session.resolve())
    for request in server.requests:
        assert request.headers["accept-encoding"] == "identity"
        assert request.headers["user-agent"].startswith("git/")
        assert "tarkpm/" in request.headers["user-agent"]
        assert "authorization" not in request.headers
        assert "cookie" not in request.headers


def read_all(server: GitServer, **ref: str) -> dict[str, bytes]:
    with remote(server) as session:
        return dict(session.tree(session.resolve(**ref)).read(["dist/plugin.toml", "dist/plugin.wasm"]))


FILES = {"dist/plugin.toml": TOML, "dist/plugin.wasm": WASM}


def test_fallback_no_filter(server: GitServer, repo: GitRepo) -> None:
    repo.publish(server.root, "demo", allow_filter=False)
    assert read_all(server) == FILES
    assert asked(server) == ["GET", "ls-refs", "fetch"]


def test_fallback_blobs_refused(server: GitServer, published: GitRepo) -> None:
    commit = published.rev("HEAD")

    def refuse_blobs(handler: GitHandler) -> bool:
        body = handler.record.body
        if b"command=fetch" in body and commit.encode() not in body:
            handler.reply(200, line(b"ERR upload-pack: not our ref"), RESULT)
            return True
        return False

    server.before = refuse_blobs
    assert read_all(server) == FILES
    assert asked(server) == ["GET", "ls-refs", "fetch", "fetch", "fetch"]


def refusing_ids(repo: GitRepo) -> Hook:
    """A server, not git by its name, that gives only all that its refs name, and nothing by any other id."""
    tips = set(repo.git("for-each-ref", "--format=%(objectname)").split())

    def hook(handler: GitHandler) -> bool:
        body = handler.record.body
        wants = {part.split(b"\n")[0].split(b" ")[0].decode() for part in body.split(b"want ")[1:]}
        if wants and wants != tips:
            handler.reply(200, line(b"ERR upload-pack: not our ref"), RESULT)
            return True
        if handler.record.method == "GET":
            status, headers, answer = handler.backend_reply()
            handler.reply(status, answer.replace(b"agent=git/", b"agent=not/"), headers)
            return True
        return False

    return hook


@pytest.mark.parametrize("v2", [True, False])
def test_fallback_commit_refused(server: GitServer, published: GitRepo, v2: bool) -> None:
    """Files are refused by id too: history without files, then, for them, with; or at once with all."""
    server.before = refusing_ids(published)
    server.protocol_v2 = v2
    assert read_all(server, rev=published.rev("HEAD~1")) == FILES
    search = ["ls-refs", "fetch"]
    assert asked(server) == (
        ["GET", "fetch", *search, "fetch", "fetch", *search] if v2 else ["GET", "POST", "POST"]
    )


def test_protocol_0(server: GitServer, published: GitRepo) -> None:
    server.protocol_v2 = False
    assert read_all(server, tag="heavy") == FILES
    assert read_all(server) == FILES
    assert said(server, tag="v9").startswith("NotFound: there is no tag 'v9'")


def test_a_history_too_large_to_search(server: GitServer, repo: GitRepo) -> None:
    make_junk(repo, 1)
    repo.commit("junk")
    repo.publish(server.root, "demo", allow_filter=False)
    server.before = refusing_ids(repo)
    with remote(server, TransferLimits(pack=200_000)) as session, pytest.raises(NotFound) as caught:
        session.resolve(rev="1" * 40)
    assert told(caught.value, server) == (
        f"NotFound: commit {'1' * 40} cannot be fetched by its id, and the history is too large to search"
        " [http://SERVER/demo.git]"
    )


def test_more_branches_than_are_searched(
    server: GitServer, published: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search of some of them could say that there is no such commit where there is."""
    server.before = refusing_ids(published)
    monkeypatch.setattr("tarkpm.sources.git.remote.MAX_WANTS", 1)
    assert said(server, rev=published.rev("HEAD~1")).endswith(
        "cannot be fetched by its id, and the history is too large to search [http://SERVER/demo.git]"
    )


def test_only_a_file_asked_for_is_bounded_as_a_file(server: GitServer, repo: GitRepo) -> None:
    repo.write("video.bin", bytes(100_000))
    repo.commit("video")
    repo.publish(server.root, "demo", allow_filter=False)
    with remote(server, TransferLimits(blob=50_000)) as session:
        tree = session.tree(session.resolve())
        assert tree.read(["dist/plugin.wasm"]) == {"dist/plugin.wasm": WASM}
        with pytest.raises(TarkError) as caught:
            tree.read(["video.bin"])
    assert told(caught.value, server) == (
        "TooLarge: the file has 100000 bytes, the limit is 50000 bytes [http://SERVER/demo.git: video.bin]"
    )
    server.configure("demo", allow_filter=True)
    with remote(server, TransferLimits(blob=50_000)) as session, pytest.raises(TarkError) as caught:
        session.tree(session.resolve()).read(["video.bin"])
    assert told(caught.value, server) == (
        "TooLarge: the server sent an object of 100000 bytes, the limit is 50000 bytes [http://SERVER/demo.git]"
    )


def test_links_and_modules_of_a_real_repository(server: GitServer, repo: GitRepo) -> None:
    repo.symlink("dist/plugin.wasm", "/etc/passwd")
    repo.symlink("linked", "dist")
    repo.gitlink("module")
    repo.commit("links")
    repo.publish(server.root, "demo")
    with remote(server) as session:
        tree = session.tree(session.resolve())
        assert tree.names("") == ["dist", "linked", "module", "src"]
        assert tree.read(["dist/plugin.toml"]) == {"dist/plugin.toml": TOML}
        for path, where, found in [
            ("dist/plugin.wasm", "dist/plugin.wasm", "a symbolic link"),
            ("linked/plugin.toml", "linked", "a symbolic link"),
            ("module/plugin.toml", "module", "a submodule"),
        ]:
            with pytest.raises(Refused) as caught:
                tree.read([path])
            assert told(caught.value, server) == (
                f"Refused: expected a file or folder, found {found} [http://SERVER/demo.git: {where}]"
            )


def test_closing_twice_and_opening_again(server: GitServer, published: GitRepo) -> None:
    session = remote(server)
    session.close()
    commit = session.resolve()
    session.close()
    session.close()
    assert session.resolve() == commit
    session.close()


def test_importing_the_package_is_cheap() -> None:
    heavy = "{'dulwich', 'urllib3', 'ssl', 'http'}"
    code = f"import sys, tarkpm.sources.git; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_of_the_environment_is_used(
    server: GitServer, published: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No proxy, no git configuration: only the command line reads the environment."""
    (tmp_path / ".gitconfig").write_text(f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {server.base}/\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert read_all(server) == FILES


def test_an_object_is_kept_under_the_id_of_its_bytes(server: GitServer, published: GitRepo) -> None:
    objects = RemoteObjects(Access().route(parse(server.url("demo"))), TransferLimits(), notes=[])
    head = published.rev("HEAD")
    objects.need_commit(head)
    found = objects.find(head)
    assert found is not None
    assert found.kind == "commit"
    objects.close()
    assert objects.find(head) is None


@pytest.mark.parametrize("folder", ["dist", ""])
def test_a_release_is_collected_in_one_fetch_of_files(
    server: GitServer, published: GitRepo, folder: str
) -> None:
    """`""` has no plugin.toml: its ``dist/`` is looked at, as upstream's own plugins need."""
    toml = b'[plugin]\nname = "x"\nversion = "1.0.0"\ntype = "tool"\nwasm = "plugin.wasm"\n'
    published.write("dist/plugin.toml", toml)
    published.commit("a manifest")
    published.publish(server.root, "demo")
    with remote(server) as session:
        release = collect(session.tree(session.resolve()), folder, where="demo")
    assert release.folder == "dist"
    assert dict(release.files) == {"plugin.toml": toml, "plugin.wasm": WASM, "README": b"read me\n"}
    assert asked(server) == ["GET", "ls-refs", "fetch", "fetch"]
