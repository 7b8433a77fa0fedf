"""The root of a tree whose entries come one after another, in memory that grows with its height."""

from tarkpm.core.tlog.merkle import EMPTY, node_hash


class TreeHash:
    """A tree without its entries: the roots of its complete subtrees, from the largest to the smallest."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append the hash of an entry."""
        self.size += 1
        self._roots.append(leaf)
        # Each factor of two in the size completes a subtree.
        count = self.size
        while count % 2 == 0:
            right = self._roots.pop()
            self._roots[-1] = node_hash(self._roots[-1], right)
            count //= 2

    def root(self) -> bytes:
        """Return the root of the entries so far."""
        if not self._roots:
            return EMPTY
        found = self._roots[-1]
        for left in self._roots[-2::-1]:
            found = node_hash(left, found)
        return found
