"""The names of a release's files and folders: what they may contain, and which are one file."""

import itertools
import unicodedata
from collections.abc import Iterable
from typing import Final

from tarkpm.core.patterns import lazy_pattern

_PART: Final = lazy_pattern(r"[^/\\:\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")


def file_name(text: str) -> str:
    """Check the relative name of a file in a release. Raises `ValueError`.

    A name has at most four parts joined by ``/``. No part is hidden or ``..``, or contains a drive, a
    backslash or a control character.
    """
    # `data` at the top is refused: in an installed plugin's folder it leads to the stored data.
    parts = text.split("/")
    bad = any(part.startswith(".") or part != part.strip() or not _PART.fullmatch(part) for part in parts)
    if bad or len(parts) > 4 or parts[0].casefold() == "data":
        raise ValueError(f"expected a plain relative file name, found {text[:80]!r}")
    return text


def folder_path(text: str) -> str:
    """Check and normalize a folder inside a repository ("" is its top). Raises `ValueError`."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    bad = any(part == ".." or part.lower() == ".git" or not _PART.fullmatch(part) for part in parts)
    if text.startswith("/") or bad or len(parts) > 32:
        raise ValueError(f"expected a folder inside the repository, found {text[:80]!r}")
    return "/".join(parts)


def same_name(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two of the file names that are one file on some file systems; None if there are none.

    Names, and the folders in them, are compared without case and without the form of their accents (Unicode
    3.13, D145: canonical caseless matching).
    """
    # APFS, NTFS and many shares compare so. There the second file replaces the first, and the digests of a
    # release that hold on one machine fail on another.
    ordered, seen = sorted(names), dict[str, tuple[str, int]]()
    for number, name in enumerate(ordered):
        for path in itertools.accumulate(name.split("/"), "{}/{}".format):
            spelled, first = seen.setdefault(_caseless(path), (path, number))
            # Two files may share a folder, if they spell it the same.
            if spelled != path or (first != number and path in (name, ordered[first])):
                return ordered[first], name
    return None


def _caseless(text: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
