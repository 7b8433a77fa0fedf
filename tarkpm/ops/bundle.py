"""``tarkpm bundle``: one file with everything a locked project needs, for machines without a network."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.bundle.layout import plugin_ref
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.names import PROJECT
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.text import some
from tarkpm.core.verification import VerifiedRelease
from tarkpm.errors import LockStale, NotFound
from tarkpm.ops.audit.bundle import (
    BundledIndex,
    InspectedPlugin,
    check_bundle,
    check_project,
    claimed_indexes,
    claimed_plugins,
)
from tarkpm.ops.author.bundled_releases import BundledPlugin, add_releases, root_of
from tarkpm.ops.change.fetch_locked import fetch_missing
from tarkpm.ops.change.prove import require_proofs
from tarkpm.ops.change.target import Target, check_target
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.location import locate
from tarkpm.ops.project.proofs import kept_proof
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.carried_code import BundledCode, claimed_code, verified_code
from tarkpm.sources.bundle import Bundle
from tarkpm.sources.bundle.writer import BundleWriter
from tarkpm.store.claims import Claims
from tarkpm.store.sweep import in_use

if TYPE_CHECKING:  # most bundles have no compiled code
    from tarkpm.ops.author.bundled_code import CodeMaker, CompileRequest, CreatedCode


class BundleCreateReport(msgspec.Struct, frozen=True):
    """The bundle that was written: its digest and size in bytes, its plugins, the roots of its indexes."""

    file: str
    sha256: str
    size: int
    plugins: tuple[BundledPlugin, ...]
    indexes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    compiled: "CreatedCode | None" = None


def create(
    settings: Settings,
    ui: Ui,
    target: Path,
    names: tuple[str, ...] = (),
    compiled: "CompileRequest | None" = None,
) -> BundleCreateReport:
    """Write a bundle of the locked plugins, or of ``names`` and what they depend on.

    Indexes are asked for what they say of the plugins now; releases come from the store or their sources.
    With ``compiled``, it also has code of their big modules, for machines that let its maker's code run.
    Raises `LockStale`, `ProjectNotAccepted`, `NotFound`, `Refused` for another platform than this machine's,
    and what `sync` raises for a release or an index.
    """
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        where = str(workspace.location.lock_file)
        if workspace.lock_bytes is None:
            text = f"{PROJECT} requires plugins, but there is no tark.lock"
            raise LockStale(text, where=where, hint="tarkpm lock")
        maker = _code_maker(settings, ui, compiled) if compiled else None
        # 1. As for `sync`: consent comes before the network.
        require_accepted(workspace)
        chosen = _chosen(workspace, names)
        entries = [entry for entry in chosen if not entry.is_working_copy]
        # 2. Ask the indexes, and keep what they answered. State learns it, too: what was revoked goes into no
        #    bundle.
        slices = {source.root: _ask(workspace, source, entries) for source in _sources(entries)}
        check_target(workspace, Target(workspace.project, workspace.lock, decided=True))
        _require_kept(workspace, entries)
        with in_use(settings.paths.cache, settings.lock_seconds):
            fetch_missing(workspace, entries, [])
            ui.busy("writing the bundle")
            # 3. Verify each release completely, and write it. The next module is read and hashed meanwhile.
            with BundleWriter(settings.cwd / target) as bundle:
                plugins = tuple(add_releases(workspace, bundle, entries, maker))
                code = maker.finish(bundle) if maker else None
                for root, files in slices.items():
                    bundle.add_slice(root, files)
                written = bundle.finish()
        left = [entry.name for entry in chosen if entry.is_working_copy]
        notes = [f"not in the bundle: {some(left)}, which the project itself has"] if left else []
        if maker and not code:
            notes.append("no compiled code is in the bundle: no plugin takes long to compile")
        digest = f"sha256:{written.sha256}"
        return BundleCreateReport(
            str(target), digest, written.size, plugins, tuple(slices), tuple(notes), code
        )


def _require_kept(workspace: Workspace, entries: Iterable[LockEntry]) -> None:
    """Fetch and verify again the proofs of CI identities that the cache lost: a bundle must have them."""
    lost = [entry for entry in entries if kept_proof(workspace, entry) is None]
    require_proofs(workspace, workspace.project, lost, again=True)


def _chosen(workspace: Workspace, names: Iterable[str]) -> list[LockEntry]:
    """Return the locked plugins of these names, with those they depend on; all if there are no names."""
    wanted = workspace.names_of(names)
    if not wanted:
        return list(workspace.lock.entries)
    lock, found = workspace.lock, set[PluginName]()
    while wanted:
        name = wanted.pop()
        entry = lock.get(name)
        if entry is None:
            text = f"this project has no locked plugin named '{name}'"
            raise NotFound(text, where=str(workspace.location.lock_file), hint="tarkpm list")
        if name not in found:
            found.add(name)
            wanted += [need.name for need in entry.requires if lock.get(need.name)]
    return [entry for entry in lock.entries if entry.name in found]


def _sources(entries: Iterable[LockEntry]) -> Iterator[IndexSource]:
    """Yield one source of each index: a project may have two names for one."""
    sources = (entry.source for entry in entries if isinstance(entry.source, IndexSource))
    yield from {source.root: source for source in sources}.values()


def _ask(workspace: Workspace, source: IndexSource, entries: list[LockEntry]) -> Mapping[str, bytes]:
    """Ask an index; returns the files that a client needs which knows nothing of it."""
    names = [entry.name for entry in entries if root_of(entry) == source.root]
    signed = [entry.name for entry in entries if entry.statement]
    return workspace.resource(Indexes).recorded(source, names, signed)


def _code_maker(settings: Settings, ui: Ui, request: "CompileRequest") -> "CodeMaker":
    from tarkpm.ops.author.bundled_code import CodeMaker

    return CodeMaker(settings, ui, request)


class BundleVerifyReport(msgspec.Struct, frozen=True):
    """A verified bundle. ``project`` is the project it was compared with, or "".

    ``missing`` are locked plugins that the bundle does not have, and ``unused`` are those in the bundle that
    are not locked.
    """

    file: str
    plugins: tuple[BundledPlugin, ...]
    indexes: tuple[BundledIndex, ...]
    project: str = ""
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    compiled: tuple[BundledCode, ...] = ()

    @property
    def exit_status(self) -> int:
        """1 if the project needs what the bundle does not have, else 0."""
        return int(bool(self.missing))


def verify(settings: Settings, ui: Ui, file: Path) -> BundleVerifyReport:
    """Check everything in a bundle that can be checked, and that it fits the project here, if there is one.

    Raises what `sync` raises for a bundle.
    """
    in_project = settings.user or locate(settings).environment.in_project
    with Bundle(settings.cwd / file) as bundle:
        vouched = Claims(settings.paths.state).read()
        checked = check_bundle(bundle, vouched, settings.lock_seconds)
        plugins = tuple(_row(release, root) for release, root in checked.plugins.values())
        modules = {release.module.sha256 for release, _ in checked.plugins.values()}
        code = tuple(verified_code(settings, bundle, modules))
        report = BundleVerifyReport(str(file), plugins, checked.indexes, compiled=code)
        if not in_project:
            return report
        with open_for_reading(settings, ui, must_exist=True) as workspace:
            missing = check_project(workspace, checked)
            locked = {plugin_ref(entry.name, entry.version) for entry in workspace.lock.entries}
            return msgspec.structs.replace(
                report,
                project=str(workspace.location.project_file),
                missing=tuple(missing),
                unused=tuple(sorted(checked.plugins.keys() - locked)),
            )


def _row(release: VerifiedRelease, root: str) -> BundledPlugin:
    manifest = release.manifest
    signer, size = release.signer or "", release.module.size
    return BundledPlugin(manifest.name, str(manifest.version), manifest.type, signer, root, size)


class BundleInspectReport(msgspec.Struct, frozen=True):
    """What a bundle says it contains. Nothing of it is verified."""

    file: str
    plugins: tuple[InspectedPlugin, ...]
    indexes: tuple[BundledIndex, ...]
    compiled: tuple[BundledCode, ...] = ()


def inspect_bundle(settings: Settings, file: Path) -> BundleInspectReport:
    """Return what a bundle says it contains, without verifying it. Raises what `Bundle` raises."""
    with Bundle(settings.cwd / file) as bundle:
        return BundleInspectReport(
            str(file),
            tuple(claimed_plugins(bundle)),
            tuple(claimed_indexes(bundle)),
            tuple(claimed_code(settings, bundle)),
        )


class PushedRow(msgspec.Struct, frozen=True):
    """Where a plugin or a slice is, and whether it was pushed now or was there already."""

    reference: str
    digest: str
    written: bool
    existed: bool


class BundlePushReport(msgspec.Struct, frozen=True):
    """What a registry has of a bundle."""

    file: str
    pushed: tuple[PushedRow, ...]


def push(settings: Settings, ui: Ui, file: Path, to: str) -> BundlePushReport:
    """Verify a bundle, and push its contents below a repository. Raises what `push_bundle` raises."""
    from tarkpm.core.oci.reference import parse
    from tarkpm.ops.author.pushing_bundles import push_bundle

    reference = parse(to)
    with Bundle(settings.cwd / file) as bundle:
        checked = check_bundle(bundle, Claims(settings.paths.state).read(), settings.lock_seconds)
        rows = []
        for one in push_bundle(settings, bundle, checked, reference):
            rows.append(PushedRow(str(one.reference), one.digest, one.written, one.existed))
            ui.busy(f"pushed {one.reference}")
        return BundlePushReport(str(file), tuple(rows))
