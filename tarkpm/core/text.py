"""Text from strangers, made safe to show."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

BLANKS: Final = frozenset("\u2800\u3164\u115f\u1160\uffa0")
"""Characters that count as printable and show nothing."""

_PASSWORD = re.compile(r"(/[^/\s@:]*):[^/\s@]+@")


def neutral(text: str, *, keep: str = "", limit: int | None = None) -> str:
    r"""``text`` with everything but printable characters, and those in ``keep``, spelled out.

    Escape sequences, line breaks, direction overrides and other invisible characters cannot then forge
    or hide what stands beside them. Beyond ``limit`` characters it is cut, which shows.

    >>> neutral("a\x1b[2Jb\n")
    'a\\x1b[2Jb\\n'
    """
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]}… ({len(text) - limit:,} characters more)"
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if (c.isprintable() and c not in BLANKS) or c in keep else _spelled(c) for c in text)


def short(value: object) -> str:
    """``value`` as ASCII for an error, cut at 80 characters."""
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."


def reject_constant(name: str) -> NoReturn:
    """Refuse ``NaN`` and ``Infinity``, which Python reads and RFC 8259 does not have."""
    raise ValueError(f"{name} is not JSON")


def is_legible(text: str) -> bool:
    """Return whether a name can be read as it is: printable, no quotation marks, only single blanks inside.

    >>> is_legible("my notes"), is_legible("my  notes"), is_legible("notes ")
    (True, False, False)
    """
    return (
        text.isprintable() and not BLANKS & set(text) and '"' not in text and " ".join(text.split()) == text
    )


def quoted(text: str, limit: int) -> str:
    r"""The words of a stranger in quotation marks that they cannot end, on one line, cut at ``limit``.

    >>> quoted('nice"\n\n   signer', 80)
    '"nice\' signer"'
    """
    words = " ".join("".join(" " if char in BLANKS else char for char in text).split())
    return '"' + neutral(words.replace('"', "'"), limit=limit) + '"'


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` columns, broken at blanks where that is possible.

    Runs of blanks become one. What is not ASCII counts as two columns: terminals do not agree on it, and they
    break a line that is too long, at their left edge.
    """
    lines, line = [""], 0
    for word in _words(text, width):
        size = columns(word)
        if line and line + 1 + size > width:
            lines, line = [*lines, ""], 0
        lines[-1] += f" {word}" if line else word
        line = columns(lines[-1])
    return lines


def _words(text: str, width: int) -> Iterator[str]:
    """The words of ``text``; one that is wider than ``width`` in pieces."""
    for word in text.split():
        piece = ""
        for char in word:
            if piece and columns(piece) + columns(char) > width:
                yield piece
                piece = ""
            piece += char
        yield piece


def cut(text: str, width: int) -> str:
    """``text``, cut where it takes more than ``width`` columns, which shows."""
    if columns(text) <= width:
        return text
    kept, left = "", width - 2
    for char in text:
        left -= columns(char)
        if left < 0:
            break
        kept += char
    return kept + "…"


def columns(text: str) -> int:
    """Return the most columns that ``text`` takes at a terminal."""
    return sum(1 if char.isascii() else 2 for char in text)


def _spelled(character: str) -> str:
    # surrogates cannot be encoded but by name; unicode_escape names every character
    return character.encode("unicode_escape").decode("ascii")


def some(names: Sequence[str], most: int = 5) -> str:
    """The first of ``names``, quoted and cut, and how many more there are."""
    shown = ", ".join(f"'{neutral(name, limit=60)}'" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def masked(text: str) -> str:
    """``text`` with the password of every URL in it taken out, where a person typed one.

    >>> masked("there is no folder http://me:secret@host/x")
    'there is no folder http://me:…@host/x'
    """
    return _PASSWORD.sub(r"\1:…@", text)


def without_login(text: str) -> str:
    """``text`` without what may be a login or a token in it, if it is a URL or ``user:…@host:path``.

    >>> without_login("https://me:secret@host/x?token=secret")
    '…@host/x…'
    """
    before, at, behind = text.rpartition("@")
    if "://" not in text and not (":" in before and ":" in behind):
        return text
    text = f"…@{behind}" if at else text
    kept = text.partition("?")[0].partition("#")[0]
    return kept if kept == text else kept + "…"
