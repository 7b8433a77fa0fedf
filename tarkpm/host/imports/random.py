"""tark:plugin/random: randomness fit for secrets, from the operating system."""

import os
from typing import Any, Final

from tarkpm.errors import LimitReached

MAX_BYTES: Final = 1024


class Random:
    """The operating system's generator. It keeps no state here, so plugins cannot affect each other."""

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> list[int] | int:  # noqa: ARG002
        """Return `bytes`, as a list of numbers, or `number`.

        Raises `LimitReached` for more than `MAX_BYTES`. The WIT gives `bytes` no error case, and a plugin
        that got fewer bytes than it asked for could take the rest of its buffer for random.
        """
        if function == "number":
            return int.from_bytes(os.urandom(8))
        (count,) = args
        if count > MAX_BYTES:
            raise LimitReached(
                f"the plugin asked for {count:,} random bytes at once, the limit is {MAX_BYTES:,}"
            )
        return list(os.urandom(count))

    def close(self) -> None:
        """Do nothing; no resource is held."""
