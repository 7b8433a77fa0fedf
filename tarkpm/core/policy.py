"""Trust and consent as pure functions: rules 2 and 4 to 8 of docs/trust-rules.md.

`admit` compares a verified release with the decisions in tark.toml and with the locked release, and returns
the questions that only the user can answer. `check_trusted` raises unless a lock entry's signer is trusted.
Nothing here prompts the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tarkpm.core.verification import VerifiedRelease

from tarkpm.core.binding import Binding, Origin, contents_digest
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.ci_policy import (
    NOT_ASKED,
    Judged,
    keyless_identity,
    keyless_questions,
    vouches_for_first_key,
)
from tarkpm.core.claim import Vouched
from tarkpm.core.consent import Admission, Answers, Question
from tarkpm.core.key import PublicKey
from tarkpm.core.keyless import ONLY_KEYLESS, TrustedSigner, publisher_keys
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.project import Project
from tarkpm.core.project_edit import ProjectEdit
from tarkpm.core.release import IndexSource, PathSource, PluginName, Requirement, folded
from tarkpm.core.text import some
from tarkpm.core.tool import widened
from tarkpm.core.trust import NOBODY, check_minimum, check_vouched
from tarkpm.core.version_policy import judge_version
from tarkpm.errors import (
    CapabilityWidened,
    KeyChanged,
    KeyUnknown,
    KeyUntrusted,
    ToolsChanged,
    UnsignedRefused,
)


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
    judged: Judged = NOT_ASKED,
) -> Admission:
    """Decide what it takes to accept a verified release.

    ``requirement`` is None for a dependency, of which tark.toml holds only grants. ``locked`` is the lock
    entry of the installed release, ``declared_before`` the capabilities that release declared (None if it is
    unknown or there is none), ``accepted`` the binding that this user accepted, ``vouched`` the verified
    claims of indexes, and ``judged`` what the release's proof of a CI identity means.

    Raises `KeyUntrusted` if ``--trust`` names a different key than the signer's, `ResolutionError` if the
    release requires a newer tark, and for a release of an index what `check_vouched` raises.
    """
    # 1. A release that this tark cannot run is refused before anybody is asked to trust it.
    name = candidate.manifest.name
    check_minimum(candidate.manifest.name, candidate.manifest.min_tark_version, project.tark_version)

    # 2. The signer: an index vouches for the first key, a git source's first key is confirmed by the user.
    trusted = project.trust.get(name, ())
    expected = publisher_keys(trusted, project.identities.get(name))
    before = _signers_before(candidate, expected, locked, accepted)
    identity = keyless_identity(candidate, requirement, project, judged, answers)
    trust, key_questions = ONLY_KEYLESS, list[Question]()
    if identity is not None and candidate.signer is None:
        key_questions = _judge_unsigned(name, True, answers)
    elif identity is not None:  # it is the publisher; whether the release proves it is in `judged`
        key_questions = keyless_questions(name, identity, project, before, answers)
    elif isinstance(candidate.source, IndexSource):
        check_vouched(candidate.entry(), candidate.source, vouched)
        trust, key_questions = _judge_publisher(candidate, trusted, before, answers)
    else:
        given = _given(candidate, project, before, accepted, judged, answers)
        trust, key_questions = _judge_signer(candidate, requirement, trusted, before, given)

    # 3. The capabilities: grants belong to the publisher, so they do not carry over to another source
    #    (docs/trust-rules.md, rule 6).
    same = accepted is None or accepted.publisher.origin == Origin.of(candidate.source)
    granted = project.granted(name) if same else CapabilitySet()
    # A secret is bound to a publisher. The same place with none of the former keys is another publisher, and
    # so is whoever signs where nobody could.
    nobody = accepted is not None and accepted.publisher.is_nobody
    if (before or nobody) and (str(identity) if identity else candidate.signer) not in before:
        granted = granted.without_secrets()
    known = declared_before if same else None
    grants, capability_questions = _judge_capabilities(candidate, granted, known, answers)

    # 4. The version, compared with the locked one. The questions appear in this order: whose code runs, which
    #    release it is, what it may do.
    questions = (
        *judged.questions,
        *key_questions,
        *judge_version(candidate, requirement, locked, accepted if same else None, answers),
        *capability_questions,
    )
    # A release that no prompt lets in was not asked for its tools.
    if same and all(question.askable for question in questions):
        questions = (*questions, *_judge_tools(candidate, locked, accepted, answers))

    # 5. An unsigned release is recorded in tark.toml, so that it stays visible
    #    (docs/trust-rules.md, rule 4).
    if requirement is not None:
        unsigned = candidate.signer is None and not requirement.is_working_copy and not identity
        requirement = msgspec.structs.replace(requirement, unsigned=unsigned)
    return Admission(candidate, ProjectEdit(name, requirement, trust, grants), questions, judged.identity)


def _given(
    candidate: VerifiedRelease,
    project: Project,
    before: tuple[str, ...],
    accepted: Binding | None,
    judged: Judged,
    answers: Answers,
) -> Answers:
    """Return the user's answers about the signer, with those that a CI identity or accepted contents give."""
    # A key that changes is asked about although the identity is proved: it is asked for besides.
    vouches = vouches_for_first_key(candidate.source, judged, accepted, answers)
    if vouches and candidate.signer and not before and not answers.trust:
        answers = msgspec.structs.replace(answers, trust=(candidate.signer,))
    if _is_accepted_unsigned(candidate, project, accepted):
        allowed = answers.allow_unsigned | {candidate.manifest.name}
        answers = msgspec.structs.replace(answers, allow_unsigned=allowed)
    return answers


