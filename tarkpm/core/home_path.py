r"""Paths and patterns below the user's home folder: ``~/.codex/auth.json``, ``~/notes/*.md``. No I/O.

In a pattern, ``*`` matches any characters within one part and may occur once per part. ``**``, as the last
part, matches everything below a folder. Neither matches a hidden name: ``~/work/**`` does not include
``~/work/.env``. The first part contains no pattern, so that the user sees which folder is meant.

>>> normalize("~/.tool/"), covers("~/.tool/**", "~/.tool/auth/token.json")
('~/.tool/**', True)

Private places (`tarkpm.core.private_places`), and patterns that could match one, are refused.
"""

import functools
import re
from collections.abc import Mapping
from typing import Final

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.private_places import NAMES, PLACES, REASONS, RUN
from tarkpm.core.text import is_legible, short

Parts = tuple[str, ...]

HOME: Final = "~/"
BELOW: Final = "**"
MAX_LENGTH: Final = 512
MAX_DEPTH: Final = 32

_ODD: Final = frozenset("\\?~${}[]\"'`")
VARIABLE: Final = lazy_pattern(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")

_TARK: Final = (".config", "tark")
_OWN: Final = lazy_pattern(r"[a-z0-9][a-z0-9_-]{0,63}_oauth\.json")
"""The name of a plugin's credentials file: the only kind of file of tark that a plugin may access."""


def normalize(text: str) -> str:
    """Return the canonical form of a pattern. Raises `ValueError` if it is malformed, too wide or private."""
    parts = _split(text)
    for number, part in enumerate(parts):
        stars = part.count("*")
        is_last = number == len(parts) - 1
        if stars > 1 and not (part == BELOW and is_last):
            raise ValueError(f"expected one '*' in each part, or '**' as the last, found {short(text)}")
        if stars and number == 0:
            raise ValueError(f"expected a named file or folder below your home, found {short(text)}")
    if reason := why_private(parts):
        raise ValueError(f"{short(text)} {reason}, so no plugin may access it")
    return HOME + "/".join(parts)


def normalize_file(text: str) -> str:
    """Return the canonical form of the path of a single file. Raises `ValueError`."""
    if "*" in text or text.endswith("/"):
        raise ValueError(f"expected one file below your home, found {short(text)}")
    return normalize(text)


def normalize_credentials(text: str) -> str:
    """Return the canonical form of a credentials path. Raises `ValueError`.

    It is ``~/FILE.json``, or a path with ``${VARIABLES}``, which `filled` checks once they have values. The
    name must end in ``.json``, because tarkpm writes the file: no shell or desktop runs one of that name.
    """
    if not text.endswith(".json"):
        raise ValueError(f"expected a .json file below your home, found {short(text)}")
    if not VARIABLE.search(text):
        return normalize_file(text)
    plausible = VARIABLE.sub("x", text)
    normalize_file(plausible if plausible.startswith(HOME) else HOME + plausible)
    return text


def filled(text: str, values: Mapping[str, str], home: str) -> str:
    """Return the file that a credentials path names. ``values`` are the variables that it may use.

    Raises `ValueError`. The message contains a variable's value only if that is a path below ``home``,
    because any other value may be a secret (docs/trust-rules.md, rule 11).
    """
    missing = [name for name in VARIABLE.findall(text) if not values.get(name)]
    if missing:
        raise ValueError(
            f"'{text}' uses the variable {missing[0]}, which is not set or not granted to this plugin"
        )
    path = VARIABLE.sub(lambda found: values[found[1]], text)
    inside = path.removeprefix(home.rstrip("/") + "/") if path.startswith("/") else path.removeprefix(HOME)
    # A variable may point anywhere, so the result is checked like a path that was written out.
    if inside == path or not path.endswith(".json"):
        raise ValueError(f"'{text}' is not a .json file below your home folder")
    return normalize_file(HOME + inside)


def split(pattern: str) -> Parts:
    """Split a normalized pattern into its parts, without the ``~``."""
    return tuple(pattern.removeprefix(HOME).split("/"))


def meet(one: str, other: str) -> str | None:
    """Return the pattern that both patterns allow, or None.

    Where neither of two parts covers the other (``a*`` and ``*b``), the result is None. That allows less than
    both patterns do, and never more.
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
    """Return whether ``pattern`` allows everything that ``other`` allows."""
    return meet(pattern, other) == other


def why_private(parts: Parts) -> str:
    """Return why a path or pattern is, or could match, a private place; "" if it is not private."""
    if _is_own_credentials(parts):
        return ""
    # A part with `*` is not refused here for a private name that it could match: otherwise no pattern would
    # be left. Such files are refused when they are opened (`has_private_name`).
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
    """Return whether a path, wherever it is, has a part with a private name. No part may be a pattern."""
    # Used when a file is opened: a granted pattern can match a private name (`why_private`).
    names = _names_pattern()
    return any(names.fullmatch(plain(part)) for part in parts)


def is_private_place(parts: Parts, *, write: bool, credentials: bool = False) -> bool:
    """Return whether a path below the home folder is a private place.

    To ``write``, files that are run are private, too. Credentials of plugins are private unless
    ``credentials`` is set; `is_own` checks to which plugin they belong. No part may be a pattern.
    """
    if credentials and _is_own_credentials(parts):
        return False
    return _places_pattern(write).fullmatch("/".join(map(plain, parts))) is not None


def is_own(path: str, name: str) -> bool:
    """Return whether a path is not a credentials file of tark, or is that of the plugin ``name``."""
    parts = split(path)
    if not _is_own_credentials(parts):
        return True
    stem = parts[-1].removesuffix(".json").replace("-", "_")
    return stem in (name.replace("-", "_"), name.replace("-", "_") + "_oauth")


def is_own_place(path: str, name: str) -> bool:
    """Return whether a path is where tark keeps the credentials of the plugin ``name``."""
    return is_tarks(path) and is_own(path, name)


def is_tarks(path: str) -> bool:
    """Return whether a path is where tark keeps the credentials of any plugin."""
    return _is_own_credentials(split(path))


def plain(name: str) -> str:
    r"""Fold a name as file systems may: ignoring case, composition and invisible characters.

    macOS and Windows compare names without case, some file systems normalize them, and Windows drops trailing
    dots and spaces. A private name must be recognized in every such form.

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
    """Return the part at ``number``, or None past the end. A final ``**`` repeats forever."""
    if number < len(parts):
        return parts[number]
    return BELOW if parts[-1] == BELOW else None


def _part_covers(pattern: str, part: str) -> bool:
    if pattern == part:
        return True
    # Wildcards never match hidden names, which are often private and easily overlooked.
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
    """Return whether the pattern ``parts`` matches ``place`` or a path below it."""
    fixed = parts[:-1] if parts[-1] == BELOW else parts
    if not all(_touches(mine, theirs) for mine, theirs in zip(fixed, place, strict=False)):
        return False
    if len(fixed) >= len(place):
        return True
    rest = place[len(fixed) :]
    return parts[-1] == BELOW and not any(part.startswith(".") for part in rest)


def _touches(one: str, other: str) -> bool:
    """Return whether any name matches both patterns. Each has at most one ``*``."""
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
    """Return the private names and places with their kinds, folded by `plain`."""
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
