"""tark:plugin/random: randomness fit for secrets, from the operating system."""

import os
from typing import Any, Final

from tarkpm.errors import LimitReached

MAX_BYTES: Final = 1024


class Random:
    """Keeps nothing, so two plugins cannot learn of one another through it."""

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> list[int] | int:  # noqa: ARG002
        """`bytes`, as a list of numbers, or `number`.

        Raises `LimitReached` for more bytes than are given at once: `bytes` has no error to answer with, and
        a plugin that got fewer than it asked for would take what is left of its buffer for random.
        """
        if function == "number":
            return int.from_bytes(os.urandom(8))
        (count,) = args
        if count > MAX_BYTES:
            raise LimitReached(f"asked for {count:,} random bytes at once, the limit is {MAX_BYTES:,}")
        return list(os.urandom(count))

    def close(self) -> None:
        """Nothing is held."""
