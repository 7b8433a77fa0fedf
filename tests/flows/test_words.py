"""Messages name the cause: the sentences that newcomers met where the old ones misled them."""

import os
from pathlib import Path

import pytest
from support.gitserver import GitRepo
from support.sandbox import Sandbox

from tarkpm.cli.entry import main


@pytest.fixture
def repo(sandbox: Sandbox) -> GitRepo:
    """A local repository with one unsigned plugin."""
    sandbox.init()
    repo = GitRepo(sandbox.root / "repo")
    sandbox.plugin(sandbox.root / "repo")
    repo.git("add", "--all")
    repo.commit("one")
    return repo


def test_a_commit_in_upper_case_is_a_commit(sandbox: Sandbox, repo: GitRepo) -> None:
    head = repo.commit("two")
    sandbox.run(
        "add",
        f"file://{repo.folder}",
        "--rev",
        head.upper(),
        "--allow-unsigned",
        "text-tools",
        "--accept-capabilities",
    ).ok()
    assert f'rev = "{head}"' in (sandbox.cwd / "tark.toml").read_text()


def test_a_symbolic_ref_that_leads_to_itself(sandbox: Sandbox, repo: GitRepo) -> None:
    (Path(repo.folder) / ".git" / "refs" / "tags").mkdir(parents=True, exist_ok=True)
    (Path(repo.folder) / ".git" / "refs" / "tags" / "v1").write_text("ref: refs/tags/v1\n")
    sandbox.run("add", f"file://{repo.folder}", "--tag", "v1").failed(
        5, "error: a symbolic ref leads back to itself"
    )


def test_an_empty_repository(sandbox: Sandbox, repo: GitRepo) -> None:
    empty = GitRepo(sandbox.root / "void")
    sandbox.run("add", f"file://{empty.folder}").failed(
        2, "error: HEAD has no commits: the repository is empty, or its default branch does not exist"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "error: the file is empty"),
        (
            "version = 1\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n",
            "error: a merge conflict is not resolved (line 2)",
        ),
        ("version = 1\r\n<<<<<<< HEAD\r\n", "error: a merge conflict is not resolved (line 2)"),
    ],
)
def test_a_damaged_lock_is_named_as_what_it_is(sandbox: Sandbox, text: str, sentence: str) -> None:
    sandbox.init()
    (sandbox.cwd / "tark.lock").write_bytes(text.encode())
    for verb in ("verify", "sync", "lock --check", "list"):
        sandbox.run(*verb.split()).failed(2, sentence, "tarkpm lock")


def test_a_conflict_in_the_project(sandbox: Sandbox) -> None:
    sandbox.init()
    file = sandbox.cwd / "tark.toml"
    file.write_text(file.read_text() + "<<<<<<< HEAD\n")
    sandbox.run("sync").failed(2, "error: a merge conflict is not resolved (line ")


def test_a_folder_of_plugins_names_them(sandbox: Sandbox) -> None:
    sandbox.init()
    for name in ("b", "deep/a", ".hidden/c"):
        sandbox.plugin(sandbox.root / "many" / name)
    (sandbox.root / "many" / "b" / "loop").symlink_to(sandbox.root / "many")
    sandbox.run("add", sandbox.root / "many").failed(
        2, "error: no plugin.toml in the top folder or its dist/, but in 'b', 'deep/a'\n"
    )
    repo = GitRepo(sandbox.root / "many")
    repo.git("add", "--all")
    repo.commit("all")
    sandbox.run("add", f"file://{repo.folder}").failed(
        2, "error: no plugin.toml in the top folder or its dist/, but in 'b', 'deep/a'\n", "--path"
    )


