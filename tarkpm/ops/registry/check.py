"""``tarkpm index check``: an audit of a whole index, with every finding in one report."""

import gc
import itertools
from typing import Final

import msgspec

from tarkpm.errors import NotFound, TarkError
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import consider, next_step, pending, read
from tarkpm.registry.audit import Audit
from tarkpm.registry.findings import IndexFinding
from tarkpm.registry.folder import Index

MAX_FINDINGS: Final = 1000


class CheckReport(msgspec.Struct, frozen=True):
    """What an audit looked at, and what it found: notes do not count as wrong."""

    root: str
    plugins: int
    releases: int
    findings: tuple[IndexFinding, ...]

    @property
    def exit_status(self) -> int:
        """1 if anything is off."""
        return int(any(not finding.note for finding in self.findings))


def check(desk: Desk, root: str, *, deep: bool) -> CheckReport:
    """Audit the index in the desk's folder; ``root`` is what its identity must be, "" takes it as it is.

    An index that cannot even be opened is a finding, too. Raises `NotFound` where there is none.
    """
    try:
        index = desk.open()
    except NotFound:
        raise
    except TarkError as problem:
        return CheckReport("", 0, 0, (IndexFinding.of(problem),))
    gc.enable()  # it was off for a quick start; this may take minutes
    audit = Audit(index, desk.now, deep=deep)
    findings = list(itertools.islice(audit.findings(), MAX_FINDINGS))
    if len(findings) == MAX_FINDINGS:
        findings.append(IndexFinding("TooMany", f"stopped after {MAX_FINDINGS} findings"))
    if root and root != index.first_root:
        text = f"expected the index with root {root}, found {index.first_root}"
        findings.insert(0, IndexFinding("IndexUntrusted", text, str(desk.folder)))
    findings += _proposals(desk, index)
    return CheckReport(index.first_root, audit.plugins, audit.releases, tuple(findings))


def _proposals(desk: Desk, index: Index) -> list[IndexFinding]:
    """A note for each proposal that waits, and a finding for one that cannot be what it should."""
    found = []
    for file in pending(desk):
        try:
            business = consider(desk, index, read(file), file)
            text = f"waits: {business.review.title}, signed by {len(business.signed_by())}"
            found.append(IndexFinding("Waiting", text, str(file), next_step(desk, business), note=True))
        except TarkError as problem:
            found.append(IndexFinding.of(problem))
    return found
