"""CI identities as decisions: which one a release must prove, and what follows if it does not.

An identity is asked for in addition to the signing key, and vouches for the first one in place of the user
who would compare it (docs/decisions/0227). Where tark.toml lists no key, it vouches for the key of every
release (docs/decisions/0243). It never replaces a signature.
"""

import shlex
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core.binding import Binding, Origin
from tarkpm.core.ci_identity import CiClaims, CiIdentity
from tarkpm.core.consent import Answers, Question
from tarkpm.core.names import CI_PROOF, PROJECT
from tarkpm.core.project import Project
from tarkpm.core.release import IndexSource, PathSource, PluginName, Requirement, Source
from tarkpm.errors import IdentityChanged, KeyChanged, KeyUntrusted, TarkError

if TYPE_CHECKING:
    from tarkpm.core.verification import VerifiedRelease


class Judged(msgspec.Struct, frozen=True):
    """The identity to ask for from now on, None if none was; and what only the user can decide."""

    identity: CiIdentity | None = None
    questions: tuple[Question, ...] = ()

    @property
    def is_proved(self) -> bool:
        """Return whether the release proved an identity that was asked for."""
        return self.identity is not None and not self.questions


NOT_ASKED: Final = Judged()


def wanted_identity(
    name: PluginName,
    source: Source,
    requirement: Requirement | None,
    project: Project,
    accepted: Binding | None,
    answers: Answers,
) -> CiIdentity | None:
    """Return the identity that a release must prove; None if none is asked for.

    One that was typed applies to what was typed, and not to dependencies. The accepted binding counts beside
    tark.toml, so that an edit that drops a line is no way around it (docs/trust-rules.md, rule 0).
    """
    if isinstance(source, PathSource):  # the user's own folder
        return None
    known = project.identities.get(name)
    same = accepted is not None and accepted.publisher.origin == Origin.of(source)
    if known is None and accepted and same and accepted.publisher.identity:
        known = CiIdentity.parse(accepted.publisher.identity)
    if answers.identity and requirement is not None:
        return answers.identity.keeping_ids_of(known)
    return known


def judge_identity(
    name: PluginName, source: Source, wanted: CiIdentity | None, claims: CiClaims | None, answers: Answers
) -> Judged:
    """Compare what a release proves with what it must prove.

    ``claims`` are those of a verified proof, None without one. Raises `KeyUntrusted` if the identity that was
    typed is not proved.
    """
    if wanted is None:
        return Judged()
    typed = answers.identity is not None and answers.identity.keeping_ids_of(wanted) == wanted
    if claims is None and typed:  # an error and no question: the user has named what it must prove
        message = f"'{name}' must be released by {wanted}, and this release has no proof of that"
        raise KeyUntrusted(message, where=str(source), hint=f"ask its publisher for {CI_PROOF}")
    if claims is None:
        # No flag helps, as for a dropped signature: a server could drop the file to avoid the check.
        message = f"'{name}' must be released by {wanted}, and this release has no proof of that"
        return Judged(wanted, (Question(IdentityChanged, name, message, "", askable=False),))
    why = wanted.mismatch(claims)
    if not why:
        return Judged(wanted.bound_to(claims))
    message = f"'{name}' must be released by {wanted}, and this release was not: {why}"
    if typed:
        raise KeyUntrusted(message, where=str(source))
    return Judged(wanted, (Question(IdentityChanged, name, message, _flag(claims), askable=False),))


def _flag(claims: CiClaims) -> str:
    """Return the option that takes just this run; "" for one that no identity names, as of a pull request."""
    run = CiIdentity(claims.repository, claims.workflow, claims.ref, claims.repository_id, claims.owner_id)
    try:
        return f"--identity {shlex.quote(str(CiIdentity.parse(str(run))))}"
    except ValueError:
        return ""


def vouches_for_first_key(source: Source, judged: Judged, accepted: Binding | None, answers: Answers) -> bool:
    """Return whether a proved identity vouches for a first key, in place of the user who would compare it.

    The user typed it, or accepted that it does so for this source. A line of tark.toml about a plugin that is
    not there yet asks nobody, so it is not enough.
    """
    same = accepted is not None and accepted.publisher.origin == Origin.of(source)
    agreed = accepted is not None and same and bool(accepted.publisher.first_key_by)
    return judged.is_proved and (answers.identity is not None or agreed)


def check_keyless_answer(
    name: PluginName, source: Source, requirement: Requirement | None, project: Project, answers: Answers
) -> None:
    """Raise `TarkError` where ``--keyless`` was typed for something that no CI identity can decide."""
    if not answers.keyless or requirement is None:
        return
    where = "--keyless"
    if isinstance(source, IndexSource):
        raise TarkError(f"an index vouches for its plugins itself: '{name}' is of {source}", where=where)
    if isinstance(source, PathSource):
        raise TarkError(f"a folder has no signer: {source}", where=where)
    if answers.identity is None and name not in project.identities:
        text = f"expected --identity, because {PROJECT} names no CI identity for '{name}'"
        raise TarkError(text, where=where)


def keyless_identity(
    candidate: "VerifiedRelease",
    requirement: Requirement | None,
    project: Project,
    judged: Judged,
    answers: Answers,
) -> CiIdentity | None:
    """Return the CI identity that alone decides who may sign a release; None where keys do.

    It does so in a project that says so, until the user trusts the release's key, and where the user says so.
    """
    name, source = candidate.manifest.name, candidate.source
    if isinstance(source, IndexSource | PathSource):
        return None
    kept = project.keyless(name) and candidate.signer not in answers.trust
    return judged.identity if kept or (answers.keyless and requirement is not None) else None


def keyless_questions(
    name: PluginName, identity: CiIdentity, project: Project, before: tuple[str, ...], answers: Answers
) -> list[Question]:
    """Return a question where an identity that the user did not type takes the place of keys.

    Beside a key, and for a plugin that was not there, it only asked for more: nobody was asked when somebody
    wrote it into tark.toml.
    """
    if project.keyless(name) or answers.identity:
        return []
    place = f", in the place of {' or '.join(before)}" if before else ""
    text = f"any key that {identity} proves may sign '{name}'{place}"
    return [Question(KeyChanged, name, text, f"--identity {shlex.quote(str(identity))}")]
