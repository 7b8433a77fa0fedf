"""Make text from untrusted sources safe to display."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NoReturn

from tarkpm.core.patterns import lazy_pattern

_SELECTORS: Final = ((0x180B, 0x180F), (0xFE00, 0xFE0E), (0xE0100, 0xE01EF))
BLANKS: Final = frozenset("\u2800\u3164\u115f\u1160\uffa0\u034f\u17b4\u17b5") | frozenset(
    chr(code) for first, last in _SELECTORS for code in range(first, last + 1)
)
"""Characters that Python considers printable, but that are invisible."""

MAX_DIGITS: Final = 4300
"""Digits of one integer in JSON."""

EMPTY: Final = "expected a value, found an empty string"

_PASSWORD = lazy_pattern(r"(/[^/\s@:]*):[^/\s@]+@")


def neutral(text: str, *, keep: str = "", limit: int | None = None) -> str:
    r"""Return ``text`` with all characters escaped that are neither printable nor in ``keep``.

    Then escape sequences, line breaks, direction overrides and invisible characters cannot forge or hide the
    text around them. Text of more than ``limit`` characters is cut visibly.

    >>> neutral("a\x1b[2Jb\n")
    'a\\x1b[2Jb\\n'
    """
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]}… ({len(text) - limit:,} characters more)"
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if (c.isprintable() and c not in BLANKS) or c in keep else _spelled(c) for c in text)


def camel_case(name: str) -> str:
    """Return a name of WIT as JavaScript writes it.

    >>> camel_case("get-risk-level")
    'getRiskLevel'
    """
    first, *others = name.split("-")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def short(value: object) -> str:
    """``value`` as ASCII for an error, cut at 80 characters."""
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."


def reject_constant(name: str) -> NoReturn:
    """Refuse ``NaN`` and ``Infinity``, which Python reads and RFC 8259 does not have. Raises `ValueError`."""
    raise ValueError(f"{name} is not JSON")


def json_flaw(problem: Exception) -> str:
    """Return why a text is not JSON, in tarkpm's words: those of `json` are for programmers.

    >>> import json
    >>> try:
    ...     json.loads('{"a" 1}')
    ... except ValueError as problem:
    ...     json_flaw(problem)
    'error in line 1, column 6'
    """
    from json import JSONDecodeError

    match problem:
        case JSONDecodeError() if problem.doc.startswith("\ufeff"):
            return "it begins with a byte order mark"  # RFC 8259, section 8.1, forbids one
        case JSONDecodeError():
            return f"error in line {problem.lineno}, column {problem.colno}"
        case UnicodeDecodeError():
            return f"byte {problem.start} is not UTF-8"
        case RecursionError():
            return "nested too deeply"
    return str(problem)


def is_legible(text: str) -> bool:
    """Return whether a name is unambiguous when shown: printable, unquoted, with single blanks inside only.

    >>> is_legible("my notes"), is_legible("my  notes"), is_legible("notes ")
    (True, False, False)
    """
    return (
        text.isprintable() and not BLANKS & set(text) and '"' not in text and " ".join(text.split()) == text
    )


def quoted(text: str, limit: int) -> str:
    r"""Quote untrusted text on one line, cut at ``limit`` characters. The text cannot end the quotation.

    >>> quoted('nice"\n\n   signer', 80)
    '"nice\' signer"'
    """
    words = " ".join("".join(" " if char in BLANKS else char for char in text).split())
    return '"' + neutral(words.replace('"', "'"), limit=limit) + '"'


def wrapped(text: str, width: int) -> list[str]:
    """Break ``text`` into lines of at most ``width`` columns, at blanks where possible.

    Runs of blanks become one. Characters outside of ASCII count as two columns, because terminals disagree on
    their width, and a terminal continues a line that is too long at its left edge, where a label would be.
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
    """Yield the words of ``text``. A word wider than ``width`` is split."""
    for word in text.split():
        piece = ""
        for char in word:
            if piece and columns(piece) + columns(char) > width:
                yield piece
                piece = ""
            piece += char
        yield piece


def cut(text: str, width: int) -> str:
    """Cut ``text`` to ``width`` columns, with an ellipsis if something is cut."""
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
    """Return the most columns that ``text`` can take in a terminal."""
    if text.isascii():
        return len(text)
    return sum(1 if char.isascii() else 2 for char in text)


def _spelled(character: str) -> str:
    # unicode_escape, because surrogates cannot be encoded as UTF-8
    return character.encode("unicode_escape").decode("ascii")


def some(names: Sequence[str], most: int = 5) -> str:
    """Return the first ``most`` names, quoted and cut, and the number of the others."""
    shown = ", ".join(f"'{neutral(name, limit=60)}'" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it belongs there.

    >>> counted(1, "plugin"), counted(2000, "file")
    ('1 plugin', '2,000 files')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def masked(text: str) -> str:
    """Return ``text`` with the passwords of URLs masked (docs/trust-rules.md, rule 11).

    >>> masked("there is no folder http://me:secret@host/x")
    'there is no folder http://me:…@host/x'
    """
    return _PASSWORD.sub(r"\1:…@", text)


_DIGEST: Final = len("@sha256:") + 64
_REFERENCE: Final = lazy_pattern(r"oci://.*@sha256:[0-9a-f]{64}", re.IGNORECASE | re.DOTALL)


def without_login(text: str) -> str:
    """Return a URL or ``user:…@host:path`` without user, password, query and fragment; other text unchanged.

    >>> without_login("https://me:secret@host/x?token=secret")
    '…@host/x…'
    """
    # In a reference to a registry, the last '@' may announce a digest.
    text, digest = (text[:-_DIGEST], text[-_DIGEST:]) if _REFERENCE.fullmatch(text) else (text, "")
    before, at, behind = text.rpartition("@")
    if "://" not in text and not (":" in before and ":" in behind):
        return text
    text = f"…@{behind}" if at else text
    kept = text.partition("?")[0].partition("#")[0]
    return kept + digest if kept == text else kept + "…"


def bounded_int(digits: str) -> int:
    """Read an integer of JSON. Raises `ValueError` for more than `MAX_DIGITS`.

    Python has the same limit, because its time grows with the square, but its message is advice for
    programmers.
    """
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS:,} digits")
    return int(digits)


def ellipsis(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` characters, the last of them an ellipsis if something is cut.

    >>> ellipsis("abcdef", 6), ellipsis("abcdefg", 6)
    ('abcdef', 'abcde…')
    """
    return text if len(text) <= limit else text[: limit - 1] + "…"


def refuse_empty(table: Mapping[str, object]) -> None:
    """Raise `ValueError`, naming the key, if a value of ``table`` is an empty string."""
    for key, value in table.items():
        if value == "":
            raise ValueError(f"{key[:64]}: {EMPTY}")
