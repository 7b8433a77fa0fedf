"""Summarize the tables ``[contributes]`` and ``[activation]`` of a plugin.toml for display.

tark uses them; tarkpm only shows them. Their shapes differ between plugins, so unknown entries are skipped,
not refused.
"""

from collections.abc import Iterator
from typing import Any, Final

from tarkpm.core.text import ellipsis

MAX_LINES: Final = 32
MAX_TEXT: Final = 200


def contributions(table: Any) -> tuple[str, ...]:
    """Return what a plugin adds to tark, one line each: ``providers: chatgpt-oauth (ChatGPT)``."""
    return _bounded(list(_lines(table)))


def events(table: Any) -> tuple[str, ...]:
    """Return the events on which tark loads a plugin: ``onProvider:chatgpt-oauth``."""
    found = table.get("events") if isinstance(table, dict) else None
    texts = [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
    return _bounded(texts)


def _bounded(texts: list[str]) -> tuple[str, ...]:
    """Return texts that fit on a screen; what is cut or left out is marked as such."""
    more = [f"… ({len(texts) - MAX_LINES:,} more)"] if len(texts) > MAX_LINES else []
    return (*(ellipsis(text, MAX_TEXT) for text in texts[:MAX_LINES]), *more)


def _lines(table: Any) -> Iterator[str]:
    for key, entries in table.items() if isinstance(table, dict) else ():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, str):
                yield f"{key}: {entry}"
            elif isinstance(entry, dict):
                named = [entry.get("id") or entry.get("key"), entry.get("name") or entry.get("title")]
                texts = [text for text in named if isinstance(text, str) and text]
                if texts:
                    yield f"{key}: {texts[0]}" + (f" ({texts[1]})" if texts[1:] else "")
