"""Which roles lead to a target path."""

from collections.abc import Iterable, Mapping

from tuf.api.metadata import SuccinctRoles

from tarkpm.core.layout import CLAIMS, INDEX, MAX_BITS, PUBLISHERS


def roles(path: str, bins: Mapping[str, int]) -> Iterable[str]:
    """Return the delegated roles that lead to a target path, given the number of bins of each parent."""
    parent = CLAIMS if path.startswith(PUBLISHERS) else INDEX
    bits = (bins.get(parent, 0) - 1).bit_length()
    # A guess from the cached snapshot. If it is wrong, tuf fetches the right role itself.
    if not 1 <= bits <= MAX_BITS:
        return (parent,)
    return parent, SuccinctRoles([], 1, bits, parent).get_role_for_target(path)
