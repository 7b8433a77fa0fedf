"""Every part of a decision that can go beyond what was accepted, and what is shown of it."""

from typing import Any

import pytest

from tarkpm.core.acceptance import Acceptance, IndexPlace
from tarkpm.core.agent.rules import McpRules
from tarkpm.core.binding import AcceptedRelease, Binding, Origin, Publisher
from tarkpm.core.digest import Digest
from tarkpm.core.policy_pin import PolicyPin
from tarkpm.core.release_age import AgeRule
from tarkpm.core.tool import ToolPin
from tarkpm.core.widening import Widening, WideningKind, widenings

K = WideningKind
A, B, C = "ed25519:a", "ed25519:b", "ed25519:c"
ROOT, OTHER_ROOT = "sha256:" + "a" * 64, "sha256:" + "b" * 64
GIT, OCI = Origin("git", "https://git.example/calc.git"), Origin("oci", "oci.example/calc")
INDEX, OTHER_INDEX, PATH = Origin("index", ROOT), Origin("index", OTHER_ROOT), Origin("path", "./calc")
INDEXES = {
    "first": IndexPlace("https://first.example", OTHER_ROOT),
    "second": IndexPlace("https://second.example", ROOT),
}
SECRET = "secret:token=github"


def bound(origin: Origin | None, *keys: str, signer: str = "", identity: str = "", **more: Any) -> Binding:
    publisher = Publisher(origin, keys, signer, more.pop("unsigned", False), identity)
    return Binding(publisher, **more)


def found(before: Binding | None, after: Binding, **indexes: IndexPlace) -> list[tuple[K, str, str]]:
    """The kinds of what is wider, after and before."""
    accepted = Acceptance(indexes, {"calc": before} if before else {})
    wider = widenings(Acceptance(indexes, {"calc": after}), accepted)
    assert {one.subject for one in wider} <= {"calc"}
    return [(one.kind, one.after, one.before) for one in wider]


# -- who may sign

SIGNERS: list[tuple[Binding | None, Binding, list[tuple[K, str, str]]]] = [
    (bound(GIT, A), bound(GIT, A), []),
    (bound(GIT, A, B), bound(GIT, A, B, C), [(K.KEY, C, f"{A}, {B}")]),
    (bound(GIT), bound(GIT, A), [(K.KEY, A, "")]),
    (bound(GIT, A), bound(GIT), []),  # no key of git is no signer, and policy refuses it
    # In an index, the signer is the one that the lock records.
    (bound(INDEX, signer=A), bound(INDEX, signer=B), [(K.SIGNER, B, A)]),
    (bound(INDEX, signer=A), bound(INDEX), []),
    (bound(INDEX, signer=A), bound(INDEX, A, signer=A), []),
    (bound(INDEX), bound(INDEX, A, signer=A), [(K.SIGNER, A, "")]),  # a first pin narrows
    (bound(INDEX, A, signer=A), bound(INDEX, A, B, signer=B), [(K.KEY, B, A)]),
    (bound(INDEX, A, B, signer=A), bound(INDEX, signer=A), [(K.UNPINNED, A, f"{A}, {B}")]),
    (bound(INDEX, A), bound(INDEX), [(K.UNPINNED, "", A)]),
    # A first identity asks for more; one that is gone or another one does not.
    (bound(GIT, A), bound(GIT, A, identity="me"), []),
    (bound(GIT, A, identity="me"), bound(GIT, A, identity="me"), []),
    (bound(GIT, A, identity="me"), bound(GIT, A), [(K.IDENTITY, "", "me")]),
    (bound(GIT, A, identity="me"), bound(GIT, A, identity="you"), [(K.IDENTITY, "you", "me")]),
    # In the place of keys it is the publisher; without any, it vouches for the first key.
    (bound(GIT, A), bound(GIT, "me", identity="me"), [(K.KEY, "me", A)]),
    (bound(GIT, "me", identity="me"), bound(GIT, A, identity="me"), [(K.KEY, A, "me")]),
    (bound(GIT, "me", identity="me"), bound(GIT, "you", identity="you"), [(K.IDENTITY, "you", "me")]),
    (bound(GIT, A), bound(GIT, identity="me"), [(K.UNPINNED, "me", A)]),
    (bound(GIT, identity="me"), bound(GIT, identity="me"), []),
    (bound(GIT, identity="me"), bound(GIT, A, identity="me"), [(K.KEY, A, "")]),
    # What needs no signature
    (bound(GIT), bound(GIT, unsigned=True), [(K.UNSIGNED, str(GIT), "")]),
    (bound(OCI), bound(OCI, unsigned=True), [(K.UNSIGNED, str(OCI), "")]),
    (bound(GIT, unsigned=True), bound(GIT, unsigned=True), []),
    (bound(PATH), bound(PATH, unsigned=True), []),  # a folder of the project
    (bound(INDEX), bound(INDEX, unsigned=True), []),  # an index vouches
    (bound(None), bound(None, unsigned=True), []),
    (bound(GIT), bound(GIT, contents="one"), [(K.CONTENTS, "one", "")]),
    (bound(GIT, contents="one"), bound(GIT, contents="one"), []),
    (bound(GIT, contents="one"), bound(GIT), []),
]


