"""Compare the tools that a running plugin defines with their pins (docs/trust-rules.md, rule 13)."""

from collections.abc import Callable, Sequence

from tarkpm.core.text import neutral
from tarkpm.core.tool import ToolDef, pin
from tarkpm.errors import DigestMismatch
from tarkpm.host.image import PluginImage

Withheld = Callable[[PluginImage, tuple[str, ...]], None]
"""Called with a plugin and the names of its tools that differ from their pins."""


class PinnedTools:
    """The tools that are withheld, by plugin, since each plugin's process last defined its tools."""

    def __init__(self, tell: Withheld | None) -> None:
        self._tell = tell
        self._seen: dict[str, tuple[int | None, frozenset[str]]] = {}

    def matching(self, image: PluginImage, tools: Sequence[ToolDef], pid: int | None) -> list[ToolDef]:
        """Return the tools that the process ``pid`` defines as they are pinned, and remember the others."""
        if image.tools is None:
            return list(tools)
        kept = [tool for tool in tools if pin(tool) in image.tools]
        refused = tuple(tool.name for tool in tools if tool not in kept)
        self._seen[image.name] = (pid, frozenset(refused))
        if refused and self._tell is not None:
            self._tell(image, refused)
        return kept

    def knows(self, image: PluginImage, pid: int | None) -> bool:
        """Return whether this process was asked. Once is enough: agents read the pinned text, not its own."""
        return image.tools is None or (pid is not None and self._seen.get(image.name, (None,))[0] == pid)

    def check(self, image: PluginImage, tool: str) -> None:
        """Raise `DigestMismatch` for a tool that is withheld."""
        if tool in self._seen.get(image.name, (None, frozenset()))[1]:
            raise DigestMismatch(
                f"the tool '{neutral(tool, limit=100)}' does not define itself as tark.lock pins it",
                where=image.name,
                hint=f"tarkpm disable {image.name}",
            )
