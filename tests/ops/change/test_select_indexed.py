"""Selection in an index, a real one in a folder: what is taken, what stays, and what is refused."""

from pathlib import Path

import msgspec
import pytest
from support.indexrepo import IndexRepo
from support.releases import make_release
from support.workspaces import Open

from tarkpm.core.digest import sha256
from tarkpm.core.lockfile import Lock, render
from tarkpm.core.project_edit import ProjectEdit, edit
from tarkpm.core.release import IndexSource, PluginName, Requirement
from tarkpm.core.rows import Listing
from tarkpm.core.statement import parse_envelope
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted, NotFound, ResolutionError
from tarkpm.ops.change.select_indexed import choose_from_indexes
from tarkpm.ops.change.target import Selection
from tarkpm.ops.project.workspace import Workspace

CALC, MEMO = PluginName("calc"), PluginName("memo")


class Project:
    """A project that takes plugins from an index in a folder beside it."""

    def __init__(self, opened: Open, folder: Path) -> None:
        self.open, self.repo = opened, IndexRepo(folder, publish=False)
        self.source = IndexSource("community", self.repo.root_digest)
        self.keys = {name: self.repo.claim(name) for name in (CALC, MEMO)}
        self.toml = f'[index.community]\nurl = "{folder}"\nroot = "{self.repo.root_digest}"\n'

    def release(self, name: str, *versions: str, more: str = "") -> None:
        for version in versions:
            self.repo.release(name, version, self.keys[PluginName(name)], more=more)

    def require(self, *ranges: tuple[PluginName, str], locked: Selection | None = None) -> Workspace:
        """The workspace of a project with these requirements, and with what was selected locked."""
        self.repo.publish()
        edits = [ProjectEdit(name, self.requirement(name, text)) for name, text in ranges]
        entries = locked.kept + tuple(one.candidate.entry() for one in locked.taken) if locked else ()
        toml = edit(self.toml.encode(), edits).decode()
        return self.open(toml, render(Lock.of(entries)).decode())

    def requirement(self, name: PluginName, text: str) -> Requirement:
        return Requirement(name, self.source, range=text)


@pytest.fixture
def project(opened: Open, tmp_path: Path) -> Project:
    return Project(opened, tmp_path / "index")


def choose(
    workspace: Workspace, *new: Requirement, free: list[PluginName] | None = None, nothing_free: bool = False
) -> Selection:
    requirements = {**workspace.project.requirements, **{one.name: one for one in new}}
    return choose_from_indexes(workspace, requirements, (), [] if nothing_free else free)


def versions(selection: Selection) -> dict[str, str]:
    """Versions that were taken, and those that stay with an ``=``."""
    taken: dict[str, str] = {
        one.candidate.manifest.name: str(one.candidate.manifest.version) for one in selection.taken
    }
    kept: dict[str, str] = {entry.name: f"={entry.version}" for entry in selection.kept}
    return kept | taken


def test_the_newest_that_fits_is_taken_with_what_it_requires(project: Project) -> None:
    project.release("calc", "1.0.0", "1.2.0", "2.0.0", more='[dependencies]\nmemo = "^1"\n')
    project.release("memo", "1.0.0", "1.1.0", "2.0.0")
    assert versions(choose(project.require((CALC, "^1")))) == {"calc": "1.2.0", "memo": "1.1.0"}


def test_what_is_taken_is_verified_against_what_its_publisher_signed(project: Project) -> None:
    project.release("calc", "1.0.0")
    (release,) = choose(project.require((CALC, "*"))).taken
    assert release.candidate.source == project.source
    assert release.candidate.signer == project.repo.listings["calc"].publisher
    assert set(release.contents) == {"plugin.toml", "plugin.wasm", "plugin.dsse.json"}


def test_a_locked_version_stays_until_it_is_free(project: Project) -> None:
    project.release("calc", "1.0.0")
    project.release("memo", "1.0.0")
    ranges = ((CALC, "^1"), (MEMO, "^1"))
    first = choose(project.require(*ranges))
    project.release("calc", "1.1.0")
    project.release("memo", "1.1.0")
    workspace = project.require(*ranges, locked=first)
    assert versions(choose(workspace, nothing_free=True)) == {"calc": "=1.0.0", "memo": "=1.0.0"}
    assert versions(choose(workspace, free=[MEMO])) == {"calc": "=1.0.0", "memo": "1.1.0"}
    assert versions(choose(workspace)) == {"calc": "1.1.0", "memo": "1.1.0"}


def test_a_plugin_asked_for_with_another_range_is_weighed_though_its_version_stays(project: Project) -> None:
    """tark.toml changes with it, so that it is a taken release and not a kept entry."""
    project.release("calc", "1.0.0")
    workspace = project.require((CALC, "^1"), locked=choose(project.require((CALC, "^1"))))
    selection = choose(workspace, project.requirement(CALC, "=1.0.0"), nothing_free=True)
    assert versions(selection) == {"calc": "1.0.0"}


