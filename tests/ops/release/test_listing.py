"""The rows of listings: a plugin's status, its signer, and what is said about withdrawn releases."""

import pytest
from support.indexrepo import public
from support.releases import COMMUNITY, GOOD, INDEX_TOML, documents, entry_of, make_release
from support.workspaces import Install, Open, vouch

from tarkpm.core.digest import sha256
from tarkpm.core.release import PathSource
from tarkpm.core.rows import row_of as listed
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.listing import not_installed, row_of, signer_text, withdrawn_notes

CALC = make_release(more='description = "adds"\n')
OF_INDEX = make_release(source=COMMUNITY)
REVOKED = {"revoked_versions": {"1.0.0": sha256(b"payload")}}


def status(workspace: Workspace, name: str = "calc") -> str:
    return row_of(workspace, name).status


def test_an_installed_plugin(install: Install) -> None:
    row = row_of(install(*documents(CALC), CALC), "calc")
    assert (row.id, row.version, row.type, row.status) == ("calc", "1.0.0", "tool", "enabled")
    assert (row.signer, row.description) == (public(GOOD), "adds")


def test_a_plugin_that_is_only_locked_is_missing(opened: Open) -> None:
    row = row_of(opened(*documents(CALC)), "calc")
    assert (row.version, row.type, row.status, row.description) == ("1.0.0", "tool", "missing", "")


@pytest.mark.parametrize("damage", ["no plugin.toml", "not TOML", "a link"])
def test_what_cannot_be_read_is_unreadable(install: Install, damage: str) -> None:
    workspace = install(*documents(CALC), CALC)
    file = workspace.environment.folder("calc") / "plugin.toml"
    file.unlink()
    if damage == "not TOML":
        file.write_text("[plugin")
    if damage == "a link":
        file.symlink_to("plugin.wasm")
    assert status(workspace) == "unreadable"


def test_disabled_by_marker_or_record(install: Install) -> None:
    workspace = install(*documents(CALC), CALC)
    workspace.environment.set_enabled("calc", enabled=False)
    assert status(workspace) == "disabled"


def test_revoked_is_said_unless_the_plugin_is_disabled_anyway(opened: Open, install: Install) -> None:
    vouch(opened(INDEX_TOML), "calc", GOOD)
    workspace = install(*documents(OF_INDEX, toml=INDEX_TOML), OF_INDEX)
    assert status(workspace) == "enabled"
    vouch(workspace, "calc", GOOD, **REVOKED)
    assert status(workspace) == "revoked"
    workspace.environment.set_enabled("calc", enabled=False)
    assert status(workspace) == "disabled"


def test_a_revocation_in_an_index_says_nothing_of_a_repository(install: Install) -> None:
    workspace = install(*documents(CALC), CALC)
    vouch(workspace, "calc", GOOD, **REVOKED)
    assert status(workspace) == "enabled"
    assert list(withdrawn_notes(workspace)) == []


def test_the_signer_of_a_row(opened: Open) -> None:
    workspace = opened()
    assert signer_text(workspace, None) == "unmanaged"
    assert signer_text(workspace, entry_of(CALC)) == public(GOOD)
    assert signer_text(workspace, entry_of(make_release(key=None))) == "UNSIGNED"
    copy = entry_of(make_release(key=None, source=PathSource("./x")))
    assert signer_text(workspace, copy) == "unsigned working copy"


def test_an_unmanaged_folder_has_a_row(opened: Open) -> None:
    workspace = opened()
    folder = workspace.environment.folder("mine")
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_bytes(make_release("mine").contents["plugin.toml"])
    row = row_of(workspace, "mine")
    assert (row.version, row.status, row.signer) == ("1.0.0", "enabled", "unmanaged")


# -- notes


def test_revoked_and_yanked_releases_are_noted(opened: Open) -> None:
    memo = make_release("memo", source=COMMUNITY)
    workspace = opened(*documents(OF_INDEX, memo, toml=INDEX_TOML))
    assert list(withdrawn_notes(workspace)) == []
    vouch(workspace, "calc", GOOD, **REVOKED)
    candidate = memo.candidate
    assert candidate.statement is not None
    row = listed(candidate.manifest, candidate.statement, candidate.files)
    yanked = type(row)(row.version, row.type, row.statement, row.files, yanked="it loses notes")
    workspace.claims.remember(COMMUNITY.root, [], 5, [yanked])
    workspace.read_claims_again()
    assert list(withdrawn_notes(workspace)) == [
        # no listing in the cache says what is left: `outdated` asks the index, and names the way back
        "'calc' 1.0.0 was revoked by the maintainers of index community; run: tarkpm outdated",
        "'memo' 1.0.0 was yanked (it loses notes): it is kept because it is locked",
    ]


# -- errors


def test_why_a_plugin_cannot_be_used(opened: Open) -> None:
    workspace = opened(*documents(CALC))
    workspace.environment.folder("broken").mkdir(parents=True)
    nobody = not_installed(workspace, "nobody", None)
    assert (nobody.message, nobody.hint) == ("no plugin named 'nobody' is installed", "tarkpm list")
    locked = not_installed(workspace, "calc", workspace.lock.get("calc"))
    assert (locked.message, locked.hint) == (
        "'calc' is locked but not installed, or is damaged",
        "tarkpm sync",
    )
    folder = not_installed(workspace, "broken", None)
    assert (folder.where, folder.hint) == (str(workspace.environment.folder("broken")), "tarkpm verify")
