"""``tarkpm rebuild``: build a release from the commit that it names, and compare byte for byte.

Compilers run on a stranger's source, as in `tarkpm build` of a cloned folder: with the same protections
(docs/decisions/0151), and without cargo, which runs code of the source (docs/decisions/0225).
"""

import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from tarkpm.core.built_from import BuiltFrom, checked
from tarkpm.core.digest import sha256
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.names import STATEMENT
from tarkpm.core.rebuilt import Rebuild, RebuiltRelease, sign_rebuild
from tarkpm.core.recipe import CARGO
from tarkpm.core.release import GitSource, IndexSource, is_plugin_name
from tarkpm.core.statement import verify
from tarkpm.core.version import Range
from tarkpm.errors import KeyUntrusted, NotFound, Refused, SignatureInvalid, StoreError
from tarkpm.host.module.sections import differing_sections
from tarkpm.io.files import atomic_write, make_private
from tarkpm.io.paths import expanded
from tarkpm.ops.author.building import BuildPlan, build_module, plan_build
from tarkpm.ops.author.commit_files import write_commit
from tarkpm.ops.change.offered import offered, offered_as_locked
from tarkpm.ops.change.source_args import GitRef, UsageError, read_source_args
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.fetch import Release
from tarkpm.store.key_file import Passphrase
from tarkpm.store.keys import KeyStore

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SHOWN = 8
"""Differing sections that are named."""


class RebuildReport(msgspec.Struct, frozen=True):
    """What a release is when it is built again.

    ``statement`` is the SHA-256 of its plugin.dsse.json. ``toolchain`` is the one that built it here, with
    its version, ``named`` the one that the statement names. ``size`` and ``sha256`` are those of the module
    that was built. ``differences`` say what is not the same, in sentences. ``attestation`` is the
    signed file.
    """

    name: str
    version: str
    signer: str
    statement: str
    source: BuiltFrom
    toolchain: str
    named: str
    size: int
    sha256: str
    same: bool
    differences: tuple[str, ...] = ()
    attestation: str = ""


class Attest(msgspec.Struct, frozen=True):
    """How to sign the outcome: with the key of this name, into a file."""

    key: str
    file: Path
    passphrase: Passphrase


def rebuild(
    settings: Settings,
    ui: Ui,
    text: str,
    ref: GitRef,
    *,
    run_cargo: bool = False,
    attest: Attest | None = None,
) -> RebuildReport:
    """Build the release that ``text`` names from its source, and compare all of its files.

    ``text`` is as for `info`; of a locked plugin the locked release is meant. ``run_cargo`` allows a source
    whose build runs its own code. ``attest`` signs the outcome, whatever it is.

    Raises `NotFound` if the release names no source, `Refused` for a source that is not to be built here,
    `CommitUnreached` for a commit that the repository's refs do not lead to, `BuildError`, what `add` raises
    before it asks, and for ``attest`` `StoreError`, `KeyUntrusted` and `SignatureInvalid`.
    """
    settings, release, built_from = _named(settings, ui, text, ref)
    # Before a compiler runs for minutes: a key or a place that cannot be used.
    signing = _signing(settings, release, built_from, attest) if attest else None
    place = make_private(settings.paths.cache / "builds")
    # Not in /tmp, as in `building`: some compilers read files of the folders above.
    with tempfile.TemporaryDirectory(prefix=".rebuild-", dir=place) as temporary:
        folder = Path(temporary)
        with open_for_reading(settings, ui) as workspace:
            write_commit(workspace, built_from, release.candidate, folder)
        plan = plan_build(settings, folder)
        _check_builds(plan, built_from, run_cargo=run_cargo)
        ui.busy(f"building {plan.manifest.wasm} with {plan.toolchain.name}")
        wasm, version = build_module(settings, ui, plan)
        ui.busy("")
        report = _report(release, built_from, plan, wasm, version)
    if signing is None or attest is None:
        return report
    file = settings.cwd / expanded(attest.file)
    atomic_write(file, sign_rebuild(_about(release), Rebuild(report.source, report.same), **signing))
    return msgspec.structs.replace(report, attestation=str(file))


def _named(settings: Settings, ui: Ui, text: str, ref: GitRef) -> tuple[Settings, Release, BuiltFrom]:
    """Return the release that is meant, and what it was built from."""
    with open_for_reading(settings, ui) as workspace:
        entry = None if ref.given else _locked(workspace, text)
        if entry is not None:
            require_accepted(workspace)
            release = offered_as_locked(workspace, entry).release
            return settings, release, _source(release)
    settings, (typed,) = read_source_args(settings, [text], ref, verb="rebuild")
    with open_for_reading(settings, ui) as workspace:
        request = typed.request(workspace.project)
        if isinstance(request.source, IndexSource):
            require_accepted(workspace)
        release = offered(workspace, request).release
        return settings, release, _source(release)


