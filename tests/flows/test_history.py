"""`log`, `show` and `rollback`: what a change did, and the way back from it."""

import os
import shutil
from pathlib import Path

import pytest
from support import killer
from support.gitrepo import GitRepo
from support.kill_everywhere import kill_everywhere
from support.sandbox import Sandbox
from support.terminal import Terminal

WIDER = 'storage = true\nhttp = ["api.example.com"]'


class Project:
    """A project with text-tools, updated from 1.0.0 to 1.1.0: generations 1 (init), 2 (add) and 3 (update)."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.repo = sandbox, GitRepo(sandbox.root / "repo")
        self.key = sandbox.key()
        self.release("1.0.0", "storage = true")
        sandbox.init()
        url = f"file://{self.repo.folder}"
        sandbox.run("add", url, "-b", "main", "--trust", self.key, "--accept-capabilities").ok()
        self.release("1.1.0", WIDER)
        sandbox.run("update", "--accept-capabilities").ok()

    def release(self, version: str, capabilities: str = WIDER) -> None:
        self.sandbox.plugin(self.repo.folder, version=version, sign="release", capabilities=capabilities)
        self.repo.git("add", "--all")
        self.repo.commit(version)

    @property
    def documents(self) -> list[str | None]:
        return killer.documents(self.sandbox.cwd)

    @property
    def version(self) -> str:
        (row,) = self.sandbox.run("list", "--json").ok().json["plugins"]
        return str(row["version"])

    @property
    def numbers(self) -> list[int]:
        return [
            one["number"] for one in self.sandbox.run("log", "-n", "99", "--json").ok().json["generations"]
        ]

    def files(self) -> list[Path]:
        return sorted(self.sandbox.state.glob("history/*/*"))


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    return Project(sandbox)


def test_what_was_done(project: Project, sandbox: Sandbox) -> None:
    newest, middle, first = sandbox.run("log", "--json").ok().json["generations"]
    assert [one["number"] for one in (newest, middle, first)] == [3, 2, 1]
    assert newest["command"] == "tarkpm update --accept-capabilities"
    (change,) = newest["changes"]
    assert (change["before"], change["after"], change["gained"]) == (
        "1.0.0",
        "1.1.0",
        ["http:api.example.com"],
    )
    assert middle["changes"][0]["change"] == "added"
    assert (first["command"], first["documents"]) == ("", ["tark.toml"])
    lines = sandbox.run("log", "-n", "1").ok().out.splitlines()
    assert lines[0].split() == ["N", "WHEN", "CHANGES", "COMMAND"]
    assert "~ text-tools 1.0.0 → 1.1.0: gains http:api.example.com" in lines[1]
    assert lines[2:] == ["note: 2 older: tarkpm log -n 3"]
    shown = sandbox.run("show").ok().out
    assert "generation 2 → generation 3: 1 plugin changed" in shown
    assert "may use   + http:api.example.com" in shown
    assert sandbox.run("show", "1", "--json").ok().json["before"] == "nothing"
    sandbox.run("show", "9").failed(2, "generation 9 is not kept; the oldest is 1, the newest 3")


def test_nothing_new_is_no_generation(project: Project, sandbox: Sandbox) -> None:
    before = [(path, path.stat().st_mtime_ns) for path in project.files()]
    for words in (
        ["sync"],
        ["lock"],
        ["update"],
        ["verify"],
        ["sync", "--reinstall"],
        ["rollback", "2", "--dry-run"],
    ):
        sandbox.run(*words).ok()
    assert [(path, path.stat().st_mtime_ns) for path in project.files()] == before


def test_there_and_back_without_the_source(project: Project, sandbox: Sandbox) -> None:
    """Comments and bytes are those of the generation; `cache prune` keeps what it needs."""
    toml = sandbox.cwd / "tark.toml"
    toml.write_text("# mine\n" + toml.read_text())
    project.release("1.2.0")
    sandbox.run("update").ok()
    after = project.documents
    assert project.numbers == [5, 4, 3, 2, 1]  # 4: the comment
    sandbox.run("cache", "prune").ok()
    shutil.rmtree(project.repo.folder)
    dry = sandbox.run("rollback", "3", "--offline", "--dry-run").ok().out
    assert dry.splitlines()[0] == "would go back to generation 3, as generation 6"
    assert project.documents == after
    sandbox.run("rollback", "--offline").ok()  # to 4: only the comment more than 3
    assert project.version == "1.1.0"
    assert toml.read_text().startswith("# mine\n")
    sandbox.run("verify").ok()
    said = sandbox.run("rollback", "3", "--offline").ok().out
    assert said.splitlines()[0] == "went back to generation 3, as generation 7"
    assert not toml.read_text().startswith("# mine\n")
    sandbox.run("rollback", "5", "--offline").ok()
    assert project.documents == after
    assert "nothing to do" in sandbox.run("rollback", "5").ok().out
    sandbox.run("sync", "--offline").ok()
    sandbox.run("verify").ok()


def test_before_the_first_plugin(project: Project, sandbox: Sandbox) -> None:
    sandbox.run("rollback", "1").ok()
    assert sandbox.run("list", "--json").ok().json["plugins"] == []
    assert "nothing to do" in sandbox.run("rollback", "1").ok().out
    # what left is new when it returns
    sandbox.run("rollback").failed(4, "trust", "let 'text-tools' use storage")


def test_edits_are_not_lost(project: Project, sandbox: Sandbox) -> None:
    toml = sandbox.cwd / "tark.toml"
    edited = toml.read_text() + "# my edit\n"
    toml.write_text(edited)
    assert "note: tark.toml changed since" in sandbox.run("log").ok().out
    refused = sandbox.run("rollback", "2").failed(4, "tark.toml changed since generation 3")
    assert "help: tarkpm rollback 2 --replace-edits" in refused.err
    assert toml.read_text() == edited
    done = sandbox.run("rollback", "2", "--replace-edits").ok()
    assert "are kept as generation 4" in done.out
    sandbox.run("rollback", "4", "--accept-project").ok()
    assert toml.read_text() == edited


def test_a_broken_document(project: Project, sandbox: Sandbox) -> None:
    toml = sandbox.cwd / "tark.toml"
    good = toml.read_text()
    toml.write_text("[broken")
    sandbox.run("log").ok()
    sandbox.run("rollback", "--replace-edits").ok()  # of other documents than there are: the newest
    assert toml.read_text() == good
    sandbox.run("rollback", "4").failed(2, "generation 4: tark.toml")
    toml.write_bytes(b"\xff")
    sandbox.run("rollback", "--replace-edits").failed(4, "not UTF-8")


def test_documents_that_were_pulled(project: Project, sandbox: Sandbox) -> None:
    """A sync that finds nothing to install still makes them a generation: they are nobody's edits."""
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(toml.read_text() + "# pulled\n")
    sandbox.run("sync").ok()
    assert project.numbers[0] == 4
    sandbox.run("rollback").ok()
    assert "# pulled" not in toml.read_text()


