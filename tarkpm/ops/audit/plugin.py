"""Audit one installed plugin without network or clock."""

import shlex
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from tarkpm.core.capability import KINDS
from tarkpm.core.digest import FileEntry
from tarkpm.core.lockfile import LockEntry, fingerprint
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import IndexSource, is_extra
from tarkpm.core.text import some
from tarkpm.core.trust import check_minimum
from tarkpm.core.withdrawn import why_yanked, yanked_note
from tarkpm.errors import DigestMismatch, LockStale, NotFound, StoreError, TarkError
from tarkpm.host.module.fit import misfit, refusal
from tarkpm.host.module.inspect import inspect
from tarkpm.ops.change.fetch_locked import verify_documents
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import stored_files
from tarkpm.ops.release.installed import REPAIR, is_current_copy, repair
from tarkpm.ops.release.log_entry import locked_log_entry
from tarkpm.ops.release.way_back import require_trusted
from tarkpm.store.environment import DATA
from tarkpm.store.withheld import Withheld


class Finding(msgspec.Struct, frozen=True):
    """A problem or, as a note, a fact worth knowing; ``code`` is the name of an error class or of a kind."""

    plugin: str
    code: str
    message: str
    where: str = ""
    hint: str = ""
    exit_status: int = 1
    note: bool = False

    @classmethod
    def of(cls, plugin: str, error: TarkError) -> "Finding":
        """Return the finding that an error means."""
        status = 3 if error.exit_status == 3 else 1
        return cls(plugin, error.code, error.message, error.where, error.hint, status)


class NamedFinding(Finding, frozen=True):
    """A finding whose message names its plugin: the name is not printed in front of it again."""


def unmanaged(plugin: str, message: str, path: Path) -> Finding:
    """Return the finding about a file or folder that no release put there."""
    where = str(path)
    return Finding(plugin, "Unmanaged", message, where, hint=f"inspect it, then: rm -r {shlex.quote(where)}")


class Audited(msgspec.Struct, frozen=True):
    """Every finding about one plugin, and the number and bytes of the files that are intact."""

    findings: tuple[Finding, ...]
    files: int
    bytes: int


def audit(workspace: Workspace, entry: LockEntry) -> Audited:
    """Audit one locked plugin; reads each of its files once."""
    return _Audit(workspace, entry).run()


_SCRATCH = threading.local()


def _buffer() -> bytearray:
    """Return this thread's buffer: modules are read into the same memory one after another."""
    if not hasattr(_SCRATCH, "buffer"):
        _SCRATCH.buffer = bytearray()
    buffer: bytearray = _SCRATCH.buffer
    return buffer


