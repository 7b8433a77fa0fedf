"""Repositories on this machine: every layout, nothing of theirs obeyed, damage noticed."""

import os
import shutil
import zlib
from pathlib import Path

import pytest
from support.gitattack import told
from support.gitrepo import GitRepo, git

from tarkpm.errors import TarkError
from tarkpm.sources.git import GitRemote, TransferLimits, parse

FILES = {"dist/plugin.toml": b"[plugin]\n", "dist/plugin.wasm": b"\0asm" * 50}


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "work")
    for path, data in FILES.items():
        repo.write(path, data)
    repo.commit("first")
    repo.tag("light")
    repo.annotated_tag("heavy")
    repo.branch("side")
    repo.commit("second")
    return repo


def read(folder: Path, **asked: str) -> dict[str, bytes]:
    with GitRemote(parse(f"file://{folder}")) as session:
        return dict(session.tree(session.resolve(**asked)).read([*FILES, "none"]))


def said(folder: Path, limits: TransferLimits | None = None, **asked: str) -> str:
    with (
        GitRemote(parse(f"file://{folder}"), limits or TransferLimits()) as session,
        pytest.raises(TarkError) as caught,
    ):
        session.tree(session.resolve(**asked)).read(list(FILES))
    return told(caught.value).replace(str(folder), "/REPO")


@pytest.mark.parametrize(
    "asked", [{}, {"branch": "main"}, {"branch": "side"}, {"tag": "light"}, {"tag": "heavy"}]
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_work_tree_and_a_bare_repository(
    tmp_path: Path, repo: GitRepo, asked: dict[str, str], packed: bool
) -> None:
    if packed:
        repo.git("gc", "--quiet", "--aggressive")
    assert read(repo.folder, **asked) == FILES
    bare = repo.publish(tmp_path, "bare")
    assert read(bare, **asked) == FILES
    with GitRemote(parse(f"file://{bare}")) as session:
        name = asked.get("tag") or asked.get("branch") or "HEAD"
        assert session.resolve(**asked) == repo.rev(f"{name}^{{commit}}")


def test_revs(repo: GitRepo) -> None:
    assert read(repo.folder, rev=repo.rev("HEAD~1")) == FILES
    assert read(repo.folder, rev=repo.rev("heavy")) == FILES
    assert said(repo.folder, rev="1" * 40) == (
        f"NotFound: commit {'1' * 40} is not in this repository [file:///REPO]"
    )


def test_missing_refs(repo: GitRepo) -> None:
    assert said(repo.folder, tag="v9") == (
        "NotFound: there is no tag 'v9' [file:///REPO] try: git ls-remote --tags file:///REPO"
    )
    assert said(repo.folder, branch="v9") == (
        "NotFound: there is no branch 'v9' [file:///REPO] try: git ls-remote --heads file:///REPO"
    )


def test_an_empty_repository(tmp_path: Path) -> None:
    assert said(GitRepo(tmp_path / "empty").folder) == (
        "NotFound: HEAD has no commits: the repository is empty, or its default branch does not exist [file:///REPO] try: git ls-remote --heads file:///REPO"
    )


def test_no_repository(tmp_path: Path) -> None:
    assert said(tmp_path) == "NotFound: there is no git repository [file:///REPO]"
    assert said(tmp_path / "none") == "NotFound: there is no git repository [file:///REPO]"


def test_a_folder_below_a_repository_is_none(repo: GitRepo) -> None:
    assert said(repo.folder / "dist") == "NotFound: there is no git repository [file:///REPO]"


def test_a_path_with_a_space(tmp_path: Path, repo: GitRepo) -> None:
    target = tmp_path / "my repo"
    repo.folder.rename(target)
    with GitRemote(parse(f"file://{tmp_path}/my%20repo")) as session:
        assert session.tree(session.resolve()).read(["dist/plugin.toml"])


def test_a_linked_work_tree(tmp_path: Path, repo: GitRepo) -> None:
    repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "side")
    assert read(tmp_path / "linked") == FILES
    with GitRemote(parse(f"file://{tmp_path}/linked")) as session:
        assert session.resolve() == repo.rev("side")


