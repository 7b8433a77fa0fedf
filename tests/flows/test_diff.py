"""`diff`: what a reviewer of a pull request sees, and the exit status that a job goes by."""

import shutil

import pytest
from conftest import Publisher
from support.gitrepo import GitRepo
from support.sandbox import Sandbox


@pytest.fixture
def repo(sandbox: Sandbox, publisher: Publisher) -> GitRepo:
    """The project's own repository: a plugin was added, and its update is in the working tree."""
    repo = GitRepo(sandbox.cwd)
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    keep(repo, "one")
    publisher.release("1.1.0", capabilities='storage = true\nhttp = ["api.example.com"]')
    sandbox.run("update", "--accept-capabilities").ok()
    return repo


def keep(repo: GitRepo, message: str) -> None:
    repo.git("add", "tark.toml", "tark.lock")
    repo.commit(message)


def test_what_an_update_means(sandbox: Sandbox, repo: GitRepo) -> None:
    shown = sandbox.run("diff")
    assert shown.status == 1
    lines = shown.out.splitlines()
    assert lines[:8] == [
        "HEAD → working tree: 1 plugin changed",
        "",
        "goes beyond HEAD:",
        "  let 'text-tools' use http:api.example.com",
        "  'text-tools' asks for http:api.example.com",
        "",
        "text-tools 1.0.0 → 1.1.0",
        lines[7],
    ]
    assert lines[7].startswith("  commit    ")
    assert lines[8:] == ["  asks for  + http:api.example.com", "  may use   + http:api.example.com"]
    keep(repo, "two")
    assert sandbox.run("diff").ok().out == "HEAD → working tree: no difference\n"
    assert sandbox.run("diff", "HEAD~1", "HEAD").status == 1
    back = sandbox.run("diff", "HEAD", "HEAD~1").failed(1).out
    assert "  asks for  - http:api.example.com" in back
    assert "goes beyond HEAD:\n  go back to an older release of 'text-tools': 1.1.0 → 1.0.0\n\n" in back


def test_files_are_compared_without_a_project(sandbox: Sandbox, repo: GitRepo) -> None:
    (sandbox.root / "old.lock").write_text(repo.git("show", "HEAD:tark.lock") + "\n")
    shutil.copy(sandbox.cwd / "tark.lock", sandbox.root / "new.lock")
    shown = sandbox.run("diff", "old.lock", "./new.lock", cwd=sandbox.root)
    assert shown.status == 1
    assert "'text-tools' asks for http:api.example.com" in shown.out
    assert "note: only locks are compared" in shown.out
    assert "may use" not in shown.out
    sandbox.run("diff", "./none.lock").failed(2, "there is no such lock file")


def test_a_file_never_stands_in_for_a_branch(sandbox: Sandbox, repo: GitRepo) -> None:
    """A pull request adds a file named main, equal to its own lock: the branch is compared all the same."""
    for name in ("main", "HEAD", "main.lock"):
        shutil.copy(sandbox.cwd / "tark.lock", sandbox.cwd / name)
    assert sandbox.run("diff", "main").status == 1
    assert sandbox.run("diff", "HEAD").status == 1


def test_a_lock_that_drops_what_it_said(sandbox: Sandbox, repo: GitRepo) -> None:
    """Going back to version 1 hides what a plugin asks for: that itself goes beyond."""
    keep(repo, "two")
    lock = sandbox.cwd / "tark.lock"
    kept = [
        line for line in lock.read_text().splitlines(keepends=True) if not line.startswith("capabilities")
    ]
    lock.write_text("".join(kept).replace("\nversion = 2\n", "\nversion = 1\n"))
    shown = sandbox.run("diff")
    assert shown.status == 1
    assert "the lock does not name what 'text-tools' asks for" in shown.out
    assert "note: the lock of the working tree is version 1" in shown.out


