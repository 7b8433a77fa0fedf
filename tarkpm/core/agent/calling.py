"""Read a call of `CALL`: which tool an agent means, and with which arguments."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tarkpm.core.agent.listing import CALL
from tarkpm.core.text import neutral, quoted, short

MAX_SHOWN: Final = 300
"""Characters of all values together that are shown to the person who is asked; each has at least `_LEAST`."""
MAX_ARGUMENTS: Final = 20
_LEAST: Final = 30
_KEYS: Final = ("name", "arguments")
_KINDS: Final = {str: "a string", list: "a list", bool: "true or false", type(None): "null"}


def meant(name: str, arguments: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the tool and arguments that are meant: `CALL` names another tool.

    Raises `ValueError` with a sentence for the model if they do not fit the definition of `CALL`: a tool that
    runs with its defaults, because its arguments came in another form, does something nobody asked for.
    """
    if name != CALL:
        return name, arguments
    if unknown := sorted(set(arguments) - set(_KEYS)):
        raise ValueError(f"{CALL}: expected 'name' and 'arguments', found {short(unknown[0])}")
    tool, given = arguments.get("name"), arguments.get("arguments", {})
    if not isinstance(tool, str) or not tool:
        raise ValueError(f"{CALL}: expected 'name' to be the name of a tool")
    if not isinstance(given, dict):
        found = _KINDS.get(type(given), "a number")
        raise ValueError(f"{CALL}: expected 'arguments' to be an object, found {found}; nothing was called")
    return tool, given


def shown(arguments: Mapping[str, Any]) -> str:
    """Return the arguments of a call as a person is asked about them: quoted JSON, long values cut.

    Each is cut by itself. If the whole were cut, a long first argument would hide the others, and an agent
    that follows instructions in what it read chooses their order.
    """
    room = max(_LEAST, MAX_SHOWN // max(1, len(arguments)))
    parts = [
        f"{neutral(_json(key), limit=room)}: {neutral(_json(value), limit=room)}"
        for key, value in list(arguments.items())[:MAX_ARGUMENTS]
    ]
    if (more := len(arguments) - MAX_ARGUMENTS) > 0:
        parts.append(f"… ({more:,} arguments more)")
    text = "{" + ", ".join(parts) + "}"
    return quoted(text, len(text))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
