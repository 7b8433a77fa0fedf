"""Calls that succeed and calls that fail in every way, in turn."""

import contextlib

from support import wat
from tarkpm.errors import HostError
from tarkpm.host.runtime import PluginHost, PluginImage


def fifty_calls(host: PluginHost, text_tools: PluginImage, hostile: PluginImage) -> None:
    """Call both plugins fifty times; those of the well-meaning one succeed."""
    for turn in range(50):
        assert host.call(text_tools, "text-stats", '{"text":""}').success
        with contextlib.suppress(HostError):
            host.call(hostile, wat.HOSTILE_TOOLS[turn % len(wat.HOSTILE_TOOLS)], "")
