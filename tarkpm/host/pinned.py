"""Compare the tools that a running plugin defines with their pins (docs/trust-rules.md, rule 13)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.text import neutral
from tarkpm.core.tool import ToolDef, ToolPin, pin
from tarkpm.errors import DigestMismatch, PluginFailed
from tarkpm.host.image import PluginImage

Withheld = Callable[[PluginImage, tuple[ToolPin, ...]], None]
"""Called with a plugin and the pins that its tools differ from."""


class _Seen(NamedTuple):
    """The process that defined its tools, the names of those that match their pins, and all its names."""

    pid: int | None
    names: frozenset[str]
    defined: frozenset[str]


class PinnedTools:
    """The tools that may be called, by plugin, since each plugin's process last defined its tools."""

    def __init__(self, tell: Withheld | None) -> None:
        self._tell = tell
        self._seen: dict[str, _Seen] = {}

    def matching(self, image: PluginImage, tools: Sequence[ToolDef], pid: int | None) -> list[ToolDef]:
        """Return the tools that the process ``pid`` defines as they are pinned, and remember the others."""
        if image.tools is None:
            return list(tools)
        kept = [tool for tool in tools if pin(tool) in image.tools]
        names = frozenset(tool.name for tool in kept)
        self._seen[image.name] = _Seen(pid, names, frozenset(tool.name for tool in tools))
        # A tool that is pinned and not defined at all is as different as one with another text.
        refused = tuple(one for one in image.tools if one.name not in names)
        if refused and self._tell is not None:
            self._tell(image, refused)
        return kept

    def knows(self, image: PluginImage, pid: int | None) -> bool:
        """Return whether this process was asked. Once is enough: agents read the pinned text, not its own."""
        seen = self._seen.get(image.name)
        return image.tools is None or (pid is not None and seen is not None and seen.pid == pid)

    def check(self, image: PluginImage, tool: str) -> None:
        """Raise `DigestMismatch` for a tool that is not defined as it is pinned, or not pinned at all.

        One that is neither pinned nor defined is no mismatch but a wrong name: `PluginFailed`.
        """
        seen = self._seen.get(image.name)
        if image.tools is None or (seen is not None and tool in seen.names):
            return
        shown, pinned = neutral(tool, limit=100), [one.name for one in image.tools]
        if seen is not None and tool not in {*pinned, *seen.defined}:
            text = f"the plugin has no tool named '{shown}'{did_you_mean(tool, pinned)}"
            raise PluginFailed(text, where=image.name, hint=f"tarkpm tools {image.name}")
        if tool in pinned:
            text, hint = f"the tool '{shown}' does not define itself as tark.lock pins it", "disable"
        else:
            text, hint = f"tark.lock pins no tool named '{shown}'", "tools"
        raise DigestMismatch(text, where=image.name, hint=f"tarkpm {hint} {image.name}")
