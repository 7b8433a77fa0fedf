"""Mirrors: other places from which a user fetches what a project requires from its own.

::

    # ~/.config/tarkpm/config.toml
    [mirror]
    "oci://ghcr.io/owner" = "oci://registry.example.com/mirror"
    "https://github.com" = "https://git.example.com/mirror"
    "https://index.example.com" = "/srv/index"

A project names canonical places, and so does its lock: a mirror is about one user's network. It is trusted
with nothing: digests, signatures and metadata are checked as if the canonical place had served them
(docs/decisions/0208).
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from tarkpm.core.oci.reference import SCHEME, registry_host, repository_name
from tarkpm.core.text import short, without_login
from tarkpm.errors import DocumentError

MAX_MIRRORS: Final = 100


class Mirrors(msgspec.Struct, frozen=True):
    """Pairs of a canonical prefix and what replaces it, the longest prefix first."""

    pairs: tuple[tuple[str, str], ...] = ()

    def of(self, place: str) -> str:
        """Return where to fetch what is at ``place``, a URL or ``oci://host/repository``; itself without one.

        >>> Mirrors((("oci://ghcr.io", "oci://registry.example.com/ghcr"),)).of("oci://ghcr.io/owner/tools")
        'oci://registry.example.com/ghcr/owner/tools'
        """
        for canonical, mirror in self.pairs:
            rest = place.removeprefix(canonical)
            # Whole parts only: a mirror of one owner is none of an owner whose name begins with it.
            if rest != place and (not rest or rest.startswith("/")):
                return mirror + rest
        return place


def read_mirrors(table: Mapping[str, str], *, where: str) -> Mirrors:
    """Read the table ``[mirror]`` of the user's configuration. Raises `DocumentError` with the key."""
    if len(table) > MAX_MIRRORS:
        raise DocumentError(f"expected at most {MAX_MIRRORS} mirrors, found {len(table)}", where=where)
    pairs: dict[str, str] = {}
    for key, value in table.items():
        try:
            canonical, mirror = _prefix(key), _target(key, value)
            if pairs.setdefault(canonical, mirror) != mirror:
                raise ValueError(f"{canonical} has two mirrors")
        except ValueError as problem:
            place = f"{where}: mirror.{without_login(key)[:80]}"
            raise DocumentError(str(problem), where=place) from None
    return Mirrors(tuple(sorted(pairs.items(), key=lambda pair: -len(pair[0]))))


def _prefix(text: str) -> str:
    """Return a canonical prefix in its one spelling. Raises `ValueError`."""
    if text[: len(SCHEME)].lower() == SCHEME:
        return _registry(text)
    scheme, separator, rest = text.partition("://")
    authority = rest.partition("/")[0]
    if not separator or scheme not in ("https", "http", "ssh"):
        raise ValueError(f"expected oci://… or the beginning of a URL, found {short(without_login(text))}")
    if "@" in authority and (scheme, authority.partition("@")[0]) != ("ssh", "git"):
        raise ValueError("expected a URL without user and password")
    return f"{scheme}://{authority.lower()}{rest[len(authority) :]}".rstrip("/")


def _registry(text: str) -> str:
    host, slash, path = text[len(SCHEME) :].rstrip("/").partition("/")
    if "@" in host:
        raise ValueError("expected a registry without user and password")
    return SCHEME + registry_host(host) + (f"/{repository_name(path)}" if slash else "")


def _target(key: str, text: str) -> str:
    """Return a mirror in its one spelling: of the same kind, or an absolute folder. Raises `ValueError`."""
    if text.startswith("/") and text.isprintable():
        return text.rstrip("/")
    if (text[: len(SCHEME)].lower() == SCHEME) != (key[: len(SCHEME)].lower() == SCHEME):
        raise ValueError(f"expected a place of the same kind or a folder, found {short(without_login(text))}")
    found = _prefix(text)
    # The digests of a lock hold on any line; what a lock does not pin yet would come over an open one.
    if key.startswith("https://") and not found.startswith(("https://", "ssh://")):
        raise ValueError("expected a mirror with https, as the canonical place has it")
    return found
