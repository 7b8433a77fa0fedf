"""``tarkpm index check``: audit a whole index and report all findings."""

import gc
import itertools
from typing import Final

import msgspec

from tarkpm.errors import NotFound, TarkError
from tarkpm.host.module.fit import check_module
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import consider, next_step, pending, read
from tarkpm.registry.audit import Audit
from tarkpm.registry.findings import IndexFinding
from tarkpm.registry.folder import Index

MAX_FINDINGS: Final = 1000


class CheckReport(msgspec.Struct, frozen=True):
    """The number of plugins and releases audited, and the findings. Notes are not problems."""

    root: str
    plugins: int
    releases: int
    findings: tuple[IndexFinding, ...]

    @property
    def exit_status(self) -> int:
        """1 if a finding is a problem, else 0."""
        return int(any(not finding.note for finding in self.findings))


def check(desk: Desk, root: str, *, deep: bool) -> CheckReport:
    """Audit the index in the desk's folder.

    ``root`` is the expected digest of its first root, or "" for any. An index that cannot be opened is
    reported as a finding. Raises `NotFound` if the folder contains no index.
    """
    try:
        index = desk.open()
    except NotFound:
        raise
    except TarkError as problem:
        return CheckReport("", 0, 0, (IndexFinding.of(problem),))
    gc.enable()  # disabled for a fast start, but an audit may run for minutes
    audit = Audit(index, desk.now, deep=_check_module if deep else None)
    findings = list(itertools.islice(audit.findings(), MAX_FINDINGS))
    if len(findings) == MAX_FINDINGS:
        findings.append(IndexFinding("TooMany", f"stopped after {MAX_FINDINGS} findings"))
    if root and root != index.first_root:
        text = f"expected the index with root {root}, found {index.first_root}"
        findings.insert(0, IndexFinding("IndexUntrusted", text, str(desk.folder)))
    findings += _proposals(desk, index)
    return CheckReport(index.first_root, audit.plugins, audit.releases, tuple(findings))


def _check_module(wasm: bytes, plugin_type: str, where: str) -> None:
    check_module(wasm, plugin_type, where=where, hint="yank it: tarkpm index yank --help")


def _proposals(desk: Desk, index: Index) -> list[IndexFinding]:
    """Return a note for each waiting proposal, and a problem for each invalid one."""
    found = []
    for file in pending(desk):
        try:
            business = consider(desk, index, read(file), file)
            text = f"waits: {business.review.title}, signed by {len(business.signed_by())}"
            found.append(IndexFinding("Waiting", text, str(file), next_step(desk, business), note=True))
        except TarkError as problem:
            found.append(IndexFinding.of(problem))
    return found
