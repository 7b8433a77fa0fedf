r"""Files below the user's home folder, as plugins name them: ``~/.codex/auth.json``, ``~/notes/*.md``. Pure.

In a pattern, ``*`` stands for any characters within one part, once a part; ``**``, as the last part, for
everything below a folder. Neither stands for a hidden name: ``~/work/**`` has no ``~/work/.env`` in it. The
first part is always spelled out, so that a person sees which folder is meant.

>>> normalize("~/.tool/"), covers("~/.tool/**", "~/.tool/auth/token.json")
('~/.tool/**', True)

What `private_places` lists is refused, and so is a pattern that could lead there.
"""

import functools
import re
from collections.abc import Mapping
from typing import Final

from tarkpm.core.private_places import NAMES, PLACES, REASONS, RUN
from tarkpm.core.text import is_legible, short

Parts = tuple[str, ...]

HOME: Final = "~/"
BELOW: Final = "**"
MAX_LENGTH: Final = 512
MAX_DEPTH: Final = 32

_ODD: Final = frozenset("\\?~${}[]\"'`")
VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")

_TARK: Final = (".config", "tark")
_OWN: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}_oauth\.json")
"""The pattern of tark's credential files, the only files in its folder that a plugin may be granted."""


def normalize(text: str) -> str:
    """The one spelling of a pattern; raises `ValueError` for one that is malformed, too wide or private."""
    parts = _split(text)
    for number, part in enumerate(parts):
        stars = part.count("*")
        is_last = number == len(parts) - 1
        if stars > 1 and not (part == BELOW and is_last):
            raise ValueError(f"expected one '*' in each part, or '**' as the last, found {short(text)}")
        if stars and number == 0:
            raise ValueError(f"expected a named file or folder below your home, found {short(text)}")
    if reason := why_private(parts):
        raise ValueError(f"{short(text)} {reason}, and is never given to a plugin")
    return HOME + "/".join(parts)


def normalize_file(text: str) -> str:
    """The one spelling of the path of a single file; raises `ValueError`."""
    if "*" in text or text.endswith("/"):
        raise ValueError(f"expected one file below your home, found {short(text)}")
    return normalize(text)


def normalize_credentials(text: str) -> str:
    """``~/FILE.json``, or a path with ``${VARIABLES}``, which `filled` checks once they have values.

    Only JSON is written there, and only files named so: nothing a shell or a desktop would run.
    """
    if not text.endswith(".json"):
        raise ValueError(f"expected a .json file below your home, found {short(text)}")
    if not VARIABLE.search(text):
        return normalize_file(text)
    plausible = VARIABLE.sub("x", text)
    normalize_file(plausible if plausible.startswith(HOME) else HOME + plausible)
    return text


def filled(text: str, values: Mapping[str, str], home: str) -> str:
    """The one file that a credentials path means; ``values`` are the variables it may use.

    Raises `ValueError`, which never holds a variable's value unless it is a path below ``home``.
    """
    missing = [name for name in VARIABLE.findall(text) if not values.get(name)]
    if missing:
        raise ValueError(f"'{text}' needs the variable {missing[0]}, which is not set or not this plugin's")
    path = VARIABLE.sub(lambda found: values[found[1]], text)
    inside = path.removeprefix(home.rstrip("/") + "/") if path.startswith("/") else path.removeprefix(HOME)
    if inside == path or not path.endswith(".json"):
        raise ValueError(f"'{text}' leads to no .json file below your home")
    return normalize_file(HOME + inside)


def split(pattern: str) -> Parts:
    """The parts of a normalized pattern, the ``~`` left off."""
    return tuple(pattern.removeprefix(HOME).split("/"))


def meet(one: str, other: str) -> str | None:
    """Return the pattern that both allow, or None.

    Where neither part covers the other (``a*`` and ``*b``) less is allowed than both would: nothing.
    """
    first, second = split(one), split(other)
    parts = []
    for number in range(max(len(first), len(second))):
        mine, theirs = _part(first, number), _part(second, number)
        if mine is None or theirs is None:
            return None
        if _part_covers(mine, theirs):
            parts.append(theirs)
        elif _part_covers(theirs, mine):
            parts.append(mine)
        else:
            return None
    return HOME + "/".join(parts)


def covers(pattern: str, other: str) -> bool:
    """Return whether all that ``other`` allows is allowed by ``pattern``."""
    return meet(pattern, other) == other


def why_private(parts: Parts) -> str:
    """Why a path, or a pattern that could lead there, is nobody's to read; "" if it is not private."""
    if _is_own_credentials(parts):
        return ""
    names, places = _private()
    for part in parts:
        for kind, name in names:
            if "*" not in part and _touches(plain(part), name):
                return REASONS[kind]
    folded = tuple(map(plain, parts))
    for kind, place in places:
        if _leads_to(folded, place):
            return REASONS[kind]
    return ""


def has_private_name(parts: Parts) -> bool:
    """Return whether a path, wherever it is, has a part that is private by its name. No part is a pattern."""
    names = _names_pattern()
    return any(names.fullmatch(plain(part)) for part in parts)


