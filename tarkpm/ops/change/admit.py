"""Agreement: show what taking the proposed releases means, and ask once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from tarkpm.core.consent import Admission, Answers, consent_error
from tarkpm.core.lockfile import Lock
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.release import PluginName, folded
from tarkpm.errors import (
    CapabilityWidened,
    ConsentError,
    IdentityChanged,
    KeyChanged,
    KeyUnknown,
    TarkError,
    ToolsChanged,
    UnmanagedRefused,
)
from tarkpm.ops.change.adopt import Adoption, adoption_rows, adoptions, with_question
from tarkpm.ops.change.propose import (
    PluginRequest,
    acquire_direct,
    differs,
    propose,
    target_of,
)
from tarkpm.ops.change.target import CheckedTarget, Target, check_target
from tarkpm.ops.project.release_ages import ReleaseAges
from tarkpm.ops.project.ui import CardRow
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.card import card
from tarkpm.ops.release.fetch import Release


class Declined(ConsentError):
    """The user declined. Nothing was changed."""


Look = Callable[
    [Workspace, Target, Sequence[Admission], Sequence[Release]], Mapping[PluginName, tuple[CardRow, ...]]
]
"""Looks at what was selected before the user is asked, and returns more rows for the cards."""


class AgreedChange(msgspec.Struct, frozen=True):
    """A change the user agreed to: the target, the bytes of its releases, and unmet dependencies as notes.

    ``names`` are the requested plugins and those that changed with them; ``changed`` only the latter.
    """

    target: CheckedTarget
    releases: tuple[Release, ...]
    names: tuple[PluginName, ...]
    changed: tuple[PluginName, ...]
    unmet: tuple[str, ...]
    adopted: tuple[Adoption, ...] = ()


def agree(
    workspace: Workspace,
    requests: list[PluginRequest],
    answers: Answers,
    *,
    free: Collection[PluginName] | None = (),
    adopting: bool = False,
    completing: bool = False,
    look: Look | None = None,
) -> AgreedChange:
    """Select, fetch, verify, weigh, show and ask; nothing on this machine's project changes yet.

    Plugins of indexes keep their locked version unless they are in ``free`` (None: all) or cannot. With
    ``adopting``, unmanaged folders may be moved aside; with ``completing``, locked entries get what an older
    tarkpm did not write. ``look`` is called before the user is asked. Raises `SourceError`,
    `VerificationError`, `ResolutionError`, `ConsentError`, or `Declined`.
    """
    # 1. Fetch and verify what git and folders hold, select the rest, and weigh each release against the
    #    project, the lock and what this user accepted before (docs/trust-rules.md, rules 4 to 7).
    workspace.resource(ReleaseAges).allow(answers.no_minimum_age)
    acquired = acquire_direct(workspace, requests)
    _raise_first(acquired.refused)
    proposal = propose(workspace, requests, acquired, answers, free=free, completing=completing)
    _raise_first(proposal.refused)
    admissions = list(proposal.admissions)
    adopted = {a.change.name: adoptions(workspace, a.candidate) for a in admissions} if adopting else {}
    admissions = [with_question(a, adopted.get(a.change.name, ()), agreed=answers.adopt) for a in admissions]
    # A release that does not prove its CI identity cannot be locked, and no prompt lets it in: this raises.
    if unproved := [a for a in admissions if a.questions_about(IdentityChanged)]:
        ask(workspace, unproved, adopted)
    # 2. Check the lock and project that would result, before the user is asked: a question about a change
    #    that cannot be applied is noise (docs/trust-rules.md, rule 2).
    target = check_target(workspace, target_of(workspace, admissions, proposal.kept))
    changed = changed_names(workspace.followed, target.lock)
    # 3. Show what changes and ask once (docs/trust-rules.md, rule 9).
    shown = {*changed, *(name for name, found in adopted.items() if found)}
    news = [a for a in admissions if a.change.name in shown or a.questions or differs(workspace.project, a)]
    more = look(workspace, target, admissions, proposal.releases) if look else {}
    ask(workspace, news, adopted, more)
    names = tuple(dict.fromkeys((*proposal.asked, *changed)))
    return AgreedChange(
        target,
        proposal.releases,
        names,
        changed,
        (*proposal.notes, *_unchecked(target, names), *_without_plugin(target, answers)),
        tuple(one for found in adopted.values() for one in found),
    )


def _raise_first(refused: Mapping[PluginName, TarkError]) -> None:
    for problem in refused.values():
        raise problem


def _unchecked(target: Target, names: Iterable[PluginName]) -> list[str]:
    """Return notes about minimum tark versions that could not be checked."""
    if target.project.tark_version:
        return []
    entries = [target.lock.by_name[name] for name in names]
    return [
        f"'{entry.name}' requires tark {entry.min_tark_version} or newer; this was not checked because "
        "tark.toml sets no [tark] version"
        for entry in entries
        if entry.min_tark_version
    ]


def _without_plugin(target: Target, answers: Answers) -> Iterator[str]:
    """Yield notes about names in options that no plugin has: a typing error would mean nothing otherwise."""
    known = {folded(name) for name in target.lock.by_name}
    options = ("--allow-unsigned", answers.allow_unsigned), ("--no-minimum-age", answers.no_minimum_age)
    for option, typed in options:
        for name in sorted(one for one in typed if folded(one) not in known):
            near = did_you_mean(name, target.lock.by_name)
            yield f"{option} names '{name}', and the project has no such plugin{near}"


def ask(
    workspace: Workspace,
    admissions: list[Admission],
    adopted: Mapping[PluginName, Collection[Adoption]] | None = None,
    more: Mapping[PluginName, tuple[CardRow, ...]] | None = None,
) -> None:
    """Show one card per plugin, with ``more`` rows, and ask once.

    Raises `Declined`, or the `ConsentError` of a question that cannot be asked here.

    ``-y`` answers "Proceed?" and never a question about a key, a capability or an unsigned release
    (docs/trust-rules.md, rule 9).
    """
    questions = [question for admission in admissions for question in admission.questions]
    ui, settings = workspace.ui, workspace.settings
    if not admissions:
        return
    plugins, found = workspace.environment.plugins, adopted or {}
    rows = {
        a.change.name: (
            *adoption_rows(found.get(a.change.name, ()), plugins),
            *(more or {}).get(a.change.name, ()),
        )
        for a in admissions
    }
    ui.show([card(workspace, a, rows[a.change.name]) for a in admissions])
    # an unsigned, older or republished release takes a typed flag: no prompt asks for it
    # (docs/trust-rules.md, rules 4 and 7)
    if any(not question.askable for question in questions) or (questions and not ui.interactive):
        raise consent_error(questions, settings.command)
    if settings.dry_run or not ui.interactive or (settings.yes and not questions):
        return
    if not ui.confirm(_prompt(admissions)):
        raise Declined("declined: nothing was changed")


_PROMPTS: Final[Mapping[type[ConsentError], str]] = {
    KeyUnknown: "trust this key",
    KeyChanged: "trust this key",
    CapabilityWidened: "grant these capabilities",
    ToolsChanged: "let agents read these definitions",
    UnmanagedRefused: "put the folder aside",
}


def _prompt(admissions: list[Admission]) -> str:
    """Return the one question that covers every question of ``admissions``."""
    kinds = {question.error for admission in admissions for question in admission.questions}
    asked = dict.fromkeys(text for kind, text in _PROMPTS.items() if kind in kinds)
    sentence = " and ".join([", ".join(asked), "install"] if asked else ["proceed"])
    return f"{sentence[0].upper()}{sentence[1:]}?"


def changed_names(old: Lock, new_lock: Lock) -> tuple[PluginName, ...]:
    """Return the plugins whose lock entry is new or different."""
    return tuple(entry.name for entry in new_lock.entries if not entry.same_as(old.get(entry.name)))
