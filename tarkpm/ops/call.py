"""``tarkpm call``: run a tool of a plugin with exactly the granted capabilities."""

from shlex import quote

import msgspec

from tarkpm.core.release import names_folder
from tarkpm.errors import PluginFailed
from tarkpm.host.imports.log import LogSink
from tarkpm.host.process import AnyProcess
from tarkpm.host.trace import Trace
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.compile_cache import compile_cache
from tarkpm.ops.run.grantable import grant_command
from tarkpm.ops.run.images import helping, load_target, open_host
from tarkpm.ops.run.json_text import check_json


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
    spare: AnyProcess | None = None,
) -> CallReport:
    """Execute ``tool`` of an installed plugin, or of a working copy, with JSON text as its arguments.

    ``spare`` is a worker process started in advance; it is used or ended. Raises what `load_image` raises,
    and `HostError` for a plugin that fails or crashes.
    """
    try:
        check_json(arguments)
        cache = compile_cache(settings, ui.busy)
        image, images = load_target(settings, ui, target, cache)
    except BaseException:
        if spare is not None:
            spare.kill()
        raise
    with open_host(settings, images, log=log, trace=trace, spare=spare, cache=cache) as host:
        with helping(f"tarkpm tools {quote(target)}"):
            result = host.call(image, tool, arguments)
        lacked = host.lacked(image.name)
    if not result.success:
        message = result.error or "the tool failed without a reason"
        grant = "" if names_folder(target) or not lacked else grant_command(settings, ui, target, lacked)
        hint = grant or f"tarkpm {'info' if lacked and not names_folder(target) else 'tools'} {quote(target)}"
        raise PluginFailed(message, where=f"{image.name}: {tool}", hint=hint)
    return CallReport(image.name, tool, result.output)
