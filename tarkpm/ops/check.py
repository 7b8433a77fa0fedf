"""``tarkpm check``: report whether a working copy would be accepted, and what its author should look at."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.names import MANIFEST, MAX_MANIFEST
from tarkpm.core.search import SearchEntry
from tarkpm.core.tool import ToolDef
from tarkpm.errors import ManifestError, ModuleInvalid, PluginRaised, TarkError
from tarkpm.host.image import PluginImage
from tarkpm.host.module.inspect import ModuleInfo, inspect
from tarkpm.host.runtime import PluginHost
from tarkpm.io.files import read_file
from tarkpm.io.paths import expanded, resolved
from tarkpm.ops.author import review
from tarkpm.ops.author.findings import CheckFinding, Places, exit_status, warned
from tarkpm.ops.author.staleness import stale
from tarkpm.ops.project.indexes import open_client
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.release.working_copy import WorkingCopy, read_working_copy, working_copy_data
from tarkpm.ops.run.images import Images, open_host
from tarkpm.toolchains.javascript import unexported

_EXAMPLES: Final = {
    "plugin.name": 'write name = "my-plugin"',
    "plugin.version": 'write version = "1.0.0", as SemVer 2.0.0 does',
    "plugin.type": 'write type = "tool", "auth", "provider", "hook" or "channel"',
    "capabilities": 'write storage = true, or http = ["api.example.com"], without a scheme and a path',
}
"""What is right, by the key that is not."""


class PluginCheckReport(msgspec.Struct, frozen=True):
    """What was checked, and every finding, the worst first. ``name`` is "" if plugin.toml cannot be read."""

    folder: str
    name: str = ""
    version: str = ""
    type: str = ""
    module: str = ""
    size: int = 0
    imports: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    findings: tuple[CheckFinding, ...] = ()

    @property
    def exit_status(self) -> int:
        """Return 0 without errors, 3 for one about a digest, signature or key, else 1."""
        return exit_status(self.findings)


def check(settings: Settings, ui: Ui, folder: Path) -> PluginCheckReport:
    """Check the plugin in ``folder``, offline: as `publish` would, and what to look at besides.

    Its module runs without any capability, to see whether it loads and how it defines its tools. Raises
    `NotFound` if the folder contains no plugin.
    """
    place = str(resolved(settings.cwd / expanded(folder)))
    try:
        copy = read_working_copy(settings.cwd, folder)
    except TarkError as problem:
        if (file := _manifest(Path(place))) is None:
            raise
        return PluginCheckReport(place, findings=(CheckFinding.of(_placed(problem, file)),))
    places = Places.of(copy)
    findings = [*review.refusals(copy, places), *review.keys(copy, places), *review.documents(copy, places)]
    if old := stale(settings, copy.manifest_file.parent, copy.manifest, copy.wasm):
        findings.append(warned("Stale", old.message, str(copy.module_file), old.hint))
    runs = not any(one.code == "ModuleInvalid" for one in findings)
    info = inspect(copy.wasm) if runs else None
    found: list[ToolDef] = []
    if info is not None:
        findings += review.imports(copy, info, places)
        findings += _running(settings, ui, copy, found)
    findings += review.names(copy, _listed(settings, ui), places)
    return _report(copy, info, found, findings)


def _report(
    copy: WorkingCopy, info: ModuleInfo | None, found: list[ToolDef], findings: list[CheckFinding]
) -> PluginCheckReport:
    manifest = copy.manifest
    order = ("error", "warning", "note")
    return PluginCheckReport(
        str(copy.folder),
        manifest.name,
        str(manifest.version),
        manifest.type,
        str(copy.module_file),
        len(copy.wasm),
        tuple(sorted(info.interfaces)) if info else (),
        tuple(tool.name for tool in found),
        tuple(sorted(findings, key=lambda one: order.index(one.severity))),
    )


def _manifest(folder: Path) -> Path | None:
    """Return the plugin.toml of a folder, None if it has none."""
    files = (folder / MANIFEST, folder / "dist" / MANIFEST)
    return next((file for file in files if os.path.lexists(file)), None)


def _placed(problem: TarkError, file: Path) -> TarkError:
    """Return the error; one about plugin.toml with the line of its key."""
    if isinstance(problem, ManifestError):
        _, _, key = problem.where.partition(f"{MANIFEST}: ")
        path = [part.partition("[")[0] for part in key.split(".")] if key else []
        problem.where = Places(str(file), _text(file)).key(*path)
        problem.hint = problem.hint or _EXAMPLES.get(key, "")
    return problem


def _text(file: Path) -> bytes:
    """Return what can be read of a file, for places in it."""
    with suppress(TarkError, OSError):
        return read_file(file, MAX_MANIFEST)
    return b""


def _running(settings: Settings, ui: Ui, copy: WorkingCopy, found: list[ToolDef]) -> Iterator[CheckFinding]:
    """Load the plugin and add its tools to ``found``. It is granted nothing, so this needs no consent."""
    image = copy.image(CapabilitySet(), working_copy_data(settings, copy))
    ui.busy(f"loading {copy.manifest.name}")
    try:
        with open_host(settings, Images({image.name: image}, copy.folder), log=None) as host:
            if image.type == "tool":
                found += host.tools(image)
            else:
                _ask(host, image)
    except ModuleInvalid as problem:
        problem.hint = problem.hint or copy.inspect_hint
        yield CheckFinding.of(problem)
    except TarkError as problem:
        if isinstance(problem, PluginRaised) and problem.missing:
            yield _unexported(copy, problem.missing)
            return
        # Not a refusal: with nothing granted, a plugin may have to give up. `add` then pins no tools.
        text = f"the module could not be asked without any capability: {problem.message}"
        yield warned("NotAsked", text, str(copy.module_file))
    finally:
        ui.busy("")
    yield from review.tools(found, str(copy.module_file))


def _ask(host: PluginHost, image: PluginImage) -> None:
    """Load the plugin, and make the one call that needs nothing: a component may lack what it declares."""
    asks = {"auth": host.display_name, "hook": host.hook_events, "provider": host.provider_name}
    ask = None if image.is_older else asks.get(image.type)
    if ask is None:
        host.load(image)
    else:
        ask(image)


def _unexported(copy: WorkingCopy, name: str) -> CheckFinding:
    """Return that no call of the plugin can work: a refusal, because capabilities would not change it."""
    interface = f"{copy.manifest.type}Plugin"
    text, hint = unexported(name if name == interface else f"{interface}.{name}")
    return CheckFinding(
        "error", "ModuleInvalid", text, str(copy.module_file), f"{hint}, then: tarkpm build", 1
    )


def _listed(settings: Settings, ui: Ui) -> list[SearchEntry]:
    """Return what the project's indexes list, as far as the cache has it: `check` asks no server.

    Without a readable project or cache nothing is known, which is no finding about the plugin.
    """
    found: list[SearchEntry] = []
    with suppress(TarkError, OSError), open_for_reading(settings, ui) as workspace:
        for index in workspace.project.indexes.values():
            with suppress(TarkError, OSError), open_client(workspace, index, kept=True) as client:
                found += client.search()
    return found
