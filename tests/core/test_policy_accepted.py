"""The trust rules beside what state remembers: bindings, pinned tools, bound secrets, working copies."""

from typing import Any

import msgspec
import pytest

from core.test_policy import NAME, ONE, REQUIREMENT, SOURCE, TRUSTED, TWO, asked, candidate, caps, weigh
from tarkpm.core.binding import AcceptedRelease, Binding, Origin, Publisher, contents_digest
from tarkpm.core.ci_identity import CiIdentity
from tarkpm.core.ci_policy import Judged
from tarkpm.core.consent import Question
from tarkpm.core.digest import Digest
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, PathSource, Requirement
from tarkpm.core.tool import ToolPin
from tarkpm.errors import IdentityChanged, KeyUntrusted

HERE, ELSEWHERE = Origin.of(SOURCE), Origin.of(GitSource("https://example.com/y.git", tag="v1"))
UNKNOWN, CHANGED = [("KeyUnknown", f"--trust {ONE}", True)], [("KeyChanged", f"--trust {ONE}", True)]
UNSIGNED = msgspec.structs.replace(REQUIREMENT, unsigned=True)
COPY = Requirement(NAME, PathSource("../x"))


def bound(*keys: str, origin: Origin = HERE, tools: tuple[ToolPin, ...] | None = None) -> Binding:
    return Binding(Publisher(origin, keys), tools=tools)


# -- who signs


def test_the_keys_in_state_count_where_the_project_pins_none() -> None:
    assert asked(weigh(candidate(), accepted=bound(TWO))) == CHANGED
    assert asked(weigh(candidate(), accepted=bound(ONE))) == UNKNOWN
    assert asked(weigh(candidate(), accepted=bound(TWO, origin=ELSEWHERE))) == UNKNOWN
    assert asked(weigh(candidate(), TRUSTED, accepted=bound(TWO))) == []


def test_the_lock_counts_where_state_knows_no_key() -> None:
    locked = candidate(signer=TWO).entry()
    assert asked(weigh(candidate(), locked=locked, accepted=bound())) == CHANGED
    assert asked(weigh(candidate(), locked=candidate().entry())) == UNKNOWN
    assert asked(weigh(candidate(), locked=candidate(signer=None).entry())) == UNKNOWN


def test_a_dependency_from_git_has_no_requirement() -> None:
    assert asked(weigh(candidate(), requirement=None)) == UNKNOWN
    newer = candidate("1.1.0").entry()
    assert asked(weigh(candidate(), TRUSTED, newer, requirement=None)) == [
        ("Downgrade", "--allow-downgrade", False)
    ]


# -- versions that were accepted, where nothing is locked


def remembered(*versions: str, origin: Origin = HERE) -> Binding:
    """Releases of these versions were accepted, each with contents of its own."""
    known = (AcceptedRelease(version, str(number) * 64, "b" * 40) for number, version in enumerate(versions))
    return msgspec.structs.replace(bound(ONE, origin=origin), releases=tuple(known))


def test_an_older_release_than_the_highest_accepted_one_needs_its_flag() -> None:
    old = candidate("1.2.0")
    admission = weigh(old, TRUSTED, accepted=remembered("1.10.0", "1.9.0"))
    assert asked(admission) == [("Downgrade", "--allow-downgrade", False)]
    assert admission.questions[0].message == "'demo' 1.2.0 is older than 1.10.0, which you accepted before"
    assert asked(weigh(old, TRUSTED, accepted=remembered("1.10.0"), allow_downgrade=True)) == []
    assert asked(weigh(old, TRUSTED, accepted=remembered("1.1.0"))) == []
    assert asked(weigh(old, TRUSTED, accepted=remembered("1.10.0", origin=ELSEWHERE))) == []
    assert asked(weigh(old, TRUSTED, accepted=bound(ONE))) == []


def test_an_accepted_version_with_other_contents_needs_its_flag() -> None:
    other = candidate("1.2.0")
    admission = weigh(other, TRUSTED, accepted=remembered("1.2.0", "1.1.0"))
    assert asked(admission) == [("Republished", "--allow-republished", False)]
    expected = "the contents of 'demo' 1.2.0 differ from those that you accepted"
    assert admission.questions[0].message == expected
    assert asked(weigh(other, TRUSTED, accepted=remembered("1.2.0"), allow_republished=True)) == []