class _Audit:
    def __init__(self, workspace: Workspace, entry: LockEntry) -> None:
        self.workspace, self.entry = workspace, entry
        self.folder = workspace.environment.folder(entry.name)
        self.installed = workspace.record.installed.get(entry.name)
        self.documents: dict[str, bytes] = {}
        self.findings: list[Finding] = []
        self.files = self.bytes = 0

    def run(self) -> Audited:
        # Independent attempts: one failure must not hide the other findings.
        self._attempt(self._check_decisions, NamedFinding)
        self._attempt(self._check_log)
        self._attempt(self._check_record)
        self._attempt(self._check_contents)
        self._note_edited_copy()
        return Audited(tuple(self.findings), self.files, self.bytes)

    def _attempt(self, check: Callable[[], None], kind: type[Finding] = Finding) -> None:
        try:
            check()
        except LockStale as problem:
            self._found(problem, NamedFinding if problem.plugins else kind)
        except TarkError as problem:
            self._found(problem, kind)
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            self._found(
                StoreError(
                    f"the folder cannot be checked: {reason}",
                    where=str(problem.filename or self.folder),
                    hint=repair(problem, self.folder),
                )
            )

    def _found(self, problem: TarkError, kind: type[Finding] = Finding) -> None:
        found = kind.of(self.entry.name, problem)
        if found not in self.findings:  # two attempts may fail for the same reason
            self.findings.append(found)

    def _note(self, message: str) -> None:
        self.findings.append(Finding(self.entry.name, "Note", message, note=True))

    def _check_decisions(self) -> None:
        project = self.workspace.project
        if self.entry.name in project.requirements or isinstance(self.entry.source, IndexSource):
            require_trusted(self.workspace, project, self.entry)
        if reason := why_yanked(self.entry, self.workspace.vouched):
            message = yanked_note(f"'{self.entry.name}' {self.entry.version}", reason)
            self.findings.append(NamedFinding(self.entry.name, "Note", message, note=True))
        check_minimum(self.entry.name, self.entry.min_tark_version, project.tark_version)

    def _check_log(self) -> None:
        """Check the proof in state, and note a release of an index with a log that has none there.

        One from a registry may have none: its publisher decides.
        """
        source = self.entry.source
        # Of another release than the installed one, nothing was verified yet: a lock that was edited is no
        # fault of the index.
        if self.installed and self.installed.fingerprint != fingerprint(self.entry):
            return
        if locked_log_entry(self.workspace, self.entry) or not isinstance(source, IndexSource):
            return
        if self.workspace.resource(KnownLogs).seen(source):
            message = f"nothing shows on this machine that it is in the log of {source}: tarkpm update"
            self._note(message)

    def _check_record(self) -> None:
        if self.installed is not None and self.installed.fingerprint != fingerprint(self.entry):
            raise LockStale(
                "tark.lock changed since this was installed", where="tark.lock", hint="tarkpm sync"
            )

    def _note_edited_copy(self) -> None:
        """Note a working copy that has other files than were installed of it; that is no fault."""
        # A folder that was never installed from is not read: nobody may have accepted it.
        if self.installed is None or self.installed.fingerprint != fingerprint(self.entry):
            return
        try:
            if not is_current_copy(self.workspace, self.entry):
                self._note("its working copy changed since it was installed: tarkpm sync")
        except (TarkError, OSError):
            self._note("its working copy cannot be read")

    def _expected(self) -> tuple[FileEntry, ...]:
        """Return the expected files; those of a working copy and of another release are only in state."""
        if not self.entry.is_working_copy and not self._is_other_release():
            return stored_files(self.entry)
        files = self.installed.files if self.installed else ()
        return tuple(FileEntry(file.name, file.sha256, file.size) for file in files)

    def _is_other_release(self) -> bool:
        """Return whether the lock names another release: then nothing is damaged, it is not synced yet.

        A lock that names the same statement with other files was tampered with.
        """
        if self.installed is None or self.installed.fingerprint == fingerprint(self.entry):
            return False
        statement = next((file.sha256 for file in self.installed.files if file.name == STATEMENT), None)
        return self.entry.statement is None or statement != self.entry.statement.sha256

    def _check_contents(self) -> None:
        expected = self._expected()
        if not expected or not self.folder.is_dir():
            raise NotFound("locked but not installed", where=str(self.folder), hint="tarkpm sync")
        for file in expected:
            self._check_file(file)
        self._attempt(self._check_data_link)
        for name in self.workspace.environment.strangers(self.entry.name, {file.name for file in expected}):
            self.findings.append(unmanaged(self.entry.name, "not part of the release", self.folder / name))
        if (
            self._is_other_release()
            or MANIFEST not in self.documents
            or (self.entry.statement and STATEMENT not in self.documents)
        ):
            return
        manifest = verify_documents(self.entry, self.documents, where=str(self.folder))
        self._check_capabilities(manifest)
        self._check_tools()

    def _check_data_link(self) -> None:
        link, data = self.folder / DATA, self.workspace.data(self.entry.name)
        if not link.is_symlink() or link.readlink() != data:
            raise StoreError(f"expected a link to {data}", where=str(link), hint=REPAIR)

    def _check_file(self, file: FileEntry) -> None:
        """Rehash an installed file; keep a document for later checks, and inspect the module."""
        where = str(self.folder / file.name)
        try:
            data = self.workspace.environment.read_into(self.entry.name, file.name, _buffer())
            file.check(data, where=where)
            self.files, self.bytes = self.files + 1, self.bytes + file.size
            if file.name in (MANIFEST, STATEMENT):
                self.documents[file.name] = bytes(data)
            elif not is_extra(file.name):
                self._check_module(data, where)
        except FileNotFoundError:
            self._found(DigestMismatch(f"'{file.name}' is missing", where=where, hint=REPAIR))
        except OSError as problem:
            hint = repair(problem, self.folder)
            self._found(
                StoreError(f"'{file.name}' cannot be read: {problem.strerror}", where=where, hint=hint)
            )
        except TarkError as problem:
            problem.hint = problem.hint or REPAIR
            self._found(problem)

    def _check_capabilities(self, manifest: Manifest) -> None:
        granted = self.workspace.project.granted(self.entry.name)
        if undeclared := granted.beyond(manifest.capabilities):
            message = f"tark.toml grants undeclared capabilities: {', '.join(map(str, undeclared))}"
            hint = f"tarkpm revoke {self.entry.name} {shlex.quote(str(undeclared.items[0]))}"
            self.findings.append(Finding(self.entry.name, "CapabilityWidened", message, "tark.toml", hint))
        if unknown := manifest.unknown_capabilities:
            self._note(f"declares {some(unknown)}, which tarkpm does not know and never grants")
        if foreign := manifest.foreign_reads:
            self._note(f"declares reading {some(foreign)}: outside your home folder, never granted")
        if not self.entry.signer:
            why = "a working copy" if self.entry.is_working_copy else "no publisher vouches for it"
            self._note(f"unsigned: {why}")

    def _check_tools(self) -> None:
        """Report tools that a host withheld, because they did not define themselves as they are pinned."""
        if self.entry.is_unpinned:
            message = "its tools are not pinned, so agents are not offered them"
            self.findings.append(Finding(self.entry.name, "Note", message, "", "tarkpm lock", note=True))
        notes = Withheld(self.workspace.state.root)
        pins = self.entry.tools or ()
        withheld = [tool for file in self.entry.files for tool in notes.tools(file.sha256, pins)]
        if withheld:
            message = f"when it ran, it defined these tools differently from tark.lock: {some(withheld)}"
            hint = f"tarkpm disable {self.entry.name}"
            self.findings.append(Finding(self.entry.name, "DigestMismatch", message, "", hint, exit_status=3))

    def _check_module(self, wasm: memoryview, where: str) -> None:
        surface = inspect(wasm, where=where)
        if problem := misfit(wasm, surface, self.entry.type):
            hint = f"tarkpm inspect {shlex.quote(where)}"
            message = refusal(problem, self.entry.type)
            self.findings.append(Finding(self.entry.name, "ModuleInvalid", message, where, hint))
        granted = self.workspace.project.granted(self.entry.name)
        for kind in KINDS:
            if kind in surface.kinds and kind not in granted:
                self._note(f"imports {kind}, which is not granted")
