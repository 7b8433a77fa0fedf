"""Consent cards: every line on which a person decides is there, and none can be forged or pushed away."""

import msgspec
import pytest
from support.indexrepo import public
from support.releases import (
    COMMUNITY,
    EVIL,
    GOOD,
    INDEX_TOML,
    caps,
    documents,
    git,
    make_release,
    requirement_of,
)
from support.workspaces import Open, vouch

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.consent import Answers
from tarkpm.core.manifest import Manifest
from tarkpm.core.owner import Owner
from tarkpm.core.release import PathSource
from tarkpm.ops.change.propose import weigh
from tarkpm.ops.project.ui import Card, CardRow
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.card import MAX_WORDS, capability_rows, card, own_words, sign_in_rows, warnings
from tarkpm.ops.release.fetch import Release

NEW = make_release(more="[capabilities]\nstorage = true\nshell = true")


def card_of(workspace: Workspace, release: Release, **answers: object) -> Card:
    admission = weigh(workspace, requirement_of(release), release, Answers(**answers))  # type: ignore[arg-type]
    return card(workspace, admission)


def rows(found: Card, label: str) -> list[str]:
    return [row.text for row in found.rows if row.label == label]


def loud(found: Card) -> set[str]:
    return {row.label for row in found.rows if row.loud}


def manifest(more: str) -> Manifest:
    return make_release(more=more).candidate.manifest


def test_a_new_plugin(opened: Open) -> None:
    found = card_of(opened(), NEW)
    assert found.title == "calc 1.0.0 (tool) new"
    assert rows(found, "source") == ["https://git.example/calc.git tag v1"]
    assert rows(found, "commit") == ["a" * 40]
    assert rows(found, "change") == rows(found, "gains") == []
    assert loud(found) == {"signer", "shell", "tools"}  # it listed none


def test_a_replaced_plugin_shows_each_thing_that_differs(opened: Open) -> None:
    workspace = opened(*documents(make_release(), grants={"calc": caps("env:HOME")}))
    new = make_release(
        version="1.1.0", key=EVIL, source=git(tag="v2", commit="b" * 40), more="[capabilities]\nshell = true"
    )
    found = card_of(workspace, new)
    assert found.title == "calc 1.1.0 (tool)"
    assert rows(found, "change") == [
        "version 1.0.0 → 1.1.0",
        "source https://git.example/calc.git tag v1 → https://git.example/calc.git tag v2",
        f"commit {'a' * 40} → {'b' * 40}",
        f"signer {public(GOOD)} → {public(EVIL)}",
    ]
    assert rows(found, "gains") == ["shell"]
    assert rows(found, "loses") == ["env:HOME"]
    assert {"gains", "signer"} <= loud(found)


def test_a_signature_that_is_dropped_is_a_change(opened: Open) -> None:
    found = card_of(opened(*documents(make_release())), make_release(key=None))
    assert f"signer {public(GOOD)} → nobody" in rows(found, "change")


def test_a_release_that_is_the_same_changes_nothing(opened: Open) -> None:
    found = card_of(opened(*documents(make_release())), make_release())
    assert rows(found, "change") == rows(found, "gains") == rows(found, "loses") == []


# -- who signed it


@pytest.mark.parametrize(
    ("trusted", "flag", "text", "is_loud"),
    [
        ([GOOD], (), "(trusted)", False),
        ([], (public(GOOD),), "(trusted from now on)", False),
        ([], (), "(NEW: compare it with the key its publisher announces)", True),
        ([EVIL], (), "(NEW: compare it with the key its publisher announces)", True),
    ],
)
def test_the_signer_of_a_repository(
    opened: Open, trusted: list[object], flag: tuple[str, ...], text: str, is_loud: bool
) -> None:
    toml = f"[trust]\ncalc = {[str(public(key)) for key in trusted]}\n" if trusted else ""  # type: ignore[arg-type]
    found = card_of(opened(toml), make_release(), trust=flag)
    assert rows(found, "signer") == [f"{public(GOOD)} {text}"]
    assert ("signer" in loud(found)) is is_loud


def test_an_index_vouches_for_its_first_signer_and_not_for_a_changed_one(opened: Open) -> None:
    old, new = make_release(source=COMMUNITY), make_release(version="1.1.0", source=COMMUNITY, key=EVIL)
    workspace = opened(INDEX_TOML)
    vouch(workspace, "calc", GOOD)
    found = card_of(workspace, old)
    assert rows(found, "signer") == [f"{public(GOOD)} (vouched for by index community)"]
    assert "signer" not in loud(found)
    workspace = opened(*documents(old, toml=INDEX_TOML))
    vouch(workspace, "calc", EVIL)
    found = card_of(workspace, new)
    assert "NEW" in rows(found, "signer")[0]
    assert "signer" in loud(found)