def _signing(settings: Settings, release: Release, source: BuiltFrom, attest: Attest) -> Any:
    """Return the key to sign with. Raises `StoreError`, `SignatureInvalid`, `KeyUntrusted` and `Refused`."""
    candidate = release.candidate
    try:
        checked(source)
    except ValueError as problem:
        text = f"others cannot fetch the source, so an attestation would tell them nothing: {problem}"
        raise Refused(text, where=str(source)) from None
    if candidate.statement is None:
        text = f"'{candidate.manifest.name}' is not signed: an attestation would be about no release"
        raise SignatureInvalid(text, where=str(candidate.source))
    folder = (settings.cwd / expanded(attest.file)).parent
    if not folder.is_dir():
        raise StoreError("the folder does not exist", where=str(folder))
    key, signer = KeyStore.in_state(settings.paths.state).load(attest.key, attest.passphrase)
    if key == candidate.signer:
        text = f"{key} signed the release itself: the publisher's own rebuild is no second opinion"
        raise KeyUntrusted(text, where="--key", hint="tarkpm key generate --name rebuilder")
    return {"key": key, "signer": signer}


def _about(release: Release) -> RebuiltRelease:
    candidate = release.candidate
    assert candidate.statement is not None  # `_signing` takes nothing unsigned
    manifest = candidate.manifest
    return RebuiltRelease(manifest.name, manifest.version, candidate.statement.sha256, candidate.files)


def _locked(workspace: Workspace, text: str) -> LockEntry | None:
    """Return the locked release that NAME or NAME@VERSION means; None if it means another one."""
    name, at, wanted = text.partition("@")
    if not is_plugin_name(name.lower()):
        return None
    entry = workspace.lock.get(workspace.name_of(name))
    if entry is None or not at:
        return entry
    try:
        return entry if Range.parse_typed(wanted).matches(entry.version) else None
    except ValueError as problem:
        raise UsageError(str(problem), where=text) from None


def _source(release: Release) -> BuiltFrom:
    """Return what a release was built from: as signed, or else the commit that it is committed in."""
    candidate = release.candidate
    if candidate.statement is not None:
        said, _ = verify(release.contents[STATEMENT], where=str(candidate.source))
        if said.source is not None:
            return said.source
    if isinstance(candidate.source, GitSource):
        return BuiltFrom(candidate.source.git, candidate.source.commit, candidate.source.path)
    name = candidate.manifest.name
    text = f"'{name}' {candidate.manifest.version} does not name the commit that it was built from"
    hint = "its publisher names it in the next release: tarkpm sign --source URL"
    raise NotFound(text, where=str(candidate.source), hint=hint)


def _check_builds(plan: BuildPlan, source: BuiltFrom, *, run_cargo: bool) -> None:
    """Raise `Refused` where nothing would be rebuilt, or where building runs code of the source."""
    # A module that was committed is its own source: that it is equal to itself says nothing.
    if plan.recipe.language == "wasm":
        text = f"the source is the module '{plan.recipe.source}', which another toolchain built"
        raise Refused(f"{text}: there is nothing to rebuild", where=str(source), hint="tarkpm build --help")
    if PurePosixPath(plan.recipe.source).name == CARGO and not run_cargo:
        text = "cargo runs build scripts and macros of the source and of its crates, as you"
        raise Refused(text, where=str(source), hint="read the source; then: tarkpm rebuild --run-cargo")


def _report(release: Release, source: BuiltFrom, plan: BuildPlan, wasm: bytes, version: str) -> RebuildReport:
    candidate = release.candidate
    toolchain = plan.by(version)
    differences = tuple(_differences(release, source, plan, wasm, toolchain))
    return RebuildReport(
        name=candidate.manifest.name,
        version=str(candidate.manifest.version),
        signer=candidate.signer or "",
        statement=candidate.statement.sha256 if candidate.statement else "",
        source=msgspec.structs.replace(source, toolchain=toolchain),
        toolchain=toolchain,
        named=source.toolchain,
        size=len(wasm),
        sha256=sha256(wasm),
        same=not differences,
        differences=differences,
    )


def _differences(
    release: Release, source: BuiltFrom, plan: BuildPlan, wasm: bytes, toolchain: str
) -> "Iterator[str]":
    module = release.candidate.manifest.wasm
    for name in sorted(file.name for file in release.candidate.files):
        theirs = release.contents[name]
        if name == module:
            yield from _module_differences(plan, wasm, theirs)
        elif not (plan.folder / name).is_file():
            yield f"{name} is not in the commit"
        elif (plan.folder / name).read_bytes() != theirs:
            yield f"{name} differs from the one in the commit"
    if wasm != release.contents[module] and source.toolchain not in ("", toolchain):
        yield f"it was built with {toolchain} here, and the release with {source.toolchain}"
    if wasm != release.contents[module] and not plan.toolchain.steady:
        yield f"{plan.toolchain.name} gives other bytes with each build"


def _module_differences(plan: BuildPlan, wasm: bytes, theirs: bytes) -> "Iterator[str]":
    if wasm == theirs:
        return
    name = plan.manifest.wasm
    if len(wasm) == len(theirs):
        at = next(place for place, (a, b) in enumerate(zip(wasm, theirs, strict=True)) if a != b)
        yield f"{name} differs from byte {at:,} on; both have {len(wasm):,} bytes"
    else:
        yield f"{name} has {len(wasm):,} bytes, and {len(theirs):,} in the release"
    if sections := differing_sections(theirs, wasm):
        more = f" and {len(sections) - MAX_SHOWN} more" if len(sections) > MAX_SHOWN else ""
        yield f"sections that differ: {', '.join(sections[:MAX_SHOWN])}{more}"
