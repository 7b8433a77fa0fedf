"""Revisions are named as git names them: compared with `git rev-parse` on a real repository."""

from pathlib import Path

import pytest
from support.gitrepo import GitRepo

from tarkpm.errors import NotFound, Refused, SourceError
from tarkpm.sources.git.revision import Repository, repository_above


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """Three commits, a merge, tags of both kinds, a remote's branch, and names that are in conflict."""
    repo = GitRepo(tmp_path_factory.mktemp("revisions") / "repo")
    for number in range(3):
        repo.write("app/tark.lock", b"%d" % number)
        repo.commit(f"number {number}")
    repo.git("checkout", "--quiet", "-b", "side/one", "HEAD~1")
    repo.commit("beside")
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-edit", "side/one")
    repo.git("tag", "v1", "HEAD~1")
    repo.git("tag", "--annotate", "-m", "x", "v2")
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD~2")
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    repo.git("tag", "both", "HEAD~2")
    repo.git("branch", "both", "HEAD")
    repo.symlink("app/link.lock", "/etc/passwd")
    repo.commit("a link")
    repo.git("pack-refs", "--all")
    return repo


NAMES = """HEAD @ main side/one v1 v2 origin/main origin refs/heads/main heads/main tags/v2 both
HEAD~ HEAD~1 HEAD~2 HEAD^ HEAD^1 HEAD^^ HEAD~1^2 HEAD~1^2~1 v2^0 v2^1 HEAD~0 main~1^1~1""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", NAMES)
def test_as_git_names_it(repo: GitRepo, name: str) -> None:
    with Repository(repo.folder) as repository:
        assert repository.commit(name) == repo.rev(name + "^{commit}")


@pytest.mark.parametrize("digits", [7, 12, 40])
def test_an_id_and_its_beginning(repo: GitRepo, digits: int) -> None:
    oid = repo.rev("HEAD~1")
    with Repository(repo.folder) as repository:
        assert repository.commit(oid[:digits]) == oid


@pytest.mark.parametrize(
    "name",
    ["nope", "HEAD~99", "HEAD^3", "deadbeef", "0" * 40, "config", "../repo/HEAD", "refs/heads/../../HEAD", "--all", "main.lock", "a b"],
)  # fmt: skip
def test_what_is_not_there(repo: GitRepo, name: str) -> None:
    with Repository(repo.folder) as repository, pytest.raises(NotFound):
        repository.commit(name)


@pytest.mark.parametrize("name", ["", "~1", "HEAD^{tree}", "HEAD~999999999", "HEAD~99999", "main^-"])
def test_what_is_no_revision(repo: GitRepo, name: str) -> None:
    with Repository(repo.folder) as repository, pytest.raises(Refused):
        repository.commit(name)


def test_files_of_a_commit(repo: GitRepo) -> None:
    with Repository(repo.folder) as repository:
        first = repository.commit("HEAD~1^1~2")
        assert repository.read(first, ["app/tark.lock", "app/tark.toml"]) == {"app/tark.lock": b"0"}
        with pytest.raises(SourceError, match="expected a file or folder, found a symbolic link"):
            repository.read(repository.commit("HEAD"), ["app/link.lock"])


def test_where_the_repository_is(repo: GitRepo, tmp_path: Path) -> None:
    assert repository_above(repo.folder / "app") == repo.folder
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "--quiet", "--detach", str(linked), "v1")
    assert repository_above(linked) == linked
    with Repository(linked) as repository:
        assert repository.commit("HEAD") == repo.rev("v1")
        assert repository.commit("main") == repo.rev("main")
