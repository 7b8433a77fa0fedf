"""Find plugin names that are confusingly similar to a new one, against typosquatting.

Two names are similar if they look alike once similar characters are unified (``1`` ``l`` ``i``, ``0`` ``o``,
``rn`` ``m``), or if few edits lie between them. An edit adds, removes or changes a letter, or exchanges two
neighbours (Damerau-Levenshtein distance, optimal string alignment). Separators are ignored in both.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from tarkpm.core.release import PluginName, folded
from tarkpm.core.text import counted

SHORT: Final = 10
"""Names up to this length are close at one edit, longer ones at two."""

_ALIKE: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_NO_SEPARATORS: Final = str.maketrans("", "", "-_")
_SAME: Final = str.maketrans(
    {"1": "l", "i": "l", "j": "l", "0": "o", "5": "s", "2": "z", "8": "b", "-": "", "_": ""}
)


def skeleton(name: str) -> str:
    """Return what a name looks like at a glance. Names with the same skeleton are confusable.

    >>> skeleton("rnodel-1") == skeleton("model_l")
    True
    """
    text = name.translate(_SAME)
    for pair, single in _ALIKE:
        text = text.replace(pair, single)
    return text


def close_names(name: PluginName, others: Iterable[PluginName]) -> Iterator[tuple[PluginName, str]]:
    """Yield the names of ``others`` that ``name`` can be confused with, and why. About 2 µs per name."""
    mine, seen, slips = skeleton(name), _joined(name), 1 if len(name) <= SHORT else 2
    letters, own = sorted(seen), folded(name)
    for other in others:
        # The same name is a conflict, not a similarity; claims are checked for it elsewhere.
        if folded(other) == own:
            continue
        text = _joined(other)
        if skeleton(other) == mine:
            yield other, "looks like"
        elif abs(len(text) - len(seen)) <= slips and _could_be(letters, text, slips):
            distance = _distance(seen, text)
            # Short names are within few edits of many others, so the distance is limited by length, too.
            if distance <= min(slips, max(1, min(len(text), len(seen)) // 3)):
                yield other, f"is {counted(distance, 'edit')} away from"


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name that a mistyped ``name`` most likely means; "" if none is similar."""
    most, letters = max(1, len(name) // 3), sorted(name)
    # An index may list hundreds of thousands of names, and a distance takes 20 µs.
    likely = (o for o in names if abs(len(o) - len(name)) <= most and _could_be(letters, o, most))
    near = [(distance, other) for other in likely if (distance := _distance(name, other)) <= most]
    return min(near, default=(0, ""))[1]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of a message that suggests the nearest name; "" if none is similar."""
    near = nearest(name, names)
    return f"; did you mean '{near}'?" if near else ""


def _joined(name: str) -> str:
    """Return a name without separators, which readers overlook."""
    return name.translate(_NO_SEPARATORS)


def _could_be(letters: list[str], text: str, slips: int) -> bool:
    """Return whether the letters allow a distance of ``slips``. It is cheap and rules out most names."""
    rest = letters.copy()
    extra = 0
    for letter in text:
        try:
            rest.remove(letter)
        except ValueError:
            extra += 1
            if extra > slips:
                return False
    return len(rest) <= slips


def _distance(a: str, b: str) -> int:
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
