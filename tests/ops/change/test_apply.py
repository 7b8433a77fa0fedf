"""The last step: everything changes together, or nothing does and the reason is said."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.releases import (
    COMMUNITY,
    EVIL,
    GOOD,
    INDEX_TOML,
    OTHER_WASM,
    caps,
    documents,
    entry_of,
    git,
    make_release,
)
from support.silent_ui import SilentUi
from support.workspaces import Install, Open, vouch

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.plan import Plan
from tarkpm.core.release import PathSource, PluginName
from tarkpm.errors import BlobMissing, Edited, ProjectNotAccepted, StoreError
from tarkpm.ops.change.adopt import adoptions
from tarkpm.ops.change.apply import apply, preview_deletions
from tarkpm.ops.change.planning import make_plan, untouched
from tarkpm.ops.change.target import CheckedTarget, Target, check_target
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release, stored_files

CALC, MEMO = make_release(), make_release("memo")
NEWER = make_release(version="1.1.0", source=git(commit="b" * 40))


def tree(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def checked(workspace: Workspace, **more: object) -> CheckedTarget:
    return check_target(workspace, Target(workspace.project, workspace.lock, **more))  # type: ignore[arg-type]


def sync(workspace: Workspace, *releases: Release, **more: object) -> None:
    """Apply the documents as they are, which the user accepted."""
    workspace.remember(accepted=Acceptance.of(workspace.project, workspace.lock))
    target = checked(workspace, **more)
    apply(workspace, target, make_plan(workspace, target), releases)


def test_what_was_planned_is_there(opened: Open) -> None:
    workspace = opened(*documents(CALC, MEMO))
    sync(workspace, CALC, MEMO)
    plugins = workspace.environment.plugins
    assert [
        (folder.name, sorted(p.name for p in folder.iterdir())) for folder in sorted(plugins.iterdir())
    ] == [(name, ["data", "plugin.dsse.json", "plugin.toml", "plugin.wasm"]) for name in ("calc", "memo")]
    assert (plugins / "calc" / "data").readlink() == workspace.data("calc")
    assert set(workspace.record.installed) == {"calc", "memo"}
    assert opened(None).is_settled()


def test_what_the_plan_removes_goes(install: Install, opened: Open) -> None:
    install(*documents(CALC, MEMO), CALC, MEMO)
    workspace = opened(*documents(MEMO))
    sync(workspace)
    assert workspace.environment.names() == ["memo"]
    assert set(workspace.record.installed) == {"memo"}


def test_nothing_to_do_writes_nothing(install: Install, opened: Open) -> None:
    workspace = install(*documents(CALC), CALC)
    times = {path: path.lstat().st_mtime_ns for path in workspace.location.folder.rglob("*")}
    workspace = opened(None)
    apply(workspace, checked(workspace), make_plan(workspace, checked(workspace)))
    assert {path: path.lstat().st_mtime_ns for path in workspace.location.folder.rglob("*")} == times


def test_an_empty_change_makes_no_environment(opened: Open) -> None:
    workspace = opened("", documents()[1])
    apply(workspace, checked(workspace), Plan())
    assert not workspace.environment.base.exists()


# -- settled: may the next sync skip its checks?


def test_documents_written_by_the_change_are_the_settled_ones(install: Install, opened: Open) -> None:
    workspace = install(*documents(CALC), CALC)
    toml = workspace.project_bytes or b""
    target = checked(workspace, project_bytes=toml + b"# more\n", decided=True)
    apply(workspace, target, make_plan(workspace, target))
    assert workspace.location.project_file.read_bytes() == toml + b"# more\n"
    assert opened(None).is_settled()


def test_a_plan_that_leaves_something_to_do_settles_nothing(install: Install, opened: Open) -> None:
    workspace = install(*documents(CALC), CALC)
    target = checked(workspace, project_bytes=(workspace.project_bytes or b"") + b"# more\n")
    apply(workspace, target, untouched(workspace))
    assert not opened(None).is_settled()


def test_a_working_copy_is_never_settled(opened: Open) -> None:
    copy = make_release(key=None, source=PathSource("./calc"))
    workspace = opened(*documents(copy))
    (workspace.location.folder / "calc").mkdir()
    for name, data in copy.contents.items():
        (workspace.location.folder / "calc" / name).write_bytes(data)
    sync(workspace)
    assert workspace.environment.names() == ["calc"]
    assert not opened(None).is_settled()


def test_an_unmet_dependency_is_never_settled(install: Install, opened: Open) -> None:
    """The next sync says again what is missing."""
    needy = make_release(more='[dependencies]\nmemo = "^1"\n')
    install(*documents(needy), needy)
    assert not opened(None).is_settled()


# -- what stands in the way


@pytest.mark.parametrize("adopting", [True, False])
def test_a_folder_that_tarkpm_did_not_install_is_never_overwritten(opened: Open, adopting: bool) -> None:
    workspace = opened(*documents(CALC))
    mine = workspace.environment.folder("calc")
    mine.mkdir(parents=True)
    (mine / "precious").write_text("mine")
    workspace.remember(accepted=Acceptance.of(workspace.project, workspace.lock))
    # the environment came before tarkpm: it is this user's only once state says so
    workspace.environment.create(workspace.record.environment)
    workspace.recognized = True
    target = checked(workspace)
    found = adoptions(workspace, CALC.candidate) if adopting else ()
    if adopting:
        apply(workspace, target, make_plan(workspace, target), [CALC], found)
        assert (found[0].kept / "precious").read_text() == "mine"
        assert (mine / "plugin.wasm").is_file()
        return
    before = dict(tree(workspace.location.folder))
    with pytest.raises(StoreError, match="occupies the folder of 'calc'") as caught:
        apply(workspace, target, make_plan(workspace, target), [CALC])
    assert caught.value.where == str(mine)
    assert dict(tree(workspace.location.folder)) == before


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_data_inside_a_plugin_folder_is_never_deleted(install: Install, opened: Open, change: str) -> None:
    """tark, or a user, put a real folder where the link to the data is."""
    data = install(*documents(CALC), CALC).environment.folder("calc") / "data"
    data.unlink()
    data.mkdir()
    (data / "precious").write_text("mine")
    workspace = opened(*(documents(NEWER) if change == "replaced" else documents()))
    with pytest.raises(StoreError, match="stores data inside its plugin folder") as caught:
        sync(workspace, NEWER)
    assert str(workspace.data("calc")) in caught.value.hint
    assert (data / "precious").read_text() == "mine"


def test_an_environment_built_elsewhere_is_not_used(opened: Open) -> None:
    workspace = opened(*documents(CALC))
    workspace.environment.folder("calc").mkdir(parents=True)
    with pytest.raises(ProjectNotAccepted, match="not built here"):
        sync(workspace, CALC)


@pytest.mark.parametrize("document", ["tark.toml", "tark.lock"])
def test_an_answer_is_for_the_documents_that_were_shown(opened: Open, ui: SilentUi, document: str) -> None:
    workspace = opened(*documents(CALC))
    edited = workspace.location.folder / document
    edited.write_text(edited.read_text() + "# somebody\n")
    before = dict(tree(workspace.location.folder))
    with pytest.raises(Edited):
        sync(workspace, CALC)
    assert {k: v for k, v in tree(workspace.location.folder) if not k.startswith(".tark/")} == before
    assert workspace.environment.names() == []


def test_a_failure_leaves_the_old_release_and_an_empty_staging_area(install: Install, opened: Open) -> None:
    """The first of two is staged already when the module of the second turns out to be damaged."""
    install(*documents(CALC, MEMO), CALC, MEMO)
    memo = make_release("memo", "1.1.0", source=COMMUNITY, wasm=OTHER_WASM)
    toml, lock = documents(NEWER, memo, toml=INDEX_TOML)
    workspace = opened(toml, lock, offline=True)
    vouch(workspace, "memo", GOOD)
    for file in stored_files(entry_of(memo)):
        damaged = bytes(file.size) if file.name == "plugin.wasm" else memo.contents[file.name]
        workspace.store.put(file, damaged)
    before = dict(tree(workspace.environment.plugins))
    with pytest.raises(BlobMissing):
        sync(workspace, NEWER)
    assert dict(tree(workspace.environment.plugins)) == before
    assert not workspace.environment.staging.exists()


# -- decisions


def test_an_entry_that_is_kept_must_still_be_accepted(opened: Open) -> None:
    """Decided means: by this user. A lock entry that nobody accepted does not slip in beside a decision."""
    calc = make_release(source=COMMUNITY, key=EVIL)
    workspace = opened(*documents(calc, toml=INDEX_TOML))
    vouch(workspace, "calc", EVIL)
    target = checked(workspace, decided=True)
    with pytest.raises(ProjectNotAccepted, match="calc"):
        apply(workspace, target, make_plan(workspace, target), [calc])
    assert workspace.environment.names() == []


def test_decided_grants_are_accepted_with_the_change(install: Install, opened: Open) -> None:
    install(*documents(CALC), CALC)
    toml, _ = documents(CALC, grants={"calc": caps("storage")})
    workspace = opened(None)
    project = msgspec.structs.replace(workspace.project, grants={PluginName("calc"): caps("storage")})
    target = check_target(workspace, Target(project, workspace.lock, toml.encode(), decided=True))
    apply(workspace, target, untouched(workspace))
    assert opened(None).record.accepted.plugins["calc"].granted == caps("storage")


# -- what is said and put right


def test_files_that_no_release_put_there_are_named_before_they_go(
    install: Install, opened: Open, ui: SilentUi
) -> None:
    folder = install(*documents(CALC), CALC).environment.folder("calc")
    (folder / "notes.txt").write_text("mine")
    workspace = opened(*documents(NEWER))
    workspace.remember(accepted=Acceptance.of(workspace.project, workspace.lock))
    text = "deleted from the folder of 'calc', not part of the release: 'notes.txt'"
    preview_deletions(workspace, make_plan(workspace, checked(workspace)))
    assert ui.notes == [f"would be {text}"]
    assert (folder / "notes.txt").exists()
    sync(workspace, NEWER)
    assert ui.notes == [f"would be {text}", text]
    assert not (folder / "notes.txt").exists()


def test_a_marker_that_somebody_took_away_is_put_back(install: Install, opened: Open) -> None:
    """tark reads the marker only, and a folder git ignores can lose it without anybody noticing."""
    workspace = install(*documents(CALC), CALC)
    workspace.environment.set_enabled("calc", enabled=False)
    apply(workspace, checked(workspace), make_plan(workspace, checked(workspace)))
    marker = workspace.environment.folder("calc") / ".disabled"
    marker.unlink()
    workspace = opened(None)
    apply(workspace, checked(workspace), make_plan(workspace, checked(workspace)))
    assert marker.exists()