def test_a_working_copy_stays_as_it_is(project: Project, sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    sandbox.plugin(sandbox.cwd / "mine", name="mine", version="2.0.0")
    sandbox.run("update", "mine").ok()
    said = sandbox.run("rollback", "4").ok().out  # locked it at 1.0.0
    assert said.splitlines()[0] == "nothing to do"
    assert "note: working copies stay as they are now: mine" in said
    assert 'version = "2.0.0"' in (sandbox.plugins / "mine" / "plugin.toml").read_text()
    sandbox.run("verify").ok()
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(toml.read_text() + "# pulled\n")
    sandbox.run("sync").ok()
    assert "- mine 2.0.0" in sandbox.run("rollback", "3").ok().out
    shutil.rmtree(sandbox.cwd / "mine")
    refused = sandbox.run("rollback", "4", "--accept-project")
    assert (
        "help: tarkpm log" in refused.failed(2, "generation 4 cannot come back: there is no such folder").err
    )


def test_what_was_disabled_stays_disabled(project: Project, sandbox: Sandbox) -> None:
    sandbox.run("call", "text-tools", "save-note", '{"key":"k","text":"kept"}').ok()
    sandbox.run("disable", "text-tools").ok()
    sandbox.run("rollback", "2").ok()
    (row,) = sandbox.run("list", "--json").ok().json["plugins"]
    assert (row["version"], row["status"]) == ("1.0.0", "disabled")
    assert list(sandbox.data.glob("data/*/text-tools/*")), "what it stored is there"


def test_the_users_own_plugins(project: Project, sandbox: Sandbox) -> None:
    url = f"file://{project.repo.folder}"
    add = ["add", url, "-b", "main", "--trust", project.key, "--accept-capabilities", "--user"]
    sandbox.run(*add, cwd=sandbox.home).ok()
    sandbox.run("rollback", "--user", cwd=sandbox.home).ok()
    assert sandbox.run("list", "--user", "--json", cwd=sandbox.home).ok().json["plugins"] == []
    sandbox.run("rollback", "--user", "--accept-project", cwd=sandbox.home).ok()
    sandbox.run("verify", "--user", cwd=sandbox.home).ok()
    assert project.numbers == [3, 2, 1]


def test_bounds(project: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tarkpm.store.history.KEPT", 4)
    for _ in range(3):
        sandbox.run("revoke", "text-tools", "storage").ok()
        sandbox.run("grant", "text-tools", "storage").ok()
    assert project.numbers == [9, 8, 7, 6]
    last = sandbox.run("log", "--json").ok().json["generations"][-1]
    assert not last["is_compared"]
    assert "the generation before is not kept" in sandbox.run("show", "6").ok().out
    monkeypatch.setattr("tarkpm.store.history.MAX_TOTAL", 1)
    sandbox.run("revoke", "text-tools", "storage").ok()
    assert project.numbers == [10, 9]


def test_a_project_that_moved_has_its_history(project: Project, sandbox: Sandbox) -> None:
    sandbox.cwd.rename(sandbox.root / "moved")
    sandbox.cwd = sandbox.root / "moved"
    assert project.numbers == [3, 2, 1]
    sandbox.run("rollback", "2").ok()


def test_a_cache_that_is_gone_and_a_project_that_is_gone(project: Project, sandbox: Sandbox) -> None:
    assert "note: a rollback now fetches from the sources" in sandbox.run("cache", "clean").ok().out
    sandbox.run("rollback", "--offline").failed(5, "not in the store")
    sandbox.run("rollback").ok()
    shutil.rmtree(sandbox.cwd)
    sandbox.cwd.mkdir()
    sandbox.run("doctor", "--fix", cwd=sandbox.home)
    assert project.files() != []  # the folder is there: it may be a checkout in progress
    sandbox.cwd.rmdir()
    sandbox.run("doctor", "--fix", cwd=sandbox.home)
    assert project.files() == []


def test_what_a_generation_costs(project: Project, sandbox: Sandbox) -> None:
    documents = sum(len(text or "") for text in project.documents)
    size = os.path.getsize(project.files()[-1])
    assert size <= 2 * documents, (size, documents)


@pytest.mark.slow  # twelve seconds; the default run kills a removal, and looks at the history, too
def test_a_killed_rollback_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "work")
    project = Project(sandbox)
    before = project.documents
    results = kill_everywhere(killer, tmp_path, sandbox, "rollback", "2")
    after = results[-1]["documents"]
    assert len(results) > 15
    assert any(result["journal"] for result in results)
    for result in results:
        assert result["documents_after"] in (before, after), result
        assert (result["sync"], result["verify"]) == (0, 0), result
        assert result["history"] in (["1", "2", "3"], ["1", "2", "3", "4"]), result
        assert (result["documents_after"] == after) == (len(result["history"]) == 4), result


def test_consent_at_a_terminal(project: Project, sandbox: Sandbox) -> None:
    sandbox.run("revoke", "text-tools", "storage").ok()
    before = project.documents
    for answer, status in (("n", 4), ("y", 0)):
        assert project.documents == before
        with Terminal(sandbox, "rollback") as terminal:
            card = terminal.expect("Accept these decisions? [y/N]: ")
            assert "makes decisions for you" in card
            assert "let 'text-tools' use storage" in card
            terminal.type(f"{answer}\n")
            assert terminal.finish().status == status
    assert project.numbers[0] == 5
