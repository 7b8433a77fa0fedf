"""The workspace: whose environment it is, what is settled, and what a name means here."""

from pathlib import Path

import msgspec
import pytest
from support.releases import COMMUNITY, GOOD, INDEX_TOML, documents, make_release
from support.silent_ui import SilentUi
from support.workspaces import Install, Open, vouch

from tarkpm.core.owner import Owner
from tarkpm.errors import Edited, LockError, ProjectError, ProjectNotAccepted, StoreBusy
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import MAX_QUESTIONS, asks_again, open_for_change, open_for_reading

CALC, MEMO = make_release(), make_release("memo")


# -- whose environment is it?


def test_an_environment_is_recognized_by_what_state_remembers(install: Install, opened: Open) -> None:
    install(*documents(CALC), CALC)
    workspace = opened(None)
    assert workspace.recognized
    assert set(workspace.record.installed) == {"calc"}
    assert len(workspace.verified) == 1
    workspace.require_built_here()


@pytest.mark.parametrize("planted", ["no id", "another id"])
def test_an_environment_that_came_from_elsewhere_is_not_used(
    install: Install, opened: Open, planted: str
) -> None:
    """An archive with plugins in it may carry an id, but not the one in this user's state."""
    environment = install(*documents(CALC), CALC).environment
    id_file = environment.work / "id"
    id_file.unlink()
    if planted == "another id":
        id_file.write_text("0" * 32)
    workspace = opened(None)
    assert not workspace.recognized
    assert workspace.record.installed == {}
    assert workspace.record.accepted.plugins  # what was accepted is this user's, wherever the folder is from
    with pytest.raises(ProjectNotAccepted, match="not built here by your tarkpm"):
        workspace.require_built_here()


def test_an_empty_environment_is_nobodys(opened: Open) -> None:
    workspace = opened()
    (workspace.environment.plugins).mkdir(parents=True)
    workspace.require_built_here()
    workspace.prepare()
    assert opened(None).recognized


def test_a_project_that_was_moved_is_the_same_project(
    install: Install, settings: Settings, tmp_path: Path, ui: SilentUi
) -> None:
    install(*documents(CALC), CALC)
    moved = tmp_path / "moved"
    settings.cwd.rename(moved)
    with open_for_change(msgspec.structs.replace(settings, cwd=moved), ui) as workspace:
        assert workspace.recognized
        assert workspace.record.path == str(moved)
        assert set(workspace.record.installed) == {"calc"}
        assert workspace.state.find(str(settings.cwd)) is None


def test_a_copied_project_is_another_project(
    install: Install, settings: Settings, tmp_path: Path, ui: SilentUi
) -> None:
    """The copy has the id, and not the inode: its files may have been changed on the way."""
    import shutil

    install(*documents(CALC), CALC)
    shutil.copytree(settings.cwd, tmp_path / "copy", symlinks=True)
    with open_for_change(msgspec.structs.replace(settings, cwd=tmp_path / "copy"), ui) as workspace:
        assert not workspace.recognized
        assert workspace.record.accepted.plugins == {}


# -- settled


def test_settled_means_these_documents_these_files_and_this_state(install: Install, opened: Open) -> None:
    workspace = install(*documents(CALC), CALC)
    assert opened(None).is_settled()
    toml = workspace.location.project_file
    text = toml.read_text()
    assert not opened(f"{text}# edited\n").is_settled()
    assert opened(text).is_settled()
    vouch(opened(None), "calc", GOOD)  # an index said something new: a revocation would be there, too
    assert not opened(None).is_settled()


def test_an_installed_file_that_changed_unsettles(install: Install, opened: Open) -> None:
    module = install(*documents(CALC), CALC).environment.folder("calc") / "plugin.wasm"
    module.chmod(0o600)
    assert not opened(None).is_settled()


def test_without_a_lock_nothing_is_settled(install: Install, opened: Open) -> None:
    install(*documents(CALC), CALC).location.lock_file.unlink()
    assert not opened(None).is_settled()


def test_a_seal_tells_documents_apart(opened: Open) -> None:
    workspace = opened("a = 1")
    assert workspace.seal(b"ab", b"c") != workspace.seal(b"a", b"bc")
    assert workspace.seal(None, b"c") == workspace.seal(b"a = 1", b"c")


# -- documents


