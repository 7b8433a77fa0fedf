"""``tarkpm info``: the details of one plugin, installed or not."""

import shlex
from pathlib import Path

import msgspec

from tarkpm.core.capability import KINDS, CapabilitySet
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.name_similarity import nearest
from tarkpm.core.names import STATEMENT
from tarkpm.core.release import GitSource, IndexSource, OciSource, PluginName, Source, is_plugin_name
from tarkpm.ops.change.offered import (
    Offered,
    VersionRow,
    declared_lines,
    offered,
    offered_as_locked,
    trust_in,
)
from tarkpm.ops.change.source_args import GitRef, SourceArg, read_source_args
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.proofs import known_signer
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.listing import look, not_installed, signer_text
from tarkpm.ops.release.log_entry import LogEntry, installed_log_entry, offered_log_entry
from tarkpm.ops.release.module_facts import (
    installed_module,
    known_rebuilders,
    module_info,
    rebuilders_of,
)
from tarkpm.store.uses import UseCounts


class CapabilityUse(msgspec.Struct, frozen=True):
    """How often a plugin used a granted capability on this machine; days are in UTC, like 2026-11-28."""

    capability: str
    count: int
    first: str
    last: str


class Info(msgspec.Struct, frozen=True):
    """The details of one plugin. ``abi`` is the module's: "tark:plugin", "older tark ABI" or "".

    ``unpinned`` says that tark.lock does not pin the tools of a tool plugin. ``rebuilt_by`` are the keys of
    those who built the release again with the same bytes, ``rebuilt_otherwise_by`` with other bytes.
    """

    name: str
    version: str
    type: str
    status: str
    description: str
    author: str
    homepage: str
    license: str
    min_tark_version: str
    source: str
    commit: str
    signer: str
    abi: str
    declared: tuple[str, ...]
    imported: tuple[str, ...]
    granted: tuple[str, ...]
    unknown_capabilities: tuple[str, ...]
    foreign_reads: tuple[str, ...]
    sign_in: tuple[str, ...]
    contributes: tuple[str, ...]
    activation: tuple[str, ...]
    requires: tuple[str, ...]
    install: str
    wasm: str
    data: str
    unpinned: bool = False
    uses: tuple[CapabilityUse, ...] = ()
    digest: str = ""
    rebuilt_by: tuple[str, ...] = ()
    rebuilt_otherwise_by: tuple[str, ...] = ()
    log: LogEntry | None = None


class Offer(msgspec.Struct, frozen=True):
    """A plugin that is not installed: the release that ``command`` would add, as its source offers it.

    ``status`` is "not installed", or "missing" if it is locked. ``trust`` is that of `Trust`, and ``refusal``
    why `add` would refuse it. ``declares`` are the capabilities in words. ``size`` counts the bytes of all
    files. ``tools`` are names that tark.lock pins; None if they are not known without running the plugin.
    ``rebuilt_by`` and ``rebuilt_otherwise_by`` are as in `Info`. ``identity`` is the CI identity that the
    release proved to its index.
    """

    name: str
    version: str
    type: str
    status: str
    description: str
    author: str
    homepage: str
    license: str
    min_tark_version: str
    source: str
    commit: str
    signer: str
    trust: str
    refusal: str
    withdrawn: str
    abi: str
    declared: tuple[str, ...]
    declares: tuple[str, ...]
    imported: tuple[str, ...]
    unknown_capabilities: tuple[str, ...]
    foreign_reads: tuple[str, ...]
    sign_in: tuple[str, ...]
    contributes: tuple[str, ...]
    activation: tuple[str, ...]
    requires: tuple[str, ...]
    size: int
    tools: tuple[str, ...] | None
    versions: tuple[VersionRow, ...]
    notes: tuple[str, ...]
    command: str
    digest: str = ""
    rebuilt_by: tuple[str, ...] = ()
    rebuilt_otherwise_by: tuple[str, ...] = ()
    log: LogEntry | None = None
    identity: str = ""


def info(settings: Settings, ui: Ui, text: str, ref: GitRef) -> Info | Offer:
    """Return the details of an installed plugin, or of the release that ``add TEXT`` would take.

    ``text`` is a plugin's name, INDEX:NAME, NAME@RANGE, a git URL or a folder. Of what is not installed the
    release is fetched and verified; it is not run, and nobody is asked to trust it. Raises `NotFound`, and
    what `add` raises before it asks.
    """
    plain = is_plugin_name(text.lower()) and not ref.given
    with open_for_reading(settings, ui) as workspace:
        if plain:
            name = workspace.name_of(PluginName(text))
            entry = workspace.lock.get(name)
            if name in workspace.environment.names():
                return _installed(workspace, name, entry)
            if entry:
                require_accepted(workspace)
                return _offer(workspace, offered_as_locked(workspace, entry), "", entry)
            # Without an index there is no other place where the name could be looked up.
            is_slip = bool(nearest(name, workspace.environment.names()))
            if not (settings.cwd / text).is_dir() and (is_slip or not workspace.project.indexes):
                raise not_installed(workspace, name, None)
    settings, (typed,) = read_source_args(settings, [text], ref, verb="info")
    with open_for_reading(settings, ui) as workspace:
        return _seen(workspace, typed, text)


def _seen(workspace: Workspace, typed: SourceArg, text: str) -> Offer:
    """Return the offer that an argument leads to."""
    request = typed.request(workspace.project)
    if isinstance(request.source, IndexSource):
        require_accepted(workspace)
    return _offer(workspace, offered(workspace, request), _add_command(request.source, typed, text), None)