@pytest.mark.parametrize("text", [b"elsewhere", b"gitdir: /a\ngitdir: /b\n", b"\xff" * 4000])
def test_a_pointer_that_does_not_point(tmp_path: Path, text: bytes) -> None:
    (tmp_path / ".git").write_bytes(text)
    assert said(tmp_path) == "Refused: '.git' does not point to a repository [file:///REPO]"


def test_a_pointer_longer_than_any_path(tmp_path: Path) -> None:
    (tmp_path / ".git").write_bytes(b"gitdir: /" + b"a" * 4096)
    assert said(tmp_path) == "TooLarge: '.git' has more than 4,096 bytes [file:///REPO]"


def test_a_repository_that_borrows_objects(tmp_path: Path, repo: GitRepo) -> None:
    git(tmp_path, "clone", "--quiet", "--shared", str(repo.folder), "shared")
    assert (tmp_path / "shared/.git/objects/info/alternates").exists()
    assert read(tmp_path / "shared") == FILES


def test_a_repository_that_borrows_from_itself(repo: GitRepo) -> None:
    objects = repo.folder / ".git/objects"
    (objects / "info/alternates").write_text(f"{objects}\n")
    assert read(repo.folder) == FILES
    assert said(repo.folder, rev="1" * 40) == (
        f"NotFound: commit {'1' * 40} is not in this repository [file:///REPO]"
    )


def test_a_chain_of_borrowed_objects_is_followed(tmp_path: Path, repo: GitRepo) -> None:
    git(tmp_path, "clone", "--quiet", "--shared", str(repo.folder), "one")
    git(tmp_path, "clone", "--quiet", "--shared", "--bare", str(tmp_path / "one"), "two")
    (tmp_path / "two/objects/info/alternates").write_text(
        "# relative\n\n../../one/.git/objects\n/nonexistent\n"
    )
    assert read(tmp_path / "two") == FILES


def test_more_borrowed_folders_than_are_followed(tmp_path: Path, repo: GitRepo) -> None:
    alternates = repo.folder / ".git/objects/info/alternates"
    for number in range(17):
        (tmp_path / f"{number}").mkdir()
    alternates.write_text("".join(f"{tmp_path}/{number}\n" for number in range(16)))
    assert len(alternates.read_bytes()) < 4096
    assert read(repo.folder) == FILES
    alternates.write_text("".join(f"{tmp_path}/{number}\n" for number in range(17)))
    assert said(repo.folder).startswith("TooLarge: the repository has more than 16 alternates")
    alternates.write_text("#" * 5000)
    assert said(repo.folder).startswith("TooLarge: 'alternates' has more than 4,096 bytes")


def test_a_partial_clone_says_what_it_lacks(tmp_path: Path, repo: GitRepo) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    source = f"file://{repo.folder}"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", source, "part")
    assert said(tmp_path / "part") == (
        f"NotFound: the repository lacks the blob {repo.rev('HEAD:dist/plugin.toml')}"
        " [file:///REPO: dist/plugin.toml]"
    )


def test_a_shallow_clone(tmp_path: Path, repo: GitRepo) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo.folder}", "shallow")
    assert read(tmp_path / "shallow") == FILES


def test_configuration_and_hooks_are_not_read(repo: GitRepo, tmp_path: Path) -> None:
    control = repo.folder / ".git"
    witness = tmp_path / "ran"
    script = f"#!/bin/sh\ntouch {witness}\n"
    for name in ("post-checkout", "post-upload-pack", "fsmonitor", "reference-transaction"):
        (control / "hooks" / name).parent.mkdir(exist_ok=True)
        (control / "hooks" / name).write_text(script)
        (control / "hooks" / name).chmod(0o755)
    (control / "config").write_text(
        f"[core]\n\tfsmonitor = {control}/hooks/fsmonitor\n\trepositoryformatversion = 99\n"
        "[include]\n\tpath = /dev/tty\n[broken\n"
    )
    (repo.folder / ".gitattributes").write_text("* filter=evil\n")
    assert read(repo.folder) == FILES
    assert not witness.exists()


