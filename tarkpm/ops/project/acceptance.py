"""A project's decisions and this user's acceptance of them (docs/trust-rules.md, rule 3).

Nothing is fetched, run or sent a token before the decisions are accepted.
"""

import shlex
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import msgspec

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.binding import Publisher
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.owner import Owner, claim, current_owner
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.trust import NOBODY
from tarkpm.core.widening import Widening, WideningKind, widenings
from tarkpm.errors import ProjectNotAccepted, TarkError, Unreachable
from tarkpm.ops.project.agent_rules import idle_rules
from tarkpm.ops.project.ownership import login_name
from tarkpm.ops.project.proofs import check_signer
from tarkpm.ops.project.settings import ANY_DECISIONS, Settings
from tarkpm.ops.project.team_policy import team_rules
from tarkpm.ops.project.ui import Card, CardRow
from tarkpm.ops.project.workspace import Workspace

MAX_NAMED: Final = 8
"""Decisions in the message of an error."""


class Wording(msgspec.Struct, frozen=True):
    """What a question calls the decisions and their file, and the commands that show and that accept them."""

    decisions: str
    file: str
    look: str
    accept: str

    @classmethod
    def of(cls, workspace: Workspace) -> "Wording":
        """Return the wording for the project as it is: a hint must not lead to blind consent."""
        settings = workspace.settings
        words = place_words(settings)
        look = shlex.join(["tarkpm", "accept", "--print", *words])
        ask = shlex.join(["tarkpm", "accept", *words]) if workspace.ui.interactive else look
        file = str(workspace.location.project_file)
        return cls("this project's decisions", file, "tarkpm accept --print", ask)


def place_words(settings: Settings) -> list[str]:
    """Return the options that name the project which the command works on."""
    words = ["--user"] if settings.user else []
    return words + (["--project", str(settings.project)] if settings.project else [])


def decisions(workspace: Workspace) -> Acceptance:
    """Return what tark.toml and tark.lock decide now, without entries whose signer is refused anyway."""
    project = workspace.project
    return Acceptance.of(
        project, Lock(tuple(e for e in workspace.lock.entries if _may_be_trusted(workspace, e)))
    )


def _may_be_trusted(workspace: Workspace, entry: LockEntry) -> bool:
    """Return whether an entry's signer is trusted, as far as this machine knows."""
    of_index = isinstance(entry.source, IndexSource)
    if not of_index and entry.name not in workspace.project.requirements:
        return False
    try:
        check_signer(workspace, workspace.project, entry, None if of_index else NOBODY)
    except Unreachable:  # not known yet: the user must see the decision before the index is asked
        return True
    except TarkError:
        return False
    return True


def not_accepted(workspace: Workspace) -> tuple[Widening, ...]:
    """Return the decisions that go beyond what this user accepted."""
    return widenings(decisions(workspace), workspace.record.accepted)


def require_accepted(workspace: Workspace) -> None:
    """Ask this user to accept what is new, or raise `ProjectNotAccepted`.

    A dry run shows what would be asked and accepts nothing.
    """
    decided, settings = decisions(workspace), workspace.settings
    new = widenings(decided, workspace.record.accepted)
    # An installed plugin gets a grant that is accepted with no change to apply, so nothing else asks.
    if any(one.kind is WideningKind.GRANT for one in new):
        from tarkpm.ops.project.external_check import ask_programs

        ask_programs(workspace, workspace.project, workspace.lock, installed_only=True)
    require_agreement(workspace, decided, new, Wording.of(workspace))
    if settings.dry_run:
        return
    if new:
        accept(workspace, decided)
    elif settings.accept_project:
        # It still replaces what was accepted: a narrowing counts from now on. A release about which nothing
        # was asked counts once it is installed.
        accept(workspace, decided.without_releases())


def require_agreement(
    workspace: Workspace, decided: Acceptance, new: Collection[Widening], wording: Wording
) -> None:
    """Ask this user about what is ``new`` in ``decided``, or raise `ProjectNotAccepted`; records nothing."""
    settings = workspace.settings
    pinned = settings.accept_project not in ("", ANY_DECISIONS)
    if settings.accept_project and (rules := team_rules(workspace)):
        rules.check_accept(login_name(), pinned=pinned)
    # 1. A pinned digest must match even if nothing is new: CI relies on it.
    if pinned:
        _check_pinned(workspace, decided, wording)
    if settings.accept_project == ANY_DECISIONS:
        _check_no_secret(new, wording)
    # 2. Ask about what goes beyond the acceptance.
    if new and not settings.accept_project:
        rows = [CardRow("would", str(one), loud=one.is_loud) for one in new]
        _ask(
            workspace,
            [*rows, *(CardRow("would", text, loud=True) for text in consequences(workspace, decided, new))],
            wording,
        )


