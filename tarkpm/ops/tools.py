"""``tarkpm tools``: the tools of enabled tool plugins, as the plugins describe them."""

import json
from typing import Any

import msgspec

from tarkpm.errors import TarkError
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import PluginHost, ToolDef
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.images import Images, load_images, load_target, open_host


class Tool(msgspec.Struct, frozen=True):
    """One tool. Everything but ``plugin`` is the plugin's claim; ``schema`` is None if it is not JSON."""

    plugin: str
    name: str
    risk: str
    description: str
    schema: Any


class ToolsReport(msgspec.Struct, frozen=True):
    """All tools, and the errors of plugins that failed to list theirs."""

    tools: tuple[Tool, ...]
    failed: dict[str, str] = {}


def tools(settings: Settings, ui: Ui, target: str, log: LogSink) -> ToolsReport:
    """Return the tools of one plugin (or working copy), or of every enabled tool plugin.

    A plugin that fails is reported and does not hide the others; a named one raises.
    """
    if target:
        image, images = load_target(settings, ui, target)
        with open_host(settings, images, log=log) as host:
            return ToolsReport(tuple(_tool(image.name, tool) for tool in host.tools(image)))
    images = load_images(settings, ui, type="tool")
    with open_host(settings, images, log=log) as host:
        return _ask_all(host, images)


def _ask_all(host: PluginHost, images: Images) -> ToolsReport:
    found: list[Tool] = []
    failed = {name: problem.message for name, problem in images.failed.items()}
    for name, image in images.by_name.items():
        try:
            found += (_tool(name, tool) for tool in host.tools(image))
        except TarkError as problem:
            failed[name] = problem.message
    return ToolsReport(tuple(found), failed)


def _tool(plugin: str, tool: ToolDef) -> Tool:
    try:
        schema = json.loads(tool.parameters_schema)
    except (ValueError, RecursionError):
        schema = None
    return Tool(plugin, tool.name, tool.risk, tool.description, schema)
