"""``tarkpm call``: run a tool of a plugin with exactly the granted capabilities."""

from contextlib import suppress
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.release import names_folder
from tarkpm.core.text import neutral
from tarkpm.core.tool import MAX_TOOL_NAME
from tarkpm.errors import HostError, LimitReached, PluginCrashed, PluginFailed
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import PluginHost
from tarkpm.host.trace import Trace
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.compile_cache import compile_cache
from tarkpm.ops.run.grantable import grant_command
from tarkpm.ops.run.hints import helping
from tarkpm.ops.run.images import Images, load_target, open_host
from tarkpm.ops.run.json_text import check_json

if TYPE_CHECKING:  # most calls are not recorded
    from tarkpm.ops.run.kept_call import KeptCalls

_BY_CODE: Final = (PluginFailed, PluginCrashed, LimitReached)
"""Failures of the plugin's code, which the list of its tools does not explain."""


class CallReport(msgspec.Struct, frozen=True):
    """The output of a tool; ``output`` is the plugin's own text."""

    plugin: str
    tool: str
    output: str


def call(
    settings: Settings,
    ui: Ui,
    target: str,
    tool: str,
    arguments: str,
    *,
    log: LogSink,
    trace: Trace | None = None,
    keep: bool = False,
) -> CallReport:
    """Execute ``tool`` of an installed plugin, or of a working copy, with JSON text as its arguments.

    ``keep`` records the call of a locked plugin, as ``[tark] record = true`` does. Raises what
    `load_image` raises, and `HostError` for a plugin that fails or crashes.
    """
    check_json(arguments)
    cache = compile_cache(settings, ui.busy)
    image, images = load_target(settings, ui, target, cache)
    kept = _kept(settings, ui, image, images, keep=keep)
    serving = kept.interfaces if kept else None
    with open_host(settings, images, log=log, trace=trace, cache=cache, interfaces=serving) as host:
        with helping(f"tarkpm tools {quote(target)}", but=_BY_CODE):
            make = partial(host.call, image, tool, arguments)
            result = kept.call(image, make, tool, arguments) if kept else make()
        if not result.success:
            message = result.error or "the tool failed without a reason"
            hint, near = _advice(settings, ui, host, image, target, tool)
            raise PluginFailed(f"{message}{near}", where=f"{image.name}: {tool}", hint=hint)
    return CallReport(image.name, tool, result.output)


def _kept(
    settings: Settings, ui: Ui, image: PluginImage, images: Images, *, keep: bool
) -> "KeptCalls | None":
    """Return what records the call; None if nothing does, and the plugin is served as usual."""
    # Only what is locked has updates.
    if image.type != "tool" or images.record is None or not (keep or images.record):
        return None
    from tarkpm.ops.run.kept_call import KeptCalls

    return KeptCalls(settings, ui, images.workspace)


def _advice(
    settings: Settings, ui: Ui, host: PluginHost, image: PluginImage, target: str, tool: str
) -> tuple[str, str]:
    """Return the command that explains a failure which a tool reported, and the tool that may be meant.

    Both are "" if only the plugin's own code explains it.
    """
    lacked = host.lacked(image.name)
    if lacked and not names_folder(target):
        return grant_command(settings, ui, target, lacked) or f"tarkpm info {quote(target)}", ""
    near = ""
    with suppress(HostError):
        names = [one.name for one in host.tools(image)]
        if tool in names:
            return "", ""
        near = did_you_mean(tool[:MAX_TOOL_NAME], map(neutral, names))
    return f"tarkpm tools {quote(target)}", near
