"""The report of a change: what each plugin was, is and may do."""

from pathlib import Path

import pytest
from support.indexrepo import public
from support.releases import EVIL, GOOD, caps, documents, entry_of, git, make_release
from support.workspaces import Open

from tarkpm.core.lockfile import Lock
from tarkpm.core.project import Project
from tarkpm.core.release import PluginName
from tarkpm.ops.change.admit import AgreedChange, changed_names
from tarkpm.ops.change.adopt import Adoption
from tarkpm.ops.change.report import Previous, Taken, report_of
from tarkpm.ops.change.target import CheckedTarget
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release

CALC = PluginName("calc")
OLD = make_release()


def agreed(
    workspace: Workspace, *releases: Release, adopted: tuple[Adoption, ...] = (), toml: str = ""
) -> AgreedChange:
    """A change to these releases that the user agreed to."""
    lock = Lock.of(map(entry_of, releases))
    target = CheckedTarget(Project.parse(toml.encode()), lock)
    changed = changed_names(workspace.followed, lock)
    return AgreedChange(target, (), changed, changed, ("unmet",), adopted)


def taken(workspace: Workspace, change: AgreedChange) -> Taken:
    (found,) = report_of(workspace, change, (CALC, CALC)).plugins
    return found


def test_a_new_plugin_has_nothing_before_it(opened: Open) -> None:
    workspace = opened()
    toml, _ = documents(OLD, grants={"calc": caps("storage")})
    found = taken(workspace, agreed(workspace, OLD, toml=toml))
    assert (found.change, found.previous) == ("added", None)
    assert (found.gained, found.lost, found.capabilities) == (("storage",), (), ("storage",))
    assert (found.source, found.commit) == ("https://git.example/calc.git tag v1", "a" * 40)
    assert found.signer == public(GOOD)


def test_a_replaced_plugin_says_what_it_was(opened: Open) -> None:
    workspace = opened(*documents(OLD, grants={"calc": caps("storage")}))
    new = make_release(version="1.1.0", key=EVIL, source=git(commit="b" * 40))
    toml, _ = documents(new, grants={"calc": caps("shell")})
    found = taken(workspace, agreed(workspace, new, toml=toml))
    assert found.change == "replaced"
    assert found.previous == Previous("1.0.0", "a" * 40, public(GOOD))
    assert (found.gained, found.lost) == (("shell",), ("storage",))


def test_an_entry_nothing_leads_to_was_not_there_before(opened: Open) -> None:
    workspace = opened("", documents(OLD)[1])
    assert taken(workspace, agreed(workspace, OLD)).change == "added"


def test_an_unsigned_plugin_has_no_signer(opened: Open) -> None:
    workspace = opened()
    assert taken(workspace, agreed(workspace, make_release(key=None))).signer == ""


@pytest.mark.parametrize("adopted", [True, False])
def test_an_unchanged_entry_is_unchanged_unless_a_folder_was_adopted(opened: Open, adopted: bool) -> None:
    workspace = opened(*documents(OLD))
    folders = (Adoption(CALC, "calc", Path("/kept/calc.1"), same=True),) if adopted else ()
    change = agreed(workspace, OLD, adopted=folders)
    assert taken(workspace, change).change == ("adopted" if adopted else "unchanged")


@pytest.mark.parametrize("dry_run", [True, False])
def test_notes_come_in_the_order_in_which_things_happened(opened: Open, dry_run: bool) -> None:
    workspace = opened(dry_run=dry_run)
    folder = Adoption(CALC, "calc", Path("/kept/calc.1"), same=True)
    notes = report_of(workspace, agreed(workspace, OLD, adopted=(folder,)), (CALC,), ("first",)).notes
    assert notes[:2] == ("first", "unmet")
    assert ("would be kept" in notes[2]) is dry_run