def test_symbolic_refs_are_bounded_and_stay_inside(repo: GitRepo) -> None:
    control = repo.folder / ".git"
    (control / "refs/heads/loop").write_text("ref: refs/heads/loop\n")
    assert said(repo.folder, branch="loop").startswith("Garbled: a symbolic ref leads back to itself")
    (repo.folder / "outside").write_text(repo.rev("HEAD"))
    (control / "HEAD").write_text("ref: ../outside\n")
    assert said(repo.folder).startswith("NotFound: HEAD has no commits")
    (control / "HEAD").write_text("\x1b[31m no id\n")
    assert said(repo.folder) == "Refused: HEAD is not the id of a sha1 object [file:///REPO]"


def test_a_sha256_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "new")
    git(
        tmp_path / "new",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "x",
    )
    assert said(tmp_path / "new") == "Refused: HEAD is not the id of a sha1 object [file:///REPO]"


def loose(repo: GitRepo, name: str) -> Path:
    oid = repo.rev(name)
    path = repo.folder / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    return path


def test_an_object_with_other_bytes_is_noticed(repo: GitRepo) -> None:
    loose(repo, "HEAD:dist/plugin.wasm").write_bytes(zlib.compress(b"blob 9\0\0asm evil"))
    assert said(repo.folder) == (
        f"Refused: object {repo.rev('HEAD:dist/plugin.wasm')} is damaged [file:///REPO]"
    )


def test_an_object_that_is_cut_is_noticed(repo: GitRepo) -> None:
    path = loose(repo, "HEAD:dist/plugin.wasm")
    path.write_bytes(path.read_bytes()[:-40])
    assert said(repo.folder).startswith("Garbled: ")


def test_a_loose_bomb_is_bounded(repo: GitRepo) -> None:
    bomb = b"blob 200000000\0" + bytes(200_000_000)
    loose(repo, "HEAD:dist/plugin.wasm").write_bytes(zlib.compress(bomb, 1))
    assert said(repo.folder) == ("Garbled: the objects are damaged, or larger than allowed [file:///REPO]")


def test_links_and_modules(repo: GitRepo) -> None:
    repo.symlink("dist/plugin.wasm", "/etc/passwd")
    repo.commit("link")
    assert said(repo.folder) == (
        "Refused: expected a file or folder, found a symbolic link [file:///REPO: dist/plugin.wasm]"
    )


def test_a_file_over_the_limit(repo: GitRepo) -> None:
    assert said(repo.folder, TransferLimits(blob=100)) == (
        "TooLarge: the file has 200 bytes, the limit is 100 bytes [file:///REPO: dist/plugin.wasm]"
    )


def test_reftables_are_named(repo: GitRepo) -> None:
    (repo.folder / ".git/reftable").mkdir()
    assert said(repo.folder) == "Refused: expected a repository of ref files, found a reftable [file:///REPO]"


def test_it_is_read_while_it_is_removed(repo: GitRepo) -> None:
    with GitRemote(parse(f"file://{repo.folder}")) as session:
        commit = session.resolve()
        shutil.rmtree(repo.folder)
        with pytest.raises(TarkError) as caught:
            session.tree(commit)
    assert caught.value.code == "NotFound"


@pytest.mark.parametrize("what", ["fifo", "endless"])
@pytest.mark.parametrize(
    "name", ["HEAD", "packed-refs", "refs/heads/main", "objects/pack/pack-1.pack", "loose"]
)
def test_a_file_without_end(repo: GitRepo, name: str, what: str) -> None:
    path = loose(repo, "HEAD:dist/plugin.wasm") if name == "loose" else repo.folder / ".git" / name
    path.unlink(missing_ok=True)
    if what == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    branch = "main" if name == "refs/heads/main" else ""
    assert said(repo.folder, branch=branch).startswith("Refused: expected a plain file [")
