"""Point out what a person should look at in the definition of a tool before an agent reads it.

These are heuristics: they find what attacks on agents looked like so far (tool poisoning, rug pulls, names
that look alike). A definition without a remark is not safe because of that.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tarkpm.core.name_similarity import skeleton
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.tool import ToolChanges, ToolDef
from tarkpm.core.tool_text import schema_texts

_ESCAPED: Final = lazy_pattern(r"\\(?:x[01][0-9a-f]|x7f|x[89][0-9a-f]|u[0-9a-f]{4}|U[0-9a-f]{8})")
"""What `text.neutral` makes of a character that is invisible or controls the terminal."""
_ANY: Final = re.IGNORECASE | re.DOTALL
_CREDENTIAL: Final = r"\b(?:id_rsa|\.ssh/|\.aws/|\.env\b|api[_ -]?keys?|access tokens?|passwords?)"
_SEND: Final = r"\b(?:read|send|pass|include|provide|attach)\b"
_TO_THE_MODEL: Final = tuple(
    lazy_pattern(pattern, _ANY)
    for pattern in (
        r"</?\s*(?:important|system|instructions?|secret|admin)\b",
        r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|rule|prompt|above|previous)",
        r"\bdo(?:n't| not)\b.{0,30}\b(?:tell|inform|mention|show|notify|reveal|ask)\b.{0,30}\buser",
        r"\b(?:system prompt|assistant must|you must (?:always|first|never))\b",
        r"\bbefore (?:using|calling) (?:any|this|other)\b",
    )
)
"""Phrases that tell a model what to do, instead of what the tool does."""
_EXFILTRATION: Final = tuple(
    lazy_pattern(pattern, _ANY)
    for pattern in (_CREDENTIAL + r".{0,60}" + _SEND, _SEND + r".{0,60}" + _CREDENTIAL)
)
_LATIN: Final = str.maketrans(
    "аеорсухіјѕԁһԛԝАВЕКМНОРСТХІЈЅοαυνιρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxijsdhqwABEKMHOPCTXIJSoauvipABEZHIKMNOPTYX"
)
"""Cyrillic and Greek letters that look like Latin ones (UTS 39, confusables)."""
_LOOKALIKE: Final = "".join(map(chr, _LATIN))
_MIXED: Final = lazy_pattern(f"[A-Za-z][{_LOOKALIKE}]|[{_LOOKALIKE}][A-Za-z]")
_SEPARATOR: Final = lazy_pattern(r"[\s_-]+|(?<=[a-z])(?=[A-Z])")
"""What separates words in a name: ``ignore_previousRules`` reads like a sentence."""


def remarks(tool: ToolDef) -> Iterator[str]:
    """Yield what is remarkable about one definition, each a sentence without its subject."""
    if not tool.name.isascii():
        yield "has a name with letters that are not plain ASCII"
    texts = (tool.description, *schema_texts(tool.parameters_schema))
    if any(_ESCAPED.search(text) or not _is_plain(text) for text in texts):
        yield "contains invisible or control characters"
    if any(_MIXED.search(text) for text in (tool.name, *texts)):
        yield "contains letters of other scripts that look like Latin ones"
    if _is_to_the_model([_latin(text) for text in texts]):
        yield "addresses the model with instructions"


def _is_to_the_model(texts: Sequence[str]) -> bool:
    # Together: a sentence can be spread over the names and descriptions of several arguments.
    sentence = " ".join(_SEPARATOR.sub(" ", text) for text in texts)
    whole = "\n".join(texts)
    return any(pattern.search(whole) or pattern.search(sentence) for pattern in _TO_THE_MODEL) or any(
        # Each by itself: one argument may be a password, and the next one what to send.
        pattern.search(text)
        for pattern in _EXFILTRATION
        for text in texts
    )


def _latin(text: str) -> str:
    """Return a text in the letters that a reader sees in it."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_LATIN)


def _is_plain(text: str) -> bool:
    return all(char.isprintable() or char in "\n\t\r" for char in text)


def lookalikes(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of tool names that look alike."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(skeleton(name.lower()), name)
        if other != name:
            yield other, name


def renamed(
    changes: ToolChanges, before: Iterable[ToolDef], after: Iterable[ToolDef]
) -> Iterator[tuple[str, str]]:
    """Yield the old and the new name of tools that are new in name only."""
    gone = {_text(one): one.name for one in before if one.name in changes.removed}
    for tool in after:
        if tool.name in changes.added and _text(tool) in gone:
            yield gone[_text(tool)], tool.name


def _text(tool: ToolDef) -> tuple[str, str]:
    return tool.description, tool.parameters_schema
