"""Load installed plugins for the host, and choose what serves their host calls."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.digest import Digest
from tarkpm.core.lock_check import stale_entries
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.release import PluginName, names_folder
from tarkpm.core.tool import ToolPin
from tarkpm.core.trust import check_minimum
from tarkpm.errors import HostError, NotFound, StoreError, TarkError
from tarkpm.host.compile.cache import Busy, CompileCache, silent
from tarkpm.host.image import Interfaces, PluginImage
from tarkpm.host.imports import Interface
from tarkpm.host.imports.log import LogSink
from tarkpm.host.limits import ANSWER_SECONDS, Limits
from tarkpm.host.module.fit import check_module
from tarkpm.host.runtime import PluginHost
from tarkpm.host.trace import Trace
from tarkpm.host.worker.settings import BIG_MODULE
from tarkpm.io.http_request import USUAL, RequestLimits
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.advice import entry_note
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.installed import installed_files, installed_manifest, read_installed
from tarkpm.ops.release.team_check import check_entry, check_working_copy
from tarkpm.ops.release.unmanaged import is_unmanaged, load_unmanaged, read_unmanaged, unmanaged_names
from tarkpm.ops.release.way_back import require_trusted
from tarkpm.ops.run.compile_cache import compile_cache
from tarkpm.ops.run.hints import or_folder
from tarkpm.ops.run.use_counts import count_uses
from tarkpm.store.withheld import Withheld

ANSWER = RequestLimits(stall=ANSWER_SECONDS, total=ANSWER_SECONDS)
"""The limits of a provider plugin's HTTP requests: a model may think for minutes before its first byte."""


class Images(msgspec.Struct, frozen=True):
    """Plugins ready to run, by name, the folder they work in, and the errors of those that failed to load.

    ``unpinned`` names the tool plugins whose tools no agent may be offered (docs/trust-rules.md, rule 13).
    ``busy`` shows what takes long. ``record`` is whether the project keeps calls of this locked
    plugin; None for others, whose calls are never kept.
    """

    by_name: dict[str, PluginImage]
    workspace: Path
    failed: dict[str, TarkError] = {}
    unpinned: frozenset[str] = frozenset()
    busy: Busy = silent
    record: bool | None = None


def load_images(
    settings: Settings,
    ui: Ui,
    *,
    name: str = "",
    type: str = "",  # noqa: A002
    but: Collection[str] = (),
    cache: CompileCache | None = None,
) -> Images:
    """Return the verified images of enabled plugins: the one of this ``name``, or all (of this ``type``).

    Plugins named in ``but`` are left out.

    A plugin that cannot be loaded is in ``failed`` and does not hide the others; a named one raises. A
    ``cache`` starts looking for the compiled code of a big module in the meantime.
    """
    with open_for_reading(settings, ui) as workspace:
        workspace.require_built_here()
        folder = workspace.location.folder if workspace.environment.in_project else settings.cwd
        if name:
            known = workspace.name_of(name)
            if is_unmanaged(workspace, known):
                require_accepted(workspace)
                return Images({known: load_unmanaged(workspace, known)}, folder, busy=ui.busy)
            entry = _locked(workspace, known)
            require_accepted(workspace)
            image, record = load_image(workspace, entry, cache), workspace.project.record
            if note := entry_note(workspace, entry):
                ui.note(note)
            return Images({entry.name: image}, folder, busy=ui.busy, record=record)
        require_accepted(workspace)
        return _load_all(workspace, folder, type, but)


def _load_all(workspace: Workspace, folder: Path, kind: str, but: Collection[str]) -> Images:
    images: dict[str, PluginImage] = {}
    failed: dict[str, TarkError] = {}
    for entry in workspace.lock.entries:
        if (kind and entry.type != kind) or entry.name in but or not workspace.is_enabled(entry.name):
            continue
        try:
            images[entry.name] = load_image(workspace, _locked(workspace, entry.name))
        except TarkError as problem:
            failed[entry.name] = problem
    unpinned = frozenset(one.name for one in workspace.lock.entries if one.is_unpinned)
    _load_unmanaged(workspace, kind, images, failed)
    return Images(images, folder, failed, unpinned, workspace.ui.busy)


