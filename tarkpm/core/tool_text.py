"""The text of a tool's definition, as a model reads it, and how two definitions differ.

Everything in a schema reaches the model: names of properties, descriptions, values of ``enum`` and
``default``, at any depth. Pure; the time is linear in the size of a definition, which `tool.MAX_DEFINITION`
limits.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.text import neutral
from tarkpm.core.tool import ToolDef

MAX_COMPARED: Final = 500
"""Lines that differ, up to which they are matched one by one: difflib takes quadratic time."""
_AROUND: Final = 3
"""Unchanged lines that are shown around those that differ."""

_NAMES: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose keys are names that the plugin chose (JSON Schema 2020-12, core, section 10.3.2)."""
_KEYWORDS: Final = _NAMES | frozenset(
    "$schema $id $ref $anchor type title description default examples enum const format required items "  # noqa: SIM905  one a line would hide the rest
    "prefixItems additionalProperties unevaluatedProperties propertyNames minProperties maxProperties "
    "minLength maxLength pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems "
    "maxItems uniqueItems contains allOf anyOf oneOf not if then else deprecated readOnly writeOnly".split()
)
_TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})
_DIALECT: Final = lazy_pattern(r"https?://json-schema\.org/[a-z0-9/.-]{1,40}#?")


def schema_texts(schema: str) -> tuple[str, ...]:
    """Return every text in a schema that its plugin chose, each once; the text itself if it is not JSON.

    Keywords and types of JSON Schema are left out where they mean that, and only there.
    """
    try:
        # As pairs: of a key that occurs twice, a client may read either.
        parsed = json.loads(schema, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return (schema,) if schema.strip() else ()
    return tuple(dict.fromkeys(text for text in _texts(parsed) if text.strip()))


def _texts(parsed: Any) -> Iterator[str]:
    """Yield the texts in the order of the schema, without recursion: a schema can be deep."""
    todo: list[tuple[Any, str, bool]] = [(parsed, "", False)]
    while todo:
        value, key, are_names = todo.pop()
        if isinstance(value, str):
            if not (key == "type" and value in _TYPES) and not (
                key == "$schema" and _DIALECT.fullmatch(value)
            ):
                yield value
        elif isinstance(value, list):
            todo += [(one, key, False) for one in reversed(value)]
        elif isinstance(value, tuple):
            for name, one in reversed(value):
                todo.append((one, "" if are_names else name, name in _NAMES and not are_names))
                if are_names or name not in _KEYWORDS:
                    todo.append((name, "", False))


def compact(schema: str) -> str:
    """Return a schema on one line; the text itself if it is not JSON, or not the same when it is read."""
    return "\n".join(_rendered(schema, None))


def indented(schema: str) -> str:
    """Return a schema on several lines; the text itself if it is not JSON, or not the same when read."""
    return "\n".join(_rendered(schema, 2))


def definition_lines(tool: ToolDef) -> list[str]:
    """Return a definition as lines that are safe to display, the schema indented."""
    described = [f"  {line}" for line in _split(tool.description)]
    schema = [f"  {line}" for line in _rendered(tool.parameters_schema, 2)]
    return [neutral(line) for line in (f"risk: {tool.risk}", "description:", *described, "schema:", *schema)]


def _rendered(schema: str, indent: int | None) -> list[str]:
    try:
        parsed = json.loads(schema, object_pairs_hook=_distinct)
        return json.dumps(parsed, ensure_ascii=False, indent=indent).split("\n")
    except (ValueError, RecursionError):
        return _split(schema)


def _split(text: str) -> list[str]:
    # At "\n" alone: `splitlines` would drop other separators, which are shown as escapes here.
    return text.split("\n") if text else []


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def difference(old: ToolDef | None, new: ToolDef | None) -> tuple[str, ...]:
    """Return the lines that differ, with ``+``, ``-`` and up to three unchanged lines around them.

    ``…`` stands for further unchanged lines, also before the first and after the last. None is a tool that
    does not exist, whose lines are none.

    >>> difference(ToolDef("t", "adds", "", "write"), ToolDef("t", "adds up", "", "write"))
    (' risk: write', ' description:', '-  adds', '+  adds up', ' schema:')
    """
    if old == new:
        return ()
    before, after = (definition_lines(one) if one else [] for one in (old, new))
    if before == after:
        return (" the schema is written in another way, and means the same",)
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    middle, other = before[head : len(before) - tail], after[head : len(after) - tail]
    around = before[max(0, head - _AROUND) : head], before[len(before) - tail :][:_AROUND]
    marked = [*_unchanged(around[0]), *_matched(middle, other), *_unchanged(around[1])]
    # Without a mark, a schema that goes on looks like one that ends here.
    return (*(["…"] if head > _AROUND else []), *marked, *(["…"] if tail > _AROUND else []))


def _matched(middle: Sequence[str], other: Sequence[str]) -> list[str]:
    if max(len(middle), len(other)) > MAX_COMPARED:
        return [*(f"-{line}" for line in middle), *(f"+{line}" for line in other)]
    import difflib  # most commands read definitions, and few compare them

    lines = difflib.unified_diff(middle, other, n=_AROUND, lineterm="")
    return ["…" if line.startswith("@@") else line for line in list(lines)[3:]]


def _unchanged(lines: Sequence[str]) -> list[str]:
    return [f" {line}" for line in lines]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    same = 0
    for line, its in zip(one, other, strict=False):
        if line != its:
            break
        same += 1
    return same