def test_changed_contents_of_a_locked_version_are_taken_and_not_kept(project: Project) -> None:
    """The locked bytes are another release than the one that is offered now: rule 7 asks about it."""
    project.release("calc", "1.0.0")
    first = choose(project.require((CALC, "^1")))
    project.repo.listings.clear()
    project.repo.release("calc", "1.0.0", project.keys[CALC], more="# republished\n")
    selection = choose(project.require((CALC, "^1"), locked=first), nothing_free=True)
    assert versions(selection) == {"calc": "1.0.0"}


def change_row(project: Project, version: str, **changes: object) -> None:
    """What only the index's online key signs is changed."""
    listing = project.repo.listings["calc"]
    rows = [
        msgspec.structs.replace(row, **changes) if str(row.version) == version else row
        for row in listing.rows
    ]
    project.repo.put_listing(Listing(CALC, tuple(rows), listing.publisher))


def test_a_yanked_release_is_not_newly_taken_and_stays_where_it_is_locked(project: Project) -> None:
    project.release("calc", "1.0.0", "1.1.0")
    locked = choose(project.require((CALC, "^1")))
    change_row(project, "1.1.0", yanked="it loses notes")
    assert versions(choose(project.require((CALC, "^1")))) == {"calc": "1.0.0"}
    workspace = project.require((CALC, "^1"), locked=locked)
    assert versions(choose(workspace, nothing_free=True)) == {"calc": "=1.1.0"}


def test_a_revoked_release_is_never_taken_and_does_not_stay(project: Project) -> None:
    project.release("calc", "1.0.0", "1.1.0")
    workspace = project.require((CALC, "^1"))
    locked = choose(workspace)
    envelope = locked.taken[0].contents["plugin.dsse.json"]
    payload = sha256(parse_envelope(envelope, where="").payload)
    project.repo.claim("calc", project.keys[CALC], revoked_versions={"1.1.0": payload})
    workspace = project.require((CALC, "^1"), locked=locked)
    assert versions(choose(workspace, nothing_free=True)) == {"calc": "1.0.0"}


@pytest.mark.parametrize(
    "changes",
    [
        {"requires": ()},  # the resolver would not have taken what it needs
        {"min_tark_version": Version(0, 1, 0)},  # nor have kept it from a tark that is too old
        {"type": "hook"},
    ],
)
def test_a_row_that_says_other_than_its_publisher_signed_is_refused(
    project: Project, changes: dict[str, object]
) -> None:
    project.release("calc", "1.0.0", more='min_tark_version = "0.6.0"\n[dependencies]\nmemo = "^1"\n')
    project.release("memo", "1.0.0")
    assert versions(choose(project.require((CALC, "*"))))
    change_row(project, "1.0.0", **changes)
    selection = choose(project.require((CALC, "*")))
    assert CALC not in versions(selection)
    assert selection.refused.keys() == {CALC}  # what else was selected may be proposed
    with pytest.raises(IndexUntrusted, match="'calc' 1.0.0 differs from what its publisher signed") as caught:
        raise selection.refused[CALC]
    assert caught.value.where == "index community"


def test_a_row_that_only_describes_otherwise_decides_nothing(project: Project) -> None:
    project.release("calc", "1.0.0")
    change_row(project, "1.0.0", description="better than it is", capabilities=("time-travel",))
    assert versions(choose(project.require((CALC, "*")))) == {"calc": "1.0.0"}


def test_a_release_for_a_newer_tark_is_passed_over(project: Project) -> None:
    project.release("calc", "1.0.0")
    project.release("calc", "1.1.0", more='min_tark_version = "9.0.0"\n')
    project.toml = f'[tark]\nversion = "1.0.0"\n{project.toml}'
    assert versions(choose(project.require((CALC, "*")))) == {"calc": "1.0.0"}


def test_a_name_is_spelled_as_its_publisher_spells_it(project: Project) -> None:
    project.keys[PluginName("text_tools")] = project.repo.claim("text_tools")
    project.release("text_tools", "1.0.0")
    workspace = project.require((PluginName("text-tools"), "*"))
    with pytest.raises(NotFound, match="'text-tools' is spelled 'text_tools'") as caught:
        choose(workspace)
    assert caught.value.hint == "tarkpm add community:text_tools"


@pytest.mark.parametrize(("name", "text"), [("nowhere", "*"), ("calc", "^9")])
def test_what_the_index_does_not_have_is_said(project: Project, name: str, text: str) -> None:
    project.release("calc", "1.0.0")
    with pytest.raises(ResolutionError, match=name):
        choose(project.require((PluginName(name), text)))


def test_a_git_plugin_of_that_name_serves_a_dependency(project: Project) -> None:
    """tark.toml says where `memo` is from; what requires it does not reach past that (rule 12)."""
    project.release("calc", "1.0.0", more='[dependencies]\nmemo = "^1"\n')
    project.release("memo", "1.5.0")
    memo = make_release("memo", "1.0.0")
    workspace = project.require((CALC, "*"))
    requirement = Requirement(MEMO, memo.candidate.source.unpinned())
    requirements = {**workspace.project.requirements, MEMO: requirement}
    selection = choose_from_indexes(workspace, requirements, (memo.candidate.entry(),), None)
    assert versions(selection) == {"calc": "1.0.0", "memo": "=1.0.0"}
