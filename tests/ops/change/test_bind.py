"""The record after a change: what counts as accepted, whose data is whose, what stays disabled."""

import msgspec
import pytest
from support.indexrepo import public
from support.releases import EVIL, GOOD, INDEX_TOML, caps, documents, make_release
from support.workspaces import Install, Open

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.binding import Publisher
from tarkpm.core.owner import Owner
from tarkpm.core.plan import Plan
from tarkpm.core.release import PluginName
from tarkpm.ops.change.adopt import Adoption
from tarkpm.ops.change.bind import accepted_after, bind
from tarkpm.ops.change.target import Target
from tarkpm.ops.project.workspace import Workspace

CALC = make_release()
NAME = PluginName("calc")
ALL = caps("storage", "shell")


def accepted(workspace: Workspace) -> Workspace:
    """The workspace of a user who accepted its documents long ago."""
    workspace.remember(accepted=Acceptance.of(workspace.project, workspace.lock), accepted_at=1)
    return workspace


def now(workspace: Workspace, *, decided: bool = False, dropped: tuple[PluginName, ...] = ()) -> Target:
    """The documents as they are, to be applied."""
    return Target(workspace.project, workspace.lock, decided=decided, dropped=dropped)


def pulled(opened: Open, **documents_: object) -> Workspace:
    """A project accepted with storage and shell; then its documents change."""
    toml, lock = documents(CALC, toml=INDEX_TOML, grants={"calc": ALL})
    accepted(opened(toml, lock))
    return opened(*documents(CALC, **documents_))  # type: ignore[arg-type]


def test_a_decision_of_this_user_replaces_what_was_accepted(opened: Open) -> None:
    workspace = pulled(opened, grants={"calc": caps("storage", "env:HOME")})
    after = accepted_after(workspace, now(workspace, decided=True))
    assert after.plugins["calc"].granted == caps("storage", "env:HOME")
    assert after.indexes == {}


def test_what_others_decided_only_narrows_it(opened: Open) -> None:
    """More is not accepted by applying it, and less has to be asked about again (rule 0)."""
    workspace = pulled(opened, grants={"calc": caps("storage", "env:HOME")})
    after = accepted_after(workspace, now(workspace))
    assert after.plugins["calc"].granted == caps("storage")
    assert after.indexes == {}


def test_a_signer_others_trust_is_not_accepted(opened: Open) -> None:
    workspace = pulled(opened, trust={"calc": [GOOD, EVIL]})
    assert accepted_after(workspace, now(workspace)).plugins["calc"].publisher.keys == (public(GOOD),)


def test_the_time_changes_with_what_is_accepted(opened: Open) -> None:
    workspace = accepted(opened(*documents(CALC)))
    assert bind(workspace, now(workspace), Plan()).accepted_at == 1
    workspace = opened("")
    assert bind(workspace, now(workspace), Plan()).accepted_at > 1


def test_another_publisher_gets_a_folder_of_its_own(opened: Open) -> None:
    workspace = accepted(opened(*documents(CALC)))
    before = bind(workspace, now(workspace), Plan())
    workspace.expect(before)
    evil = make_release(key=EVIL)
    toml, lock = documents(evil)
    workspace = opened(toml, lock)
    workspace.expect(before)
    record = bind(workspace, now(workspace, decided=True), Plan())
    assert [owner.folder for owner in record.owners["calc"]] == ["calc", "calc@2"]
    handed_over = opened(toml, lock, keep_data=True)
    handed_over.expect(before)
    record = bind(handed_over, now(handed_over, decided=True), Plan())
    assert [owner.folder for owner in record.owners["calc"]] == ["calc"]


def test_a_decision_about_a_plugin_that_is_not_here_makes_no_owner(opened: Open) -> None:
    workspace = opened("[grants]\ncalc = { storage = true }\n")
    assert bind(workspace, now(workspace, decided=True), Plan()).owners == {}


# -- disabled


def disabled(workspace: Workspace, target: Target, changes: Plan) -> bool:
    return bind(workspace, target, changes).owners["calc"][-1].disabled


def owned(workspace: Workspace, *, disabled: bool) -> Workspace:
    publisher = Publisher(Acceptance.of(workspace.project, workspace.lock).plugins["calc"].publisher.origin)
    owner = Owner("calc", publisher, disabled=disabled)
    workspace.expect(msgspec.structs.replace(workspace.record, owners={"calc": (owner,)}))
    return accepted_in_memory(workspace)


def accepted_in_memory(workspace: Workspace) -> Workspace:
    accepted = Acceptance.of(workspace.project, workspace.lock)
    workspace.expect(msgspec.structs.replace(workspace.record, accepted=accepted))
    return workspace


@pytest.mark.parametrize(
    ("marker", "remembered", "is_disabled"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
)
def test_disabled_is_what_the_folder_or_the_record_says(
    install: Install, marker: bool, remembered: bool, is_disabled: bool
) -> None:
    """tark writes a marker without telling tarkpm; a pull takes one away without telling the user."""
    workspace = owned(install(*documents(CALC), CALC), disabled=remembered)
    workspace.environment.set_enabled("calc", enabled=not marker)
    assert disabled(workspace, now(workspace), Plan()) is is_disabled


@pytest.mark.parametrize(("removed_by_user", "is_disabled"), [(True, False), (False, True)])
def test_a_removed_plugin_returns_enabled_if_the_user_removed_it(
    install: Install, opened: Open, removed_by_user: bool, is_disabled: bool
) -> None:
    owned(install(*documents(CALC), CALC), disabled=True)
    workspace = opened("", documents()[1])
    owner = Owner("calc", Publisher(), disabled=True)
    workspace.expect(msgspec.structs.replace(workspace.record, owners={"calc": (owner,)}))
    target = now(workspace, decided=True, dropped=(NAME,) if removed_by_user else ())
    assert disabled(workspace, target, Plan(remove=(NAME,))) is is_disabled


@pytest.mark.parametrize("enabled", [True, False])
def test_an_adopted_folder_keeps_its_marker(opened: Open, enabled: bool) -> None:
    workspace = accepted(opened(*documents(CALC)))
    workspace.environment.folder("Calc").mkdir(parents=True)
    workspace.environment.set_enabled("Calc", enabled=enabled)
    adoption = Adoption(NAME, "Calc", workspace.environment.kept / "Calc.1", same=True)
    record = bind(workspace, now(workspace, decided=True), Plan(), [adoption])
    assert record.owners["calc"][-1].disabled is not enabled
