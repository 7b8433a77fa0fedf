"""The decisions of a project and its lock, and how a record of them narrows."""

import msgspec

from core.test_follow import GIT, HERE, ONE, ONE_INDEX, ROOT, TWO, entry, project
from tarkpm.core.acceptance import Acceptance, IndexPlace
from tarkpm.core.agent.rules import McpRules
from tarkpm.core.binding import AcceptedRelease, Binding, Origin, Publisher, contents_digest
from tarkpm.core.digest import Digest
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.policy_pin import PolicyPin
from tarkpm.core.release import PathSource
from tarkpm.core.tool import ToolPin

URL = "https://example.com/x.git"
INDEX, REPOSITORY = Origin("index", ROOT), Origin("git", URL)
PINS = (ToolPin("run", "write", Digest("1" * 64)),)


def decisions(text: str, *entries: LockEntry) -> dict[str, Binding]:
    return Acceptance.of(project(text), Lock.of(entries)).plugins


def release(one: LockEntry) -> tuple[AcceptedRelease, ...]:
    return (AcceptedRelease.of(one),)


def test_a_plugin_of_an_index_is_bound_to_its_root_and_signer() -> None:
    one = msgspec.structs.replace(entry("a"), tools=PINS)
    text = ONE_INDEX + f'[plugins]\na = "^1"\n[trust]\na = ["{TWO}", "{ONE}"]\n[grants]\na.storage = true\n'
    assert decisions(text, one) == {
        "a": Binding(
            Publisher(INDEX, tuple(sorted((ONE, TWO))), ONE), ("storage",), tools=PINS, releases=release(one)
        )
    }
    accepted = Acceptance.of(project(text), Lock.of([one]))
    assert accepted.indexes == {"community": IndexPlace("https://index.example", ROOT)}
    assert (accepted.mcp, accepted.ages, accepted.policy) == (None, None, None)


def test_without_an_entry_nothing_is_known_of_the_lock() -> None:
    assert decisions(ONE_INDEX + '[plugins]\na = "^1"\n') == {"a": Binding(Publisher(INDEX))}
    assert decisions(f'[plugins]\na = {{ git = "{URL}", unsigned = true }}\n') == {
        "a": Binding(Publisher(REPOSITORY, unsigned=True))
    }


def test_a_dependency_is_bound_by_its_entry_and_a_stray_decision_by_nothing() -> None:
    a, b = entry("a", "1.0.0", HERE, "b ^1"), entry("b")
    text = ONE_INDEX + f'[plugins]\na = "^1"\n[trust]\nc = ["{ONE}"]\n'
    found = decisions(text, a, b, entry("planted"))
    assert found["b"] == Binding(Publisher(INDEX, signer=ONE), releases=release(b))
    assert found["c"] == Binding(Publisher(keys=(ONE,)))
    assert found.keys() == {"a", "b", "c"}


def test_a_plugin_from_git_is_bound_to_the_keys_of_the_project() -> None:
    """Its locked signer is what [trust] says: the lock decides nothing."""
    one = entry("a", "1.0.0", GIT)
    text = f'[plugins]\na = {{ git = "{URL}" }}\n[trust]\na = ["{ONE}"]\n'
    assert decisions(text, one) == {"a": Binding(Publisher(REPOSITORY, (ONE,)), releases=release(one))}


def test_an_unsigned_plugin_is_bound_to_its_contents() -> None:
    one = msgspec.structs.replace(entry("a", "1.0.0", GIT), signer=None, statement=None)
    assert decisions(f'[plugins]\na = {{ git = "{URL}", unsigned = true }}\n', one) == {
        "a": Binding(
            Publisher(REPOSITORY, unsigned=True), contents=contents_digest(one), releases=release(one)
        )
    }


def test_a_working_copy_is_bound_to_its_folder_alone() -> None:
    one = msgspec.structs.replace(
        entry("a", "1.0.0", PathSource("../x")), signer=None, statement=None, files=()
    )
    assert decisions('[plugins]\na = { path = "../x" }\n', one) == {
        "a": Binding(Publisher(Origin("path", "../x"), unsigned=True))
    }


def test_rules_for_agents_are_a_decision_unless_they_allow_everything() -> None:
    assert Acceptance.of(project('[mcp]\nask = "never"\n'), Lock()).mcp is None
    assert Acceptance.of(project('[mcp]\ndeny = ["a"]\n'), Lock()).mcp == McpRules(deny=("a",))


# -- narrowing

BOUND = Binding(Publisher(INDEX, (ONE, TWO), ONE), ("storage", "shell"))


def with_binding(binding: Binding) -> Acceptance:
    return Acceptance({}, {"a": binding})


def narrowed(accepted: Binding, decided: Binding) -> Binding:
    return with_binding(accepted).narrowed(with_binding(decided)).plugins["a"]


def test_a_record_keeps_what_both_allow() -> None:
    fewer = Binding(Publisher(INDEX, (TWO,)), ("storage", "env:A"))
    assert narrowed(BOUND, fewer) == Binding(Publisher(INDEX, (TWO,), ONE), ("storage",))


def test_another_origin_leaves_the_record_as_it_is() -> None:
    elsewhere = Binding(Publisher(REPOSITORY, (TWO,)), ("storage",))
    assert narrowed(BOUND, elsewhere) == BOUND


def test_the_last_pin_of_an_index_stays_and_that_of_a_repository_goes() -> None:
    """Without a pin, an index vouches for any signer, and a repository for none."""
    bare = Binding(Publisher(INDEX), BOUND.grants)
    assert narrowed(BOUND, bare).publisher.keys == (ONE, TWO)
    pinned = Binding(Publisher(REPOSITORY, (ONE,)), ("storage",))
    assert narrowed(pinned, Binding(Publisher(REPOSITORY), ("storage",))).publisher.keys == ()
    assert narrowed(pinned, pinned) == pinned
    assert narrowed(BOUND, BOUND) == BOUND


def test_the_last_pin_stays_where_an_identity_vouches_for_keys() -> None:
    """On either side: then a pin that is gone is a widening."""
    by = "github:o/r/.github/workflows/w.yml@refs/tags/*"
    bare, asked = Binding(Publisher(REPOSITORY)), Binding(Publisher(REPOSITORY, identity=by))
    pinned = Binding(Publisher(REPOSITORY, (ONE,)))
    both = Binding(Publisher(REPOSITORY, (ONE,), identity=by))
    assert narrowed(pinned, asked).publisher.keys == (ONE,)
    assert narrowed(both, bare).publisher.keys == (ONE,)


def test_rules_and_policies_narrow_with_the_project() -> None:
    denying, allowing = McpRules(deny=("a",)), McpRules(allow=("b:c",))
    one, two = PolicyPin(ONE, 1), PolicyPin(ONE, 2)
    accepted = Acceptance(mcp=denying, policy=one)
    both = accepted.narrowed(Acceptance(mcp=allowing, policy=two))
    assert (both.mcp, both.policy) == (denying.meet(allowing), two)
    without = accepted.narrowed(Acceptance())
    assert (without.mcp, without.policy) == (denying, one)
    assert Acceptance().narrowed(Acceptance(mcp=denying, policy=one)) == Acceptance(mcp=denying, policy=one)
    assert Acceptance().narrowed(Acceptance()) == Acceptance()


def test_a_plugin_that_was_not_accepted_is_remembered_as_it_is() -> None:
    new = Acceptance({}, {"a": BOUND, "b": BOUND})
    assert new.remembering(with_binding(BOUND)) == new
