"""The tools that a server lists for an agent, within a budget of its context.

A model reads every listed definition with each of its turns. Beyond the budget, tools are found with
`SEARCH` and called with `CALL` instead of being listed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tarkpm.core.agent.legible import legible, legible_schema
from tarkpm.core.tool import Risk

SEARCH: Final = "search_tools"
CALL: Final = "call_tool"
"""The names of the server's own tools. A plugin's tool has no such name: it has a ``__`` or a digest."""
MAX_TOOLS: Final = 20
MAX_BYTES: Final = 8 * 1024
"""The budget: how many tools, and how many bytes of their definitions, are listed by default."""
MAX_DESCRIPTION: Final = 400
"""Characters of a listed description. `SEARCH` shows the whole text."""
BYTES_A_TOKEN: Final = 4
"""English text and JSON have 3.5 to 4.5 bytes a token with the tokenizers in use."""
CLAIM: Final = "tarkpm.claimed-risk"
"""The key in ``_meta`` that holds the risk as the plugin claims it."""


class AgentTool(msgspec.Struct, frozen=True):
    """A tool of a plugin, as agents see it.

    ``name`` is what an agent calls it by. ``schema`` is a JSON schema of an object. ``risk`` is the plugin's
    claim. ``reaches_out`` says whether its plugin may reach other machines or run programs, ``may_write``
    whether it may change files or run programs: these are tarkpm's knowledge.
    """

    name: str
    plugin: str
    tool: str
    description: str
    schema: Mapping[str, Any]
    risk: Risk
    reaches_out: bool = True
    may_write: bool = False


class Exposure(msgspec.Struct, frozen=True):
    """How many tools to list: at most ``most``, and at most ``room`` bytes of definitions. None: no limit.

    ``partly`` lists as many as fit; otherwise all are listed or none.
    """

    most: int | None = MAX_TOOLS
    room: int | None = MAX_BYTES
    partly: bool = False

    @classmethod
    def read(cls, text: str) -> "Exposure":
        """Read ``all``, ``search`` or a number of tools. Raises `ValueError`."""
        if text == "all":
            return cls(None, None)
        if text == "search":
            return cls(0, 0)
        if not text.isascii() or not text.isdecimal() or len(text) > 6:
            raise ValueError(f"expected all, search or a number of tools, found '{text[:40]}'")
        return cls(int(text), None, partly=True)


class ToolListing(msgspec.Struct, frozen=True):
    """The definitions to list, and how many tools of plugins are not among them."""

    definitions: tuple[Mapping[str, Any], ...]
    hidden: int = 0

    @property
    def size(self) -> int:
        """The size of the definitions as JSON, in bytes."""
        return sum(map(size, self.definitions))


def listing(tools: Sequence[AgentTool], exposure: Exposure) -> ToolListing:
    """Return what to list of ``tools``, in their order."""
    found = [definition(tool) for tool in tools]
    kept = _within(found, exposure)
    is_cut = any(len(tool.description) > MAX_DESCRIPTION for tool in tools[: len(kept)])
    hidden = len(found) - len(kept)
    own = [search_definition(tools, hidden)] if hidden or is_cut else []
    own += [call_definition()] if hidden else []
    return ToolListing((*own, *kept), hidden)


def _within(found: Sequence[Mapping[str, Any]], exposure: Exposure) -> Sequence[Mapping[str, Any]]:
    count = len(found) if exposure.most is None else min(exposure.most, len(found))
    if exposure.room is not None:
        total = 0
        for place, one in enumerate(found[:count]):
            total += size(one)
            if total > exposure.room:
                count = place
                break
    return found[:count] if exposure.partly or count == len(found) else []


def definition(tool: AgentTool, *, whole: bool = False) -> dict[str, Any]:
    """Return a definition in the form of MCP; its description is cut at `MAX_DESCRIPTION` unless ``whole``.

    The title says whose tool it is: a model, and the person who is asked, should see which plugin acts.
    """
    return {
        "name": tool.name,
        "title": legible(f"{tool.plugin}: {tool.tool}"),
        "description": tool.description if whole else _cut(tool.description),
        "inputSchema": legible_schema(tool.schema),
        "annotations": annotations(tool),
        "_meta": {CLAIM: tool.risk},
    }


def _cut(text: str) -> str:
    if len(text) <= MAX_DESCRIPTION:
        return text
    return f"{text[:MAX_DESCRIPTION]}… (cut: {SEARCH} shows the whole text)"


def annotations(tool: AgentTool) -> dict[str, bool]:
    """Return MCP's hints for a claimed risk.

    Clients call a read-only tool without asking. Such a claim is not passed on for a plugin that was granted
    the means to write.
    """
    read_only = tool.risk == "read-only" and not tool.may_write
    hints = {"readOnlyHint": read_only, "openWorldHint": tool.reaches_out}
    return hints if read_only else {**hints, "destructiveHint": tool.risk != "write"}


def search_definition(tools: Sequence[AgentTool], hidden: int) -> dict[str, Any]:
    """Return the definition of `SEARCH`, with the names of the plugins if they fit."""
    about = f"Finds tools of this server. {hidden:,} tools are not listed" if hidden else "Describes tools"
    names = ", ".join(dict.fromkeys(tool.plugin for tool in tools))
    plugins = f" of these plugins: {names}" if hidden and len(names) <= MAX_DESCRIPTION else ""
    return {
        "name": SEARCH,
        "title": "Search tools",
        "description": f"{about}{plugins}. Returns definitions with their whole descriptions.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "words to look for, or the name of a tool"},
                "limit": {"type": "integer", "minimum": 1, "maximum": 20, "default": 5},
            },
            "required": ["query"],
        },
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    }


def call_definition() -> dict[str, Any]:
    """Return the definition of `CALL`.

    It is what the most dangerous tool is: a client that asks before dangerous tools must ask here as well.
    """
    return {
        "name": CALL,
        "title": "Call a tool",
        "description": f"Calls a tool that {SEARCH} found, with arguments that fit its inputSchema.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": f"the name, as {SEARCH} returns it"},
                "arguments": {"type": "object"},
            },
            "required": ["name"],
        },
        "annotations": {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": True},
    }


def size(document: Mapping[str, Any]) -> int:
    """Return the size of a definition as JSON, in bytes."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def tokens(count: int) -> int:
    """Return about how many tokens a text of ``count`` bytes takes."""
    return -(-count // BYTES_A_TOKEN)


def object_schema(text: str) -> dict[str, Any]:
    """Return a plugin's schema as MCP requires it: of an object. The host applies the real one."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("type", "object") != "object":
        return {"type": "object"}
    return {**found, "type": "object"}
