"""``tarkpm policy``: the team policies that apply, what they forbid, and the signature of a project's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.names import MAX_POLICY, POLICY, POLICY_STATEMENT
from tarkpm.core.policy_statement import sign_policy, verify_policy
from tarkpm.core.release import PluginName, folded
from tarkpm.core.team_policy import TeamPolicy
from tarkpm.core.team_rules import PluginFacts, RuleLine, TeamRules, Violation
from tarkpm.errors import NotFound, TarkError
from tarkpm.io.files import atomic_write, read_file
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.team_policy import team_rules
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.facts import known_manifest
from tarkpm.ops.release.team_check import entry_facts, folder_facts
from tarkpm.ops.release.unmanaged import granted_to, read_unmanaged, unmanaged_names
from tarkpm.store.key_file import Passphrase
from tarkpm.store.keys import KeyStore

NOT_OF_A_PLUGIN: Final = ("minimum-release-age", "accept-project", "accept-project-pinned", "hook")


class PolicyReport(msgspec.Struct, frozen=True):
    """The rules that apply, each with the file it is from. A plugin must satisfy every one of them."""

    files: tuple[str, ...]
    rules: tuple[RuleLine, ...]


class PolicyCheckReport(msgspec.Struct, frozen=True):
    """What the team policies forbid of the locked plugins and of those put into the environment by hand.

    ``unknown`` are plugins whose license this machine does not know, where a rule is about licenses.
    """

    violations: tuple[Violation, ...]
    checked: tuple[str, ...]
    unknown: tuple[str, ...] = ()


class JudgedRule(RuleLine, frozen=True):
    """A rule, and its verdict on a plugin; ``subject`` is what it forbids.

    Some rules are not about a plugin that is here: those of new releases, of accepting, and a program's.
    """

    verdict: Literal["allowed", "forbidden", "not judged"] = "not judged"
    subject: str = ""


class ExplainReport(msgspec.Struct, frozen=True):
    """Every rule about one plugin. ``is_known`` is false for a plugin that is neither locked nor here."""

    name: str
    is_known: bool
    rules: tuple[JudgedRule, ...]


class SignedPolicyReport(msgspec.Struct, frozen=True):
    """A signed policy: what tark.toml must say of it."""

    policy: str
    statement: str
    key: str
    version: int


def show(settings: Settings, ui: Ui) -> PolicyReport:
    """Return the rules that apply here. Raises `TeamPolicyInvalid`, `SignatureInvalid`."""
    with open_for_reading(settings, ui) as workspace:
        rules = team_rules(workspace) or TeamRules()
        return PolicyReport(tuple(one.file for one in rules.policies), tuple(rules.lines()))


def check(settings: Settings, ui: Ui) -> PolicyCheckReport:
    """Check what is locked and what is in the environment. No network."""
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        rules = team_rules(workspace) or TeamRules()
        facts = list(_all_facts(workspace))
        found = [one for each in facts for one in rules.violations(each)]
        unknown = [one.name for one in facts if one.license is None] if rules.judges_licenses else []
        return PolicyCheckReport(tuple(found), tuple(one.name for one in facts), tuple(unknown))


def explain(settings: Settings, ui: Ui, typed: PluginName) -> ExplainReport:
    """Return every rule, and which of them a plugin breaks. Without the plugin, only the rules."""
    with open_for_reading(settings, ui) as workspace:
        rules = team_rules(workspace) or TeamRules()
        name = workspace.name_of(typed)
        facts = next((one for one in _all_facts(workspace) if folded(one.name) == folded(name)), None)
        broken = {(one.file, one.rule): one.subject for one in rules.violations(facts)} if facts else {}
        lines = tuple(_judged(one, facts, broken.get((one.file, one.rule))) for one in rules.lines())
        return ExplainReport(name, facts is not None, lines)


def _judged(line: RuleLine, facts: PluginFacts | None, subject: str | None) -> JudgedRule:
    if subject is not None:
        return JudgedRule(line.rule, line.value, line.file, "forbidden", subject)
    unknown = facts is None or (line.rule == "licenses" and facts.license is None)
    if unknown or line.rule in NOT_OF_A_PLUGIN:
        return JudgedRule(line.rule, line.value, line.file)
    return JudgedRule(line.rule, line.value, line.file, "allowed")


def _all_facts(workspace: Workspace) -> Iterator[PluginFacts]:
    """Yield the facts about every locked plugin, and every readable folder that was put there by hand."""
    for entry in workspace.lock.entries:
        yield _facts(workspace, entry)
    for name in unmanaged_names(workspace):
        try:
            manifest = read_unmanaged(workspace, name).manifest
        except (OSError, TarkError):
            continue  # it cannot run either; `verify` reports it
        yield folder_facts(manifest, granted_to(workspace, manifest))


def _facts(workspace: Workspace, entry: LockEntry) -> PluginFacts:
    return entry_facts(workspace, workspace.project, entry, known_manifest(workspace, entry))


def sign(settings: Settings, folder: Path, key: str, passphrase: Passphrase) -> SignedPolicyReport:
    """Sign the policy.toml in ``folder``, and write the signature beside it.

    Raises `NotFound`, `TeamPolicyInvalid` for a policy that no project may have, and `StoreError` for a key
    that cannot be used.
    """
    file = settings.cwd / folder / POLICY
    try:
        data = read_file(file, MAX_POLICY)
    except FileNotFoundError:
        raise NotFound(f"there is no {POLICY}", where=str(file.parent)) from None
    policy = TeamPolicy.parse(data, where=str(file), commands=False)
    public, signer = KeyStore.in_state(settings.paths.state).load(key, passphrase)
    envelope = sign_policy(data, key=public, signer=signer)
    target = file.with_name(POLICY_STATEMENT)
    verify_policy(data, envelope, public, where=str(target))
    if not settings.dry_run:
        atomic_write(target, envelope)
    return SignedPolicyReport(str(file), str(target), public, policy.version)
