"""What accepting a project means beyond its decisions: tokens that are sent, data that changes hands."""

from pathlib import Path

import msgspec
import pytest
from support.releases import COMMUNITY, EVIL, GOOD, INDEX_TOML, ROOT, caps, documents, entry_of, make_release
from support.workspaces import Open, vouch

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.binding import Publisher
from tarkpm.core.owner import Owner
from tarkpm.errors import ProjectNotAccepted
from tarkpm.ops.project.acceptance import (
    accept,
    check_kept,
    consequences,
    data_change,
    decisions,
    has_data,
    not_accepted,
)
from tarkpm.ops.project.workspace import Workspace

CALC = make_release()
OF_INDEX = make_release(source=COMMUNITY)
EVIL_OF_INDEX = make_release(source=COMMUNITY, key=EVIL)


# -- decisions


def test_an_entry_whose_signer_is_refused_anyway_decides_nothing(opened: Open) -> None:
    """Otherwise a user would be asked to accept what sync then refuses."""
    workspace = opened(*documents(EVIL_OF_INDEX, toml=INDEX_TOML))
    assert (
        decisions(workspace).plugins["calc"].publisher.signer
    )  # not known yet: it must be seen before asking
    vouch(workspace, "calc", EVIL)
    assert decisions(workspace).plugins["calc"].publisher.signer
    vouch(workspace, "calc", GOOD)
    assert not decisions(workspace).plugins["calc"].publisher.signer


def test_a_lock_entry_of_git_that_nothing_requires_decides_nothing(opened: Open) -> None:
    assert decisions(opened("", documents(CALC)[1])).plugins == {}


def test_what_was_accepted_is_remembered_and_saved(opened: Open) -> None:
    workspace = opened(*documents(CALC, grants={"calc": caps("storage")}))
    assert {one.kind.value for one in not_accepted(workspace)} == {"source", "key", "grant"}
    accept(workspace, decisions(workspace))
    assert not_accepted(opened(None)) == ()


# -- kept entries


def test_an_entry_that_was_refused_when_the_user_was_asked_is_asked_about_now(opened: Open) -> None:
    """The index vouches for another key now; the acceptance was given without that entry."""
    workspace = opened(*documents(EVIL_OF_INDEX, toml=INDEX_TOML))
    vouch(workspace, "calc", GOOD)
    accept(workspace, decisions(workspace))
    vouch(workspace, "calc", EVIL)
    with pytest.raises(ProjectNotAccepted, match="calc") as caught:
        check_kept(workspace, workspace.lock.entries)
    assert caught.value.hint == "tarkpm accept"


def test_a_replaced_entry_is_the_users_own_decision(opened: Open) -> None:
    workspace = opened(*documents(EVIL_OF_INDEX, toml=INDEX_TOML))
    check_kept(workspace, [entry_of(make_release(version="1.1.0", source=COMMUNITY))])


# -- tokens


@pytest.mark.parametrize(
    ("url", "variable", "sent"),
    [
        ("https://index.example", "TARKPM_INDEX_COMMUNITY_TOKEN", True),
        ("https://index.example", "TARKPM_INDEX_OTHER_TOKEN", False),
        ("../index", "TARKPM_INDEX_COMMUNITY_TOKEN", False),  # a folder is sent nothing
    ],
)
def test_a_token_that_would_be_sent_is_named(opened: Open, url: str, variable: str, sent: bool) -> None:
    toml = f'[index.community]\nurl = "{url}"\nroot = "{ROOT}"\n'
    workspace = opened(toml, environment={variable: "s3cret"})
    entry = next(iter(workspace.project.indexes.values()))
    assert entry.token_variable == "TARKPM_INDEX_COMMUNITY_TOKEN"
    found = list(consequences(workspace, decisions(workspace), not_accepted(workspace)))
    assert found == ([f"send the token in {variable} to {url}"] if sent else [])
    accept(workspace, decisions(workspace))
    assert list(consequences(workspace, decisions(workspace), not_accepted(workspace))) == []


# -- data


def store(workspace: Workspace, folder: str) -> None:
    data = workspace.data("calc").with_name(folder)
    data.mkdir(parents=True)
    (data / "token").write_text("secret")


def publisher(*documents_: str) -> Publisher:
    from tarkpm.core.lockfile import parse
    from tarkpm.core.project import Project

    toml, lock = documents_
    return Acceptance.of(Project.parse(toml.encode()), parse(lock.encode())).plugins["calc"].publisher


OLD, NEW = publisher(*documents(CALC)), publisher(*documents(make_release(key=EVIL)))


@pytest.mark.parametrize(
    ("owners", "stored", "keep", "text"),
    [
        ((), (), False, ""),
        ((Owner("calc", OLD),), (), False, ""),  # nothing was stored
        ((Owner("calc", NEW),), ("calc",), False, ""),  # it is this publisher's own
        (
            (Owner("calc", OLD),),
            ("calc",),
            False,
            "start 'calc' without the data of the previous one (--keep-data hands it over)",
        ),
        ((Owner("calc", OLD),), ("calc",), True, "hand the data of the previous 'calc' to the new one"),
        (
            (Owner("calc", NEW), Owner("calc@2", OLD)),
            ("calc",),
            False,
            "give 'calc' the data that this publisher stored here before",
        ),
        (
            (Owner("calc"),),
            ("calc",),
            False,
            "give 'calc' the data that a plugin of this name stored here before",
        ),
    ],
)
def test_what_happens_to_stored_data_is_said(
    opened: Open, owners: tuple[Owner, ...], stored: tuple[str, ...], keep: bool, text: str
) -> None:
    workspace = opened(keep_data=keep)
    table = {"calc": owners} if owners else {}
    workspace.expect(msgspec.structs.replace(workspace.record, owners=table))
    for folder in stored:
        store(workspace, folder)
    assert data_change(workspace, "calc", NEW) == text


def test_an_empty_folder_is_no_data(opened: Open, tmp_path: Path) -> None:
    workspace = opened()
    assert not has_data(workspace, "calc")
    workspace.data("calc").mkdir(parents=True)
    assert not has_data(workspace, "calc")
    store(workspace, "calc@2")
    assert has_data(workspace, "calc", "calc@2")
    assert not has_data(workspace, "calc")