def test_one_of_several_accepted_contents_of_a_version_is_enough() -> None:
    both = remembered("1.2.0", "1.2.0")
    this = AcceptedRelease.of(candidate("1.2.0").entry())
    known = msgspec.structs.replace(both, releases=(*both.releases, this))
    assert asked(weigh(candidate("1.2.0"), TRUSTED, accepted=known)) == []
    assert asked(weigh(candidate("1.2.0"), TRUSTED, accepted=both)) == [
        ("Republished", "--allow-republished", False)
    ]


# -- unsigned contents


CONTENTS = candidate(signer=None)
ALLOWED = Project(requirements={NAME: UNSIGNED})
AGREED = Binding(Publisher(HERE, unsigned=True), contents=contents_digest(CONTENTS.entry()))


def test_unsigned_contents_that_were_accepted_need_no_flag_again() -> None:
    assert asked(weigh(CONTENTS, ALLOWED, accepted=AGREED)) == []


@pytest.mark.parametrize(
    ("project", "accepted"),
    [
        (ALLOWED, None),
        (Project(), AGREED),
        (Project(requirements={NAME: REQUIREMENT}), AGREED),
        (ALLOWED, msgspec.structs.replace(AGREED, publisher=Publisher(HERE))),
        (ALLOWED, msgspec.structs.replace(AGREED, publisher=Publisher(ELSEWHERE, unsigned=True))),
        (ALLOWED, msgspec.structs.replace(AGREED, contents="sha256:" + "0" * 64)),
    ],
)
def test_other_unsigned_contents_need_the_flag(project: Project, accepted: Binding | None) -> None:
    refused = [("UnsignedRefused", "--allow-unsigned demo", False)]
    assert asked(weigh(CONTENTS, project, accepted=accepted)) == refused


# -- working copies


def test_a_working_copy_is_its_users_own() -> None:
    copy = msgspec.structs.replace(candidate(signer=None), source=PathSource("../x"))
    admission = weigh(copy, TRUSTED, candidate("9.0.0").entry(), caps(), requirement=COPY)
    assert asked(admission) == []
    assert admission.change.trust == (ONE,)
    assert admission.change.requirement == COPY
    former = msgspec.structs.replace(candidate("9.0.0"), source=PathSource("../x")).entry()
    assert asked(weigh(candidate(), TRUSTED, former)) == []


def test_other_files_of_a_newer_version_are_no_question() -> None:
    assert asked(weigh(candidate("1.2.0", byte=7), TRUSTED, candidate("1.1.0").entry())) == []


# -- grants


def test_grants_stay_with_the_publisher() -> None:
    new, known = candidate(declares=caps("storage")), caps("storage")
    assert asked(weigh(new, TRUSTED, before=known, accepted=bound(ONE))) == []
    moved = weigh(new, TRUSTED, before=known, accepted=bound(ONE, origin=ELSEWHERE))
    assert asked(moved) == [("CapabilityWidened", "--accept-capabilities", True)]
    assert moved.questions[0].message == "'demo' asks for: storage"


def test_what_is_asked_is_listed_and_accepted_at_once() -> None:
    new = candidate(declares=caps("storage", "http:a.com", "shell", "env:A"))
    assert weigh(new, TRUSTED).questions[0].message == "'demo' asks for more than was granted: env:A, shell"
    accepted = weigh(new, TRUSTED, accept_capabilities=True)
    assert asked(accepted) == []
    assert accepted.change.grants == caps("storage", "http:a.com", "shell", "env:A")


PLACE = "to api.example.com as authorization: Bearer {}"
DECLARED, BOUND = f"secret:token {PLACE}", f"secret:token=github {PLACE}"
SECRET = Project(trust={NAME: (ONE,)}, grants={NAME: caps(BOUND)})


def test_a_bound_secret_is_not_asked_about_again() -> None:
    admission = weigh(candidate(declares=caps(DECLARED)), SECRET)
    assert asked(admission) == []
    assert admission.change.grants == caps(BOUND)
    with_more = weigh(candidate(declares=caps(DECLARED, "shell")), SECRET)
    assert with_more.questions[0].message == "'demo' asks for more than was granted: shell"
    other = f"secret:other {PLACE.replace('authorization', 'x-key')}"
    with_another = weigh(candidate(declares=caps(DECLARED, other)), SECRET)
    assert with_another.questions[0].message == f"'demo' asks for more than was granted: {other}"


