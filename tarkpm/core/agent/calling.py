"""Read a call of `CALL`: which tool an agent means, and with which arguments."""

from collections.abc import Mapping
from typing import Any, Final

from tarkpm.core.agent.listing import CALL
from tarkpm.core.text import short

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
