"""The trust rules as pure functions: what is trusted, and what needs consent (docs/trust-rules.md).

`admit` compares a verified candidate with what the project decided and what was locked before, and says
which questions only the user can answer. `check_trusted` says whether a lock entry's signer was agreed to.
Nothing here asks anyone anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tarkpm.core.verification import VerifiedRelease

from tarkpm.core.binding import Binding, Origin
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.claim import Vouched
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.project import Project
from tarkpm.core.project_edit import ProjectEdit
from tarkpm.core.release import IndexSource, PluginName, Requirement, folded
from tarkpm.core.trust import NOBODY, check_minimum, check_vouched
from tarkpm.errors import (
    CapabilityWidened,
    ConsentError,
    Downgrade,
    KeyChanged,
    KeyUnknown,
    KeyUntrusted,
    Republished,
    TarkError,
    UnsignedRefused,
)


class Answers(msgspec.Struct, frozen=True):
    """Decisions that the user made with options on the command line."""

    trust: tuple[PublicKey, ...] = ()
    accept_capabilities: bool = False
    allow_unsigned: frozenset[str] = frozenset()
    allow_downgrade: bool = False
    allow_republished: bool = False
    adopt: bool = False


class Question(msgspec.Struct, frozen=True):
    """A decision about ``plugin`` that only the user can make.

    ``flag`` makes it beforehand; ``askable`` says whether a prompt may ask it.
    """

    error: type[ConsentError]
    plugin: PluginName
    message: str
    flag: str
    askable: bool = True


class Admission(msgspec.Struct, frozen=True):
    """The consequences of taking a release: the edit of tark.toml, and the questions it raises."""

    candidate: VerifiedRelease
    change: ProjectEdit
    questions: tuple[Question, ...]

    def questions_about(self, *errors: type[ConsentError]) -> bool:
        """Return whether one of the questions is of these kinds."""
        return any(question.error in errors for question in self.questions)


def admit(
    candidate: VerifiedRelease,
    requirement: Requirement | None,
    project: Project,
    *,
    locked: LockEntry | None,
    declared_before: CapabilitySet | None,
    answers: Answers,
    accepted: Binding | None = None,
    vouched: Vouched = NOBODY,
) -> Admission:
    """Weigh a candidate for a requirement; None is a dependency's, of which tark.toml holds grants alone.

    ``locked`` is what the lock held of this plugin, ``declared_before`` what that release declared (None if
    unknown or new), ``accepted`` the binding this user accepted, ``vouched`` what indexes say of publishers.
    Raises `KeyUntrusted` when ``--trust`` names another key than the signer's, or the index does not vouch
    for it; `Revoked`; and `ResolutionError` when the release needs a newer tark.
    """
    name = candidate.manifest.name
    check_minimum(candidate.manifest.name, candidate.manifest.min_tark_version, project.tark_version)
    trusted = project.trust.get(name, ())
    before = _signers_before(candidate, trusted, locked, accepted)
    if isinstance(candidate.source, IndexSource):
        check_vouched(candidate.entry(), candidate.source, vouched)
        trust, key_questions = _judge_publisher(candidate, trusted, before, answers)
    else:
        trust, key_questions = _judge_signer(candidate, requirement, trusted, before, answers)
    # what was granted, and declared, was somebody else's where the plugin comes from somewhere else now
    same = accepted is None or accepted.publisher.origin == Origin.of(candidate.source)
    granted = project.granted(name) if same else CapabilitySet()
    known = declared_before if same else None
    grants, capability_questions = _judge_capabilities(candidate, granted, known, answers)
    questions = (
        *key_questions,
        *_judge_version(candidate, requirement, locked, answers),
        *capability_questions,
    )
    if requirement is not None:
        unsigned = candidate.signer is None and not requirement.is_working_copy
        requirement = msgspec.structs.replace(requirement, unsigned=unsigned)
    return Admission(candidate, ProjectEdit(name, requirement, trust, grants), questions)


def _signers_before(
    candidate: VerifiedRelease,
    trusted: tuple[PublicKey, ...],
    locked: LockEntry | None,
    accepted: Binding | None,
) -> tuple[str, ...]:
    """The keys that signed, or might sign, this plugin so far; a file that drops them makes no new start."""
    if trusted:
        return trusted
    same = accepted is not None and accepted.publisher.origin == Origin.of(candidate.source)
    if accepted and same and accepted.publisher.signers:
        return accepted.publisher.signers
    return (locked.signer,) if locked and locked.signer else ()


def _judge_publisher(
    candidate: VerifiedRelease, trusted: tuple[PublicKey, ...], before: tuple[str, ...], answers: Answers
) -> tuple[tuple[PublicKey, ...], list[Question]]:
    """Rule 5 for a release of an index, which vouches for the first key: a changed one blocks here, too.

    Keys a person put under [trust] pin the plugin to them, on top of what the index says.
    """
    name, signer = candidate.manifest.name, candidate.signer
    assert signer is not None  # `check_vouched` accepts nothing unsigned
    pinned = (signer,) if trusted else ()
    if not before or signer in (*before, *answers.trust):
        return pinned, []
    return pinned, [_key_changed(name, signer, before)]


def _key_changed(name: PluginName, signer: PublicKey, before: tuple[str, ...]) -> Question:
    message = f"'{name}' is signed by another key than before: {signer}, not {', '.join(before)}"
    return Question(KeyChanged, name, message, f"--trust {signer}")


def _judge_signer(
    candidate: VerifiedRelease,
    requirement: Requirement | None,
    trusted: tuple[PublicKey, ...],
    before: tuple[str, ...],
    answers: Answers,
) -> tuple[tuple[PublicKey, ...], list[Question]]:
    """Rules 4 and 5: the keys to trust from now on, and what must be asked."""
    name, signer = candidate.manifest.name, candidate.signer
    if requirement and requirement.is_working_copy:
        return trusted, []
    if signer is None:
        return trusted, _judge_unsigned(name, bool(before), answers)
    if signer in trusted:
        return trusted, []
    if signer in answers.trust:
        return (signer,), []
    if answers.trust:
        raise KeyUntrusted(
            f"'{name}' is signed by {signer}, not by the key that --trust names",
            where=str(candidate.source),
        )
    if before and signer not in before:
        return (signer,), [_key_changed(name, signer, before)]
    message = f"the signing key of '{name}' is not trusted yet: {signer}"
    return (signer,), [Question(KeyUnknown, name, message, f"--trust {signer}")]


def _judge_unsigned(name: PluginName, signed_before: bool, answers: Answers) -> list[Question]:
    if signed_before:
        message = f"'{name}' was signed before and is not any more"
        return [Question(UnsignedRefused, name, message, "", askable=False)]
    if folded(name) in map(folded, answers.allow_unsigned):
        return []
    flag = f"--allow-unsigned {name}"
    return [Question(UnsignedRefused, name, f"'{name}' is not signed", flag, askable=False)]


def _judge_version(
    candidate: VerifiedRelease, requirement: Requirement | None, locked: LockEntry | None, answers: Answers
) -> list[Question]:
    """Rule 7: no lower version, no other bytes under a version once locked."""
    if locked is None or locked.is_working_copy or (requirement and requirement.is_working_copy):
        return []
    name, version = candidate.manifest.name, candidate.manifest.version
    if version < locked.version and not answers.allow_downgrade:
        message = f"'{name}' {version} is older than {locked.version}, which is locked"
        return [Question(Downgrade, name, message, "--allow-downgrade", askable=False)]
    republished = version == locked.version and candidate.files != locked.files
    if republished and not answers.allow_republished:
        message = f"'{name}' {version} has different contents from the locked {version}"
        return [Question(Republished, name, message, "--allow-republished", askable=False)]
    return []


def _judge_capabilities(
    candidate: VerifiedRelease,
    granted: CapabilitySet,
    declared_before: CapabilitySet | None,
    answers: Answers,
) -> tuple[CapabilitySet, list[Question]]:
    """Rule 6: what is granted from now on. A narrower release narrows the grant; a wider one asks."""
    name, declared = candidate.manifest.name, candidate.manifest.capabilities
    known = granted if declared_before is None else declared_before
    wider = declared.beyond(known)
    grants = granted.narrow(declared).union(wider)
    if not wider or answers.accept_capabilities:
        return grants, []
    asks = ", ".join(map(str, wider))
    more = " more than was granted" if granted else ""
    message = f"'{name}' asks for{more}: {asks}"
    return grants, [Question(CapabilityWidened, name, message, "--accept-capabilities")]


def consent_error(questions: Iterable[Question], command: str) -> TarkError:
    """The error for questions that cannot be asked here; its hint answers all of them at once."""
    unanswered = list(questions)
    first = unanswered[0]
    flags = " ".join(dict.fromkeys(question.flag for question in unanswered if question.flag))
    hint = f"tarkpm remove {first.plugin}" if not first.flag else f"{command} {flags}"
    return first.error("; ".join(question.message for question in unanswered), hint=hint)
