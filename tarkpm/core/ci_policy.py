"""CI identities as decisions: which one a release must prove, and what follows if it does not.

An identity is asked for in addition to the signing key. It never replaces a signature: it vouches for the
first key of a plugin, in place of the user who would compare it (docs/decisions/0227).
"""

import shlex
from typing import Final

import msgspec

from tarkpm.core.binding import Binding, Origin
from tarkpm.core.ci_identity import CiClaims, CiIdentity
from tarkpm.core.consent import Answers, Question
from tarkpm.core.names import CI_PROOF
from tarkpm.core.project import Project
from tarkpm.core.release import PathSource, PluginName, Requirement, Source
from tarkpm.errors import IdentityChanged, KeyUntrusted


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
    if answers.identity and requirement is not None:
        return answers.identity
    if name in project.identities:
        return project.identities[name]
    if accepted and accepted.publisher.identity and accepted.publisher.origin == Origin.of(source):
        return CiIdentity.parse(accepted.publisher.identity)
    return None


def judge_identity(
    name: PluginName, source: Source, wanted: CiIdentity | None, claims: CiClaims | None, answers: Answers
) -> Judged:
    """Compare what a release proves with what it must prove.

    ``claims`` are those of a verified proof, None without one. Raises `KeyUntrusted` if the identity that was
    typed is not proved.
    """
    if wanted is None:
        return Judged()
    typed = answers.identity == wanted
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
    flag = f"--identity {shlex.quote(f'github:{claims.repository}/{claims.workflow}@{claims.ref}')}"
    return Judged(wanted, (Question(IdentityChanged, name, message, flag, askable=False),))
