"""The difference of two states: each kind of change, and which of them go beyond what was."""

import re

import msgspec
import pytest
from support.locked import ENTRY, FILES, KEY, NAME, tool
from support.releases import caps

from tarkpm.core.difference import Difference, Documents, difference
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.project import Project
from tarkpm.core.release import Dependency, GitSource, IndexSource, PathSource, PluginName, Requirement
from tarkpm.core.settings_difference import FieldChange
from tarkpm.core.version import Version

OTHER = PublicKey("ed25519:IAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")


def locked(**changes: object) -> Documents:
    """A lock without tark.toml."""
    return Documents(Lock.of([msgspec.structs.replace(ENTRY, **changes)]))


def decided(*grants: str, trust: tuple[PublicKey, ...] = (KEY,), **changes: object) -> Documents:
    """A lock with the tark.toml it follows from."""
    entry = msgspec.structs.replace(ENTRY, **changes)
    requirement = Requirement(NAME, entry.source.unpinned(), unsigned=entry.signer is None)
    project = Project(requirements={NAME: requirement}, trust={NAME: trust}, grants={NAME: caps(*grants)})
    return Documents(Lock.of([entry]), project)


def found(before: Documents, after: Documents) -> tuple[Difference, dict[str, FieldChange]]:
    result = difference(before, after)
    return result, {one.kind: one for plugin in result.plugins for one in plugin.changes}


@pytest.mark.parametrize("documents", [locked(), decided("storage"), Documents(Lock())])
def test_equal_states_do_not_differ(documents: Documents) -> None:
    assert difference(documents, documents) == Difference()


@pytest.mark.parametrize(
    ("changes", "kind", "removed", "added", "wider"),
    [
        ({"version": Version.parse("1.1.0")}, "version", "1.0.0", "1.1.0", False),
        ({"type": "hook"}, "type", "tool", "hook", True),
        ({"version": Version.parse("0.9.0")}, "version", "1.0.0", "0.9.0", True),
        ({"requires": (Dependency.parse("x ^1"),)}, "requires", None, "x ^1", False),
        ({"min_tark_version": Version.parse("2.0.0")}, "min-tark-version", None, "2.0.0", False),
        ({"files": FILES[:1]}, "files", "plugin.wasm sha256:" + "1" * 64, None, True),
        ({"source": msgspec.structs.replace(ENTRY.source, commit="b" * 40)}, "commit", "a" * 40, "b" * 40, False),
        ({"source": GitSource("https://evil.example/x.git", branch="main", commit="a" * 40)}, "source",
         "https://git.example/calc.git branch main", "https://evil.example/x.git branch main", True),
        ({"signer": OTHER}, "signer", KEY, OTHER, True),
        ({"signer": None, "statement": None}, "signer", KEY, "none", True),
        ({"capabilities": caps("storage", "shell")}, "declared", None, "shell", True),
        ({"capabilities": caps()}, "declared", "storage", None, False),
        ({"capabilities": None}, "declared", "storage", "not named", True),
        ({"tools": (tool("add"), tool("wipe", "dangerous"))}, "tools", None, "wipe (dangerous)", True),
        ({"tools": (tool("add", "write"),)}, "tools", "add (read-only)", "add (write)", True),
        ({"tools": (tool("add", digest="b"),)}, "definitions", None, "add", True),
        ({"tools": ()}, "tools", "add (read-only)", None, False),
        ({"tools": None}, "tools", "add (read-only)", "not pinned", True),
    ],
)  # fmt: skip
def test_each_kind_of_change(
    changes: dict[str, object], kind: str, removed: str | None, added: str | None, wider: bool
) -> None:
    result, by_kind = found(locked(), locked(**changes))
    change = by_kind[kind]
    assert (change.removed, change.added) == ((removed,) if removed else (), (added,) if added else ())
    assert (change.wider, result.is_wider) == (wider, wider)


@pytest.mark.parametrize(
    ("after", "kind", "wider"),
    [
        (decided("storage", "http:a.example"), "granted", True),
        (decided(), "granted", False),
        (decided("storage", trust=(KEY, OTHER)), "trust", True),
        (decided("storage", trust=(OTHER,)), "trust", True),
    ],
)
def test_a_decision_of_tark_toml(after: Documents, kind: str, wider: bool) -> None:
    result, by_kind = found(decided("storage"), after)
    assert by_kind.keys() == {kind}
    assert (by_kind[kind].wider, result.is_wider) == (wider, wider)


def test_a_plugin_that_comes_is_wider_and_one_that_goes_is_not() -> None:
    nothing = Documents(Lock(), Project())
    came, gone = difference(nothing, decided("storage")), difference(decided("storage"), nothing)
    assert [(one.change, one.before, one.after) for one in came.plugins] == [("added", "", "1.0.0")]
    assert [(one.change, one.before, one.after) for one in gone.plugins] == [("removed", "1.0.0", "")]
    assert (came.is_wider, gone.is_wider) == (True, False)
    assert any(re.search("fetch 'calc' from https://git.example", str(one)) for one in came.wider)


def test_a_version_1_lock_says_nothing_new() -> None:
    bare = locked(capabilities=None)
    assert not difference(bare, bare).is_wider
    assert difference(bare, locked()).asks == {"calc": ("storage",)}


def test_a_licence_counts_where_both_are_known() -> None:
    newer = {"version": Version.parse("2.0.0")}
    known = [msgspec.structs.replace(locked(**each), licenses={"calc": name}) for each, name in (({}, "MIT"), (newer, "BUSL-1.1"))]  # fmt: skip
    _, by_kind = found(*known)
    assert by_kind["license"] == FieldChange("license", ("MIT",), ("BUSL-1.1",))
    assert "license" not in found(locked(), known[1])[1]


def test_a_working_copy_and_an_index() -> None:
    copy = LockEntry(NAME, Version.parse("1.0.0"), "tool", PathSource("./calc"))
    root = "sha256:" + "c" * 64
    listed = msgspec.structs.replace(ENTRY, source=IndexSource(PluginName("community"), root))
    result, by_kind = found(Documents(Lock.of([listed])), Documents(Lock.of([copy])))
    assert by_kind["source"].wider
    assert by_kind["signer"].added == ("your own folder",)
    assert not difference(Documents(Lock.of([listed])), Documents(Lock.of([listed]))).plugins
    assert result.is_wider


def test_a_range_that_allows_more_is_shown_and_asks_nothing() -> None:
    """It decides what later updates take. Between two locks alone, the version says enough."""
    source = GitSource("https://h.example/x.git", tag="v1.0.0", commit="c" * 40)
    exact = decided("storage", source=source)
    assert exact.project is not None
    asked = msgspec.structs.replace(
        exact.project.requirements[NAME], source=GitSource(source.git, tag="^1.0")
    )
    ranged = Documents(exact.lock, msgspec.structs.replace(exact.project, requirements={NAME: asked}))
    result, changes = found(exact, ranged)
    assert changes == {"range": FieldChange("range", (), ("^1.0",))}
    assert not result.is_wider
    assert difference(Documents(exact.lock), ranged) == Difference()
