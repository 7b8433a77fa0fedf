"""Tools as their plugins define them, and the pins by which tark.lock records the definitions.

A model decides by a tool's description which tool to call and with what, so a definition that changes is as
much a change as other code (docs/trust-rules.md, rule 13). A pin is the digest of the definition in canonical
JSON: equal pins mean equal definitions, on every machine.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from tarkpm.core.digest import Digest, sha256
from tarkpm.core.shapes import from_value
from tarkpm.core.text import neutral

Risk = Literal["read-only", "write", "risky", "dangerous"]
RISKS: Final[tuple[Risk, ...]] = ("read-only", "write", "risky", "dangerous")
"""The levels that a plugin can claim for a tool, lowest first."""
MAX_TOOLS: Final = 256
"""The most tools of one plugin."""
MAX_TOOL_NAME: Final = 128
"""The most characters of a tool's name."""
MAX_DEFINITION: Final = 1024 * 1024
"""Size limit of one definition, in bytes; the host limits what a plugin returns further."""


class ToolDef(msgspec.Struct, frozen=True):
    """A tool, as its plugin describes it.

    ``name`` is printable. ``description`` is printable except for line breaks and tabs. ``parameters_schema``
    is meant to be a JSON schema; it is the plugin's text and is not checked here.
    """

    name: str
    description: str
    parameters_schema: str
    risk: Risk


class ToolPin(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """The pinned definition of a tool: its name, its claimed risk, and the digest of the whole."""

    name: str
    risk: Risk
    sha256: Digest


def canonical(tool: ToolDef) -> bytes:
    """Return a definition as canonical JSON (RFC 8785).

    All values are strings, so the canonical form is what `json` writes without white space: the rules for
    numbers (section 3.2.2.3) do not apply, and the ASCII keys sort alike in UTF-16 (section 3.2.3). The
    schema stays the plugin's text, because a schema that is not JSON must be pinned, too.
    """
    import json  # a record of state is read without it

    # A lone surrogate has no canonical form; the host's text never contains one.
    text = json.dumps(msgspec.to_builtins(tool), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def pin(tool: ToolDef) -> ToolPin:
    """Return the pin of a definition."""
    return ToolPin(tool.name, tool.risk, sha256(canonical(tool)))


def pins(tools: Iterable[ToolDef]) -> tuple[ToolPin, ...]:
    """Return the pins of a plugin's tools, sorted by name."""
    return tuple(sorted(map(pin, tools)))


def read(data: bytes, expected: ToolPin) -> ToolDef | None:
    """Read the pinned definition that `canonical` wrote; None for anything else.

    ``data`` has the pinned digest, and may still be another file of the store, or the definition of another
    tool: a lock can name every digest.
    """
    from tarkpm.core.document import strict_json

    try:
        tool = from_value(strict_json(data), ToolDef)
        is_text = tool == msgspec.structs.replace(
            tool, name=neutral(tool.name), description=neutral(tool.description, keep="\n\t")
        )
        return tool if is_text and canonical(tool) == data and pin(tool) == expected else None
    except (ValueError, RecursionError, msgspec.ValidationError):
        return None


class ToolChanges(msgspec.Struct, frozen=True):
    """The difference between two versions of a plugin's tools, by name."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    riskier: tuple[str, ...] = ()

    @property
    def widen(self) -> tuple[str, ...]:
        """Return the tools that ask for consent: a model would read another text, or take a greater risk.

        Where a tool is gone, a new one may be the same under another name.
        """
        return tuple(dict.fromkeys((*self.riskier, *self.changed, *(self.added if self.removed else ()))))


def widened(known: Iterable[Sequence[ToolPin]], after: Sequence[ToolPin]) -> tuple[str, ...]:
    """Return the tools that ask for consent, compared with each of the known sets of pins."""
    found = (compare(before, after) for before in known if before)
    return tuple(dict.fromkeys(tool for one in found for tool in one.widen))


def compare(before: Sequence[ToolPin], after: Sequence[ToolPin]) -> ToolChanges:
    """Return what changed from ``before`` to ``after``."""
    old, new = ({one.name: one for one in some} for some in (before, after))
    both = [name for name in new if name in old]
    return ToolChanges(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(name for name in both if old[name].sha256 != new[name].sha256),
        riskier=tuple(name for name in both if RISKS.index(new[name].risk) > RISKS.index(old[name].risk)),
    )