def _signers_before(
    candidate: VerifiedRelease,
    trusted: tuple[str, ...],
    locked: LockEntry | None,
    accepted: Binding | None,
) -> tuple[str, ...]:
    """Return who was expected to sign this plugin so far: keys, or a CI identity."""
    # A pull that drops a pin or a lock entry must not turn the next signer into a first one, so the binding
    # in state is consulted after tark.toml and before tark.lock (docs/trust-rules.md, rules 0 and 5).
    if trusted:
        return trusted
    same = accepted is not None and accepted.publisher.origin == Origin.of(candidate.source)
    if accepted and same and accepted.publisher.signers:
        return accepted.publisher.signers
    return (locked.signer,) if locked and locked.signer else ()


def _judge_publisher(
    candidate: VerifiedRelease,
    trusted: tuple[TrustedSigner, ...],
    before: tuple[str, ...],
    answers: Answers,
) -> tuple[tuple[TrustedSigner, ...], list[Question]]:
    """Return the keys to trust for a release of an index, and a question if its signer changed.

    The index vouches for the first key; a changed key needs consent in an index, too (docs/trust-rules.md,
    rule 5). Keys under ``[trust]`` pin the plugin in addition to what the index says.
    """
    name, signer = candidate.manifest.name, candidate.signer
    assert signer is not None  # `check_vouched` accepts nothing unsigned
    pinned = (signer,) if trusted else ()
    if not before or signer in (*before, *answers.trust):
        return pinned, []
    return pinned, [_key_changed(name, signer, before)]


def _key_changed(name: PluginName, signer: PublicKey, before: tuple[str, ...]) -> Question:
    message = f"'{name}' is signed by a different key: expected {' or '.join(before)}, found {signer}"
    return Question(KeyChanged, name, message, f"--trust {signer}")