def test_a_secret_does_not_pass_to_another_signer() -> None:
    new = caps(DECLARED)
    changed = weigh(candidate(signer=TWO, declares=new), SECRET, trust=(TWO,), accept_capabilities=True)
    assert changed.change.grants == caps()
    unpinned = msgspec.structs.replace(SECRET, trust={})
    first = weigh(candidate(declares=new), unpinned, trust=(ONE,), accept_capabilities=True)
    assert first.change.grants == caps(BOUND)
    # Nobody could sign there, as after a pull request that dropped the keys: whoever signs now is somebody else.
    nobody = weigh(
        candidate(declares=new), unpinned, trust=(ONE,), accept_capabilities=True, accepted=bound()
    )
    assert nobody.change.grants == caps()
    by_contents = Binding(Publisher(HERE, unsigned=True))
    unsigned = weigh(candidate(declares=new, signer=None), unpinned, accepted=by_contents)
    assert unsigned.change.grants == caps(BOUND)


# -- tools


OLD, NEW = (ToolPin("count", "read-only", Digest(digit * 64)) for digit in "12")
TOOLS = [("ToolsChanged", "--accept-tools", True)]
PINNED = msgspec.structs.replace(candidate(), tools=(OLD,)).entry()
OTHER = msgspec.structs.replace(candidate("1.1.0"), tools=(NEW,))


def test_tools_that_changed_are_asked_about_whoever_remembers_them() -> None:
    by_lock = weigh(OTHER, TRUSTED, PINNED, accepted=bound(ONE))
    assert asked(by_lock) == TOOLS
    assert by_lock.questions[0].message == "'demo' defines these tools in another way than before: 'count'"
    assert asked(weigh(OTHER, TRUSTED, accepted=bound(ONE, tools=(OLD,)))) == TOOLS
    assert asked(weigh(OTHER, TRUSTED, PINNED, accept_tools=True)) == []
    assert asked(weigh(OTHER, TRUSTED, candidate().entry(), accepted=bound(ONE))) == []


def test_the_same_tools_are_no_question_and_none_are_one() -> None:
    same = msgspec.structs.replace(OTHER, tools=(OLD,))
    assert asked(weigh(same, TRUSTED, PINNED)) == []
    unlisted = weigh(msgspec.structs.replace(OTHER, tools=None), TRUSTED, PINNED)
    assert asked(unlisted) == TOOLS
    assert unlisted.questions[0].message == "the tools of 'demo' were pinned, and cannot be listed any longer"


def test_tools_are_not_asked_about_where_they_were_not_listed() -> None:
    elsewhere = bound(ONE, origin=ELSEWHERE, tools=(OLD,))
    assert asked(weigh(OTHER, TRUSTED, PINNED, accepted=elsewhere)) == []
    older = msgspec.structs.replace(candidate("0.9.0"), tools=(NEW,))
    assert asked(weigh(older, TRUSTED, PINNED)) == [("Downgrade", "--allow-downgrade", False)]
    copy = msgspec.structs.replace(OTHER, source=PathSource("../x"))
    assert asked(weigh(copy, TRUSTED, PINNED, requirement=COPY)) == []


# -- CI identities


IDENTITY = CiIdentity.parse("github:owner/calc/.github/workflows/release.yml@refs/tags/*")
PROVED = Judged(IDENTITY)
UNPROVED = Judged(IDENTITY, (Question(IdentityChanged, NAME, "no proof", "", askable=False),))


def test_a_proved_identity_vouches_for_a_first_key() -> None:
    agreed = Binding(Publisher(HERE, identity=str(IDENTITY)))
    for admission in (
        weigh(candidate(), judged=PROVED, identity=IDENTITY),
        weigh(candidate(), judged=PROVED, accepted=agreed),
    ):
        assert asked(admission) == []
        assert admission.change.trust == (ONE,)
        assert admission.identity == IDENTITY
    assert weigh(candidate()).identity is None
    # Not if only tark.toml names it, which asks nobody about a plugin that is not there, or is elsewhere.
    elsewhere = Binding(Publisher(ELSEWHERE, identity=str(IDENTITY)))
    nowhere = Binding(Publisher(identity=str(IDENTITY)))
    for accepted in (None, elsewhere, nowhere):
        assert asked(weigh(candidate(), judged=PROVED, accepted=accepted)) == UNKNOWN


