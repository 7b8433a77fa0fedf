"""``tarkpm verify``: an offline audit of everything installed, with every finding in one report."""

from collections.abc import Iterator

import msgspec

from tarkpm.core.lock_check import stale_entries
from tarkpm.core.resolution.resolver import unmet_dependencies
from tarkpm.core.widening import WideningKind
from tarkpm.errors import ProjectNotAccepted, ResolutionError, TarkError
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.audit.plugin import Finding, NamedFinding, audit, unmanaged
from tarkpm.ops.project.acceptance import not_accepted
from tarkpm.ops.project.advice import project_note
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading


class VerifyReport(msgspec.Struct, frozen=True):
    """The plugins without problems, and every finding."""

    verified: tuple[str, ...]
    findings: tuple[Finding, ...]
    files: int = 0
    bytes: int = 0

    @property
    def exit_status(self) -> int:
        """Return 0 without findings, 3 for one about a digest, signature or key, 4 for consent, else 1."""
        found = {finding.exit_status for finding in self.findings if not finding.note}
        return next((status for status in (3, 4, 1) if status in found), 0)


def verify(settings: Settings, ui: Ui) -> VerifyReport:
    """Rehash every installed file and check every signature, decision and document. No network."""
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        entries = workspace.lock.entries
        findings = list(_project_findings(workspace))
        checked = run_parallel(lambda entry: audit(workspace, entry), entries, threads=settings.threads)
        findings += [finding for each in checked for finding in each.findings]
        bad = {finding.plugin for finding in findings if not finding.note}
        return VerifyReport(
            tuple(entry.name for entry in entries if entry.name not in bad),
            tuple(sorted(findings, key=lambda f: (f.note, f.plugin))),
            sum(each.files for each in checked),
            sum(each.bytes for each in checked),
        )


def _project_findings(workspace: Workspace) -> Iterator[Finding]:
    """Yield findings about the project as a whole: staleness, decisions, unmanaged folders."""
    for problem in stale_entries(workspace.project, workspace.lock):
        yield NamedFinding.of(problem.plugins[0], problem)
    for widening in not_accepted(workspace):
        yield NamedFinding(
            "" if widening.kind is WideningKind.INDEX else widening.subject,
            ProjectNotAccepted.__name__,
            f"not accepted by you: {widening}",
            hint="tarkpm accept",
            exit_status=ProjectNotAccepted.exit_status,
        )
    if note := project_note(workspace):
        yield NamedFinding("", "Note", note, note=True)
    try:
        workspace.require_built_here()
    except TarkError as problem:
        yield Finding.of("", problem)
    for name in workspace.environment.names():
        if name not in workspace.lock.by_name:
            message = "tarkpm did not install this folder, but tark loads it"
            yield unmanaged(name, message, workspace.environment.folder(name))
    for unmet in unmet_dependencies(workspace.lock.entries):
        hint = f"tarkpm add {unmet.needed.name}"
        yield NamedFinding(unmet.plugin, ResolutionError.__name__, str(unmet), hint=hint)