def check_kept(workspace: Workspace, entries: Iterable[LockEntry]) -> None:
    """Raise `ProjectNotAccepted` for entries kept from the lock that go beyond what was accepted.

    What an index said of publishers when the user was asked may have changed since: an entry that would have
    been refused then, without a question to the user, is asked about now.
    """
    kept = {entry.name for entry in entries if entry.same_as(workspace.lock.get(entry.name))}
    locked = Acceptance.of(workspace.project, workspace.lock)
    new = [one for one in widenings(locked, workspace.record.accepted) if one.subject in kept]
    if new:
        raise ProjectNotAccepted(
            f"you have not accepted this project's decisions: {_first(map(str, new))}",
            where=str(workspace.location.lock_file),
            hint="tarkpm accept",
        )


def accept(workspace: Workspace, decided: Acceptance) -> None:
    """Record in state that this user accepted these decisions."""
    accepted = decided.remembering(workspace.record.accepted)
    if accepted != workspace.record.accepted:
        workspace.remember(accepted=accepted, accepted_at=int(time.time()), settled="")


def _check_pinned(workspace: Workspace, decided: Acceptance, wording: Wording) -> None:
    """Raise `ProjectNotAccepted` unless the decisions have the digest that ``--accept-project`` names."""
    pinned = workspace.settings.accept_project
    if pinned != decided.digest:
        raise ProjectNotAccepted(
            f"{wording.decisions} have the digest {decided.digest}, --accept-project names {pinned}",
            where=wording.file,
            hint=wording.look,
        )


def _check_no_secret(new: Iterable[Widening], wording: Wording) -> None:
    """Raise `ProjectNotAccepted` if something ``new`` binds a secret of the user.

    Everybody who can change tark.toml could otherwise name a secret of this user and the host it is sent to,
    and a job that accepts whatever the project decides would send it (docs/decisions/0120).
    """
    if bound := [str(one) for one in new if one.binds_secret]:
        raise ProjectNotAccepted(
            f"--accept-project binds no secrets without a digest: {_first(bound)}",
            where=wording.file,
            hint=wording.accept,
        )


def consequences(workspace: Workspace, decided: Acceptance, new: Iterable[Widening]) -> Iterator[str]:
    """Yield what accepting these decisions also does: tokens sent, rules without effect, stored data."""
    for widening in new:
        index = widening.subject if widening.kind is WideningKind.INDEX else ""
        entry = workspace.project.indexes.get(PluginName(index))
        if entry and entry.token_variable in workspace.settings.environment and "://" in entry.url:
            yield f"send the token in {entry.token_variable} to {entry.url}"
    for rule in idle_rules(workspace):
        yield f"keep a rule that has no effect as it is written: {rule}"
    for name, binding in decided.plugins.items():
        publisher = binding.publisher
        if publisher.origin and not publisher.is_nobody and (text := data_change(workspace, name, publisher)):
            yield text


def data_change(workspace: Workspace, name: str, publisher: Publisher) -> str:
    """Return what a change of publisher does with stored data; "" if nothing."""
    owners, settings = workspace.record.owners, workspace.settings
    before = current_owner(owners, name)
    after = claim(owners, name, publisher, keep_data=settings.keep_data)[-1]
    if after.folder == before.folder:
        return _handed_over(name, before, publisher) if has_data(workspace, name) else ""
    if has_data(workspace, name, after.folder):
        return f"give '{name}' the data that this publisher stored here before"
    if not has_data(workspace, name):
        return ""
    return f"start '{name}' without the data of the previous one (--keep-data hands it over)"


def _handed_over(name: str, before: Owner, publisher: Publisher) -> str:
    if before.publisher is None:  # a former tarkpm did not record whose it is
        return f"give '{name}' the data that a plugin of this name stored here before"
    if publisher.succeeds(before.publisher):
        return ""
    return f"hand the data of the previous '{name}' to the new one"


def has_data(workspace: Workspace, name: str, folder: str = "") -> bool:
    """Return whether a plugin of this name has stored data: its current publisher's, or in ``folder``."""
    data = workspace.data(name)
    data = data.with_name(folder) if folder else data
    return data.is_dir() and any(data.iterdir())


def _ask(workspace: Workspace, rows: list[CardRow], wording: Wording) -> None:
    ui, settings = workspace.ui, workspace.settings
    if ui.interactive:
        warning = "Accept only what you, or people you trust, wrote."
        ui.show([Card(f"{wording.file} makes decisions for you", tuple(rows), (warning,))])
    if settings.dry_run or not ui.interactive:
        # What is loud comes first: it must not be among those that are only counted.
        texts = [row.text for row in sorted(rows, key=lambda row: not row.loud)]
        raise ProjectNotAccepted(
            f"you have not accepted {wording.decisions}: {_first(texts)}",
            where=wording.file,
            hint=wording.accept,
        )
    if not ui.confirm("Accept these decisions?"):
        raise ProjectNotAccepted("the project's decisions were not accepted", where=wording.file)


def _first(texts: Iterable[str]) -> str:
    """Return the first decisions as one text, and how many there are more; ``accept --print`` has all."""
    first, rest = (found := list(texts))[:MAX_NAMED], found[MAX_NAMED:]
    return "; ".join([*first, *([f"and {len(rest):,} more"] if rest else [])])
