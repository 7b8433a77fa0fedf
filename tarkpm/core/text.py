"""Text from strangers, made safe to show."""

import re
from collections.abc import Sequence

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
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _spelled(c) for c in text)


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
