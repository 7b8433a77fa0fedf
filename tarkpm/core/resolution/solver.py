"""Conflict-driven clause learning over finite domains: find values for variables that satisfy all clauses.

A set of values is an integer of bits. A clause is a list of literals; a literal is a variable and the set of
values for which it is true. The last value of each variable means "not installed". A variable is required
once this value has left its domain; until then, it need not be decided.

The algorithm is that of GRASP (Marques-Silva and Sakallah, 1996), as in PubGrub. It knows nothing about
plugins. Three properties make it suitable for version solving:

- A clause is about *sets* of versions. Versions with the same dependencies are one case, not twenty.
- A conflict is resolved to its reason, which becomes a clause, and the search returns to the decision that
  caused it and skips all unrelated ones. No conflict occurs twice.
- The dependencies of a release are stated only when the release is about to be chosen.

A `Contradiction` contains the given clauses that contradict each other: a proof that can be explained.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple, Protocol

Literal = tuple[int, int]
"""A variable, and the set of values of which it must have one."""


class Clause:
    """At least one literal is true. ``fact`` is what a given one means, ``causes`` led to a learned one."""

    __slots__ = ("causes", "fact", "literals")

    def __init__(
        self, literals: Iterable[Literal], *, fact: Any = None, causes: Sequence["Clause"] = ()
    ) -> None:
        self.literals, self.fact, self.causes = tuple(literals), fact, causes


class Guide(Protocol):
    """The decisions that need the meaning of the variables."""

    def rank(self, variable: int) -> int:
        """Return the rank of a variable. The lowest is decided first; of equal ranks, the older variable."""
        ...

    def pick(self, variable: int, domain: int) -> int:
        """Return the value (one bit of ``domain``) to try first."""
        ...

    def expand(self, variable: int, value: int) -> None:
        """Add the clauses that apply once ``variable`` has this value. Called once per value."""
        ...


class Contradiction(Exception):
    """There is no solution. ``given`` are the clauses that together rule it out."""

    def __init__(self, given: Sequence[Clause]) -> None:
        super().__init__()
        self.given = given


class TooHard(Exception):
    """The search reached its limit of conflicts or of steps."""


STEPS_A_CONFLICT: Final = 50_000
"""The most clauses to examine, per conflict that a search may have. One takes 10 to 200 ns.

