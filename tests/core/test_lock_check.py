"""What follows from tark.toml, which entries count, and what a problem of a lock names."""

import msgspec
import pytest

from core.test_follow import GIT, HERE, ONE_INDEX, OTHER, ROOT, THERE, entry, problems, project
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.lock_check import check_matches, followed, led_to, reachable, stale_entries
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.release import Dependency, IndexSource, PathSource, PluginName
from tarkpm.core.version import Version
from tarkpm.errors import LockStale

TEXT = ONE_INDEX + '[plugins]\na = "^1"\n'


def names(lock: Lock) -> list[str]:
    return [one.name for one in lock.entries]


def test_a_problem_names_its_plugins_its_file_and_a_command() -> None:
    locked = Lock.of(
        [
            entry("a", "1.0.0", HERE, "b ^2", "c ^1", "d ^1"),
            entry("b"),
            entry("c", "1.0.0", THERE),
            entry("e"),
        ]
    )
    found = stale_entries(project(TEXT + 'z = "^1"\n'), locked)
    assert [(one.plugins, one.where, one.hint) for one in found] == [
        (plugins, "tark.lock", "tarkpm lock")
        for plugins in (("z",), ("a", "b"), ("c", "a"), ("a", "d"), ("b",), ("c",), ("e",))
    ]


def test_two_indexes_of_one_name_are_told_apart_by_their_roots() -> None:
    renamed = IndexSource("community", OTHER)
    where = f"index community with root {OTHER}, but tark.toml requires index community with root {ROOT}"
    assert problems(TEXT, entry("a", "1.0.0", renamed)) == [f"'a' is locked from {where}"]


def test_a_folder_that_is_called_like_an_index_is_no_index() -> None:
    folder = PathSource("index community")
    sentence = "'a' is locked from index community, but tark.toml requires index community"
    assert problems(TEXT, entry("a", "1.0.0", folder)) == [sentence]
    assert problems('[plugins]\na = { path = "index community" }\n', entry("a")) == [sentence]


def test_only_entries_that_the_project_leads_to_count() -> None:
    """A stale entry leads nowhere for `followed`, and stays for `led_to`; a planted one counts for neither."""
    chain = [entry("a", "1.0.0", HERE, "b ^1"), entry("b", "1.0.0", HERE, "c ^1"), entry("c"), entry("evil")]
    lock = Lock.of(chain)
    assert names(followed(project(TEXT), lock)) == ["a", "b", "c"]
    assert names(led_to(project(TEXT), lock)) == ["a", "b", "c"]
    wanted = project(TEXT.replace("^1", "^2"))
    assert names(followed(wanted, lock)) == []
    assert names(led_to(wanted, lock)) == ["a", "b", "c"]
    elsewhere = Lock.of([entry("a", "1.0.0", GIT, "b ^1"), *chain[1:]])
    assert names(led_to(project(TEXT), elsewhere)) == ["a"]


def test_a_dependency_is_followed_once_and_no_further_than_its_problem() -> None:
    lock = Lock.of(
        [
            entry("a", "1.0.0", HERE, "b ^1", "c ^9"),
            entry("b", "1.0.0", HERE, "a ^1"),
            entry("c", "1.0.0", HERE, "d ^1"),
        ]
    )
    reached, found = reachable(project(TEXT), lock)
    assert reached == {"a", "b"}
    assert [one.message for one in found] == ["'a' requires 'c ^9', but 1.0.0 is locked"]


# -- against the verified manifest


def described(*requires: str, capabilities: str = "") -> Manifest:
    declared = CapabilitySet.of([Capability.parse(capabilities)] if capabilities else [])
    needs = tuple(map(Dependency.parse, requires))
    return Manifest(PluginName("a"), Version.parse("1.0.0"), "tool", "a.wasm", declared, dependencies=needs)


def locked(*requires: str, capabilities: str | None = "") -> LockEntry:
    held = (
        None
        if capabilities is None
        else CapabilitySet.of(map(Capability.parse, filter(None, [capabilities])))
    )
    return msgspec.structs.replace(entry("a", "1.0.0", HERE, *requires), capabilities=held)


def test_a_lock_that_says_what_the_manifest_says() -> None:
    check_matches(locked(), described(), where="x")
    check_matches(
        locked("b ^1", capabilities="storage"), described("b ^1", capabilities="storage"), where="x"
    )
    check_matches(locked(capabilities=None), described(capabilities="storage"), where="x")


@pytest.mark.parametrize(
    ("one", "manifest", "sentence"),
    [
        (
            locked("b ^1", "c ^2"),
            described("b ^1"),
            "requires 'b ^1' in plugin.toml, but 'b ^1, c ^2' in tark.lock",
        ),
        (locked(), described("b ^1"), "requires 'b ^1' in plugin.toml, but none in tark.lock"),
        (
            locked(),
            described(capabilities="shell"),
            "capabilities 'shell' in plugin.toml, but none in tark.lock",
        ),
        (
            locked(capabilities="env:A"),
            described(),
            "capabilities none in plugin.toml, but 'env:A' in tark.lock",
        ),
        (
            msgspec.structs.replace(locked(), name=PluginName("b")),
            described(),
            "name 'a' in plugin.toml, but 'b' in tark.lock",
        ),
    ],
)
def test_a_lock_that_says_something_else(one: LockEntry, manifest: Manifest, sentence: str) -> None:
    with pytest.raises(LockStale) as caught:
        check_matches(one, manifest, where="a release")
    assert caught.value.message == f"'{one.name}' has {sentence}"
    assert (caught.value.plugins, caught.value.where) == ((one.name,), "a release")
    assert caught.value.hint == f"tarkpm update {one.name}"