def _load_unmanaged(
    workspace: Workspace, kind: str, images: dict[str, PluginImage], failed: dict[str, TarkError]
) -> None:
    """Add the unmanaged plugins the user agreed to; the others are added to ``failed``."""
    for name in unmanaged_names(workspace):
        if not workspace.is_enabled(name):
            continue
        try:
            if not kind or read_unmanaged(workspace, name).manifest.type == kind:
                images[name] = load_unmanaged(workspace, name)
        except OSError as problem:
            failed[name] = StoreError((problem.strerror or str(problem)).lower(), where=str(problem.filename))
        except TarkError as problem:
            failed[name] = problem


def _locked(workspace: Workspace, name: str) -> LockEntry:
    """Return the plugin's lock entry. Raises `LockStale` unless the project leads to it."""
    entry = workspace.lock.get(name)
    if entry is None:
        where = str(workspace.location.lock_file)
        near = did_you_mean(name, workspace.lock.by_name)
        raise NotFound(f"no plugin named '{name}' is locked{near}", where=where, hint="tarkpm list")
    for problem in stale_entries(workspace.project, workspace.lock):
        if name in problem.plugins:
            raise problem
    return entry


def load_image(workspace: Workspace, entry: LockEntry, cache: CompileCache | None = None) -> PluginImage:
    """Return the verified image of an installed plugin, with what it may do.

    State records that this entry's signature was verified when it was installed here. Checked again: that the
    lock is unchanged, that the project still leads to the entry and trusts it, and that the bytes given to
    the host are the verified ones (docs/trust-rules.md, rule 1). Raises `LockStale`, `NotFound`,
    `DigestMismatch`, `KeyUntrusted`, `ConsentError`, `HostError` for a disabled plugin.
    """
    name = entry.name
    # 1. Trust may have been withdrawn since the installation: an edited [trust], a revocation that was seen.
    require_trusted(workspace, workspace.project, entry)
    check_minimum(name, entry.min_tark_version, workspace.project.tark_version)
    # 2. The lock and the installed plugin.toml are those that were verified here.
    manifest = installed_manifest(workspace, entry)
    if not workspace.is_enabled(name):
        raise HostError(f"'{name}' is disabled", hint=f"tarkpm enable {name}")
    file = installed_files(workspace, entry)[manifest.wasm]
    # 3. Hash the module, and meanwhile read its compiled code: both take long for a big one.
    if cache is not None and file.size >= BIG_MODULE:
        cache.expect(file.sha256, Limits())
    wasm = read_installed(workspace, name, file)
    # 4. Exactly the bytes that were hashed go to the host; the file is not read again.
    path = str(workspace.environment.folder(name) / file.name)
    # 5. [grants] may be edited by hand: a capability that is not declared is never granted (rule 6).
    granted = workspace.project.granted(name).narrow(manifest.capabilities)
    # 6. A team policy may have changed since the installation, or have been set after it.
    check_entry(workspace, entry, manifest)
    data = workspace.data(name)
    pins, unbound = _pins(workspace, entry), manifest.capabilities.unbound(granted)
    return PluginImage(
        name, manifest.type, wasm, granted, data, manifest.oauth, file.sha256, path, pins, unbound
    )


def _pins(workspace: Workspace, entry: LockEntry) -> tuple[ToolPin, ...] | None:
    """Return the definitions that the lock pins, or those that were accepted if it pins none."""
    # A pull that drops the pins must not free the plugin from them (docs/trust-rules.md, rule 13).
    accepted = workspace.record.accepted.plugins.get(entry.name)
    return entry.tools if entry.tools is not None or accepted is None else accepted.tools


def load_working_copy(settings: Settings, ui: Ui, path: str, *, ask: bool = True) -> Images:
    """Return the plugin in a folder without installing it, with what this user agreed to for the folder.

    Without ``ask`` it gets what it may do without a question. Raises `CapabilityWidened` without consent, and
    what `read_working_copy` raises.
    """
    # Here, because cards take longer to import than an installed plugin to call.
    from tarkpm.ops.release.folder_consent import agreed_grants, known_grants
    from tarkpm.ops.release.working_copy import read_working_copy, working_copy_data

    copy = read_working_copy(settings.cwd, path)
    # Before the question: nobody should agree to what cannot run, or to what the team policy forbids.
    check_module(copy.wasm, copy.manifest.type, where=str(copy.module_file), hint=copy.inspect_hint)
    chosen = CapabilitySet.of(settings.folder_grants) or copy.declared
    check_working_copy(settings, copy.manifest, chosen if ask else known_grants(settings, copy))
    granted = agreed_grants(settings, ui, copy) if ask else known_grants(settings, copy)
    image = copy.image(granted, working_copy_data(settings, copy))
    return Images({image.name: image}, settings.cwd, busy=ui.busy)


