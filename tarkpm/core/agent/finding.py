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

    The name by which an agent calls a tool finds it alone. Otherwise a tool that its plugin calls so comes
    first. The others are ranked by how many words of the query are in their names, then by how many of the
    rest are in their descriptions, then by their order. A word of three letters or more is also found where
    one begins with the other. Single letters and digits are not looked for.
    """
    query = query[:MAX_QUERY].strip()
    if exact := [tool for tool in tools if query == tool.name]:
        return list(_fitting(exact))
    # "a" and "I" are in most descriptions. In other scripts, one character can be a word.
    wanted = {word for word in _words(query) if len(word) > 1 or not word.isascii()}
    ranks = [((query == tool.tool, *_rank(tool, wanted)), tool) for tool in tools]
    ranked = sorted((one for one in ranks if any(one[0])), key=lambda one: one[0], reverse=True)
    return list(_fitting([tool for _, tool in ranked[:limit]]))


def _fitting(tools: Sequence[AgentTool]) -> Iterator[dict[str, Any]]:
    room = MAX_ANSWER
    for place, tool in enumerate(tools):
        found = definition(tool, whole=True)
        room -= size(found)
        if room < 0 and place:
            return
        yield found


def _rank(tool: AgentTool, wanted: set[str]) -> tuple[int, int]:
    """Return how many words are in the names of a tool, and how many of the others in its description."""
    names, described = {*_words(tool.name), *_words(tool.tool)}, {*_words(tool.description)}
    named = {word for word in wanted if _is_in(word, names)}
    return len(named), sum(_is_in(word, described) for word in wanted - named)


def _is_in(word: str, words: set[str]) -> bool:
    return word in words or any(_alike(word, one) for one in words)


def _alike(one: str, other: str) -> bool:
    """Return whether one word begins with the other, as a plural does: "file" finds "files"."""
    short, long = sorted((one, other), key=len)
    return len(short) > 2 and long.startswith(short)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
