"""Find tools by words, for agents that do not read every definition."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tarkpm.core.agent.listing import AgentTool, definition, size

MAX_ANSWER: Final = 16 * 1024
"""Bytes of definitions that one search returns; a single larger one is returned all the same."""
MAX_QUERY: Final = 400
"""Characters of a query that are looked at."""

_WORD = re.compile(r"[^\W_]+")


def find(tools: Sequence[AgentTool], query: str, limit: int) -> list[dict[str, Any]]:
    """Return the whole definitions of the tools that fit ``query`` best, at most ``limit``.

    The name of a tool finds it alone. Otherwise more words found, and words found in names, count more; equal
    ones keep their order.
    """
    query = query[:MAX_QUERY].strip()
    exact = [tool for tool in tools if query in (tool.name, tool.tool)]
    wanted = {*_words(query)}
    ranked = exact or sorted(
        (tool for tool in tools if _score(tool, wanted)), key=lambda t: -_score(t, wanted)
    )
    return list(_fitting(ranked[:limit]))


def _fitting(tools: Sequence[AgentTool]) -> Iterator[dict[str, Any]]:
    room = MAX_ANSWER
    for place, tool in enumerate(tools):
        found = definition(tool, whole=True)
        room -= size(found)
        if room < 0 and place:
            return
        yield found


def _score(tool: AgentTool, wanted: set[str]) -> int:
    names = {*_words(tool.name), *_words(tool.tool)}
    described = {*_words(tool.description)}
    return sum(_one(word, names, described) for word in wanted)


def _one(word: str, names: set[str], described: set[str]) -> int:
    if word in names:
        return 8
    if word in described:
        return 4
    if any(_alike(word, one) for one in names):
        return 3
    return int(any(_alike(word, one) for one in described))


def _alike(one: str, other: str) -> bool:
    """Return whether one word begins with the other, as a plural does: "file" finds "files"."""
    short, long = sorted((one, other), key=len)
    return len(short) > 2 and long.startswith(short)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
