"""Folders that tarkpm did not install run only after this user agreed to exactly their contents."""

from pathlib import Path

import pytest
from support.releases import (
    COMMUNITY,
    GOOD,
    INDEX_TOML,
    OTHER_WASM,
    caps,
    documents,
    make_release,
)
from support.silent_ui import SilentUi
from support.workspaces import Install, Open, vouch

from tarkpm.core.digest import sha256
from tarkpm.core.statement import parse_envelope
from tarkpm.errors import (
    HostError,
    NotFound,
    ResolutionError,
    Revoked,
    StoreError,
    TarkError,
    UnmanagedRefused,
)
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release
from tarkpm.ops.release.unmanaged import (
    consented,
    is_unmanaged,
    load_unmanaged,
    read_unmanaged,
    unmanaged_data,
    unmanaged_names,
)

STORAGE = "[capabilities]\nstorage = true\n"
CALC = make_release(key=None, more=STORAGE)


def place(workspace: Workspace, release: Release = CALC, folder: str = "calc") -> Path:
    """A folder that the user put under plugins/."""
    found = workspace.environment.folder(folder)
    found.mkdir(parents=True, exist_ok=True)
    for name, data in release.contents.items():
        (found / name).write_bytes(data)
    return found


# -- what is unmanaged


def test_a_folder_that_neither_lock_nor_record_names(install: Install, opened: Open) -> None:
    installed, locked = make_release("installed"), make_release("locked")
    workspace = install(*documents(installed), installed)
    place(workspace)
    (workspace.environment.plugins / "notes.txt").write_text("a file is no plugin")
    assert unmanaged_names(workspace) == ["calc"]
    workspace = opened(*documents(locked))  # installed is still in the record, until a sync removes it
    place(workspace, locked, "locked")
    assert unmanaged_names(workspace) == ["calc"]
    assert is_unmanaged(workspace, "calc")
    assert not is_unmanaged(workspace, "installed")


# -- reading one


def linked(folder: Path) -> None:
    folder.rename(folder.parent.parent / "elsewhere")
    folder.symlink_to(folder.parent.parent / "elsewhere")


@pytest.mark.parametrize(
    ("damage", "error", "text"),
    [
        (linked, StoreError, "found a link or a file"),
        (lambda folder: (folder / "plugin.toml").unlink(), NotFound, "does not contain a plugin"),
        (lambda folder: (folder / "plugin.wasm").unlink(), NotFound, "does not contain a plugin"),
        (lambda folder: (folder / "plugin.wasm").write_bytes(b"x"), TarkError, "wasm|WebAssembly"),
        (
            lambda folder: folder.rename(folder.with_name("memo")),
            StoreError,
            "contains a plugin named 'calc'",
        ),
        (lambda folder: folder.with_name("CALC").mkdir(), StoreError, "equals that of 'CALC'"),
    ],
)
def test_what_is_not_a_plugin_of_its_own_is_refused(
    opened: Open, damage: object, error: type[TarkError], text: str
) -> None:
    workspace = opened()
    place(workspace)
    damage(workspace.environment.folder("calc"))  # type: ignore[operator]
    (name,) = {"calc", "memo"} & {*workspace.environment.names()}
    with pytest.raises(error, match=text):
        read_unmanaged(workspace, name)


def test_a_locked_plugin_of_the_name_but_for_its_letters_is_in_the_way(opened: Open) -> None:
    workspace = opened(*documents(make_release("text-tools")))
    place(workspace, make_release("text_tools"), "text_tools")
    with pytest.raises(StoreError, match="equals that of 'text-tools'"):
        read_unmanaged(workspace, "text_tools")


@pytest.mark.parametrize("by", ["statement", "payload"])
def test_a_revoked_release_that_was_copied_by_hand_is_refused(opened: Open, by: str) -> None:
    workspace = opened()
    signed = make_release(more=STORAGE)
    place(workspace, signed)
    read_unmanaged(workspace, "calc")
    envelope = signed.contents["plugin.dsse.json"]
    if by == "statement":
        vouch(workspace, "other", GOOD, revoked=frozenset({sha256(envelope)}))
    else:
        payload = sha256(parse_envelope(envelope, where="").payload)
        vouch(workspace, "other", GOOD, revoked_versions={"1.0.0": payload})
    with pytest.raises(Revoked):
        read_unmanaged(workspace, "calc")


def test_a_statement_that_cannot_be_read_is_known_by_its_digest_alone(opened: Open) -> None:
    workspace = opened()
    (place(workspace) / "plugin.dsse.json").write_bytes(b"{")
    read_unmanaged(workspace, "calc")
    vouch(workspace, "other", GOOD, revoked=frozenset({sha256(b"{")}))
    with pytest.raises(Revoked):  # a digest needs no statement that can be read
        read_unmanaged(workspace, "calc")


# -- consent


