"""The user's own configuration, of which no project can be a part.

::

    # ~/.config/tarkpm/config.toml
    [mirror]
    "https://index.example.com" = "/srv/index"

    [bundle]
    compiled-by = ["ed25519:…"]

A key in ``compiled-by`` is that of somebody who may run native code as this user
(docs/decisions/0244).
"""

from typing import Final

import msgspec

from tarkpm.core.document import convert, parse_toml
from tarkpm.core.key import PublicKey, public_key
from tarkpm.core.mirrors import Mirrors, read_mirrors
from tarkpm.errors import DocumentError

MAX_CONFIG: Final = 64 << 10
"""Bytes."""
MAX_MAKERS: Final = 16


class _Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    compiled_by: list[str] = []


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    mirror: dict[str, str] = {}
    bundle: _Bundle = _Bundle()


class UserConfig(msgspec.Struct, frozen=True):
    """The tables of one config.toml."""

    mirrors: Mirrors = Mirrors()
    compiled_by: frozenset[PublicKey] = frozenset()

    @classmethod
    def parse(cls, data: bytes, *, where: str) -> "UserConfig":
        """Read a configuration. Raises `DocumentError` with the key."""
        table = parse_toml(data, where=where, error=DocumentError, limit=MAX_CONFIG)
        found = convert(table, _Document, where=where, error=DocumentError)
        return cls(read_mirrors(found.mirror, where=where), _makers(found.bundle.compiled_by, where=where))


def _makers(texts: list[str], *, where: str) -> frozenset[PublicKey]:
    place = f"{where}: bundle.compiled-by"
    if len(texts) > MAX_MAKERS:
        raise DocumentError(f"expected at most {MAX_MAKERS} keys, found {len(texts)}", where=place)
    try:
        return frozenset(map(public_key, texts))
    except ValueError as problem:
        raise DocumentError(str(problem), where=place) from None
