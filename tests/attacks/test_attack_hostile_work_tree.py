"""A clone whose settings and attributes name programs: comparing it with HEAD runs none and obeys none."""

import os
import shutil
from pathlib import Path

import pytest
from support.gitrepo import GitRepo
from support.sandbox import PLUGINS, Sandbox

PUBLISH = ("publish", ".", "--to", "../out", "--key", "release")


@pytest.fixture
def clone(sandbox: Sandbox) -> Path:
    """A repository that would run `touch` at each command of git, and that hides a change from it."""
    sandbox.key()
    folder = Path(shutil.copytree(PLUGINS / "text-tools", sandbox.cwd / "clone"))
    repo = GitRepo(folder)
    (folder / "README.md").write_text("read me\n")
    repo.git("add", ".")
    repo.commit("one")
    repo.git("update-index", "--assume-unchanged", "README.md")
    (folder / ".gitattributes").write_text("* filter=evil diff=evil working-tree-encoding=UTF-16 eol=crlf\n")
    ran = sandbox.root / "ran"
    program = sandbox.root / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    with (folder / ".git" / "config").open("a") as file:
        file.write(
            f"[core]\n\tfsmonitor = {program}\n\thooksPath = {sandbox.root}\n\tworktree = /\n"
            f"\texcludesFile = {sandbox.root}/excludes\n\tautocrlf = true\n"
            f'[filter "evil"]\n\tclean = {program}\n\tsmudge = {program}\n\tprocess = {program}\n\trequired\n'
            f'[diff "evil"]\n\ttextconv = {program}\n[include]\n\tpath = {sandbox.root}/more\n'
        )
    (sandbox.root / "excludes").write_text("*\n")
    return folder


def test_nothing_runs_and_nothing_hides_a_change(sandbox: Sandbox, clone: Path) -> None:
    sandbox.run(*PUBLISH, "--dry-run", cwd=clone).ok()
    (clone / "README.md").write_text("changed\n")
    (clone / "LICENSE.txt").write_text("MIT\n")
    said = "these files are not committed: LICENSE.txt (untracked), README.md (modified)"
    sandbox.run(*PUBLISH, cwd=clone).failed(2, said)
    assert not (sandbox.root / "ran").exists()


def test_an_ignore_file_that_blocks(sandbox: Sandbox, clone: Path) -> None:
    shutil.rmtree(clone / ".git")
    GitRepo(clone)  # without a commit: only the rules say what does not count
    os.mkfifo(clone / ".gitignore")
    sandbox.run(*PUBLISH, cwd=clone).failed(2, "expected a plain file of at most 1 MiB")


def test_a_repository_of_another_user(sandbox: Sandbox, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes its refs says what is committed: as for `diff`."""

    def lstat(path: Path) -> os.stat_result:
        found = os.lstat(path)
        stranger = (*found[:4], found.st_uid + 1, *found[5:])
        return os.stat_result(stranger) if path.name == ".git" else found

    monkeypatch.setattr(Path, "lstat", lstat)
    sandbox.run(*PUBLISH, cwd=clone).failed(4, "this repository is not yours", "--allow-dirty")
