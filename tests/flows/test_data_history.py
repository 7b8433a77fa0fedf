"""`rollback --with-data`: what plugins stored comes back with them, where the project keeps it."""

import json
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from support import killer
from support.gitrepo import GitRepo
from support.kill_everywhere import kill_everywhere
from support.sandbox import Result, Sandbox

from tarkpm.errors import StoreError
from tarkpm.store import kept_data

NAME = "text-tools"
CONSENT = "--accept-capabilities"
SETTING = "data-history = true\n"


class Project:
    """A project that keeps data, with text-tools 1.0.0 of a repository and one note of it."""

    def __init__(self, sandbox: Sandbox, *, keeps: bool = True) -> None:
        self.sandbox, self.repo, self.keys = sandbox, GitRepo(sandbox.root / "repo"), 0
        self.key = sandbox.key()
        sandbox.init()
        if keeps:
            self.set(SETTING)
        self.release("1.0.0")
        self.url = f"file://{self.repo.folder}"
        sandbox.run("add", self.url, "-b", "main", "--trust", self.key, CONSENT).ok()
        self.note()

    def set(self, line: str) -> None:
        file = self.sandbox.cwd / "tark.toml"
        text = file.read_text().replace(SETTING, "")
        file.write_text(text.replace("[tark]\n", f"[tark]\n{line}"))

    def release(self, version: str, sign: str = "release") -> None:
        self.sandbox.plugin(self.repo.folder, version=version, sign=sign)
        self.repo.git("add", "--all")
        self.repo.commit(version)

    def update(self, version: str) -> None:
        self.release(version)
        self.sandbox.run("update").ok()

    def note(self, count: int = 1) -> int:
        """Let the plugin store notes; returns how many it has then."""
        for _ in range(count):
            self.keys += 1
            words = json.dumps({"key": f"k{self.keys}", "text": "x"})
            said = self.sandbox.run("call", NAME, "save-note", words).ok()
        return int(said.json["total"])

    @property
    def data(self) -> Path:
        return Path(self.sandbox.run("info", NAME, "--json").ok().json["data"])

    @property
    def notes(self) -> int:
        """How many notes are stored."""
        file = self.data / "storage.sqlite3"
        if not file.exists():
            return 0
        with closing(sqlite3.connect(file)) as database:
            if not database.execute("SELECT * FROM sqlite_master").fetchone():
                return 0
            return int(database.execute("SELECT count(*) FROM entry").fetchone()[0])

    @property
    def number(self) -> int:
        return int(self.sandbox.run("log", "--json").ok().json["generations"][0]["number"])

    def copies(self) -> list[Path]:
        return sorted(self.sandbox.state.glob("history/*/*.sqlite3"))

    def back(self, *words: str) -> Result:
        return self.sandbox.run("rollback", *words)


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    return Project(sandbox)


def test_there_and_back(project: Project) -> None:
    """The data is that which the older release left, and what it replaces is kept, too."""
    old = project.number
    project.note()
    project.update("1.1.0")
    project.note(3)
    dry = project.back("--with-data", "--dry-run").ok().out
    assert f"  {NAME}: its data would be what it was before generation {old + 1}\n" in dry
    assert project.notes == 5
    said = project.back("--with-data").ok().out
    assert f"  {NAME}: its data is what it was before generation {old + 1}\n" in said
    assert project.notes == 2
    assert project.note() == 3, "it is whole, and can be written"
    report = project.back("--with-data", "--json").ok().json
    assert report["data"] == [{"plugin": NAME, "before": old + 2}]
    assert project.notes == 5
    (ours,) = {stat.S_IMODE(file.stat().st_mode) for file in project.copies()}
    assert ours == 0o600
    assert stat.S_IMODE((project.data / "storage.sqlite3").stat().st_mode) == 0o600


def test_without_the_option_data_stays_and_that_is_said(project: Project) -> None:
    old = project.number
    project.update("1.1.0")
    project.note(3)
    said = project.back().ok().out
    assert f"note: the data of '{NAME}' stays as it is; --with-data restores it as it was" in said
    assert project.notes == 4
    # It is not too late: the documents are there already, and the data comes.
    again = project.back(str(old), "--with-data").ok().out
    assert f"its data is what it was before generation {old + 1}" in again
    assert project.notes == 1
    assert project.back(str(old), "--with-data").ok().out == "nothing to do\n"
    # And what was replaced is kept in a generation of its own.
    project.back(str(project.number - 1), "--with-data").ok()
    assert project.notes == 4