def _add_command(source: Source, typed: SourceArg, text: str) -> str:
    """Return the command that adds what was looked at, without a login that was typed in its URL."""
    words = [text]  # a folder
    if isinstance(source, IndexSource):
        words = [f"{source.index}:{typed.name}" + (f"@{typed.range}" if typed.range else "")]
    elif isinstance(source, OciSource):
        words = [str(source)]
    elif isinstance(source, GitSource):
        options = {"--tag": source.tag, "--branch": source.branch, "--rev": source.rev, "--path": source.path}
        words = [source.git, *(word for pair in options.items() if pair[1] for word in pair)]
    return shlex.join(["tarkpm", "add", *words])


def _offer(workspace: Workspace, seen: Offered, command: str, entry: LockEntry | None) -> Offer:
    candidate = seen.release.candidate
    manifest, source = candidate.manifest, candidate.source
    module = module_info(seen.release.contents[manifest.wasm])
    trust = trust_in(workspace, seen.release)
    pins = entry.tools if entry else None
    rebuilt = known_rebuilders(workspace, entry) if entry else rebuilders_of(candidate, seen.rebuilds)
    statement = () if candidate.statement is None else (len(seen.release.contents[STATEMENT]),)
    return Offer(
        name=manifest.name,
        version=str(manifest.version),
        type=manifest.type,
        status="missing" if entry else "not installed",
        description=manifest.description,
        author=manifest.author,
        homepage=manifest.homepage,
        license=manifest.license,
        min_tark_version=str(manifest.min_tark_version or ""),
        source=str(source.unpinned()),
        commit=source.commit if isinstance(source, GitSource) else "",
        digest=source.digest if isinstance(source, OciSource) else "",
        signer=known_signer(workspace, candidate.entry()),
        trust=trust.signer,
        refusal=trust.refusal,
        withdrawn=seen.withdrawn,
        abi=module.abi if module else "",
        declared=tuple(map(str, manifest.capabilities)),
        declares=tuple(declared_lines(seen.release)),
        imported=tuple(kind for kind in KINDS if module and kind in module.kinds),
        unknown_capabilities=manifest.unknown_capabilities,
        foreign_reads=manifest.foreign_reads,
        sign_in=manifest.oauth.described if manifest.oauth else (),
        contributes=manifest.contributes,
        activation=manifest.activation,
        requires=tuple(map(str, manifest.dependencies)),
        size=sum((*(file.size for file in candidate.files), *statement)),
        tools=None if pins is None else tuple(pin.name for pin in pins),
        versions=seen.versions,
        notes=seen.notes,
        command=command or "tarkpm sync",
        rebuilt_by=rebuilt[0],
        rebuilt_otherwise_by=rebuilt[1],
        log=offered_log_entry(workspace, candidate),
        identity=seen.identity,
    )


def _installed(workspace: Workspace, name: PluginName, entry: LockEntry | None) -> Info:
    environment = workspace.environment
    status, manifest = look(workspace, name)
    if manifest is None:
        raise not_installed(workspace, name, entry)
    source = entry.source if entry else None
    rebuilt = known_rebuilders(workspace, entry)
    module = installed_module(workspace, name, manifest.wasm)
    return Info(
        name=name,
        version=str(manifest.version),
        type=manifest.type,
        status=status,
        description=manifest.description,
        author=manifest.author,
        homepage=manifest.homepage,
        license=manifest.license,
        min_tark_version=str(manifest.min_tark_version or ""),
        source=str(source.unpinned()) if source else "",
        commit=source.commit if isinstance(source, GitSource) else "",
        digest=source.digest if isinstance(source, OciSource) else "",
        signer=signer_text(workspace, entry),
        declared=tuple(map(str, manifest.capabilities)),
        abi=module.abi if module else "",
        imported=tuple(kind for kind in KINDS if module and kind in module.kinds),
        granted=tuple(map(str, _granted(workspace, name, manifest))),
        unknown_capabilities=manifest.unknown_capabilities,
        foreign_reads=manifest.foreign_reads,
        sign_in=manifest.oauth.described if manifest.oauth else (),
        contributes=manifest.contributes,
        activation=manifest.activation,
        requires=tuple(map(str, manifest.dependencies)),
        install=str(environment.folder(name)),
        wasm=str(environment.folder(name) / manifest.wasm),
        data=str(_data(workspace, name, manifest)),
        unpinned=entry is not None and entry.is_unpinned,
        uses=_uses(workspace, _data(workspace, name, manifest)),
        rebuilt_by=rebuilt[0],
        rebuilt_otherwise_by=rebuilt[1],
        log=installed_log_entry(workspace, entry),
    )


def _uses(workspace: Workspace, data: Path) -> tuple[CapabilityUse, ...]:
    found = UseCounts(workspace.settings.paths.state).read(data)
    uses = sorted(found.used.items()) if found else ()
    return tuple(CapabilityUse(text, one.count, one.first, one.last) for text, one in uses)


def _granted(workspace: Workspace, name: PluginName, manifest: Manifest) -> CapabilitySet:
    if _is_unmanaged(workspace, name):
        from tarkpm.ops.release.unmanaged import consented

        return consented(workspace, name)
    return workspace.project.granted(name).narrow(manifest.capabilities)


def _data(workspace: Workspace, name: PluginName, manifest: Manifest) -> Path:
    if _is_unmanaged(workspace, name):
        from tarkpm.ops.release.unmanaged import unmanaged_data

        return unmanaged_data(workspace, manifest.name)
    return workspace.data(name)


def _is_unmanaged(workspace: Workspace, name: PluginName) -> bool:
    return name not in workspace.lock.by_name and name not in workspace.record.installed