def test_markdown_that_is_no_markup(sandbox: Sandbox, repo: GitRepo) -> None:
    """Text of a pull request: a branch and a host that would be a link, a table cell or an image."""
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace('branch = "main"', 'branch = "x`|<img/src=1>](http://evil)"'))
    lock = sandbox.cwd / "tark.lock"
    lock.write_text(lock.read_text().replace('branch = "main"', 'branch = "x`|<img/src=1>](http://evil)"'))
    sandbox.run("diff", "--markdown", "--json").failed(2, "expected --markdown or --json, found both")
    shown = sandbox.run("diff", "--markdown")
    assert shown.status == 1
    for line in shown.out.splitlines():
        outside = "".join(line.split("`")[::2])
        assert line.count("`") % 2 == 0
        assert not any(markup in outside for markup in ("<", "](", "evil"))
        if line.startswith("|"):
            assert line.count("|") == 5


def test_what_is_missing(sandbox: Sandbox, repo: GitRepo) -> None:
    sandbox.run("diff", "nope").failed(2, "there is no revision 'nope'")
    empty = repo.git("rev-list", "--max-parents=0", "HEAD").strip()
    sandbox.run("diff", f"{empty}~1").failed(2, "there is no revision")
    shutil.rmtree(sandbox.cwd / ".git")
    sandbox.run("diff").failed(2, "'HEAD' is a revision, and this project is in no git repository")


def test_a_revision_that_git_checks_out_in_another_encoding(sandbox: Sandbox, repo: GitRepo) -> None:
    """An attack: with ``working-tree-encoding``, U+25D9 of a comment becomes a line feed in CP902."""
    keep(repo, "two")
    text = (sandbox.cwd / "tark.toml").read_text()
    repo.write("tark.toml", f"{text}# ours \u25d9[grants.text-tools]\u25d9shell = true\n".encode())
    repo.write(".gitattributes", b"*.toml working-tree-encoding=CP902\n")
    repo.commit("three")
    sandbox.run("diff", "HEAD~1", "HEAD").failed(
        2, ".gitattributes sets working-tree-encoding: git checks out other files"
    )


def test_an_older_release_and_other_contents_go_beyond(sandbox: Sandbox, repo: GitRepo) -> None:
    """What `sync` would ask, and contents that a hand changed, which it would refuse."""
    keep(repo, "two")
    lock = sandbox.cwd / "tark.lock"
    text = lock.read_text()
    lock.write_text(text.replace('version = "1.1.0"', 'version = "0.9.0"'))
    assert "go back to an older release of 'text-tools': 1.1.0 → 0.9.0" in sandbox.run("diff").failed(1).out
    digest = text.partition('"plugin.wasm", sha256 = "')[2][:64]
    lock.write_text(text.replace(digest, "0" * 64))
    assert "'text-tools' has another contents: plugin.wasm" in sandbox.run("diff").failed(1).out


def test_settings_are_differences_too(sandbox: Sandbox, repo: GitRepo) -> None:
    keep(repo, "two")
    file = sandbox.cwd / "tark.toml"
    text = file.read_text()
    strict = text.replace("[tark]\n", '[tark]\nminimum-release-age = "3d"\n') + '\n[mcp]\nask = "risky"\n'
    file.write_text(strict)
    # What only narrows goes beyond nothing, and is shown all the same.
    assert sandbox.run("diff").ok().out.splitlines() == [
        "HEAD → working tree: settings changed",
        "",
        "settings",
        "  tark.minimum-release-age  none → 3d",
        "  mcp.ask                   never → risky",
    ]
    keep(repo, "three")
    file.write_text(strict.replace('"3d"', '"1d"'))
    assert sandbox.run("diff", "--markdown").failed(1).out.splitlines() == [
        "### Plugins: `HEAD` → `working tree`: settings changed",
        "",
        "**Goes beyond `HEAD`:**",
        "",
        "- `shorten the minimum release age: 3d → 1d`",
        "",
        "| plugin | | before | after |",
        "|---|---|---|---|",
        "| `settings` | tark.minimum-release-age ⚠ | `3d` | `1d` |",
    ]
    (change,) = sandbox.run("diff", "--json").failed(1).json["settings"]
    assert change == {"kind": "tark.minimum-release-age", "removed": ["3d"], "added": ["1d"], "wider": True}