def test_sync_names_the_versions(sandbox: Sandbox, repo: GitRepo) -> None:
    allow = ("--allow-unsigned", "text-tools", "--accept-capabilities", "--yes")
    sandbox.run("add", f"file://{repo.folder}", *allow).ok()
    old = (sandbox.cwd / "tark.lock").read_bytes()
    sandbox.plugin(sandbox.root / "repo", version="1.1.0")
    repo.git("add", "--all")
    repo.commit("two")
    sandbox.run("update", *allow).ok()
    new = (sandbox.cwd / "tark.lock").read_bytes()
    (sandbox.cwd / "tark.lock").write_bytes(old)
    assert sandbox.run("sync", "--accept-project").ok().out == "~ text-tools 1.1.0 → 1.0.0\n"
    (sandbox.cwd / "tark.lock").write_bytes(new)
    dry = sandbox.run("sync", "--accept-project", "--dry-run").ok()
    assert dry.out == "~ text-tools 1.0.0 → 1.1.0 (not applied)\n"
    synced = sandbox.run("sync", "--accept-project", "--json").ok().json
    assert synced["changes"] == [{"name": "text-tools", "before": "1.0.0", "after": "1.1.0"}]
    sandbox.run("lock").ok()
    file = sandbox.cwd / "tark.toml"
    file.write_text(file.read_text().replace("text-tools = {", "# text-tools = {"))
    sandbox.run("lock").ok()
    assert sandbox.run("sync", "--accept-project").ok().out == "- text-tools 1.1.0\n"


def test_the_variable_that_holds_a_bad_path_is_named(sandbox: Sandbox) -> None:
    blocked = sandbox.root / "file"
    blocked.write_text("")
    sandbox.run("key", "generate", "--name", "k", env={"XDG_STATE_HOME": str(blocked)}).failed(
        2, "where: ", f"{blocked}", "help: XDG_STATE_HOME names this folder: ls -ld "
    )


def test_a_current_folder_that_was_deleted(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    gone, here = sandbox.root / "gone", Path.cwd()
    gone.mkdir()
    sandbox.key("mine")
    os.chdir(gone)
    try:
        gone.rmdir()
        assert main(["list"]) == 2
        assert capsys.readouterr().err.startswith("error: the current folder was deleted\n")
        # What needs no folder runs.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOME", str(sandbox.home))
            for command in ("completions bash", "key list", "key show mine", "cache dir", "cache size"):
                assert main(command.split()) == 0, capsys.readouterr()
    finally:
        os.chdir(here)  # the test's own folders are removed after it


def test_a_check_of_nothing_does_not_pass(sandbox: Sandbox) -> None:
    for verb in ("verify", "lock --check", "accept", "accept --print", "sync"):
        sandbox.run(*verb.split()).failed(
            2, "error: there is no tark.toml here or above", "help: tarkpm init"
        )
    sandbox.run("verify", "--user").ok()


def test_a_part_of_a_grant_is_not_revoked_in_silence(sandbox: Sandbox) -> None:
    sandbox.init()
    folder = sandbox.plugin(
        sandbox.root / "src" / "text-tools", capabilities='env = ["OPENAI_*"]\nstorage = true'
    )
    sandbox.run("add", folder, "--accept-capabilities").ok()
    sandbox.run("revoke", "text-tools", "env:OPENAI_API_KEY").failed(
        2, "env:OPENAI_API_KEY is part of env:OPENAI_*, which is granted as a whole", "'env:OPENAI_*'"
    )
    sandbox.run("revoke", "text-tools", "env:OPENAI_*").ok()


def test_what_is_wrong_with_another_plugin_does_not_keep_a_capability_granted(
    sandbox: Sandbox, repo: GitRepo
) -> None:
    allow = ("--allow-unsigned", "text-tools", "--accept-capabilities", "--yes")
    sandbox.run("add", f"file://{repo.folder}", *allow).ok()
    mine = sandbox.plugin(sandbox.root / "src" / "mine", name="mine")
    sandbox.run("add", mine, "--accept-capabilities").ok()
    file = sandbox.cwd / "tark.toml"
    file.write_text(file.read_text().replace(f"file://{repo.folder}", "https://elsewhere.example/x"))
    sandbox.run("lock", "--check").failed(1)
    sandbox.run("revoke", "mine", "storage").ok()
    assert "mine = { storage" not in file.read_text()


def test_two_requests_for_one_plugin(sandbox: Sandbox) -> None:
    sandbox.init()
    sandbox.run("grant", "x").failed(2, "expected capabilities, or --reset for all that are declared")
    sandbox.run("grant", "x", "storage", "--reset").failed(2, "expected capabilities or --reset, found both")
    sandbox.run("inspect", "nothing").failed(2)
    sandbox.run("list", env={"HOME": "rel"}).failed(
        2, "expected an absolute path, found 'rel'", "where: HOME"
    )
