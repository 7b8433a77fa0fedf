"""Adoption: which folders stand in a release's place, and what becomes of them and their data."""

from pathlib import Path

import pytest
from support.releases import OTHER_WASM, documents, make_release, requirement_of
from support.workspaces import Install, Open

from tarkpm.core.consent import Answers
from tarkpm.errors import UnmanagedRefused
from tarkpm.ops.change.adopt import (
    Adoption,
    adoption_notes,
    adoption_rows,
    adoptions,
    data_moves,
    with_question,
)
from tarkpm.ops.change.propose import weigh
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release
from tarkpm.ops.release.unmanaged import unmanaged_data

CALC = make_release()


def place(workspace: Workspace, folder: str = "calc", release: Release = CALC) -> Path:
    """A folder that the user copied under plugins/."""
    found = workspace.environment.folder(folder)
    found.mkdir(parents=True)
    for name, data in release.contents.items():
        (found / name).write_bytes(data)
    return found


def one(workspace: Workspace) -> Adoption:
    (found,) = adoptions(workspace, CALC.candidate)
    return found


def test_a_folder_with_the_same_contents(opened: Open) -> None:
    workspace = opened()
    (place(workspace) / "notes.txt").write_text("what else is there makes no difference")
    assert one(workspace) == Adoption(
        CALC.candidate.manifest.name, "calc", workspace.environment.kept / "calc.1", same=True
    )


def test_a_folder_that_was_kept_before_is_not_overwritten(opened: Open) -> None:
    workspace = opened()
    place(workspace)
    (workspace.environment.kept / "calc.1").mkdir(parents=True)
    assert one(workspace).kept.name == "calc.2"


@pytest.mark.parametrize("damage", ["module", "manifest", "no module", "link"])
def test_a_folder_with_other_contents(opened: Open, tmp_path: Path, damage: str) -> None:
    """A link is never followed: what it leads to can be another thing when it is used."""
    workspace = opened()
    folder = place(workspace)
    module = folder / "plugin.wasm"
    match damage:
        case "module":
            module.write_bytes(OTHER_WASM)
        case "manifest":
            (folder / "plugin.toml").write_bytes(b"# mine\n" + CALC.contents["plugin.toml"])
        case "no module":
            module.unlink()
        case "link":
            module.rename(tmp_path / "elsewhere")
            module.symlink_to(tmp_path / "elsewhere")
    assert not one(workspace).same


@pytest.mark.parametrize(("folder", "stands"), [("Calc", True), ("calc2", False), ("text_tools", False)])
def test_a_name_is_compared_without_case(opened: Open, folder: str, stands: bool) -> None:
    workspace = opened()
    place(workspace, folder)
    assert bool(adoptions(workspace, CALC.candidate)) is stands


def test_hyphen_and_underscore_are_one_name(opened: Open) -> None:
    workspace = opened()
    place(workspace, "text_tools")
    assert adoptions(workspace, make_release("text-tools").candidate)


def test_what_tarkpm_installed_is_replaced_and_not_adopted(install: Install) -> None:
    workspace = install(*documents(CALC), CALC)
    assert adoptions(workspace, CALC.candidate) == ()


# -- the question


def adoption(name: str = "calc", *, same: bool) -> Adoption:
    return Adoption(CALC.candidate.manifest.name, name, Path("/kept/calc.1"), same)


@pytest.mark.parametrize(
    ("found", "agreed", "questions"),
    [
        ([], False, 0),
        ([adoption(same=True)], False, 0),  # nothing is lost: data and contents stay
        ([adoption(same=False)], False, 1),
        ([adoption(same=False)], True, 0),
        ([adoption(same=False), adoption("Calc", same=False)], False, 1),  # one answer covers both
    ],
)
def test_only_other_contents_are_asked_about(
    opened: Open, found: list[Adoption], agreed: bool, questions: int
) -> None:
    workspace = opened()
    before = weigh(workspace, requirement_of(CALC), CALC, Answers(trust=(CALC.candidate.signer or "",)))  # type: ignore[arg-type]
    after = with_question(before, found, agreed=agreed)
    assert [(q.error, q.flag, q.askable) for q in after.questions] == [
        (UnmanagedRefused, "--adopt", True)
    ] * questions
    assert after.change == before.change


def test_the_card_says_loudly_that_a_folder_is_replaced() -> None:
    adopts, replaces = adoption_rows([adoption(same=True), adoption(same=False)], Path("/p"))
    assert (adopts.label, adopts.loud) == ("adopts", False)
    assert (replaces.label, replaces.loud) == ("REPLACES", True)
    assert all("/p/calc" in row.text and "/kept/calc.1" in row.text for row in (adopts, replaces))


# -- afterwards


@pytest.mark.parametrize(
    ("same", "data", "moved", "noted"),
    [(True, True, True, False), (False, True, False, True), (False, False, False, False)],
)
def test_data_goes_to_the_release_that_has_the_same_contents_and_to_no_other(
    opened: Open, same: bool, data: bool, moved: bool, noted: bool
) -> None:
    workspace = opened()
    folder = place(workspace, release=CALC if same else make_release(wasm=OTHER_WASM))
    if data:
        (folder / "data").mkdir()
        (folder / "data" / "token").write_text("secret")
    found = adoptions(workspace, CALC.candidate)
    target = str(workspace.data("calc"))
    through_tarkpm, through_tark = unmanaged_data(workspace, "calc"), found[0].kept / "data"
    expected = ((str(through_tarkpm), target), (str(through_tark), target))
    assert data_moves(workspace, found) == (expected if moved else ())
    (note,) = adoption_notes(workspace, found, dry_run=False)
    assert (f"move it to {target}" in note) is noted


@pytest.mark.parametrize(("dry_run", "text"), [(True, "would be kept in"), (False, "is kept in")])
def test_a_note_says_where_the_folder_is(opened: Open, dry_run: bool, text: str) -> None:
    workspace = opened()
    place(workspace)
    (note,) = adoption_notes(workspace, adoptions(workspace, CALC.candidate), dry_run=dry_run)
    assert note.endswith(f"{text} {workspace.environment.kept / 'calc.1'}")
