"""CI identities as decisions: which one a release must prove, and what follows if it does not."""

import msgspec
import pytest
from support.ci_runs import IDENTITY, IDS, run_of

from core.test_policy import NAME, ONE, REQUIREMENT, SOURCE, TWO, candidate
from tarkpm.core.binding import Binding, Origin, Publisher
from tarkpm.core.ci_identity import CiIdentity
from tarkpm.core.ci_policy import (
    NOT_ASKED,
    Judged,
    check_keyless_answer,
    judge_identity,
    keyless_identity,
    keyless_questions,
    vouches_for_first_key,
    wanted_identity,
)
from tarkpm.core.consent import Answers, Question
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, IndexSource, PathSource, Requirement, Source
from tarkpm.errors import IdentityChanged, KeyChanged, KeyUntrusted, TarkError

BARE, BY = CiIdentity.parse(IDENTITY), CiIdentity.parse(IDENTITY + IDS)
OTHER = CiIdentity.parse("github:evil/repo/.github/workflows/release.yml@refs/tags/*")
INDEX, FOLDER = IndexSource("community", "sha256:" + "a" * 64), PathSource("../x")
HERE, NAMED = Origin.of(SOURCE), Project(identities={NAME: BY})
KEYLESS = Project(trust={NAME: ("identity",)}, identities={NAME: BY})
UNTYPED, TYPED = Answers(), Answers(identity=BARE)


def bound(place: Origin = HERE, *keys: str, identity: str = str(BY)) -> Binding:
    return Binding(Publisher(place, keys, identity=identity))


# -- which identity is asked for


@pytest.mark.parametrize(
    ("source", "requirement", "project", "accepted", "answers", "wanted"),
    [
        (SOURCE, REQUIREMENT, Project(), None, UNTYPED, None),
        (SOURCE, REQUIREMENT, NAMED, None, UNTYPED, BY),
        # What was accepted counts where a pull request dropped the line, of this source only.
        (SOURCE, REQUIREMENT, Project(), bound(), UNTYPED, BY),
        (SOURCE, REQUIREMENT, Project(), bound(identity=""), UNTYPED, None),
        (SOURCE, REQUIREMENT, Project(), bound(Origin("oci", "x")), UNTYPED, None),
        (SOURCE, REQUIREMENT, NAMED, bound(identity=str(OTHER)), UNTYPED, BY),
        # A typed one counts for what was typed, and keeps the ids that are known of its repository.
        (SOURCE, REQUIREMENT, Project(), None, TYPED, BARE),
        (SOURCE, REQUIREMENT, NAMED, None, TYPED, BY),
        (SOURCE, REQUIREMENT, Project(), bound(), TYPED, BY),
        (SOURCE, REQUIREMENT, NAMED, None, Answers(identity=OTHER), OTHER),
        (SOURCE, None, Project(), None, TYPED, None),
        (SOURCE, None, NAMED, None, Answers(identity=OTHER), BY),
        (FOLDER, REQUIREMENT, NAMED, None, TYPED, None),
    ],
)
def test_which_identity_is_asked_for(
    source: Source,
    requirement: Requirement | None,
    project: Project,
    accepted: Binding | None,
    answers: Answers,
    wanted: CiIdentity | None,
) -> None:
    assert wanted_identity(NAME, source, requirement, project, accepted, answers) == wanted


# -- what a proof means


def test_what_is_proved_has_the_ids_of_the_run() -> None:
    assert judge_identity(NAME, SOURCE, None, run_of(), UNTYPED) == NOT_ASKED
    for answers in (UNTYPED, TYPED):
        assert judge_identity(NAME, SOURCE, BARE, run_of(), answers) == Judged(BY)
    assert Judged(BY).is_proved
    assert not NOT_ASKED.is_proved


def test_without_a_proof_no_option_helps() -> None:
    judged = judge_identity(NAME, SOURCE, BY, None, UNTYPED)
    message = f"'demo' must be released by {BY}, and this release has no proof of that"
    assert judged == Judged(BY, (Question(IdentityChanged, NAME, message, "", askable=False),))
    assert not judged.is_proved
    for answers in (TYPED, Answers(identity=BY)):
        with pytest.raises(KeyUntrusted) as found:
            judge_identity(NAME, SOURCE, BY, None, answers)
        assert (found.value.message, found.value.where) == (message, str(SOURCE))
    # Another one was typed, for another plugin of the same command.
    assert judge_identity(NAME, SOURCE, BY, None, Answers(identity=OTHER)) == judged


