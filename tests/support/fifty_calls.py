"""Calls that succeed and calls that fail in every way, in turn."""

import contextlib

from support import wat
from support.examples import many
from tarkpm.errors import HostError
from tarkpm.host.runtime import PluginHost, PluginImage


def fifty_calls(host: PluginHost, text_tools: PluginImage, hostile: PluginImage) -> None:
    """Call both plugins fifty times, in the default run once in each way; the well-meaning one's succeed."""
    for turn in range(max(len(wat.HOSTILE_TOOLS), many(50))):
        assert host.call(text_tools, "text-stats", '{"text":""}').success
        with contextlib.suppress(HostError):
            host.call(hostile, wat.HOSTILE_TOOLS[turn % len(wat.HOSTILE_TOOLS)], "")
