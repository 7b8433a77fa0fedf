"""Check plugins against the team policies, wherever one could be installed, granted something, or run."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MAX_PROJECT
from tarkpm.core.project import Project
from tarkpm.core.release import IndexSource, PluginName, Source
from tarkpm.io.files import read_optional
from tarkpm.ops.project.location import locate
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.team_policy import read_policies, team_rules
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.facts import known_manifest

if TYPE_CHECKING:  # without a policy nothing of it is imported
    from tarkpm.core.advisory import Severity
    from tarkpm.core.consent import Admission
    from tarkpm.core.team_rules import PluginFacts, TeamRules, Violation


def severity_of(workspace: Workspace, entry: LockEntry) -> "Severity | None":
    """Return the highest severity of the advisories that this machine knows of a locked release."""
    from tarkpm.ops.project.known_advisories import KnownAdvisories

    found = workspace.resource(KnownAdvisories).affecting(entry)
    return max((one.severity for one in found), default=None)


def _severity(workspace: Workspace, entry: LockEntry) -> "Severity | None":
    """Return what `severity_of` returns where a team policy asks for it: state is not read for nothing."""
    rules = team_rules(workspace)
    return severity_of(workspace, entry) if rules and rules.block_severity else None


def entry_facts(
    workspace: Workspace, project: Project, entry: LockEntry, manifest: Manifest | None = None
) -> "PluginFacts":
    """Return the facts about a locked plugin as ``project`` has it; the license is in its ``manifest``."""
    from tarkpm.core.keyless import identity_of
    from tarkpm.core.team_rules import PluginFacts

    return PluginFacts(
        entry.name,
        entry.source,
        _index_url(project, entry.source),
        entry.signer,
        entry.type,
        manifest.license if manifest else None,
        project.granted(entry.name),
        _severity(workspace, entry),
        identity_of(project, entry),
    )


def folder_facts(manifest: Manifest, granted: CapabilitySet) -> "PluginFacts":
    """Return the facts about a folder that is run where it is: it has no source and no signer."""
    from tarkpm.core.team_rules import PluginFacts

    return PluginFacts(manifest.name, type=manifest.type, license=manifest.license, granted=granted)


def check_entry(workspace: Workspace, entry: LockEntry, manifest: Manifest | None = None) -> None:
    """Raise `PolicyViolation` unless the team policies allow a locked plugin."""
    if rules := team_rules(workspace):
        rules.check(entry_facts(workspace, workspace.project, entry, manifest))


def check_entries(workspace: Workspace, project: Project, entries: Iterable[LockEntry]) -> None:
    """Raise `PolicyViolation` unless the team policies allow every locked plugin."""
    if found := entry_violations(workspace, project, entries):
        raise found[0].error(len(found) - 1)


def entry_violations(
    workspace: Workspace, project: Project, entries: Iterable[LockEntry]
) -> "tuple[Violation, ...]":
    """Return what the team policies forbid about locked plugins, as far as this machine knows them.

    A license is known once the release is here; `check_entry` judges it before anything is installed.
    """
    rules = team_rules(workspace)
    if rules is None:
        return ()
    found: list[Violation] = []
    for entry in entries:
        manifest = known_manifest(workspace, entry) if rules.judges_licenses else None
        found += rules.violations(entry_facts(workspace, project, entry, manifest))
    return tuple(found)


def check_admission(workspace: Workspace, admission: "Admission") -> None:
    """Raise `PolicyViolation` unless a release may be taken as it is admitted."""
    if rules := team_rules(workspace):
        from tarkpm.core.keyless import ONLY_KEYLESS
        from tarkpm.core.team_rules import PluginFacts

        candidate, change = admission.candidate, admission.change
        manifest, source = candidate.manifest, candidate.source
        facts = PluginFacts(
            manifest.name,
            source,
            _index_url(workspace.project, source),
            candidate.signer,
            manifest.type,
            manifest.license,
            change.grants,
            _severity(workspace, candidate.entry()),
            admission.identity if change.trust == ONLY_KEYLESS else None,
        )
        rules.check(facts)


def check_folder(workspace: Workspace, manifest: Manifest, granted: CapabilitySet) -> None:
    """Raise `PolicyViolation` unless a folder of the environment may run."""
    if rules := team_rules(workspace):
        rules.check(folder_facts(manifest, granted))


def check_working_copy(settings: Settings, manifest: Manifest, granted: CapabilitySet) -> None:
    """Raise `PolicyViolation` unless a working copy may run, also in the project that the user is in."""
    if rules := rules_at(settings):
        rules.check(folder_facts(manifest, granted))


def rules_at(settings: Settings) -> "TeamRules | None":
    """Return the team policies that apply to a folder that is run where it is. Raises `ProjectError`."""
    location = locate(settings)
    data = read_optional(location.project_file, MAX_PROJECT)
    # Whose project it is does not matter here: its policy can only forbid.
    pin = Project.parse(data, where=str(location.project_file)).policy if data is not None else None
    return read_policies(settings, location.folder).rules(pin)


def _index_url(project: Project, source: Source) -> str:
    if not isinstance(source, IndexSource):
        return ""
    entry = project.indexes.get(PluginName(source.index))
    return entry.url if entry and entry.root == source.root else ""
