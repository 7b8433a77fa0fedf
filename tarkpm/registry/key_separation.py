"""Keys are kept apart: each serves one purpose in an index, and none that was taken out of use serves again.

A key that signs for the index and also publishes would let its thief forge a plugin's releases; a publisher's
key that was revoked is somebody else's now.
"""

from collections.abc import Iterator
from typing import Final

from tarkpm.core import claim as claims
from tarkpm.core.claim import MAX_CLAIM, Claim
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import CLAIMS
from tarkpm.errors import Refused
from tarkpm.registry.authority import Authority
from tarkpm.registry.folder import Index

_NEW: Final = "tarkpm key generate --name NAME"


def check_publisher(index: Index, key: PublicKey) -> None:
    """Raise `Refused` unless a key may become a publisher's. Reads all claims."""
    if part := index.authority.part_of(key):
        raise Refused(f"{key} is {part}: it cannot publish, too", hint=_NEW)
    _check_replaced(index, key)
    for claim in claims_with(index, key):
        if key in claim.retired:
            raise _out_of_use(claim, key)


def check_authority(index: Index, wanted: Authority) -> None:
    """Raise `Refused` unless each key that is to sign for the index anew is nobody's. Reads all claims."""
    for key in sorted(wanted.keys - index.authority.keys):
        _check_replaced(index, key)
        for claim in claims_with(index, key):
            if key in claim.retired:
                raise _out_of_use(claim, key)
            raise Refused(f"{key} is the key of '{claim.name}': it cannot sign for the index, too", hint=_NEW)


def claims_with(index: Index, key: PublicKey) -> Iterator[Claim]:
    """Every claim in which a key stands, now or formerly."""
    for path, target in index.entries(CLAIMS):
        data = index.read_target(path, target, MAX_CLAIM)
        if key.encode() in data:  # most do not hold it, and need not be parsed
            claim = claims.parse(data, where=path)
            if key == claim.key or key in claim.retired:
                yield claim


def _check_replaced(index: Index, key: PublicKey) -> None:
    if number := index.replaced.get(key):
        text = f"{key} was the online key until root {number}, and never serves again here"
        raise Refused(text, hint=_NEW)


def _out_of_use(claim: Claim, key: PublicKey) -> Refused:
    text = f"{key} was taken out of use as the key of '{claim.name}': it never serves again here"
    return Refused(text, hint=_NEW)