def test_a_proved_identity_replaces_no_signature_and_no_former_key() -> None:
    by: Any = {"judged": PROVED, "identity": IDENTITY}
    assert asked(weigh(candidate(signer=None), **by)) == [("UnsignedRefused", "--allow-unsigned demo", False)]
    assert asked(weigh(candidate(), locked=candidate(signer=TWO).entry(), **by)) == CHANGED
    with pytest.raises(KeyUntrusted):
        weigh(candidate(), **by, trust=(TWO,))


def test_an_identity_that_is_not_proved_is_a_question_and_vouches_for_nothing() -> None:
    assert asked(weigh(candidate(), judged=UNPROVED)) == [("IdentityChanged", "", False), *UNKNOWN]


# -- publishers without a key

BY = CiIdentity.parse(f"{IDENTITY}?repository_id=1&owner_id=2")
BY_PROOF, NO_PROOF = Judged(BY), Judged(BY, UNPROVED.questions)
KEYLESS = Project(trust={NAME: ("identity",)}, identities={NAME: BY})


def test_any_key_will_do_that_the_identity_proves() -> None:
    for signer in (ONE, TWO):
        admission = weigh(
            candidate(signer=signer), KEYLESS, candidate(signer=ONE).entry(), accepted=bound(str(BY)), judged=BY_PROOF
        )  # fmt: skip
        assert asked(admission) == []
        assert (admission.change.trust, admission.identity) == (("identity",), BY)
    unproved = weigh(candidate(), KEYLESS, judged=NO_PROOF)
    assert asked(unproved) == [("IdentityChanged", "", False)]
    assert unproved.change.trust == ("identity",)


def test_the_user_says_that_a_key_is_not_needed_or_that_it_is() -> None:
    typed = weigh(candidate(), TRUSTED, judged=BY_PROOF, keyless=True, identity=BY)
    assert (asked(typed), typed.change.trust) == ([], ("identity",))
    # One that somebody else may have written is shown first.
    assert asked(weigh(candidate(), TRUSTED, judged=BY_PROOF, keyless=True)) == [
        ("KeyChanged", f"--identity '{BY}'", True)
    ]
    assert weigh(candidate(), judged=BY_PROOF, keyless=True, requirement=None).change.trust == (ONE,)
    back = weigh(candidate(), KEYLESS, judged=BY_PROOF, trust=(ONE,))
    assert (asked(back), back.change.trust) == ([], (ONE,))
    assert weigh(candidate(), KEYLESS, judged=BY_PROOF, trust=(TWO,)).change.trust == ("identity",)
    # What was accepted counts where the project says nothing any longer.
    assert asked(weigh(candidate(), accepted=bound(str(BY)), judged=BY_PROOF)) == CHANGED


def test_an_unsigned_release_has_no_publisher() -> None:
    new = weigh(candidate(signer=None), KEYLESS, judged=BY_PROOF, allow_unsigned=frozenset({"demo"}))
    assert asked(new) == [("UnsignedRefused", "", False)]
    assert new.change.requirement is not None
    assert not new.change.requirement.unsigned


def test_a_secret_stays_with_the_identity() -> None:
    new = candidate(signer=TWO, declares=caps(DECLARED))
    project = msgspec.structs.replace(KEYLESS, grants=SECRET.grants)
    assert weigh(new, project, judged=BY_PROOF).change.grants == caps(BOUND)
    other = Judged(CiIdentity.parse(f"{IDENTITY}?repository_id=1&owner_id=3"))
    assert weigh(new, project, judged=other, accept_capabilities=True).change.grants == caps()
    assert weigh(new, SECRET, judged=BY_PROOF, keyless=True, accept_capabilities=True).change.grants == caps()


def test_a_folder_and_an_index_are_not_proved() -> None:
    copy = msgspec.structs.replace(candidate(), source=PathSource("../x"))
    assert weigh(copy, KEYLESS, requirement=COPY, judged=BY_PROOF).change.trust == ("identity",)
    assert weigh(copy, requirement=COPY, judged=BY_PROOF).change.trust == ()