def test_another_run_is_named_with_the_option_that_takes_it() -> None:
    run = run_of(repository="evil/repo")
    judged = judge_identity(NAME, SOURCE, BY, run, UNTYPED)
    taking = str(CiIdentity(run.repository, run.workflow, run.ref, run.repository_id, run.owner_id))
    (question,) = judged.questions
    assert (question.error, question.askable, question.flag) == (
        IdentityChanged, False, f"--identity '{taking}'",
    )  # fmt: skip
    assert (
        question.message == f"'demo' must be released by {BY}, and this release was not: {BY.mismatch(run)}"
    )
    assert judged.identity == BY
    with pytest.raises(KeyUntrusted) as found:
        judge_identity(NAME, SOURCE, BY, run, TYPED)
    assert (found.value.message, found.value.where) == (question.message, str(SOURCE))
    # A run for a pull request has a ref that no identity names.
    (question,) = judge_identity(NAME, SOURCE, BY, run_of(ref="refs/pull/7/merge"), UNTYPED).questions
    assert question.flag == ""


# -- the first key


@pytest.mark.parametrize(
    ("judged", "accepted", "answers", "vouches"),
    [
        (Judged(BY), None, TYPED, True),
        (Judged(BY), bound(), UNTYPED, True),
        (Judged(BY), None, UNTYPED, False),  # only a line of tark.toml
        (Judged(BY), bound(Origin("oci", "x")), UNTYPED, False),
        (Judged(BY), bound(HERE, ONE), UNTYPED, False),
        (Judged(BY), bound(identity=""), UNTYPED, False),
        (NOT_ASKED, None, TYPED, False),
        (NOT_ASKED, bound(), UNTYPED, False),
    ],
)
def test_whether_an_identity_vouches_for_a_first_key(
    judged: Judged, accepted: Binding | None, answers: Answers, vouches: bool
) -> None:
    assert vouches_for_first_key(SOURCE, judged, accepted, answers) is vouches


# -- in the place of keys


@pytest.mark.parametrize(
    ("source", "project", "answers", "why"),
    [
        (INDEX, NAMED, Answers(keyless=True), "an index vouches for its plugins itself: 'demo' is of "),
        (FOLDER, NAMED, Answers(keyless=True), "a folder has no signer: "),
        (
            SOURCE,
            Project(),
            Answers(keyless=True),
            "expected --identity, because tark.toml names no CI identity",
        ),
    ],
)
def test_what_no_identity_can_decide(source: Source, project: Project, answers: Answers, why: str) -> None:
    with pytest.raises(TarkError) as found:
        check_keyless_answer(NAME, source, REQUIREMENT, project, answers)
    assert found.value.message.startswith(why)
    assert found.value.where == "--keyless"
    # Of a dependency, and without the option, nothing was typed.
    check_keyless_answer(NAME, source, None, project, answers)
    check_keyless_answer(NAME, source, REQUIREMENT, project, Answers())


def test_what_an_identity_can_decide() -> None:
    for project, answers in (
        (NAMED, Answers(keyless=True)),
        (Project(), Answers(keyless=True, identity=BARE)),
    ):
        check_keyless_answer(NAME, SOURCE, REQUIREMENT, project, answers)


def test_where_an_identity_alone_decides() -> None:
    def found(
        project: Project, answers: Answers = UNTYPED, requirement: Requirement | None = REQUIREMENT
    ) -> CiIdentity | None:
        return keyless_identity(candidate(), requirement, project, Judged(BY), answers)

    assert found(KEYLESS) == found(KEYLESS, requirement=None) == BY
    assert found(NAMED) is None
    assert found(NAMED, Answers(keyless=True)) == BY
    assert found(NAMED, Answers(keyless=True), None) is None
    # Trusting the key of the release leads back to keys; trusting another one does not.
    assert found(KEYLESS, Answers(trust=(ONE,))) is None
    assert found(KEYLESS, Answers(trust=(TWO,))) == BY
    for source in (INDEX, FOLDER):
        other = msgspec.structs.replace(candidate(), source=source)
        assert keyless_identity(other, REQUIREMENT, KEYLESS, Judged(BY), UNTYPED) is None


def test_an_identity_that_was_not_typed_is_shown_before_it_takes_the_place_of_keys() -> None:
    def found(project: Project, answers: Answers, *before: str) -> list[Question]:
        return keyless_questions(NAME, BY, project, before, answers)

    assert found(KEYLESS, Answers(keyless=True)) == []
    assert found(NAMED, Answers(keyless=True, identity=BARE), ONE) == []
    text, flag = f"any key that {BY} proves may sign 'demo'", f"--identity '{BY}'"
    assert found(NAMED, Answers(keyless=True)) == [Question(KeyChanged, NAME, text, flag)]
    placed = f"{text}, in the place of {ONE} or {TWO}"
    assert found(NAMED, Answers(keyless=True), ONE, TWO) == [Question(KeyChanged, NAME, placed, flag)]


def test_a_source_at_another_commit_is_the_same_place() -> None:
    assert isinstance(SOURCE, GitSource)
    later = SOURCE.at("b" * 40)
    assert wanted_identity(NAME, later, REQUIREMENT, Project(), bound(), UNTYPED) == BY
    assert vouches_for_first_key(later, Judged(BY), bound(), UNTYPED)
