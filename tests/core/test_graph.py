"""Who needs whom: every plugin once with its branches, whatever needs what."""

import itertools

from tarkpm.core.digest import Digest, FileEntry
from tarkpm.core.graph import Branch, inverted, tree
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.release import Dependency, GitSource, PluginName
from tarkpm.core.version import Version

SOURCE = GitSource("https://example.com/x.git", commit="0" * 40)


def lock(**plugins: list[str]) -> Lock:
    return Lock.of(
        LockEntry(
            PluginName(name),
            Version(1, 0, 0),
            "tool",
            SOURCE,
            requires=tuple(map(Dependency.parse, needs)),
            files=(FileEntry("plugin.toml", Digest("1" * 64), 1),),
        )
        for name, needs in plugins.items()
    )


def shown(branches: tuple[Branch, ...]) -> list[str]:
    return [
        "  " * one.depth
        + f"{one.name} {one.version or '-'} {one.range}".strip()
        + (" *" if one.repeated else "")
        for one in branches
    ]


def test_a_tree_shows_each_plugins_branches_once() -> None:
    found = lock(a=["b ^1", "c ^1"], b=["c ^1"], c=["d ^1"], d=[], z=[])
    assert shown(tree(found, map(PluginName, "za"))) == [
        "a 1.0.0",
        "  b 1.0.0 ^1",
        "    c 1.0.0 ^1",
        "      d 1.0.0 ^1",
        "  c 1.0.0 ^1 *",
        "z 1.0.0",
    ]


def test_plugins_that_need_each_other_have_an_end() -> None:
    assert shown(tree(lock(a=["b ^1"], b=["a ^1"]), [PluginName("a")])) == [
        "a 1.0.0",
        "  b 1.0.0 ^1",
        "    a 1.0.0 ^1 *",
    ]


def test_what_is_needed_and_not_there_is_shown_too() -> None:
    assert shown(tree(lock(a=["b ^1"]), [PluginName("a")])) == ["a 1.0.0", "  b - ^1"]


def test_an_inverted_tree_says_who_needs_a_plugin() -> None:
    found = lock(a=["b ^1"], b=["c ^1"], c=[], d=["c =1.0.0"])
    assert shown(inverted(found, PluginName("c"))) == [
        "c 1.0.0",
        "  b 1.0.0 ^1",
        "    a 1.0.0 ^1",
        "  d 1.0.0 =1.0.0",
    ]


def test_a_lock_that_nests_deeper_than_calls_may() -> None:
    names = [f"p{number}" for number in range(3000)]
    chain = lock(**{name: [f"{after} ^1"] for name, after in itertools.pairwise(names)})
    assert len(tree(chain, [PluginName("p0")])) == 3000
