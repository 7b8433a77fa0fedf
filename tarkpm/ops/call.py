"""``tarkpm call``: run a tool of a plugin with exactly the granted capabilities."""

from contextlib import suppress
from shlex import quote
from typing import Final

import msgspec

from tarkpm.core.release import names_folder
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
from tarkpm.ops.run.images import load_target, open_host
from tarkpm.ops.run.json_text import check_json

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
) -> CallReport:
    """Execute ``tool`` of an installed plugin, or of a working copy, with JSON text as its arguments.

    Raises what `load_image` raises, and `HostError` for a plugin that fails or crashes.
    """
    check_json(arguments)
    cache = compile_cache(settings, ui.busy)
    image, images = load_target(settings, ui, target, cache)
    with open_host(settings, images, log=log, trace=trace, cache=cache) as host:
        with helping(f"tarkpm tools {quote(target)}", but=_BY_CODE):
            result = host.call(image, tool, arguments)
        if not result.success:
            message = result.error or "the tool failed without a reason"
            hint = _hint(settings, ui, host, image, target, tool)
            raise PluginFailed(message, where=f"{image.name}: {tool}", hint=hint)
    return CallReport(image.name, tool, result.output)


def _hint(settings: Settings, ui: Ui, host: PluginHost, image: PluginImage, target: str, tool: str) -> str:
    """Return the command that explains a failure which a tool reported; "" if only its own code does."""
    lacked = host.lacked(image.name)
    if lacked and not names_folder(target):
        return grant_command(settings, ui, target, lacked) or f"tarkpm info {quote(target)}"
    with suppress(HostError):
        if tool in [one.name for one in host.tools(image)]:
            return ""
    return f"tarkpm tools {quote(target)}"
