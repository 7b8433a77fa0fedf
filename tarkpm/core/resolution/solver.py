"""A search that learns from its conflicts: values for variables, under clauses of which each must hold.

Variables have few values, and a set of them is an integer of bits. A clause is a list of literals; a literal
is a variable and the values under which it holds. The last value of each variable means "not installed":
a variable whose domain still has it need not be decided, and does not have it any more once it is required.

This is conflict-driven clause learning (Marques-Silva and Sakallah, GRASP, 1996) over finite domains, which
is what PubGrub does too. It knows nothing about plugins. Three things make it fit for version solving:

- A clause speaks of *sets* of versions. Versions that require the same are one case, not twenty.
- A conflict is resolved back to its reason, which becomes a clause, and the search returns to the decision
  that reason is about, over all those that had nothing to do with it. No conflict is ever met twice.
- What a release requires is asked for only when the release is about to be chosen.

A `Contradiction` carries the given clauses that cannot hold together: a proof that can be told.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple, Protocol

Literal = tuple[int, int]
"""A variable, and the bits of the values of which it must have one."""


class Clause:
    """At least one literal holds. ``fact`` is what a given one means; ``causes`` led to a learned one."""

    __slots__ = ("causes", "fact", "literals")

    def __init__(
        self, literals: Iterable[Literal], *, fact: Any = None, causes: Sequence["Clause"] = ()
    ) -> None:
        self.literals, self.fact, self.causes = tuple(literals), fact, causes


class Guide(Protocol):
    """The questions that the search asks about the meaning of its variables."""

    def rank(self, variable: int) -> int:
        """Return the rank of a variable: the lowest is decided first, and at equal ranks the oldest."""
        ...

    def pick(self, variable: int, domain: int) -> int:
        """The value (one bit of ``domain``) to try first."""
        ...

    def expand(self, variable: int, value: int) -> None:
        """Add the clauses that matter once ``variable`` has this value; asked once a value."""
        ...


class Contradiction(Exception):
    """There is no solution. ``given`` are the clauses that rule it out together."""

    def __init__(self, given: Sequence[Clause]) -> None:
        super().__init__()
        self.given = given


class TooHard(Exception):
    """The limit of conflicts was reached, or that of steps a search with so many conflicts may take."""


STEPS_A_CONFLICT: Final = 50_000
"""Looks at what a narrowed domain touches, for each conflict a search may meet: 10 to 200 ns each.

Without this limit, plugins of thousands of releases that each need another release of one another take hours
for few conflicts. A thousand plugins of 20 releases, entangled across major versions, took 19,000 a conflict.
"""


class _Step(NamedTuple):
    """A domain that was narrowed: by a clause, or, without a reason, by a decision."""

    variable: int
    before: int
    reason: Clause | None
    level: int


class Search:
    """One search. A level is a decision and what follows from it; level 0 follows from the clauses alone."""

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
        """A new variable with this many values; the bit after theirs is "not installed"."""
        self.domains.append((1 << (choices + 1)) - 1)
        self._absent.append(1 << choices)
        self._watching.append({})
        self._steps_of.append([])
        self._activity.append(0)
        return len(self.domains) - 1

    def add(self, clause: Clause) -> None:
        """State that ``clause`` holds."""
        for variable, mask in clause.literals:
            self._watching[variable].setdefault(mask, []).append(clause)
        self._pending.append(clause)
        if self._level:
            self._late.append((self._level, clause))

    def run(self) -> dict[int, int]:
        """The value of every required variable; raises `Contradiction` or `TooHard`."""
        while True:
            if broken := self._propagate():
                self._recover(broken)
            elif not self._advance():
                return {v: bits for v, bits in enumerate(self.domains) if not bits & self._absent[v]}

    def _propagate(self) -> Clause | None:
        """Narrow domains until no clause asks for more; a clause that cannot hold any more, if any."""
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
                    self._pending.append(clause)  # to be looked at again, should it hold further back
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
        """Queue a variable for a decision, if it is required."""
        if not self.domains[variable] & self._absent[variable]:
            often = self._activity[variable].bit_length()
            heappush(self._open, (self._guide.rank(variable) - often, variable, often))

    def _advance(self) -> bool:
        """Decide one variable, or learn what its value entails; False if nothing is left to decide."""
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
        """Learn why ``broken`` cannot hold, and return to where that reason still leaves a choice."""
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
        """The clause to learn, and the level at which it leaves one literal to hold.

        The literal that fell last is replaced by the reason it fell for, until it alone fell at its level.
        From ``rest or x in A`` and ``others or x in B`` follows ``rest or others or x in A & B``.
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
        """The step after which ``variable`` had no value of ``mask`` any more."""
        return next(place for place in reversed(self._steps_of[variable]) if self._steps[place].before & mask)

    def _return_to(self, level: int) -> None:
        while self._steps and self._steps[-1].level > level:
            step = self._steps.pop()
            self._steps_of[step.variable].pop()
            self.domains[step.variable] = step.before
            self._reopen(step.variable)
        self._level = level
        # clauses that came later have not been looked at in the light of this level
        again = []
        while self._late and self._late[-1][0] > level:
            again.append(self._late.pop()[1])
        self._pending.extend(again)
        if level:
            self._late.extend((level, clause) for clause in reversed(again))


def _given(learned: Clause) -> list[Clause]:
    """The given clauses a learned one follows from."""
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