def _judge_signer(
    candidate: VerifiedRelease,
    requirement: Requirement | None,
    trusted: tuple[TrustedSigner, ...],
    before: tuple[str, ...],
    answers: Answers,
) -> tuple[tuple[TrustedSigner, ...], list[Question]]:
    """Return the keys to trust for a git or path release, and the questions to ask (rules 4 and 5)."""
    name, signer = candidate.manifest.name, candidate.signer
    # A working copy changes with every edit, so no signature could hold. Its owner is the user.
    if requirement and requirement.is_working_copy:
        return trusted, []
    if signer is None:
        return trusted, _judge_unsigned(name, bool(before), answers)
    if signer in trusted:
        return trusted, []
    if signer in answers.trust:
        return (signer,), []
    if answers.trust:  # the user compared keys and expects another one: this is an error, not a question
        raise KeyUntrusted(
            f"'{name}' is signed by {signer}, not by a key given with --trust",
            where=str(candidate.source),
        )
    # A different key is worse than an unknown one: the source, or its key, may have been taken over.
    if before and signer not in before:
        return (signer,), [_key_changed(name, signer, before)]
    message = f"the signing key of '{name}' is not trusted yet: {signer}"
    return (signer,), [Question(KeyUnknown, name, message, f"--trust {signer}")]


def _is_accepted_unsigned(candidate: VerifiedRelease, project: Project, accepted: Binding | None) -> bool:
    """Return whether the user accepted exactly these contents, unsigned, from this origin, and still does.

    A binding names the contents of an unsigned plugin because nobody vouches for them
    (docs/trust-rules.md, rule 0): the same bytes at another commit are no new decision, other bytes are.
    """
    required = project.requirements.get(candidate.manifest.name)
    return (
        accepted is not None
        and required is not None
        and required.unsigned
        and accepted.publisher.unsigned
        and accepted.publisher.origin == Origin.of(candidate.source)
        and accepted.contents == contents_digest(candidate.entry())
    )


def _judge_unsigned(name: PluginName, signed_before: bool, answers: Answers) -> list[Question]:
    if signed_before:
        # No flag helps: a server could otherwise drop the signature to avoid the check.
        message = f"'{name}' was signed before, but this release is not"
        return [Question(UnsignedRefused, name, message, "", askable=False)]
    if folded(name) in map(folded, answers.allow_unsigned):
        return []
    flag = f"--allow-unsigned {name}"
    return [Question(UnsignedRefused, name, f"'{name}' is not signed", flag, askable=False)]


def _judge_capabilities(
    candidate: VerifiedRelease,
    granted: CapabilitySet,
    declared_before: CapabilitySet | None,
    answers: Answers,
) -> tuple[CapabilitySet, list[Question]]:
    """Return the new grants, at most what is declared, and a question if they are wider (rule 6)."""
    name, declared = candidate.manifest.name, candidate.manifest.capabilities
    # Compared with the former declaration, not with the grants: what the user revoked is not asked for again.
    known = granted if declared_before is None else declared_before
    # A secret that is bound was asked about as declared, even if no former declaration is known.
    bound = granted.narrow(declared).secrets()
    wider = CapabilitySet(
        tuple(
            one
            for one in declared.beyond(known)
            if not any(one.secret and one.secret.meet(known_) for known_ in bound)
        )
    )
    # Which of the user's secrets is meant is decided by `grant`, never by a release.
    grants = granted.narrow(declared).union(wider.grantable())
    if not wider or answers.accept_capabilities:
        return grants, []
    asks = ", ".join(map(str, wider))
    more = " more than was granted" if granted else ""
    message = f"'{name}' asks for{more}: {asks}"
    return grants, [Question(CapabilityWidened, name, message, "--accept-capabilities")]


def _judge_tools(
    candidate: VerifiedRelease, locked: LockEntry | None, accepted: Binding | None, answers: Answers
) -> list[Question]:
    """Return a question for tools that changed since they were pinned (docs/trust-rules.md, rule 13)."""
    # State counts beside the lock: a pull that drops the pins must not free the plugin from them.
    before = (locked and locked.tools) or (), (accepted and accepted.tools) or ()
    if answers.accept_tools or not any(before) or isinstance(candidate.source, PathSource):
        return []
    name, changed = candidate.manifest.name, widened(before, candidate.tools or ())
    message = f"'{name}' defines these tools in another way than before: {some(changed)}"
    if candidate.tools is None:
        message = f"the tools of '{name}' were pinned, and cannot be listed any longer"
    elif not changed:
        return []
    return [Question(ToolsChanged, name, message, "--accept-tools")]
