"""Ask tool plugins for the definitions of their tools, which a change pins (docs/trust-rules.md, rule 13).

A plugin is asked after it was verified, before anybody agreed to it, and with nothing granted: it can compute
and keep its own notes in memory, and no more. The definitions are kept in the store under their digests, so
that `tarkpm tools` and agents read them without starting the plugin.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.digest import FileEntry
from tarkpm.core.release import PathSource
from tarkpm.core.tool import ToolPin, pins
from tarkpm.errors import HostError
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.project.workspace import Workspace

if TYPE_CHECKING:
    from tarkpm.host.runtime import PluginHost
    from tarkpm.ops.release.fetch import Release

WORKERS = 2
"""Plugins that are asked at once: each is a process that computes."""


def with_pins(workspace: Workspace, releases: "Sequence[Release]") -> "list[Release]":
    """Return the releases with the pins of their tools.

    A plugin whose tools cannot be listed has no pins, and a note says why: it may need a capability for that,
    which is not granted yet.
    """
    known = [_known(workspace, release) for release in releases]
    # By module: without grants, equal bytes define equal tools.
    asked = {module_of(release).sha256: release for release in known if _is_open(release)}
    if not asked:
        return known
    workspace.ui.busy("asking for the definitions of tools")
    found = dict(zip(asked, _ask_all(workspace, list(asked.values())), strict=True))
    return [
        _with(release, found[module_of(release).sha256]) if _is_open(release) else release
        for release in known
    ]


def _is_open(release: "Release") -> bool:
    candidate = release.candidate
    working_copy = isinstance(candidate.source, PathSource)
    return candidate.manifest.type == "tool" and candidate.tools is None and not working_copy


def _known(workspace: Workspace, release: "Release") -> "Release":
    """Return a release that is the locked one with the locked pins: its definitions were asked for before."""
    entry = workspace.followed.get(release.candidate.manifest.name)
    if entry is None or entry.tools is None or not release.holds(entry):
        return release
    return _with(release, entry.tools)


def _with(release: "Release", tools: "tuple[ToolPin, ...] | None") -> "Release":
    candidate = msgspec.structs.replace(release.candidate, tools=tools)
    return msgspec.structs.replace(release, candidate=candidate)


def module_of(release: "Release") -> FileEntry:
    """Return the entry of a release's module."""
    candidate = release.candidate
    return next(file for file in candidate.files if file.name == candidate.manifest.wasm)


def _ask_all(workspace: Workspace, releases: "list[Release]") -> "list[tuple[ToolPin, ...] | None]":
    from tarkpm.host.runtime import PluginHost
    from tarkpm.ops.run.compile_cache import compile_cache

    # A process that forks workers costs one more start, and pays from the third plugin on.
    cache = compile_cache(workspace.settings, workspace.ui.busy)
    with PluginHost(cache=cache, long_lived=len(releases) > WORKERS) as host:
        return run_parallel(lambda release: _ask(workspace, host, release), releases, threads=WORKERS)


def _ask(workspace: Workspace, host: "PluginHost", release: "Release") -> "tuple[ToolPin, ...] | None":
    from tarkpm.host.image import PluginImage
    from tarkpm.ops.run.definitions import keep

    manifest, module = release.candidate.manifest, module_of(release)
    wasm = release.contents.get(module.name) or workspace.store.read(module)
    # Nothing is granted, so nothing is ever written to this folder.
    nowhere = Path(workspace.environment.work / "nowhere")
    image = PluginImage(manifest.name, manifest.type, wasm, CapabilitySet(), nowhere, sha256=module.sha256)
    try:
        tools = host.tools(image)
        host.unload(manifest.name)
        keep(workspace.store, tools)
        return pins(tools)
    except HostError as problem:
        workspace.ui.note(f"the tools of '{manifest.name}' are not pinned: {problem.message}")
        return None
