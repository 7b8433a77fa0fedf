"""What has to be installed: which plugin is still exactly what the lock says."""

from pathlib import Path

import msgspec
import pytest
from support.releases import OTHER_WASM, documents, entry_of, git, make_release
from support.workspaces import Install, Open

from tarkpm.core.binding import Publisher
from tarkpm.core.lockfile import Lock
from tarkpm.core.owner import Owner
from tarkpm.core.release import PathSource, PluginName
from tarkpm.ops.change.planning import make_plan, untouched
from tarkpm.ops.change.target import Target
from tarkpm.ops.project.workspace import Workspace

CALC, MEMO = make_release(), make_release("memo")


def here(workspace: Workspace) -> Target:
    return Target(workspace.project, workspace.lock)


def names(workspace: Workspace, **options: bool) -> tuple[list[str], list[str], list[str]]:
    found = make_plan(workspace, here(workspace), **options)
    assert found.complete
    return [entry.name for entry in found.install], list(found.remove), list(found.keep)


def test_nothing_is_here_yet(opened: Open) -> None:
    assert names(opened(*documents(CALC, MEMO))) == (["calc", "memo"], [], [])


def test_everything_is_as_installed(install: Install) -> None:
    workspace = install(*documents(CALC, MEMO), CALC, MEMO)
    assert names(workspace) == ([], [], ["calc", "memo"])
    assert names(workspace, reinstall=True) == (["calc", "memo"], [], [])
    kept = untouched(workspace)
    assert (kept.install, kept.remove, kept.complete) == ((), (), False)
    assert set(kept.keep) == {"calc", "memo"}


def test_what_is_no_longer_locked_is_removed_if_tarkpm_put_it_there(install: Install, opened: Open) -> None:
    workspace = install(*documents(CALC, MEMO), CALC, MEMO)
    workspace.environment.folder("mine").mkdir()
    assert names(opened(*documents(MEMO))) == ([], ["calc"], ["memo"])


def test_another_release_is_installed_over_the_old_one(install: Install, opened: Open) -> None:
    install(*documents(CALC), CALC)
    new = make_release(version="1.1.0", source=git(commit="b" * 40))
    assert names(opened(*documents(new))) == (["calc"], [], [])


@pytest.mark.parametrize(
    "damage", ["gone", "edited", "folder is a link", "data leads elsewhere", "no data link"]
)
def test_what_changed_on_disk_is_installed_again(install: Install, tmp_path: Path, damage: str) -> None:
    workspace = install(*documents(CALC), CALC)
    folder = workspace.environment.folder("calc")
    match damage:
        case "gone":
            (folder / "plugin.wasm").unlink()
        case "edited":
            (folder / "plugin.wasm").chmod(0o644)
            (folder / "plugin.wasm").write_bytes(OTHER_WASM)
        case "folder is a link":
            folder.rename(tmp_path / "calc")
            folder.symlink_to(tmp_path / "calc")
        case "data leads elsewhere":
            (folder / "data").unlink()
            (folder / "data").symlink_to(tmp_path)
        case "no data link":
            (folder / "data").unlink()
    assert names(workspace) == (["calc"], [], [])


def test_data_that_has_another_owner_now_is_linked_again(install: Install) -> None:
    """Another publisher's plugin must not go on with what the former one stored."""
    workspace = install(*documents(CALC), CALC)
    owners = {"calc": (Owner("calc"), Owner("calc@2", Publisher(unsigned=True)))}
    accepted = msgspec.structs.replace(workspace.record.accepted, plugins={})
    workspace.expect(msgspec.structs.replace(workspace.record, owners=owners, accepted=accepted))
    assert names(workspace) == (["calc"], [], [])


@pytest.mark.parametrize("edited", [True, False])
def test_a_working_copy_is_read_each_time(install: Install, opened: Open, edited: bool) -> None:
    """Nothing locks its contents, so that the lock entry is the same after an edit."""
    copy = make_release(key=None, source=PathSource("./calc"))
    toml, lock = documents(copy)
    folder = opened(toml, lock).location.folder / "calc"
    folder.mkdir()
    for name, data in copy.contents.items():
        (folder / name).write_bytes(data)
    workspace = install(toml, lock)
    if edited:
        (folder / "plugin.wasm").write_bytes(OTHER_WASM)
    assert names(workspace) == ((["calc"], [], []) if edited else ([], [], ["calc"]))


def test_the_target_is_planned_and_not_the_documents(install: Install) -> None:
    workspace = install(*documents(CALC), CALC)
    target = Target(workspace.project, Lock.of([entry_of(MEMO)]))
    plan = make_plan(workspace, target)
    assert ([entry.name for entry in plan.install], plan.remove) == (["memo"], (PluginName("calc"),))
