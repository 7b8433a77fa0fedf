"""Merkle trees as RFC 9162 defines them: hashes (section 2.1.1) and the checks of two kinds of proofs.

A proof of inclusion binds the position of an entry, but not the size of the tree: one proof can fit trees of
two sizes with the same root. The size must come from a signed checkpoint.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

HASH: Final = 32
"""The size of a hash in bytes."""
EMPTY: Final = hashlib.sha256().digest()
"""The root of a tree without entries."""
MAX_PROOF: Final = 63
"""The most hashes of a proof: a tree has fewer than 2^63 entries (c2sp.org/tlog-checkpoint)."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry. The prefix keeps it apart from the hash of a node."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node above two others."""
    return hashlib.sha256(b"\1" + left + right).digest()


def split(size: int) -> int:
    """Return the size of the left part of a tree: the largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a tree over hashes of entries, or of complete subtrees of one size."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else EMPTY
    left = split(len(hashes))
    return node_hash(root_of(hashes[:left]), root_of(hashes[left:]))


def check_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise `ValueError` unless the entry with this hash is number ``index`` in a tree (RFC 9162, 2.1.3.2).

    ``size`` and ``root`` must come from one signed checkpoint.
    """
    if not 0 <= index < size:
        raise ValueError(f"entry {index:,} is not in a tree of {size:,} entries")
    node, last, found = index, size - 1, leaf
    for one in proof:
        if last == 0:
            raise ValueError("the proof of inclusion is too long")
        if node & 1 or node == last:
            found = node_hash(one, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, one)
        node, last = node >> 1, last >> 1
    if last or found != root:
        raise ValueError("the proof of inclusion does not lead to the root of the checkpoint")


def check_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Raise `ValueError` unless a tree only added entries to an older one (RFC 9162, 2.1.4.2)."""
    if old > size:
        raise ValueError(f"the tree has {size:,} entries, and had {old:,}")
    if old in (0, size):
        if proof or (old == size and old_root != root):
            raise ValueError(f"two different trees have {size:,} entries")
        return
    # The root of a complete subtree is not repeated in the proof (RFC 9162, 2.1.4.2, step 2).
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise ValueError("the proof of consistency is empty")
    if _led_to(old, size, path) != (old_root, root):
        raise ValueError(f"the tree of {size:,} entries does not continue the one of {old:,}")


def _led_to(old: int, size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of both trees that a proof of consistency leads to (2.1.4.2, steps 3 to 6)."""
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    found_old = found = path[0]
    for one in path[1:]:
        if last == 0:
            raise ValueError("the proof of consistency is too long")
        if node & 1 or node == last:
            found_old, found = node_hash(one, found_old), node_hash(one, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, one)
        node, last = node >> 1, last >> 1
    if last:
        raise ValueError("the proof of consistency is too short")
    return found_old, found
