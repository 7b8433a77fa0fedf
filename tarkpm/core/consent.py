"""Questions that only the user can answer, and the answers given in advance on the command line.

Values without judgement: which questions a release raises is decided in `policy`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from tarkpm.core.ci_identity import CiIdentity
    from tarkpm.core.verification import VerifiedRelease

from tarkpm.core.key import PublicKey
from tarkpm.core.project_edit import ProjectEdit
from tarkpm.core.release import PluginName
from tarkpm.core.text import counted
from tarkpm.errors import ConsentError, TarkError

MAX_ANSWERED: Final = 8
"""Questions that an error repeats and its hint answers: more fill a screen and are not read."""


class Answers(msgspec.Struct, frozen=True):
    """Decisions that the user made on the command line, such as ``--trust KEY``."""

    trust: tuple[PublicKey, ...] = ()
    accept_capabilities: bool = False
    allow_unsigned: frozenset[str] = frozenset()
    allow_downgrade: bool = False
    allow_republished: bool = False
    adopt: bool = False
    accept_tools: bool = False
    no_minimum_age: frozenset[PluginName] = frozenset()
    identity: CiIdentity | None = None
    keyless: bool = False


class Question(msgspec.Struct, frozen=True):
    """A decision about ``plugin`` that only the user can make.

    ``flag`` is the command-line option that answers it, or "" if none does. ``askable`` says whether a prompt
    may ask it: the unsafe choices must be typed out (docs/trust-rules.md, rules 4 and 7).
    """

    error: type[ConsentError]
    plugin: PluginName
    message: str
    flag: str
    askable: bool = True


class Admission(msgspec.Struct, frozen=True):
    """The consequences of accepting a candidate: a change to tark.toml, and the questions to answer first.

    ``identity`` is the CI identity that releases must prove from now on, None if none was asked for.
    """

    candidate: VerifiedRelease
    change: ProjectEdit
    questions: tuple[Question, ...]
    identity: CiIdentity | None = None

    def questions_about(self, *errors: type[ConsentError]) -> bool:
        """Return whether any question is of one of these kinds."""
        return any(question.error in errors for question in self.questions)


def consent_error(questions: Iterable[Question], command: str) -> TarkError:
    """Return the error for questions that cannot be asked here.

    Its hint answers all of them at once, or the first `MAX_ANSWERED`.
    """
    unanswered = list(questions)
    first = unanswered[0]
    flags = list(dict.fromkeys(question.flag for question in unanswered if question.flag))
    hint = f"{command} {' '.join(flags[:MAX_ANSWERED])}" if first.flag else f"tarkpm remove {first.plugin}"
    if first.flag and len(flags) > MAX_ANSWERED:
        hint = f"these answer the first {MAX_ANSWERED}, and the next error names more: {hint}"
    messages = [question.message for question in unanswered]
    if (more := len(messages) - MAX_ANSWERED) > 0:
        messages = [*messages[:MAX_ANSWERED], f"and {counted(more, 'more question')}"]
    return first.error("; ".join(messages), hint=hint)
