"""``tarkpm verify``: an offline audit of everything installed, with every finding in one report."""

from collections.abc import Iterator

import msgspec

from tarkpm.core.decisions import Decisions
from tarkpm.core.follow import stale_entries
from tarkpm.core.resolver import unmet_dependencies
from tarkpm.errors import TarkError
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.audit import Finding, audit, unmanaged
from tarkpm.ops.context import Workspace, open_for_reading
from tarkpm.ops.settings import Settings
from tarkpm.ops.ui import Ui


class VerifyReport(msgspec.Struct, frozen=True):
    """What was checked, and all that was found."""

    verified: tuple[str, ...]
    findings: tuple[Finding, ...]
    files: int = 0
    bytes: int = 0

    @property
    def exit_status(self) -> int:
        """0 without findings; 3 if any is about a digest, signature or key; else 1."""
        return max((finding.exit_status for finding in self.findings if not finding.note), default=0)


def verify(settings: Settings, ui: Ui) -> VerifyReport:
    """Rehash every installed file and check every signature, decision and document. No network."""
    with open_for_reading(settings, ui) as workspace:
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
    """What is wrong with the project as a whole: staleness, decisions, folders nobody locked."""
    for problem in stale_entries(workspace.project, workspace.lock):
        yield Finding.of(problem.message.split("'")[1], problem)
    for line in Decisions.of(workspace.project).beyond(workspace.record.accepted):
        yield Finding(
            "", "ProjectNotAccepted", f"not accepted by you: {line}", hint="tarkpm sync --accept-project"
        )
    try:
        workspace.require_built_here()
    except TarkError as problem:
        yield Finding.of("", problem)
    for name in workspace.environment.names():
        if name not in workspace.lock.by_name:
            message = "a folder that tarkpm did not install; tark loads it"
            yield unmanaged(name, message, workspace.environment.folder(name))
    for sentence in unmet_dependencies(workspace.lock.entries):
        plugin, needed = sentence.split("'")[1:4:2]
        yield Finding(plugin, "ResolutionError", sentence, hint=f"tarkpm add {needed.split()[0]}")
