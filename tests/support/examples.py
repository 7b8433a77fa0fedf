"""How many random examples a costly property is tried on."""

QUICK = False
"""Whether this is the default run; conftest sets it before tests are imported."""


def many(most: int) -> int:
    """Return ``most``, or a fifth of it in the default run: each run makes other examples."""
    return most // 5 if QUICK else most