def test_data_of_a_newer_release_is_not_taken_for_that_of_an_older_one(project: Project) -> None:
    """The change between them kept nothing, and the copy of the next one may have another form."""
    old = project.number
    project.set("")
    project.update("1.1.0")
    project.set(SETTING)
    project.update("1.2.0")
    project.note()
    said = project.back(str(old), "--with-data").ok().out
    assert f"note: the data of '{NAME}' was not kept" in said
    assert project.notes == 2


def test_a_release_that_stored_nothing_has_nothing_again(sandbox: Sandbox) -> None:
    project = Project(sandbox)
    shutil.rmtree(project.data)
    project.update("1.1.0")
    project.note(2)
    project.back("--with-data").ok()
    assert project.notes == 0
    assert project.note() == 1


def test_nothing_is_kept_unless_it_is_asked_for(sandbox: Sandbox) -> None:
    project = Project(sandbox, keeps=False)
    project.update("1.1.0")
    project.note(3)
    assert project.copies() == []
    said = project.back("--with-data").ok().out
    assert f"note: the data of '{NAME}' was not kept; [tark] data-history = true keeps it" in said
    assert project.notes == 4
    # What an option replaces is kept all the same, and nothing was replaced here.
    assert "--with-data" not in project.back().ok().out


def test_the_setting_is_shown_and_asks_nobody(project: Project) -> None:
    before = project.number
    project.set("")
    project.sandbox.run("sync").ok()
    shown = project.sandbox.run("show", str(before + 1)).ok().out
    assert "tark.data-history  true → false" in shown
    assert "goes beyond" not in shown


def test_a_removed_plugin_returns_with_its_data(project: Project) -> None:
    project.note()
    project.sandbox.run("remove", NAME).ok()
    (copy,) = project.copies()
    assert copy.stat().st_size
    project.back("--with-data", "--accept-project").ok()
    assert project.notes == 2


def test_purge_deletes_the_copies_too(project: Project) -> None:
    project.update("1.1.0")
    assert project.copies()
    project.sandbox.run("remove", NAME, "--purge").ok()
    assert project.copies() == []
    project.back("--with-data", "--accept-project").ok()
    assert project.notes == 0


def test_another_publisher_gets_nothing_of_it(project: Project) -> None:
    """Copies belong to the publisher whose plugin stored the data (docs/trust-rules.md, rule 0)."""
    project.note()
    first = project.number
    other = project.sandbox.key("other")
    project.release("1.1.0", sign="other")
    theirs = ("--trust", other, CONSENT, "--accept-project")
    project.sandbox.run("remove", NAME).ok()
    project.sandbox.run("add", project.url, "-b", "main", *theirs).ok()
    there = project.number
    project.note(5)
    project.sandbox.run("remove", NAME).ok()
    # Back to the other publisher's, and then to the first one's: each has its own.
    project.back(str(there), "--with-data", "--accept-project").ok()
    assert project.notes == 5
    project.back(str(first), "--with-data", "--accept-project").ok()
    assert project.notes == 2


