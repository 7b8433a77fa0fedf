"""`publish` of a plugin whose repository does not have it as it is: refused with the difference, as by cargo."""

import shutil
from pathlib import Path

import pytest
from support.gitrepo import GitRepo
from support.sandbox import PLUGINS, Sandbox

PUBLISH = ("publish", ".", "--to", "../../out", "--key", "release")


@pytest.fixture
def repo(sandbox: Sandbox) -> GitRepo:
    """A repository of several plugins; the one in plugins/mine is built from its sources."""
    sandbox.key()
    folder = Path(shutil.copytree(PLUGINS / "text-tools", sandbox.cwd / "plugins" / "mine"))
    manifest = folder / "plugin.toml"
    manifest.write_text(manifest.read_text().partition("[build]")[0])
    (folder / "README.md").write_text("read me\n")
    (folder / "lib").mkdir()
    (folder / "lib" / "words.h").write_text("// words\n")
    (sandbox.cwd / ".gitignore").write_text("*.tmp.h\nignored/\n")
    repo = GitRepo(sandbox.cwd)
    repo.git("add", ".")
    repo.commit("one")
    return repo


def test_what_differs_is_listed(sandbox: Sandbox, repo: GitRepo) -> None:
    folder = sandbox.cwd / "plugins" / "mine"
    sandbox.run(*PUBLISH, "--dry-run", cwd=folder).ok()
    (folder / "README.md").write_text("changed\n")
    (folder / "LICENSE.txt").write_text("MIT\n")
    (folder / "plugin.c").write_text("// changed\n")
    (folder / "lib" / "words.h").unlink()
    (folder / "lib" / "new.h").write_text("// new\n")
    repo.git("add", ".")  # staged is not committed
    for more in ((), ("--dry-run",)):
        said = sandbox.run(*PUBLISH, *more, cwd=folder).failed(
            2,
            "error: these files are not committed: LICENSE.txt (untracked), README.md (modified), "
            "lib/new.h (untracked), plugin.c (modified), lib/words.h (deleted)\n",
            "help: commit first, or run: tarkpm publish . --to ../../out --key release --allow-dirty\n",
        )
    assert not (sandbox.cwd / "out").exists()
    sandbox.run(*said.err.rpartition("run: tarkpm ")[2].split(), cwd=folder).ok()
    repo.commit("two")
    sandbox.run(*PUBLISH[:3], "../../again", "--key", "release", cwd=folder).ok()


def test_what_does_not_count(sandbox: Sandbox, repo: GitRepo) -> None:
    """The result of a build, tests, ignored sources, documents of no release, and other plugins."""
    folder = sandbox.cwd / "plugins" / "mine"
    (folder / "plugin.wasm").write_bytes((folder / "plugin.wasm").read_bytes() + b"\0\2\1a")
    (sandbox.cwd / "README.md").write_text("of the repository\n")
    for name in ("tests/case.toml", "made.tmp.h", ".notes", "ignored/made.h", "other/plugin.toml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    sandbox.run(*PUBLISH, cwd=folder).ok()
    shutil.rmtree(folder / "tests")
    (folder / "plugin.c").unlink()  # no source any more: the module is all there is
    sandbox.run(*PUBLISH, "--dry-run", cwd=folder).failed(
        2, "this file is not committed: plugin.wasm (modified)"
    )


@pytest.mark.parametrize("make", ["ignored", "no repository", "an empty .git"])
def test_a_folder_of_no_repository_is_published_in_silence(sandbox: Sandbox, make: str) -> None:
    sandbox.key()
    folder = Path(shutil.copytree(PLUGINS / "text-tools", sandbox.cwd / "plugins" / "mine"))
    if make == "ignored":  # the home folder of somebody who keeps it in git
        repo = GitRepo(sandbox.cwd)
        repo.write(".gitignore", b"*\n")
        repo.commit("dotfiles")
    elif make == "an empty .git":
        (sandbox.cwd / ".git").mkdir()
    assert sandbox.run(*PUBLISH, cwd=folder).ok().err == ""


def test_before_the_first_commit_all_is_untracked(sandbox: Sandbox, repo: GitRepo) -> None:
    folder = sandbox.cwd / "plugins" / "mine"
    shutil.rmtree(sandbox.cwd / ".git")
    GitRepo(sandbox.cwd)
    said = sandbox.run(*PUBLISH, cwd=folder).failed(2)
    assert "plugin.c (untracked), plugin.toml (untracked)" in said.err


def test_sign_names_what_is_committed_with_the_signature(sandbox: Sandbox, repo: GitRepo) -> None:
    """A release in git is signed before it is committed: nothing is refused."""
    folder = sandbox.cwd / "plugins" / "mine"
    sign = ("sign", ".", "--key", "release")
    assert "next" not in sandbox.run(*sign, cwd=folder).ok().out
    (folder / "README.md").write_text("changed\n")
    assert (
        sandbox.run(*sign, cwd=folder)
        .ok()
        .out.endswith("  next       commit with it: README.md (modified)\n")
    )
    assert sandbox.run(*sign, "--json", cwd=folder).ok().json["uncommitted"] == ["README.md (modified)"]


def test_in_a_linked_work_tree(sandbox: Sandbox, repo: GitRepo) -> None:
    linked = sandbox.root / "linked"
    repo.git("worktree", "add", "--quiet", str(linked))
    folder = linked / "plugins" / "mine"
    sandbox.run(*PUBLISH, "--dry-run", cwd=folder).ok()
    (folder / "README.md").write_text("changed\n")
    sandbox.run(*PUBLISH, "--dry-run", cwd=folder).failed(2, "README.md (modified)")


def test_a_repository_that_cannot_be_read(sandbox: Sandbox, repo: GitRepo) -> None:
    folder = sandbox.cwd / "plugins" / "mine"
    (sandbox.cwd / ".git" / "refs" / "heads" / "main").write_text("a" * 64 + "\n")
    sandbox.run(*PUBLISH, cwd=folder).failed(
        2, "HEAD is not the id of a sha1 object", "key release --allow-dirty"
    )
