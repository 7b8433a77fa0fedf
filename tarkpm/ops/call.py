"""``tarkpm call``: run one tool of an installed plugin with exactly what was granted."""

import json

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.policy import check_minimum, check_trusted, stale_entries
from tarkpm.core.release import PluginName
from tarkpm.errors import HostError, NotFound, PluginFailed, TarkError
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import Host, PluginImage
from tarkpm.ops.context import Workspace, open_for_reading
from tarkpm.ops.installed import installed_files, installed_manifest, read_installed
from tarkpm.ops.settings import Settings
from tarkpm.ops.ui import Ui


class CallReport(msgspec.Struct, frozen=True):
    """What a tool answered; ``output`` is the plugin's own text."""

    plugin: str
    tool: str
    output: str


def call(settings: Settings, ui: Ui, name: PluginName, tool: str, arguments: str, log: LogSink) -> CallReport:
    """Execute ``tool`` with JSON text as its arguments.

    Raises what loading an image raises, and `HostError` for a plugin that fails, crashes or says no.
    """
    check_json(arguments)
    with open_for_reading(settings, ui) as workspace:
        image = load_image(workspace, name)
    with Host(log=log) as host:
        result = host.call(image, tool, arguments)
    if not result.success:
        raise PluginFailed(result.error or "the tool failed and does not say why", where=f"{name}: {tool}")
    return CallReport(name, tool, result.output)


def check_json(arguments: str) -> None:
    """Raise `TarkError` unless ``arguments`` is a JSON document."""
    try:
        json.loads(arguments)
    except (ValueError, RecursionError) as problem:
        raise TarkError(
            f"the arguments are not JSON: {problem}", hint="""quote them for your shell: '{"text":"a"}'"""
        ) from None


def load_image(workspace: Workspace, name: PluginName) -> PluginImage:
    """The verified bytes of an installed plugin, and what it may do.

    State knows that this entry's signature was verified when it was installed here; what is checked again
    is that the lock still says the same, that the project still leads to it and trusts it, and that the
    bytes handed to the host are the ones that were verified. Raises `LockStale`, `NotFound`,
    `DigestMismatch`, `KeyUntrusted`, `ConsentError`, `HostError` for a disabled plugin.
    """
    workspace.require_built_here()
    entry = _locked(workspace, name)
    workspace.require_accepted()
    check_trusted(workspace.project, entry)
    check_minimum(name, entry.min_tark_version, workspace.project.tark_version)
    manifest = installed_manifest(workspace, entry)
    if not workspace.environment.is_enabled(name):
        raise HostError(f"'{name}' is disabled", hint=f"tarkpm enable {name}")
    wasm = read_installed(workspace, name, installed_files(workspace, entry)[manifest.wasm])
    granted = workspace.project.granted(name).narrow(manifest.capabilities)
    return PluginImage(name, manifest.type, wasm, granted, workspace.data(name))


def _locked(workspace: Workspace, name: PluginName) -> LockEntry:
    """The lock's entry for this plugin, if the project leads to it."""
    entry = workspace.lock.get(name)
    if entry is None:
        where = str(workspace.place.lock_file)
        raise NotFound(f"no plugin named '{name}' is locked", where=where, hint="tarkpm list")
    for problem in stale_entries(workspace.project, workspace.lock):
        if f"'{name}'" in problem.message:
            raise problem
    return entry