def load_target(
    settings: Settings, ui: Ui, target: str, cache: CompileCache | None = None, *, ask: bool = True
) -> tuple[PluginImage, Images]:
    """Return the image of an installed plugin, or of a working copy if ``target`` is a folder.

    A ``cache`` starts looking for the compiled code of a big module in the meantime. ``ask`` is that of
    `load_working_copy`. Raises `TarkError` for answers about a folder where ``target`` is a name.
    """
    if settings.folder_grants and settings.accept_folder:
        raise TarkError("expected --grant or --accept-capabilities, found both")
    if names_folder(target):
        images = load_working_copy(settings, ui, target, ask=ask)
    elif settings.folder_grants or settings.accept_folder:
        option = "--grant" if settings.folder_grants else "--accept-capabilities"
        text = f"{option} is for a plugin's folder, found the name '{target}'"
        raise TarkError(text, where=option, hint=f"tarkpm grant {target} --help")
    else:
        with or_folder(settings, target):
            images = load_images(settings, ui, name=PluginName(target), cache=cache)
    (image,) = images.by_name.values()
    return image, images


def open_host(
    settings: Settings,
    images: Images,
    *,
    log: LogSink | None,
    trace: Trace | None = None,
    cache: CompileCache | None = None,
    long_lived: bool = False,
    interfaces: Interfaces | None = None,
    limits: Limits | None = None,
) -> PluginHost:
    """Return a host that serves plugins what this user granted, in the folder of ``images``.

    ``cache`` is this user's `compile_cache`, if already open. ``long_lived`` is for many plugins and calls:
    workers are forked, and end when idle.
    """
    return PluginHost(
        limits,
        log,
        trace=trace,
        interfaces=interfaces or serve(settings, images.workspace),
        cache=cache or compile_cache(settings, images.busy),
        long_lived=long_lived,
        withheld=lambda image, tools: Withheld(settings.paths.state).add(Digest(image.sha256), tools),
        used=lambda image, counts: count_uses(settings, image, counts),
    )


def serve(settings: Settings, workspace: Path) -> Interfaces:
    """Return what serves host calls; an implementation is imported if a plugin was granted its kind."""
    environment = settings.environment

    def interfaces(image: PluginImage, report: Callable[[str], None]) -> Mapping[str, Interface]:
        granted = image.granted
        served: dict[str, Interface] = {}
        if "http" in granted:
            from tarkpm.host.imports.http import Http
            from tarkpm.host.imports.ws import Sockets
            from tarkpm.io.proxies import Proxies
            from tarkpm.ops.run.secrets import secrets_of

            proxies, secrets = Proxies.read(environment), secrets_of(settings, image, report)
            request = ANSWER if image.type == "provider" else USUAL
            served["http"] = Http(
                granted, report, proxies=proxies, limits=request, denials=image.is_older, secrets=secrets
            )
            served["ws"] = Sockets(granted, report, proxies=proxies, secrets=secrets)
        if "env" in granted:
            from tarkpm.host.imports.env import Env

            served["env"] = Env(granted, environment, report)
        if "fs_read" in granted:
            from tarkpm.host.imports.fs import Fs

            served["fs"] = Fs(granted, settings.home, report, settings.guard)
        if "filesystem" in granted or "shell" in granted:
            served |= _workspace_interfaces(granted, workspace, settings)
        return served

    return interfaces


def _workspace_interfaces(
    granted: CapabilitySet, workspace: Path, settings: Settings
) -> dict[str, Interface]:
    from tarkpm.host.imports.folders import WorkspaceFolder as Folder

    folder = Folder(workspace, settings.guard)
    served: dict[str, Interface] = {}
    if "filesystem" in granted:
        from tarkpm.host.imports.filesystem import Filesystem

        served["filesystem"] = Filesystem(granted, folder)
    if "shell" in granted:
        from tarkpm.host.imports.shell import Shell

        served["shell"] = Shell(folder, settings.environment)
    return served