def test_nobody_signed_it(opened: Open) -> None:
    unsigned = card_of(opened(), make_release(key=None))
    assert rows(unsigned, "signer") == ["UNSIGNED: no publisher vouches for these contents"]
    assert "signer" in loud(unsigned)
    copy = card_of(opened(), make_release(key=None, source=PathSource("./calc")))
    assert rows(copy, "signer") == ["unsigned: a working copy"]
    assert "signer" not in loud(copy)
    assert rows(copy, "commit") == []


# -- what it may do


def test_dangerous_scopes_have_a_line_of_their_own() -> None:
    granted = caps("http:api.example.com", "http:192.168.0.1", "storage")
    found = [
        (row.label, row.loud, row.text.rpartition(": ")[2]) for row in capability_rows(granted, manifest(""))
    ]
    assert ("http", True, "192.168.0.1") in found
    assert ("http", False, "api.example.com") in found
    assert [label for label, *_ in found].count("http") == 2


def test_what_is_declared_and_not_granted_is_said_last() -> None:
    found = capability_rows(caps("storage"), manifest("[capabilities]\nstorage = true\nshell = true"))
    assert [row.label for row in found] == ["storage", "shell"]
    assert found[-1].text == "NOT granted, as before: shell"


def test_a_plugin_that_may_do_nothing_says_so() -> None:
    assert capability_rows(caps(), manifest("")) == [CardRow("capabilities", "none")]


def test_a_scope_cannot_look_like_two() -> None:
    declared = manifest('[capabilities]\nfilesystem = ["a, shell/"]')
    (row,) = capability_rows(declared.capabilities, declared)
    assert row.text.endswith(': "a, shell/"')


def test_a_sign_in_shows_whole_addresses() -> None:
    table = (
        '[oauth]\nclient_id = "x"\nauth_url = "https://id.example/authorize"\n'
        'token_url = "https://id.example/token"\nscopes = ["a", "b"]\n'
    )
    assert sign_in_rows(manifest("")) == []
    found = {row.label: row.text for row in sign_in_rows(manifest(table))}
    assert found["sign-in"] == "https://id.example/authorize then https://id.example/token"
    assert found["scopes"] == "a b"


# -- its own words


def test_a_description_is_quoted_and_cut() -> None:
    (row,) = own_words(manifest(f'description = "fine\\"\\n signer {"x" * MAX_WORDS}"'))
    assert row.text.startswith("\"fine' signer xxx")
    assert "characters more" in row.text
    assert "\n" not in row.text
    assert own_words(manifest("")) == []


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("[capabilities]\ntime_travel = true", "requests 'time_travel', which tarkpm does not know"),
        ('[capabilities]\nfs_read = ["/etc/shadow"]', "requests to read '/etc/shadow': outside your home"),
    ],
)
def test_what_is_never_granted_is_a_warning(more: str, text: str) -> None:
    (found,) = warnings(manifest(more))
    assert text in found
    assert warnings(manifest("")) == ()


# -- stored data


def stored(workspace: Workspace, folder: str = "") -> None:
    data = workspace.data("calc").with_name(folder or "calc")
    data.mkdir(parents=True)
    (data / "token").write_text("secret")


def test_a_new_publisher_starts_without_the_data_of_the_old_one(opened: Open) -> None:
    workspace = opened(*documents(make_release()))
    accepted = Acceptance.of(workspace.project, workspace.lock)
    publisher = accepted.plugins["calc"].publisher
    workspace.remember(accepted=accepted, owners={"calc": (Owner("calc", publisher),)})
    stored(workspace)
    found = card_of(workspace, make_release(version="1.1.0", key=EVIL))
    assert rows(found, "data") == [
        "start 'calc' without the data of the previous one (--keep-data hands it over)"
    ]
    assert "data" in loud(found)
    assert rows(card_of(workspace, make_release(version="1.1.0")), "data") == []


@pytest.mark.parametrize("has_data", [True, False])
def test_a_plugin_that_returns_to_its_data_says_so(opened: Open, has_data: bool) -> None:
    workspace = opened()
    publisher = Acceptance.of(*_documents_of(make_release())).plugins["calc"].publisher
    workspace.expect(msgspec.structs.replace(workspace.record, owners={"calc": (Owner("calc", publisher),)}))
    if has_data:
        stored(workspace)
    found = card_of(workspace, make_release())
    assert any("inherits data" in text for text in found.warnings) is has_data


def _documents_of(release: Release):  # type: ignore[no-untyped-def]
    from tarkpm.core.lockfile import parse
    from tarkpm.core.project import Project

    toml, lock = documents(release)
    return Project.parse(toml.encode()), parse(lock.encode())
