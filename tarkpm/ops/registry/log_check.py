"""``tarkpm index log check``: audit the log in an index's folder."""

from pathlib import Path

import msgspec

from tarkpm.core.layout import INDEX, SEARCH
from tarkpm.core.rows import MAX_ROWS, parse
from tarkpm.core.tlog.compared import SeenTree, log_report
from tarkpm.core.tlog.note import MAX_NOTE, Checkpoint
from tarkpm.errors import IndexUntrusted, NotFound, TarkError
from tarkpm.io.files import read_file
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.transparency import check_newest
from tarkpm.registry.audit_log import LogAudit
from tarkpm.registry.findings import IndexFinding
from tarkpm.registry.log import IndexLog

MAX_FINDINGS = 1000


class LogCheckReport(msgspec.Struct, frozen=True):
    """The log, if it can be read, the number of releases compared with it, and the findings."""

    log: SeenTree | None
    releases: int
    findings: tuple[IndexFinding, ...]

    @property
    def exit_status(self) -> int:
        """1 if a finding is a problem, else 0."""
        return int(any(not finding.note for finding in self.findings))


def check_log(desk: Desk, against: Path | None) -> LogCheckReport:
    """Read the whole log, and compare it with the rows of all releases, and with a saved checkpoint.

    Raises `NotFound` for an index without a log.
    """
    index = desk.open()
    if index.authority.log is None:
        raise NotFound(
            "the index has no log", where=str(desk.folder), hint=desk.command("log", "init", "--help")
        )
    audit, count = LogAudit(index), 0
    findings: list[IndexFinding] = []
    for path, target in index.entries(INDEX):
        listing = None if path == SEARCH else parse(index.read_target(path, target, MAX_ROWS), where=path)
        for row in listing.rows if listing else ():
            assert listing is not None
            count += 1
            try:
                audit.row(listing.name, row)
            except TarkError as problem:
                findings.append(IndexFinding.of(problem))
    findings += audit.findings()
    other = None
    try:
        if audit.log:
            check_newest(desk, index, audit.log)
            other = _other(desk, audit.log, against) if against else None
    except TarkError as problem:
        findings.append(IndexFinding.of(problem))
    checkpoint = audit.log.checkpoint if audit.log else None
    where = str(desk.folder)
    report = log_report(index.authority.log, checkpoint, other, where=where) if checkpoint else None
    return LogCheckReport(report, count, tuple(findings[:MAX_FINDINGS]))


def _other(desk: Desk, log: IndexLog, against: Path) -> Checkpoint:
    """Return a saved checkpoint that the log continues. Raises `IndexUntrusted`, `NotFound`."""
    try:
        data = read_file(desk.settings.cwd / against, MAX_NOTE)
    except FileNotFoundError:
        raise NotFound("the checkpoint does not exist", where=str(against)) from None
    other = log.keys.checkpoint(data, where=str(against))
    if other.size > log.size or log.root_at(other.size) != other.root:
        text = f"the log does not continue the tree of {other.size:,} entries in this checkpoint"
        raise IndexUntrusted(text, where=str(against), hint="keep both checkpoints: they prove it")
    return other
