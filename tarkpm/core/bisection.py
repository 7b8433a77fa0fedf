"""Find the first bad generation by halves: which one to test next, and what the tests so far say."""

from collections.abc import Iterable

import msgspec


class Bisection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known. ``good`` and ``bad`` are numbers of generations, 0 while none is marked.

    ``skipped`` are generations that cannot be tested, each with the reason.
    """

    good: int = 0
    bad: int = 0
    skipped: dict[int, str] = {}

    @property
    def is_bounded(self) -> bool:
        """Return whether one generation is known to be good and a later one to be bad."""
        return bool(self.good and self.bad)

    def marked(self, number: int, *, good: bool) -> "Bisection":
        """Return what is known after a test. Raises `ValueError` if the good one would not be the older."""
        found = msgspec.structs.replace(self, **{"good" if good else "bad": number})
        if found.is_bounded and found.good >= found.bad:
            raise ValueError(
                f"expected a good generation before the bad one, found good {found.good} and bad {found.bad}"
            )
        return found

    def without(self, number: int, reason: str) -> "Bisection":
        """Return what is known if a generation cannot be tested."""
        return msgspec.structs.replace(self, skipped=self.skipped | {number: reason})

    def left(self, numbers: Iterable[int]) -> list[int]:
        """Return the generations of ``numbers`` that may still be tested, in order."""
        return sorted(one for one in numbers if self.good < one < self.bad and one not in self.skipped)

    def next(self, numbers: Iterable[int]) -> int | None:
        """Return the generation to test: the one in the middle. None if there is nothing left to test."""
        left = self.left(numbers) if self.is_bounded else []
        return left[len(left) // 2] if left else None

    def suspects(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Return the generations of which one is the first bad one: several if some were skipped."""
        return tuple(sorted({one for one in numbers if self.good < one < self.bad} | {self.bad}))