def test_a_busy_storage_does_not_stop_an_update(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_data, "MAX_WAIT", 0.1)
    database = sqlite3.connect(project.data / "storage.sqlite3", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    project.release("1.1.0")
    said = project.sandbox.run("update").ok()
    assert f"the data of '{NAME}' is not kept: it is busy" in said.out + said.err
    database.rollback()
    project.update("1.2.0")
    # What would be replaced has to be kept.
    database.execute("BEGIN EXCLUSIVE")
    before = project.number
    project.back("--with-data").failed(2, "the data of 'text-tools' cannot be replaced: it is busy")
    assert project.number == before
    database.close()
    project.back("--with-data").ok()


def test_a_reader_delays_a_rollback_and_loses_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is committed: the next command finishes it."""
    monkeypatch.setattr(kept_data, "MAX_WAIT", 0.1)
    project.update("1.1.0")
    project.note(3)
    database = sqlite3.connect(project.data / "storage.sqlite3", isolation_level=None)
    database.execute("BEGIN")
    assert database.execute("SELECT count(*) FROM entry").fetchone() == (4,)
    project.back("--with-data").failed(2, "committed but cannot be applied yet: it is busy")
    database.close()
    assert "an interrupted change was finished first" in project.sandbox.run("sync").ok().err
    assert project.notes == 1
    project.back("--with-data").ok()
    assert project.notes == 4


@pytest.mark.parametrize("contents", [b"x" * 4096, b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_copy_stops_before_anything_changes(project: Project, contents: bytes) -> None:
    project.update("1.1.0")
    (copy,) = project.copies()
    copy.write_bytes(contents)
    before = (project.sandbox.cwd / "tark.lock").read_bytes(), project.notes, project.number
    refused = project.back("--with-data").failed(
        2, "the copy of the data of 'text-tools' cannot be restored: it is damaged"
    )
    assert f"rm {copy}" in refused.err
    assert ((project.sandbox.cwd / "tark.lock").read_bytes(), project.notes, project.number) == before
    copy.unlink()
    project.back("--with-data").ok()


def test_more_than_tarkpm_lets_a_plugin_store_is_not_copied(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_data, "MAX_COPY", 1_000)
    project.release("1.1.0")
    said = project.sandbox.run("update").ok()
    assert f"the data of '{NAME}' is not kept: it has more than 1,000 bytes" in said.out + said.err
    assert project.copies() == []


def test_damaged_storage_is_moved_away_and_comes_back(project: Project) -> None:
    project.update("1.1.0")
    stored = project.data / "storage.sqlite3"
    stored.write_bytes(b"x" * 4096)
    refused = project.back("--with-data").failed(
        2, "the data of 'text-tools' cannot be replaced: it is damaged"
    )
    assert f"help: mv {stored} {stored}.damaged" in refused.err
    stored.rename(f"{stored}.damaged")
    project.back("--with-data").ok()
    assert project.notes == 1


def test_a_link_in_place_of_storage_is_not_written_through(project: Project, tmp_path: Path) -> None:
    project.update("1.1.0")
    mine = tmp_path / "mine.sqlite3"
    shutil.move(project.data / "storage.sqlite3", mine)
    (project.data / "storage.sqlite3").symlink_to(mine)
    before = mine.read_bytes()
    project.back("--with-data").failed(2, "is not a plain file of yours")
    assert mine.read_bytes() == before


def test_bounds(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tarkpm.store.history.KEPT", 3)
    for minor in range(1, 6):
        project.update(f"1.{minor}.0")
    oldest = project.number - 2
    assert [int(file.name.partition("-")[0]) for file in project.copies()] == [oldest + 1, oldest + 2]
    monkeypatch.setattr(kept_data, "MAX_TOTAL", 1)
    project.update("1.6.0")
    assert [int(file.name.partition("-")[0]) for file in project.copies()] == [oldest + 3], "the newest stays"


def test_what_a_failed_change_left_is_not_taken_for_a_copy(project: Project) -> None:
    project.update("1.1.0")
    (copy,) = project.copies()
    number = project.number
    left = copy.with_name(copy.name.replace(f"{number}-", f"{number + 1}-"))
    shutil.copy(copy, left)
    project.set(SETTING + "\n# a comment\n")
    project.sandbox.run("sync").ok()  # generation `number + 1`, which replaces no plugin
    assert project.number == number + 1
    assert project.copies() == [copy]


@pytest.mark.parametrize("edited", [False, True])
def test_a_copy_of_a_failed_change_does_not_come_back(
    project: Project, monkeypatch: pytest.MonkeyPatch, edited: bool
) -> None:
    """The plugin went on after it. Also where the next change keeps edited documents under that number."""
    old = project.number
    project.release("1.1.0")
    with monkeypatch.context() as failing:
        failing.setattr("tarkpm.ops.change.apply.commit", _fails)
        project.sandbox.run("update").failed(2, "the disk is full")
    assert len(project.copies()) == 1
    project.note(2)
    assert "--with-data" not in project.back(str(old)).ok().out
    if not edited:
        assert project.back(str(old), "--with-data").ok().out == "nothing to do\n"
    else:
        project.set(SETTING + "\n# a comment\n")
    project.sandbox.run("update").ok()
    project.note(2)
    project.back(str(old), "--with-data", "--accept-project").ok()
    assert project.notes == 3


def _fails(*_: object, **__: object) -> None:
    raise StoreError("the disk is full")


def test_what_a_killed_change_was_writing_is_deleted(project: Project) -> None:
    project.update("1.1.0")
    (copy,) = project.copies()
    left = copy.with_name(f".{copy.name}.0123456789abcdef.tmp")
    left.write_bytes(b"x")
    project.update("1.2.0")
    assert not left.exists()


@pytest.mark.slow  # it is killed at each step
def test_a_killed_rollback_has_the_old_data_or_the_new(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "work")
    project = Project(sandbox)
    project.update("1.1.0")
    project.note(3)
    before = killer.documents(sandbox.cwd)
    results = kill_everywhere(killer, tmp_path, sandbox, "rollback", "--with-data")
    after = results[-1]["documents"]
    assert len(results) > 15
    for result in results:
        assert result["documents_after"] in (before, after), result
        assert (result["sync"], result["verify"]) == (0, 0), result
