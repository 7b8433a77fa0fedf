"""Ask the programs that team policies name about a change: allow, warn or block (docs/decisions/0180)."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.keyless import identity_of
from tarkpm.core.lockfile import Lock, LockEntry, fingerprint
from tarkpm.core.project import Project
from tarkpm.core.text import neutral
from tarkpm.ops.project.team_policy import team_rules
from tarkpm.ops.project.workspace import Workspace

if TYPE_CHECKING:
    from tarkpm.core.ci_identity import CiIdentity
    from tarkpm.core.team_policy import TeamPolicy

FORMAT: Final = 1
MAX_REASON: Final = 500
"""Characters of a reason that are shown."""


def ask_programs(workspace: Workspace, project: Project, lock: Lock, *, installed_only: bool = False) -> None:
    """Raise `PolicyViolation` if a program blocks what these documents install or grant, or does not answer.

    Documents that install and grant nothing new are not asked about. With ``installed_only``, plugins that
    have yet to be installed are left to the command that installs them.
    """
    rules = team_rules(workspace)
    policies = [one for one in rules.policies if one.hook] if rules else []
    if not policies or not (changes := list(_changes(workspace, project, lock, installed_only))):
        return
    place = str(workspace.location.folder)
    question = json.dumps({"version": FORMAT, "project": place, "changes": changes}).encode() + b"\n"
    for policy in policies:
        _ask(workspace, policy, question)


def _ask(workspace: Workspace, policy: "TeamPolicy", question: bytes) -> None:
    from tarkpm.core.team_rules import Violation
    from tarkpm.io.questions import NoAnswer, ask

    hook, settings = policy.hook, workspace.settings
    assert hook is not None
    workspace.ui.busy(f"asking {hook.command[0]}")
    try:
        answer = ask(hook.command, question, seconds=hook.seconds, environment=settings.environment)
        verdict, reason = _read(answer)
    except NoAnswer as problem:
        # Someone who could make the check fail must not get past it.
        verdict, reason = "block", str(problem)
    if verdict == "block":
        raise Violation("", "hook", policy.file, f"{hook.command[0]} {reason}").error()
    if verdict == "warn":
        workspace.ui.note(f"{hook.command[0]} {reason}")


def _read(answer: bytes) -> tuple[str, str]:
    """Return the verdict and the reason, as the end of a sentence: a word, and lines of text after it."""
    verdict, _, rest = answer.decode("utf-8", "replace").partition("\n")
    verdict = verdict.strip()
    reason = neutral(" ".join(rest.split()), limit=MAX_REASON)
    if verdict not in ("allow", "warn", "block"):
        return "block", f"answered {neutral(verdict, limit=60)!r}, expected allow, warn or block"
    says = "blocks the change" if verdict == "block" else "warns"
    return verdict, f"{says}: {reason}" if reason else says


def _changes(
    workspace: Workspace, project: Project, lock: Lock, installed_only: bool
) -> Iterator[dict[str, Any]]:
    """Yield what is new, in another version, or with more grants than this user accepted."""
    for entry in lock.entries:
        installed = workspace.record.installed.get(entry.name)
        is_new = installed is None or installed.fingerprint != fingerprint(entry)
        accepted = workspace.record.accepted.plugins.get(entry.name)
        granted = project.granted(entry.name)
        if is_new and installed_only:
            continue
        if is_new or granted.beyond(accepted.granted if accepted else CapabilitySet()):
            yield _described(entry, granted, workspace.lock.get(entry.name), identity_of(project, entry))


def _described(
    entry: LockEntry, granted: CapabilitySet, before: LockEntry | None, identity: "CiIdentity | None"
) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": str(entry.version),
        "before": str(before.version) if before and before != entry else None,
        "type": entry.type,
        "source": msgspec.to_builtins(entry.source),
        "signer": entry.signer,
        "identity": str(identity) if identity else None,
        "statement": entry.statement.sha256 if entry.statement else None,
        "capabilities": None if entry.capabilities is None else list(map(str, entry.capabilities)),
        "granted": list(map(str, granted)),
        "files": msgspec.to_builtins(entry.files),
    }
