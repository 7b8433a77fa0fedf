"""``[mcp]`` in tark.toml: which tools agents may call, and before which calls a person is asked.

::

    [mcp]
    allow = ["text-tools", "github:search"]   # a plugin, or one of its tools; without it: every tool
    deny = ["text-tools:save-note"]           # wins over allow
    ask = "risky"                             # before tools that claim this risk or a higher one

Without the table agents may call every tool, and their clients decide whom they ask. A table that is pulled
and restricts less than what was accepted is a widening (docs/trust-rules.md, rule 0).
"""

from typing import Any, Final, Literal

import msgspec

from tarkpm.core.release import folded, plugin_name
from tarkpm.core.tool import RISKS, Risk

Ask = Literal["read-only", "write", "risky", "dangerous", "never"]
ASKS: Final[tuple[Ask, ...]] = (*RISKS, "never")
"""The lowest claimed risk that is asked about; the first one asks about every call."""
MAX_RULES: Final = 256


class McpRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rules of a project for agents. ``allow`` is None if every tool is allowed."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    ask: Ask = "never"

    @classmethod
    def read(cls, table: dict[str, Any]) -> "McpRules":
        """Read the table. Raises `ValueError` with the key."""
        if unknown := sorted(set(table) - {"allow", "deny", "ask"}):
            raise ValueError(f"'{unknown[0][:40]}' is not a known key, expected allow, deny or ask")
        ask = table.get("ask", "never")
        if ask not in ASKS:
            raise ValueError(f"ask: expected one of {', '.join(ASKS)}, found {ask!r:.60}")
        allow = _names(table["allow"], "allow") if "allow" in table else None
        return cls(allow, _names(table.get("deny", []), "deny"), ask)

    def serves(self, plugin: str, tool: str) -> bool:
        """Return whether agents may call a tool."""
        one = f"{folded(plugin)}:{tool}"
        return (self.allow is None or _covers(self.allow, one)) and not _covers(self.deny, one)

    def asks(self, risk: Risk) -> bool:
        """Return whether a person is asked before a tool of this claimed risk."""
        return ASKS.index(risk) >= ASKS.index(self.ask)

    def beyond(self, accepted: "McpRules") -> tuple[str, ...]:
        """Return what these rules allow and the accepted ones do not, as the ends of sentences."""
        found = []
        if accepted.allow is not None:
            more = [one for one in self.allow or () if not _covers(accepted.allow, one)]
            found += ["call every tool"] if self.allow is None else [f"call {one}" for one in more]
        found += [f"call {one}, which was denied" for one in accepted.deny if not _covers(self.deny, one)]
        if ASKS.index(self.ask) > ASKS.index(accepted.ask):
            found.append(f"call tools without asking (ask = {accepted.ask} → {self.ask})")
        return tuple(found)

    def meet(self, other: "McpRules") -> "McpRules":
        """Return rules that allow only what both allow."""
        allow = self.allow if other.allow is None else other.allow
        if self.allow is not None and other.allow is not None:
            both = {one for one in self.allow if _covers(other.allow, one)}
            allow = tuple(sorted(both | {one for one in other.allow if _covers(self.allow, one)}))
        deny = tuple(sorted({*self.deny, *other.deny}))
        return McpRules(allow, deny, min(self.ask, other.ask, key=ASKS.index))


def _covers(rules: tuple[str, ...], one: str) -> bool:
    return one in rules or one.partition(":")[0] in rules


def _names(value: Any, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{key}: expected a list of names, found {value!r:.60}")
    if len(value) > MAX_RULES:
        raise ValueError(f"{key}: expected at most {MAX_RULES} names, found {len(value)}")
    return tuple(sorted({_name(one, key) for one in value}))


def _name(text: str, key: str) -> str:
    plugin, colon, tool = text.partition(":")
    before, joint, after = text.partition("__")
    if joint and not colon and before and after:  # as agents call it; no plugin's name contains "__"
        text = f"{before}:{after}"
        raise ValueError(
            f"{key}: expected PLUGIN or PLUGIN:TOOL, found '{before}__{after}'; did you mean '{text}'?"
        )
    try:
        name = folded(plugin_name(plugin))
    except ValueError as problem:
        raise ValueError(f"{key}: {problem}") from None
    if colon and not tool:
        raise ValueError(f"{key}: expected a tool after '{text[:60]}'")
    return f"{name}{colon}{tool}"
