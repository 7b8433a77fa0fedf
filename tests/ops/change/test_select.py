"""When an index must be asked, and when what is locked simply stays."""

import pytest
from support.releases import (
    COMMUNITY,
    GOOD,
    INDEX_TOML,
    documents,
    entry_of,
    git,
    make_release,
    requirement_of,
)
from support.workspaces import Open, vouch

from tarkpm.core.release import PluginName, Requirement
from tarkpm.errors import Unreachable
from tarkpm.ops.change.select import select_releases
from tarkpm.ops.change.target import Selection
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release

CALC = make_release(source=COMMUNITY)
NEEDY = make_release(source=COMMUNITY, more='[dependencies]\nmemo = "^1"\n')
MEMO = make_release("memo", source=COMMUNITY)
DIRECT = make_release("direct")


def offline(opened: Open, *releases: Release, dependencies: tuple[Release, ...] = ()) -> Workspace:
    """A project with these plugins locked; to ask its index is an error."""
    toml, lock = documents(*releases, toml=INDEX_TOML, dependencies=dependencies)
    workspace = opened(toml, lock, offline=True)
    for name in ("calc", "memo"):
        vouch(workspace, name, GOOD)
    return workspace


def select(
    workspace: Workspace,
    *new: Requirement,
    releases: tuple[Release, ...] = (),
    free: tuple[str, ...] | None = (),
) -> Selection:
    requirements = {**workspace.project.requirements, **{one.name: one for one in new}}
    names = None if free is None else [PluginName(name) for name in free]
    return select_releases(workspace, requirements, releases, names)


def asks(workspace: Workspace, *new: Requirement, free: tuple[str, ...] | None = ()) -> bool:
    try:
        select(workspace, *new, free=free)
    except Unreachable:
        return True
    return False


def test_what_is_locked_stays_without_anybody_being_asked(opened: Open) -> None:
    workspace = offline(opened, NEEDY, DIRECT, dependencies=(MEMO,))
    selection = select(workspace)
    assert selection.kept == tuple(map(entry_of, (NEEDY, DIRECT, MEMO)))
    assert (selection.taken, selection.notes) == ((), ())


def test_a_release_acquired_just_now_replaces_its_locked_one(opened: Open) -> None:
    workspace = offline(opened, DIRECT, CALC)
    new = make_release("direct", "1.1.0", source=git("direct", commit="b" * 40))
    selection = select(workspace, requirement_of(new), releases=(new,))
    assert selection.kept == (entry_of(CALC), entry_of(new))


def test_what_nothing_leads_to_any_longer_is_not_kept(opened: Open) -> None:
    workspace = offline(opened, CALC, dependencies=(MEMO,))
    assert [entry.name for entry in select(workspace).kept] == ["calc"]


@pytest.mark.parametrize(
    ("free", "asked"),
    [((), False), (("direct",), False), (("memo",), True), (("calc",), True), (None, True)],
)
def test_an_index_is_asked_about_what_may_move(
    opened: Open, free: tuple[str, ...] | None, asked: bool
) -> None:
    workspace = offline(opened, NEEDY, DIRECT, dependencies=(MEMO,))
    assert asks(workspace, free=free) is asked


def test_nothing_of_an_index_means_no_index_is_asked(opened: Open) -> None:
    assert not asks(offline(opened, DIRECT), free=None)


def test_an_index_is_asked_about_a_new_plugin(opened: Open) -> None:
    assert asks(offline(opened, CALC), Requirement(PluginName("memo"), COMMUNITY, range="^1"))


def test_an_index_is_asked_about_a_new_range(opened: Open) -> None:
    """Even one that the locked version fits: the newest in it may be wanted."""
    workspace = offline(opened, CALC)
    assert not asks(workspace, requirement_of(CALC))
    assert asks(workspace, requirement_of(CALC, ">=1"))


def test_an_index_is_asked_about_what_the_lock_lacks(opened: Open) -> None:
    toml, _ = documents(CALC, toml=INDEX_TOML)
    assert asks(opened(toml, documents()[1], offline=True))
    assert asks(offline(opened, NEEDY))  # and its dependency


def test_an_unmet_dependency_of_a_git_plugin_is_a_note(opened: Open) -> None:
    """Its name has no index to be looked up in (rule 12), so that nobody is asked."""
    needy = make_release("direct", more='[dependencies]\nmemo = "^1"\n')
    selection = select(offline(opened, needy), free=None)
    assert "memo" in selection.notes[0]
    assert selection.taken == ()