def test_a_lock_that_cannot_be_read_says_how_to_go_on(opened: Open) -> None:
    workspace = opened("", "version = 1\n[[plugin]]\n")
    with pytest.raises(LockError) as caught:
        _ = workspace.lock
    assert caught.value.hint.endswith("&& tarkpm lock")
    assert str(workspace.location.lock_file) in caught.value.hint


def test_missing_documents_are_empty_ones(opened: Open) -> None:
    workspace = opened(None)
    assert workspace.project.requirements == {}
    assert workspace.lock.entries == ()


def test_reading_finds_a_broken_document_at_once(settings: Settings, ui: SilentUi) -> None:
    (settings.cwd / "tark.toml").write_text("[plugins")
    with pytest.raises(ProjectError), open_for_reading(settings, ui):
        pass


def test_what_nothing_leads_to_is_not_followed(opened: Open) -> None:
    toml, _ = documents(CALC)
    workspace = opened(toml, documents(CALC, MEMO)[1])
    assert [entry.name for entry in workspace.followed.entries] == ["calc"]


def test_a_project_is_changed_by_one_command_at_a_time(
    opened: Open, settings: Settings, ui: SilentUi
) -> None:
    opened()
    impatient = msgspec.structs.replace(settings, lock_seconds=0.0)
    with pytest.raises(StoreBusy), open_for_change(impatient, ui):
        pass


# -- names


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("text-tools", "text-tools"),
        ("text_tools", "text-tools"),
        ("Text_Tools", "text-tools"),
        ("note-store", "note_store"),
        ("mine", "mine"),
        ("unknown_one", "unknown_one"),
    ],
)
def test_a_typed_name_is_the_one_that_is_here(opened: Open, typed: str, name: str) -> None:
    text, note = make_release("text-tools"), make_release("note_store", source=COMMUNITY)
    workspace = opened(*documents(text, toml=INDEX_TOML, dependencies=[note]))
    workspace.environment.folder("Mine").mkdir(parents=True)
    assert workspace.name_of(typed) == ("Mine" if name == "mine" else name)
    assert workspace.names_of([typed, typed]) == [workspace.name_of(typed)]


def test_what_is_no_name_is_an_error(opened: Open) -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        opened().name_of("../x")


# -- data and markers


def test_data_is_never_in_the_work_tree_and_follows_its_owner(opened: Open) -> None:
    workspace = opened()
    data = workspace.data("calc")
    assert data.is_relative_to(workspace.settings.paths.data)
    assert not data.is_relative_to(workspace.location.folder)
    owner = Owner("calc@2")
    assert workspace.data("calc", owner).name == "calc@2"
    workspace.expect(msgspec.structs.replace(workspace.record, owners={"calc": (Owner("calc"), owner)}))
    assert workspace.data("calc").name == "calc@2"


@pytest.mark.parametrize(("marker", "record"), [(False, False), (True, False), (False, True)])
def test_a_plugin_runs_if_neither_marker_nor_record_disables_it(
    opened: Open, marker: bool, record: bool
) -> None:
    workspace = opened()
    folder = workspace.environment.folder("calc")
    folder.mkdir(parents=True)
    if marker:
        (folder / ".disabled").touch()
    owner = Owner("calc", disabled=record)
    workspace.expect(msgspec.structs.replace(workspace.record, owners={"calc": (owner,)}))
    assert workspace.is_enabled("calc") is not (marker or record)


# -- a document that is edited while its prompt waits


@pytest.mark.parametrize(
    ("edits", "interactive", "runs"),
    [(0, True, 1), (1, True, 2), (1, False, 1), (MAX_QUESTIONS, True, MAX_QUESTIONS)],
)
def test_a_verb_asks_again_about_what_is_there_now(
    settings: Settings, edits: int, interactive: bool, runs: int
) -> None:
    ui, calls = SilentUi(interactive=interactive), []

    @asks_again
    def verb(settings: Settings, ui: Ui, word: str) -> str:
        calls.append(word)
        if len(calls) <= edits:
            raise Edited("tark.toml was edited")
        return word

    if runs > edits:
        assert verb(settings, ui, "done") == "done"
    else:
        with pytest.raises(Edited) as caught:
            verb(settings, ui, "done")
        assert caught.value.hint == settings.command
    assert len(calls) == runs
    assert ui.notes == ["tark.toml was edited; showing the change again"] * (runs - 1)