@pytest.mark.parametrize(("before", "after", "wider"), SIGNERS)
def test_a_signer(before: Binding | None, after: Binding, wider: list[tuple[K, str, str]]) -> None:
    assert found(before, after) == wider


# -- where it comes from

SOURCES = [
    (None, bound(GIT), f"fetch 'calc' from {GIT}", ""),
    (None, bound(OCI), f"fetch 'calc' from {OCI}", ""),
    (None, bound(PATH), f"install 'calc' from the folder {PATH}", ""),
    (None, bound(INDEX), f"take 'calc' from the index 'second' ({ROOT})", ""),
    (bound(GIT), bound(INDEX), f"the index 'second' ({ROOT})", str(GIT)),
    (bound(OTHER_INDEX), bound(OCI), str(OCI), f"the index 'first' ({OTHER_ROOT})"),
    (bound(None), bound(GIT), f"fetch 'calc' from {GIT}", ""),
    # A folder that is named like an index's root is shown as a folder.
    (bound(GIT), bound(Origin("path", ROOT)), ROOT, str(GIT)),
]


@pytest.mark.parametrize(("before", "after", "now", "then"), SOURCES)
def test_a_source(before: Binding | None, after: Binding, now: str, then: str) -> None:
    assert found(before, after, **INDEXES) == [(K.SOURCE, now, then)]


def test_an_index_without_a_nickname_is_named_by_its_root() -> None:
    assert found(None, bound(INDEX)) == [(K.SOURCE, f"take 'calc' from {INDEX}", "")]


def test_a_plugin_that_is_neither_required_nor_locked_has_no_source() -> None:
    assert found(None, bound(None, grants=("storage",))) == [(K.GRANT, "storage", "")]
    assert found(bound(GIT), bound(None)) == []


def test_of_another_source_everything_is_new_but_the_former_signer_is_shown() -> None:
    tools = (ToolPin("run", "write", Digest("a" * 64)),)
    before = bound(GIT, A, B, grants=("storage",), contents="one", tools=tools)
    after = bound(INDEX, signer=C, grants=("storage",), contents="one", tools=tools)
    assert found(before, after) == [
        (K.SOURCE, str(INDEX), str(GIT)),
        (K.SIGNER, C, f"{A}, {B}"),
        (K.CONTENTS, "one", ""),
        (K.GRANT, "storage", ""),
    ]
    assert found(bound(INDEX, signer=A), bound(OTHER_INDEX, signer=A))[1:] == [(K.SIGNER, A, A)]


# -- what it may do

GRANTS = ("storage", SECRET)


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        (bound(GIT, A, grants=GRANTS), bound(GIT, A, B, grants=GRANTS), []),
        # None of the former keys: another publisher gets no secret unasked.
        (bound(GIT, A, grants=GRANTS), bound(GIT, B, grants=GRANTS), [SECRET]),
        (bound(GIT, A, grants=GRANTS), bound(GIT, A, grants=(*GRANTS, "shell")), ["shell"]),
        # Nobody could sign there, as after a pull request that dropped the keys: whoever may now is another one.
        (bound(GIT, grants=GRANTS), bound(GIT, B, grants=GRANTS), [SECRET]),
        (bound(GIT, grants=GRANTS), bound(GIT, grants=GRANTS), []),
    ],
)
def test_grants(before: Binding, after: Binding, wider: list[str]) -> None:
    assert [text for kind, text, _ in found(before, after) if kind is K.GRANT] == wider


READ, WRITE = (ToolPin("run", risk, Digest("a" * 64)) for risk in ("read-only", "write"))
OTHER, MORE = ToolPin("run", "write", Digest("b" * 64)), ToolPin("walk", "read-only", Digest("a" * 64))


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        ((READ,), (READ,), []),
        (None, (READ,), ["run"]),
        ((READ,), None, []),
        ((READ,), (OTHER, MORE), ["run", "walk"]),
        ((WRITE, MORE), (READ,), []),
    ],
)
def test_tools(
    before: tuple[ToolPin, ...] | None, after: tuple[ToolPin, ...] | None, wider: list[str]
) -> None:
    assert found(bound(GIT, tools=before), bound(GIT, tools=after)) == [(K.TOOL, one, "") for one in wider]


# -- which release (rule 7)


def release(version: str, contents: str = "one") -> AcceptedRelease:
    return AcceptedRelease(version, contents, f"commit of {contents}")


KNOWN = (release("1.1.0"), release("1.0.0"))


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        (KNOWN, (), []),
        ((), KNOWN, []),
        (KNOWN, (release("1.2.0"),), []),
        (KNOWN, (release("1.1.0"),), []),
        (KNOWN, (release("1.0.0"),), []),  # a branch where it was accepted
        (KNOWN, (release("0.9.0"), release("1.0.0")), [(K.OLDER, "0.9.0", "1.1.0")]),
        (KNOWN, (release("1.1.0+two", "two"),), []),
        (KNOWN, (release("1.0.0", "two"),), [(K.REPUBLISHED, "1.0.0", "")]),
        (KNOWN, (release("1.1.0", "two"),), [(K.REPUBLISHED, "1.1.0", "")]),
    ],
)
def test_releases(
    before: tuple[AcceptedRelease, ...], after: tuple[AcceptedRelease, ...], wider: list[tuple[K, str, str]]
) -> None:
    assert found(bound(GIT, releases=before), bound(GIT, releases=after)) == wider


