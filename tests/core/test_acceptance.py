"""Which decisions go beyond what was accepted, in which words, and under which digest."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.acceptance import Acceptance, IndexPlace
from tarkpm.core.binding import Binding, Origin, Publisher
from tarkpm.core.difference import SHOWN_AS
from tarkpm.core.digest import Digest
from tarkpm.core.tool import ToolPin
from tarkpm.core.widening import Widening, WideningKind, widenings

A, B = "ed25519:a", "ed25519:b"
I, J = (f"github:owner/repo/.github/workflows/{name}.yml@refs/tags/*" for name in "ij")  # noqa: E741
GIT, OTHER = Origin("git", "https://git.example/calc.git"), Origin("git", "https://evil.example/calc.git")
INDEX = Origin("index", "sha256:" + "a" * 64)
PLACE = IndexPlace("https://index.example", "sha256:" + "a" * 64)


def project(binding: Binding | None, **indexes: IndexPlace) -> Acceptance:
    return Acceptance(indexes, {"calc": binding} if binding else {})


def said(decided: Acceptance, accepted: Acceptance) -> list[str]:
    return [str(widening) for widening in widenings(decided, accepted)]


SIGNED = Binding(Publisher(GIT, (A,)), ("storage",))
VOUCHED = Binding(Publisher(INDEX, signer=A), ("storage",))
UNSIGNED = Binding(Publisher(GIT, unsigned=True), (), "sha256:one")


def changed(binding: Binding, **publisher: object) -> Binding:
    return msgspec.structs.replace(binding, publisher=msgspec.structs.replace(binding.publisher, **publisher))


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        (None, SIGNED, [f"fetch 'calc' from {GIT}", f"trust {A} for 'calc'", "let 'calc' use storage"]),
        (SIGNED, changed(SIGNED, origin=OTHER), [f"change the source of 'calc': {GIT} → {OTHER}", f"trust {A} for 'calc'", "let 'calc' use storage"]),
        (SIGNED, changed(SIGNED, keys=(A, B)), [f"trust {B} for 'calc' (before: {A})"]),
        (SIGNED, changed(SIGNED, keys=(B,)), [f"trust {B} for 'calc' (before: {A})"]),
        (SIGNED, changed(SIGNED, unsigned=True), [f"install 'calc' unsigned from {GIT}"]),
        (UNSIGNED, msgspec.structs.replace(UNSIGNED, contents="sha256:two"), ["run 'calc' unsigned with these contents: sha256:one → sha256:two"]),
        (changed(VOUCHED, signer=""), VOUCHED, [f"take 'calc' as signed by {A}, for whom its index vouches"]),
        (VOUCHED, changed(VOUCHED, keys=(A, B)), [f"trust {B} for 'calc' (before: {A})"]),
        (VOUCHED, changed(VOUCHED, signer=B), [f"change the signer of 'calc': {A} → {B}"]),
        (changed(VOUCHED, keys=(A,)), VOUCHED, [f"let any signer that the index vouches for publish 'calc' (before: {A})"]),
        (VOUCHED, msgspec.structs.replace(VOUCHED, grants=("storage", "shell")), ["let 'calc' use shell"]),
        (SIGNED, changed(SIGNED, identity=I), []),
        (SIGNED, changed(SIGNED, keys=(I,), identity=I), [f"trust any key for 'calc' that the CI identity {I} proves (before: {A})"]),
        (SIGNED, changed(SIGNED, keys=(), identity=I), [f"trust the first key for 'calc' that the CI identity {I} proves (before: {A})"]),
        (changed(SIGNED, keys=(I,), identity=I), changed(SIGNED, keys=(), identity=I), [f"trust the first key for 'calc' that the CI identity {I} proves (before: {I})"]),
        (changed(SIGNED, keys=(A,), identity=I), changed(SIGNED, keys=(), identity=I), [f"trust the first key for 'calc' that the CI identity {I} proves (before: {A})"]),
        (UNSIGNED, changed(UNSIGNED, identity=I), [f"trust the first key for 'calc' that the CI identity {I} proves"]),
        (changed(SIGNED, identity=I), changed(SIGNED, keys=(), identity=J), [f"trust the first key for 'calc' that the CI identity {J} proves (before: {A})", f"take releases of 'calc' from another CI identity: {I} → {J}"]),
        (None, Binding(Publisher(GIT, identity=I)), [f"fetch 'calc' from {GIT}", f"trust the first key for 'calc' that the CI identity {I} proves"]),
    ],
)  # fmt: skip
def test_a_widening_is_a_sentence(before: Binding | None, after: Binding, sentences: list[str]) -> None:
    assert said(project(after), project(before)) == sentences


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SIGNED, None),
        (SIGNED, msgspec.structs.replace(SIGNED, grants=())),
        (changed(SIGNED, keys=(A, B)), SIGNED),
        (VOUCHED, changed(VOUCHED, keys=(A,))),
        (VOUCHED, changed(VOUCHED, signer="")),
        (UNSIGNED, msgspec.structs.replace(UNSIGNED, contents="")),
    ],
)
def test_a_narrowing_asks_nobody(before: Binding, after: Binding | None) -> None:
    assert said(project(after), project(before)) == []


def test_an_index_is_accepted_with_its_url_and_root() -> None:
    moved = IndexPlace("https://mirror.example", PLACE.root)
    assert said(project(None, a=PLACE), project(None)) == [
        f"take plugins from the index 'a' at {PLACE.url} {PLACE.root}"
    ]
    assert [w.kind for w in widenings(project(None, a=moved), project(None, a=PLACE))] == [WideningKind.INDEX]
    assert said(project(None), project(None, a=PLACE)) == []


def test_what_only_a_lock_says_is_remembered_while_it_does_not_say_it() -> None:
    accepted = project(VOUCHED)
    without = project(changed(VOUCHED, signer=""))
    kept = without.remembering(accepted)
    assert said(project(changed(VOUCHED, signer=B)), kept) == [f"change the signer of 'calc': {A} → {B}"]
    elsewhere = project(changed(VOUCHED, origin=OTHER, signer=""))
    assert elsewhere.remembering(accepted) == elsewhere


def test_decisions_that_were_not_accepted_only_narrow() -> None:
    accepted = project(msgspec.structs.replace(SIGNED, grants=("storage", "shell")), a=PLACE)
    pulled = project(changed(SIGNED, keys=(A, B)), b=PLACE)
    assert accepted.narrowed(pulled) == project(SIGNED)


def keyless(one: Publisher) -> Publisher:
    return msgspec.structs.replace(one, keys=(one.identity,), unsigned=False)


BINDINGS = st.builds(
    Binding,
    st.builds(
        Publisher,
        st.sampled_from((GIT, OTHER, INDEX, Origin("path", "./calc"))),
        st.sets(st.sampled_from((A, B))).map(lambda keys: tuple(sorted(keys))),
        st.sampled_from(("", A, B)),
        st.booleans(),
        st.sampled_from(("", I, J)),
    ).flatmap(lambda one: st.sampled_from([one, *([keyless(one)] if one.identity else [])])),
    st.lists(st.sampled_from(("storage", "shell", "env:HOME")), unique=True).map(tuple),
    st.sampled_from(("", "sha256:one", "sha256:two")),
)
ACCEPTANCES = st.builds(
    Acceptance,
    st.dictionaries(st.sampled_from("ab"), st.just(PLACE)),
    st.dictionaries(st.sampled_from("xy"), BINDINGS),
)


@given(ACCEPTANCES)
def test_what_was_accepted_asks_nothing(decided: Acceptance) -> None:
    assert widenings(decided, decided) == ()


@given(ACCEPTANCES, ACCEPTANCES)
def test_equal_digests_are_equal_decisions(one: Acceptance, other: Acceptance) -> None:
    assert (one.digest == other.digest) == (one == other)


@given(ACCEPTANCES, ACCEPTANCES)
def test_narrowing_never_widens(accepted: Acceptance, decided: Acceptance) -> None:
    assert widenings(accepted.narrowed(decided), accepted) == ()


@given(ACCEPTANCES, ACCEPTANCES, ACCEPTANCES)
def test_two_steps_ask_at_least_once(accepted: Acceptance, first: Acceptance, second: Acceptance) -> None:
    """What a pull narrowed on its way never lets in what would have been asked about."""
    if widenings(second, accepted):
        assert widenings(second, accepted.narrowed(first))


def test_a_plugin_that_had_no_tools_gets_none_unasked() -> None:
    """A hook that a pulled lock makes a tool: nobody saw the text that agents would read."""
    tools = (ToolPin("run", "write", Digest("a" * 64)),)
    with_tools = msgspec.structs.replace(SIGNED, tools=tools)
    (asked,) = said(project(with_tools), project(SIGNED))
    assert asked == "let agents read another definition of the tool 'run' of 'calc' than you accepted"
    none = msgspec.structs.replace(SIGNED, tools=())
    assert said(project(with_tools), project(none)) == [asked]
    assert said(project(SIGNED), project(with_tools)) == []
    new = said(project(with_tools), project(None))
    assert not any("definition" in sentence for sentence in new)


def test_every_widening_has_a_sentence_and_a_place_in_a_difference() -> None:
    for kind in WideningKind:
        assert str(Widening(kind, "text-tools", "storage", "http:*"))
        assert kind in SHOWN_AS