def test_without_a_terminal_it_is_an_error_that_says_what_it_declares(opened: Open, ui: SilentUi) -> None:
    workspace = opened(command="tarkpm call calc add")
    place(workspace)
    with pytest.raises(UnmanagedRefused, match="storage; its module has sha256") as caught:
        load_unmanaged(workspace, "calc")
    assert caught.value.hint == "tarkpm call calc add --accept-unmanaged calc"
    assert ui.cards == []


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_it_is_asked_about_once(opened: Open, answer: bool) -> None:
    ui = SilentUi(interactive=True, answer=answer)
    workspace = opened(ui=ui)
    place(workspace)
    if not answer:
        with pytest.raises(UnmanagedRefused, match="'calc' was not run"):
            load_unmanaged(workspace, "calc")
        assert consented(workspace, "calc") == caps()
        return
    image = load_unmanaged(workspace, "calc")
    assert image.granted == caps("storage")
    assert load_unmanaged(workspace, "calc").wasm == CALC.contents["plugin.wasm"]
    assert len(ui.cards) == len(ui.questions) == 1
    assert consented(workspace, "calc") == caps("storage")


@pytest.mark.parametrize(("named", "accepted"), [("calc", True), ("memo", False)])
def test_a_flag_accepts_the_plugin_it_names(opened: Open, named: str, accepted: bool) -> None:
    workspace = opened(accept_unmanaged=frozenset({named}))
    place(workspace)
    if accepted:
        load_unmanaged(workspace, "calc")
    else:
        with pytest.raises(UnmanagedRefused):
            load_unmanaged(workspace, "calc")


@pytest.mark.parametrize("changed", ["module", "manifest", "more"])
def test_a_consent_is_for_these_contents(opened: Open, changed: str) -> None:
    workspace = opened(accept_unmanaged=frozenset({"calc"}))
    folder = place(workspace)
    load_unmanaged(workspace, "calc")
    workspace = opened(None)
    load_unmanaged(workspace, "calc")
    if changed == "module":
        (folder / "plugin.wasm").write_bytes(OTHER_WASM)
    else:
        more = f"{STORAGE}shell = true\n" if changed == "more" else f"{STORAGE}# edited\n"
        place(workspace, make_release(key=None, more=more))
    assert consented(workspace, "calc") == caps()
    with pytest.raises(UnmanagedRefused):
        load_unmanaged(workspace, "calc")


def test_grants_in_the_project_narrow_and_never_widen(opened: Open) -> None:
    accepted = frozenset({"calc"})
    workspace = opened("[grants]\ncalc = { shell = true }\n", accept_unmanaged=accepted)
    place(workspace)
    assert load_unmanaged(workspace, "calc").granted == caps()


def test_what_was_narrowed_once_is_asked_about_before_it_returns(opened: Open) -> None:
    place(opened(""))
    assert load_unmanaged(opened("", accept_unmanaged=frozenset({"calc"})), "calc").granted == caps("storage")
    assert load_unmanaged(opened("[grants]\ncalc = { shell = true }\n"), "calc").granted == caps()
    with pytest.raises(UnmanagedRefused):
        load_unmanaged(opened(""), "calc")


def test_a_disabled_plugin_is_not_run_and_not_asked_about(opened: Open) -> None:
    ui = SilentUi(interactive=True, answer=True)
    workspace = opened(ui=ui)
    place(workspace)
    workspace.environment.set_enabled("calc", enabled=False)
    with pytest.raises(HostError, match="is disabled"):
        load_unmanaged(workspace, "calc")
    assert ui.questions == []


def test_a_plugin_for_a_newer_tark_is_not_run(opened: Open) -> None:
    workspace = opened('[tark]\nversion = "1.0.0"\n', accept_unmanaged=frozenset({"calc"}))
    place(workspace, make_release(key=None, more='min_tark_version = "2.0.0"\n'))
    with pytest.raises(ResolutionError, match="requires tark 2.0.0"):
        load_unmanaged(workspace, "calc")


# -- data


def test_its_data_is_apart_from_that_of_an_installed_plugin_and_of_other_projects(opened: Open) -> None:
    workspace = opened()
    data = unmanaged_data(workspace, "calc")
    assert data != workspace.data("calc")
    assert data.is_relative_to(workspace.settings.paths.data)
    assert unmanaged_data(opened(None, user=True), "calc") != data


@pytest.mark.parametrize("stored", [True, False])
def test_the_card_says_that_it_finds_what_other_contents_stored(opened: Open, stored: bool) -> None:
    ui = SilentUi(interactive=True, answer=True)
    workspace = opened(ui=ui)
    place(workspace)
    if stored:
        data = unmanaged_data(workspace, "calc")
        data.mkdir(parents=True)
        (data / "token").write_text("secret")
    load_unmanaged(workspace, "calc")
    (card,) = ui.cards
    labels = {row.label: row for row in card.rows}
    assert ("data" in labels) is stored
    assert labels["signer"].loud
    assert labels["module"].text == f"sha256 {sha256(CALC.contents['plugin.wasm'])}"


def test_what_an_index_vouches_for_is_no_consent(opened: Open) -> None:
    workspace = opened(INDEX_TOML)
    vouch(workspace, "calc", GOOD)
    place(workspace, make_release(source=COMMUNITY))
    with pytest.raises(UnmanagedRefused):
        load_unmanaged(workspace, "calc")