def test_other_contents_of_an_unsigned_release_are_asked_about_as_such() -> None:
    before = bound(GIT, unsigned=True, contents="one", releases=(release("1.0.0"),))
    after = bound(GIT, unsigned=True, contents="two", releases=(release("1.0.0", "two"),))
    assert found(before, after) == [(K.CONTENTS, "two", "one")]


# -- the project


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        (
            Acceptance(INDEXES),
            Acceptance({"second": INDEXES["first"]}),
            Widening(
                K.INDEX,
                "second",
                f"take plugins from the index 'second' at https://first.example {OTHER_ROOT}",
                f"https://second.example {ROOT}",
            ),
        ),
        (
            Acceptance(),
            Acceptance({"first": INDEXES["first"]}),
            Widening(
                K.INDEX, "first", f"take plugins from the index 'first' at https://first.example {OTHER_ROOT}"
            ),
        ),
        (
            Acceptance(mcp=McpRules(allow=("calc",))),
            Acceptance(mcp=McpRules(allow=("calc", "notes"))),
            Widening(K.MCP, "", "call notes"),
        ),
        (Acceptance(mcp=McpRules(allow=("calc",))), Acceptance(), Widening(K.MCP, "", "call every tool")),
        (
            Acceptance(ages=AgeRule(86_400)),
            Acceptance(),
            Widening(K.AGE, "", "shorten the minimum release age: 1d → none"),
        ),
        (
            Acceptance(policy=PolicyPin(A, 2)),
            Acceptance(policy=PolicyPin(A, 1)),
            Widening(
                K.POLICY,
                "",
                "take version 1 of this project's team policy",
                f"version 2 or later, signed by {A}",
            ),
        ),
    ],
)
def test_what_is_not_about_one_plugin(before: Acceptance, after: Acceptance, wider: Widening) -> None:
    assert widenings(after, before) == (wider,)


@pytest.mark.parametrize(
    "same",
    [
        Acceptance(mcp=McpRules(allow=("calc",), ask="write")),
        Acceptance(ages=AgeRule(86_400)),
        Acceptance(policy=PolicyPin(A, 1)),
    ],
)
def test_a_rule_that_stays_or_comes_asks_nothing(same: Acceptance) -> None:
    assert widenings(same, same) == widenings(same, Acceptance()) == ()


# -- how it is shown


@pytest.mark.parametrize(
    ("one", "is_loud", "binds_secret"),
    [
        (Widening(K.GRANT, "calc", "storage"), False, False),
        (Widening(K.GRANT, "calc", "shell"), True, False),
        (Widening(K.GRANT, "calc", SECRET), True, True),
        (Widening(K.KEY, "calc", A), False, False),
        (Widening(K.KEY, "calc", B, A), True, False),
        (Widening(K.SOURCE, "calc", "fetch"), False, False),
        (Widening(K.UNSIGNED, "calc", str(GIT)), True, False),
    ],
)
def test_what_is_highlighted(one: Widening, is_loud: bool, binds_secret: bool) -> None:
    assert (one.is_loud, one.binds_secret) == (is_loud, binds_secret)


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (Widening(K.INDEX, "first", "take plugins"), "take plugins"),
        (Widening(K.INDEX, "first", "take plugins", "there"), "take plugins (before: there)"),
        (Widening(K.SOURCE, "calc", "fetch 'calc' from here"), "fetch 'calc' from here"),
        (Widening(K.SOURCE, "calc", "here", "there"), "change the source of 'calc': there → here"),
        (Widening(K.KEY, "calc", A), f"trust {A} for 'calc'"),
        (
            Widening(K.KEY, "calc", "me", A),
            f"trust any key for 'calc' that the CI identity me proves (before: {A})",
        ),
        (Widening(K.UNPINNED, "calc", "me"), "trust the first key for 'calc' that the CI identity me proves"),
        (Widening(K.SIGNER, "calc", A), f"take 'calc' as signed by {A}, for whom its index vouches"),
        (Widening(K.SIGNER, "calc", B, A), f"change the signer of 'calc': {A} → {B}"),
        (
            Widening(K.IDENTITY, "calc", "", "me"),
            "take releases of 'calc' without a proof of the CI identity me",
        ),
        (
            Widening(K.IDENTITY, "calc", "you", "me"),
            "take releases of 'calc' from another CI identity: me → you",
        ),
        (
            Widening(K.UNPINNED, "calc", "", A),
            f"let any signer that the index vouches for publish 'calc' (before: {A})",
        ),
        (Widening(K.CONTENTS, "calc", "one"), "run 'calc' unsigned with these contents: one"),
    ],
)
def test_a_sentence(one: Widening, sentence: str) -> None:
    assert str(one) == sentence
