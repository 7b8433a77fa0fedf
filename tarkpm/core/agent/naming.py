"""The names under which agents call tools: ``plugin__tool``, within what every client accepts.

Clients put the server's name before it and send the whole to a model, whose API allows ``[a-zA-Z0-9_-]`` and
64 characters. The longest such prefix in use is ``mcp__SERVER__``.
"""

import re
from collections.abc import Iterable, Mapping

from tarkpm.core.digest import sha256

MAX_NAME = 64 - len("mcp__tarkpm__")
"""The most characters of a name, so that a client's prefix fits before it."""
BETWEEN = "__"
"""Plugin names have no double underscore, so the first one ends the plugin's name."""

_OTHERS = re.compile(r"[^a-zA-Z0-9_-]")
_DIGITS = 8


def named(tools: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """Return the name of each tool, which is given as the names of its plugin and of itself.

    A name depends on nothing else, so that it stays when other plugins come and go. One that has to be
    changed to fit ends with a digest of what it was. A digest that makes two names equal is made longer.
    """
    every = sorted(set(tools))
    plain = {one: BETWEEN.join(one) for one in every if _fits(BETWEEN.join(one))}
    taken = set(plain.values())
    result = dict(plain)
    for one in every:
        if one not in plain:
            result[one] = name = next(found for found in _fitted(one) if found not in taken)
            taken.add(name)
    return result


def renamed(names: Mapping[tuple[str, str], str]) -> list[tuple[str, str, str]]:
    """Return plugin, tool and name of the tools whose name had to be changed to fit."""
    return [(plugin, tool, name) for (plugin, tool), name in names.items() if name != plugin + BETWEEN + tool]


def _fits(name: str) -> bool:
    return len(name) <= MAX_NAME and not _OTHERS.search(name)


def _fitted(one: tuple[str, str]) -> Iterable[str]:
    whole = BETWEEN.join(one)
    digest = sha256(whole.encode("utf-8", "surrogatepass"))
    for digits in range(_DIGITS, MAX_NAME - 2):
        yield f"{_OTHERS.sub('_', whole)[: MAX_NAME - 1 - digits]}-{digest[:digits]}"
