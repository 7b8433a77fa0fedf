"""Keep keys apart: each key has one purpose in an index, and a retired key never returns.

If a key signed for the index and also published, its thief could list and forge a plugin's releases. A
revoked publisher's key may be in a thief's hands.
"""

from collections.abc import Iterator
from typing import Final

from tarkpm.core import claim as claims
from tarkpm.core.claim import MAX_CLAIM, Claim
from tarkpm.core.key import PublicKey
from tarkpm.errors import Refused
from tarkpm.registry.authority import Authority
from tarkpm.registry.folder import Index

_NEW: Final = "tarkpm key generate --name NAME"


def check_publisher(index: Index, key: PublicKey) -> None:
    """Raise `Refused` unless a key may become a publisher's key. Reads all claims."""
    if part := index.authority.part_of(key):
        raise Refused(f"{key} is {part}: it cannot also publish", hint=_NEW)
    _check_replaced(index, key)
    for claim in claims_with(index, key):
        if key in claim.retired:
            raise _out_of_use(claim, key)


def check_authority(index: Index, wanted: Authority) -> None:
    """Raise `Refused` if a new key of the index has or had another purpose in it. Reads all claims."""
    for key in sorted(wanted.keys - index.authority.keys):
        _check_replaced(index, key)
        for claim in claims_with(index, key):
            if key in claim.retired:
                raise _out_of_use(claim, key)
            raise Refused(f"{key} is the key of '{claim.name}': it cannot also sign for the index", hint=_NEW)


def claims_with(index: Index, key: PublicKey) -> Iterator[Claim]:
    """Yield every claim that lists a key as current or retired."""
    for path, target in index.claim_entries():
        data = index.read_target(path, target, MAX_CLAIM)
        if key.encode() in data:  # cheaper than parsing every claim
            claim = claims.parse(data, where=path)
            if key == claim.key or key in claim.retired:
                yield claim


def _check_replaced(index: Index, key: PublicKey) -> None:
    if number := index.replaced.get(key):
        text = f"{key} was the online key until root {number}: it cannot be used again in this index"
        raise Refused(text, hint=_NEW)


def _out_of_use(claim: Claim, key: PublicKey) -> Refused:
    text = f"{key} is a retired key of '{claim.name}': it cannot be used again in this index"
    return Refused(text, hint=_NEW)