def is_private_place(parts: Parts, *, write: bool, credentials: bool = False) -> bool:
    """Return whether a path below the home folder is a private place; to ``write``, also one that is run.

    Plugins' ``credentials`` are private, too, unless those are asked for; which plugin's, `is_own` tells. No
    part is a pattern.
    """
    if credentials and _is_own_credentials(parts):
        return False
    return _places_pattern(write).fullmatch("/".join(map(plain, parts))) is not None


def is_own(path: str, name: str) -> bool:
    """Return whether a path is no tark file at all, or the credentials of the plugin of this ``name``."""
    parts = split(path)
    if not _is_own_credentials(parts):
        return True
    stem = parts[-1].removesuffix(".json").replace("-", "_")
    return stem in (name.replace("-", "_"), name.replace("-", "_") + "_oauth")


def is_own_place(path: str, name: str) -> bool:
    """Return whether a path is where tark keeps the credentials of the plugin of this ``name``."""
    return is_tarks(path) and is_own(path, name)


def is_tarks(path: str) -> bool:
    """Return whether a path is where tark keeps the credentials of some plugin."""
    return _is_own_credentials(split(path))


def plain(name: str) -> str:
    r"""Fold ``name`` as a file system may: ignore case, composition and invisible characters.

    >>> plain(".S\u200dSH")
    '.ssh'
    """
    if name.isascii():
        return name.casefold().rstrip(". ")
    import unicodedata

    visible = "".join(char for char in name if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", visible).casefold().rstrip(". ")


def _split(text: str) -> Parts:
    if not text.startswith(HOME) or len(text) > MAX_LENGTH:
        raise ValueError(f"expected a path below your home like ~/.tool/auth.json, found {short(text)}")
    path = text.removeprefix(HOME)
    parts = tuple((path + BELOW if path.endswith("/") else path).split("/"))
    bad = any(part in ("", ".", "..") or not is_legible(part) or _ODD & set(part) for part in parts)
    if bad or len(parts) > MAX_DEPTH:
        raise ValueError(f"expected a path below your home like ~/.tool/auth.json, found {short(text)}")
    return parts


def _part(parts: Parts, number: int) -> str | None:
    """The part at ``number``, where a last ``**`` goes on for ever; None past the end."""
    if number < len(parts):
        return parts[number]
    return BELOW if parts[-1] == BELOW else None


def _part_covers(pattern: str, part: str) -> bool:
    if pattern == part:
        return True
    if BELOW in (pattern, part):
        return pattern == BELOW and not part.startswith(".")
    head, star, tail = pattern.partition("*")
    if not star or (not head and part.startswith(".")):
        return False
    first, inner, last = part.partition("*")
    if not inner:
        return len(part) >= len(head) + len(tail) and part.startswith(head) and part.endswith(tail)
    return first.startswith(head) and last.endswith(tail)


def _is_own_credentials(parts: Parts) -> bool:
    return parts[:2] == _TARK and len(parts) == 3 and _OWN.fullmatch(parts[2]) is not None


def _leads_to(parts: Parts, place: Parts) -> bool:
    """Return whether a path of the pattern ``parts`` is ``place`` or below it."""
    fixed = parts[:-1] if parts[-1] == BELOW else parts
    if not all(_touches(mine, theirs) for mine, theirs in zip(fixed, place, strict=False)):
        return False
    if len(fixed) >= len(place):
        return True
    rest = place[len(fixed) :]
    return parts[-1] == BELOW and not any(part.startswith(".") for part in rest)


def _touches(one: str, other: str) -> bool:
    """Return whether a name of the pattern ``one`` is of ``other`` too; each has one ``*`` at most."""
    (head, star, tail), (head2, star2, tail2) = one.partition("*"), other.partition("*")
    if not star and not star2:
        return one == other
    if star and not head and head2.startswith("."):
        return False
    if not star or not star2:
        name, (front, back) = (one, (head2, tail2)) if not star else (other, (head, tail))
        return len(name) >= len(front) + len(back) and name.startswith(front) and name.endswith(back)
    fronts = head.startswith(head2) or head2.startswith(head)
    return fronts and (tail.endswith(tail2) or tail2.endswith(tail))


@functools.cache
def _private() -> tuple[list[tuple[str, str]], list[tuple[str, Parts]]]:
    """Names and places, each with what kind it is, as `plain` has them; made when somebody first asks."""
    names = [(kind, plain(name)) for kind, names in NAMES.items() for name in names.split()]
    split_up = [(kind, place.split("/")) for kind, places in PLACES.items() for place in places]
    return names, [(kind, tuple(map(plain, parts))) for kind, parts in split_up]


@functools.cache
def _names_pattern() -> re.Pattern[str]:
    return re.compile("|".join(_as_regex(name) for _, name in _private()[0]))


@functools.cache
def _places_pattern(write: bool) -> re.Pattern[str]:
    places = ["/".join(parts) for _, parts in _private()[1]]
    run = ["/".join(map(plain, place.split("/"))) for place in RUN.split()] if write else []
    return re.compile(f"(?:{'|'.join(map(_as_regex, (*places, *run)))})(?:/.*)?", re.DOTALL)


def _as_regex(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", "[^/]*")
