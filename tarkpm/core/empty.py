"""Find empty values in a document: an empty value is not an absent one (docs/decisions/0095). Pure."""

from collections.abc import Callable, Iterator
from typing import Any

from tarkpm.core.text import EMPTY
from tarkpm.errors import DocumentError

Path = tuple[str, ...]
"""The keys that lead to a value; the place in a list is ``[0]``, as one part."""


def check_filled(
    table: dict[str, Any],
    *,
    where: str,
    error: type[DocumentError],
    counts: Callable[[Path], bool] = lambda _: True,
) -> None:
    """Raise ``error``, with the path of the key, for the first key or string that is empty.

    Paths for which ``counts`` is false are left out. Called before anything else looks at the values, so that
    every key says it in the same words. The parser bounds the depth.
    """
    for path in _empty(table):
        if counts(path):
            raise error(EMPTY, where=f"{where}: {_dotted(path)}")


def _empty(value: Any, path: Path = ()) -> Iterator[Path]:
    if value == "" or (path and not path[-1]):
        yield path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _empty(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _empty(each, (*path, f"[{number}]"))


def _dotted(path: Path) -> str:
    """Return a path as a reader finds it: ``grants.a.http[0]``, and ``plugins.""`` for an empty key."""
    text = ""
    for part in path:
        text += part if part.startswith("[") and part.endswith("]") else f".{part[:64] or repr(part)}"
    return text.removeprefix(".").replace("''", '""')