Without this limit, plugins with thousands of releases that each depend on a different release of the others
take hours and cause few conflicts. A thousand plugins of 20 releases, entangled across major versions, took
19,000 per conflict.
"""


class _Step(NamedTuple):
    """The narrowing of a domain by a clause (``reason``), or by a decision if there is no reason."""

    variable: int
    before: int
    reason: Clause | None
    level: int


class Search:
    """A search. A level is a decision and its consequences; level 0 follows from the clauses alone."""

    def __init__(self, guide: Guide, *, most_conflicts: int) -> None:
        self._guide = guide
        self._left = most_conflicts
        self._steps_left = most_conflicts * STEPS_A_CONFLICT
        self.domains: list[int] = []
        self._absent: list[int] = []
        self._watching: list[dict[int, list[Clause]]] = []  # by variable and mask: many share one
        self._steps_of: list[list[int]] = []
        self._steps: list[_Step] = []
        self._level = 0
        self._pending: list[Clause] = []
        self._late: list[tuple[int, Clause]] = []
        self._open: list[tuple[int, int, int]] = []
        self._activity: list[int] = []
        self._expanded: set[Literal] = set()

    def variable(self, choices: int) -> int:
        """Add a variable with this many values; the bit after theirs means "not installed"."""
        self.domains.append((1 << (choices + 1)) - 1)
        self._absent.append(1 << choices)
        self._watching.append({})
        self._steps_of.append([])
        self._activity.append(0)
        return len(self.domains) - 1

    def add(self, clause: Clause) -> None:
        """Add a clause that must be satisfied."""
        for variable, mask in clause.literals:
            self._watching[variable].setdefault(mask, []).append(clause)
        self._pending.append(clause)
        if self._level:
            self._late.append((self._level, clause))

    def run(self) -> dict[int, int]:
        """Return the value of every required variable. Raises `Contradiction` or `TooHard`."""
        while True:
            if broken := self._propagate():
                self._recover(broken)
            elif not self._advance():
                return {v: bits for v, bits in enumerate(self.domains) if not bits & self._absent[v]}

    def _propagate(self) -> Clause | None:
        """Narrow domains until nothing changes (unit propagation). Return a violated clause, if any."""
        while self._pending:
            clause = self._pending.pop()
            last: Literal | None = None
            for variable, mask in clause.literals:
                if self.domains[variable] & mask:
                    if last is not None:
                        break
                    last = variable, mask
            else:
                if last is None:
                    # Examined again after backtracking, when it may be satisfied.
                    self._pending.append(clause)
                    return clause
                self._narrow(*last, clause)
        return None

    def _narrow(self, variable: int, mask: int, reason: Clause | None) -> None:
        before = self.domains[variable]
        after = before & mask
        if after == before:
            return
        self._steps_of[variable].append(len(self._steps))
        self._steps.append(_Step(variable, before, reason, self._level))
        self.domains[variable] = after
        touched, waiting = self._watching[variable], len(self._pending)
        for held, clauses in touched.items():
            if not held & after and held & before:
                self._pending.extend(clauses)
        self._steps_left -= len(touched) + len(self._pending) - waiting
        if self._steps_left < 0:
            raise TooHard
        if before & self._absent[variable]:
            self._reopen(variable)

    def _reopen(self, variable: int) -> None:
        """Queue a variable for a decision if it is required."""
        if not self.domains[variable] & self._absent[variable]:
            # Variables in many conflicts are decided early, as in VSIDS. The logarithm keeps ranks dominant.
            often = self._activity[variable].bit_length()
            heappush(self._open, (self._guide.rank(variable) - often, variable, often))

    def _advance(self) -> bool:
        """Decide one variable, or expand its value first. Return False if nothing is left to decide."""
        while self._open:
            variable = heappop(self._open)[1]
            domain = self.domains[variable]
            if domain & self._absent[variable]:
                continue
            value = self._guide.pick(variable, domain)
            if (variable, value) not in self._expanded:
                self._expanded.add((variable, value))
                self._guide.expand(variable, value)
                self._reopen(variable)
                return True
            if domain != value:
                self._level += 1
                self._narrow(variable, value, None)
                return True
        return False

    def _recover(self, broken: Clause) -> None:
        """Learn why ``broken`` is violated, and backtrack to where the learned clause leaves a choice."""
        self._left -= 1
        if self._left < 0:
            raise TooHard
        learned, level = self._explain(broken)
        if not learned.literals:
            raise Contradiction(_given(learned))
        for variable, _ in learned.literals:
            self._activity[variable] += 1
        self._return_to(level)
        self.add(learned)

    def _explain(self, broken: Clause) -> tuple[Clause, int]:
        """Return the clause to learn, and the level at which one of its literals can still be true.

        The literal that became false last is resolved with the reason for that, until it is the only one of
        its level (the first unique implication point). The resolution rule: ``rest or x in A`` and
        ``others or x in B`` imply ``rest or others or x in A & B``.
        """
        literals = dict(broken.literals)
        causes = [broken]
        while literals:
            falls = {variable: self._fall(variable, mask) for variable, mask in literals.items()}
            last = max(falls, key=falls.__getitem__)
            step = self._steps[falls.pop(last)]
            level = max((self._steps[place].level for place in falls.values()), default=0)
            if level < step.level:
                return Clause(literals.items(), causes=causes), level
            assert step.reason is not None  # a decision is the first of its level
            causes.append(step.reason)
            kept = literals.pop(last)
            for variable, mask in step.reason.literals:
                if variable == last:
                    mask &= kept  # noqa: PLW2901
                if mask:
                    literals[variable] = literals.get(variable, 0) | mask
        return Clause((), causes=causes), 0

    def _fall(self, variable: int, mask: int) -> int:
        """Return the step that removed the last value of ``mask`` from ``variable``."""
        return next(place for place in reversed(self._steps_of[variable]) if self._steps[place].before & mask)

    def _return_to(self, level: int) -> None:
        while self._steps and self._steps[-1].level > level:
            step = self._steps.pop()
            self._steps_of[step.variable].pop()
            self.domains[step.variable] = step.before
            self._reopen(step.variable)
        self._level = level
        # clauses added at higher levels were not yet examined with the domains of this level
        again = []
        while self._late and self._late[-1][0] > level:
            again.append(self._late.pop()[1])
        self._pending.extend(again)
        if level:
            self._late.extend((level, clause) for clause in reversed(again))


def _given(learned: Clause) -> list[Clause]:
    """Return the given clauses from which a learned clause follows."""
    found: dict[int, Clause] = {}
    queue = [learned]
    seen: set[int] = set()
    while queue:
        clause = queue.pop()
        if id(clause) in seen:
            continue
        seen.add(id(clause))
        queue.extend(clause.causes)
        if not clause.causes:
            found[id(clause)] = clause
    return list(found.values())
