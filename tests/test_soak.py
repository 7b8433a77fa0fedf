"""How `dev.py soak` judges: what grows is found, and what does not is not accused."""

import pytest

from assurance.growth.counting import Cost
from assurance.growth.curves import BOUND, exponent, exponents, measure
from assurance.traffic.measure import MIB, Sample, findings, slope

SIZES = (10, 32, 100, 316, 1_000)
TIMES = [float(number) for number in range(150)]


@pytest.mark.parametrize(("power", "fixed"), [(1.0, 0), (1.0, 1_000_000), (2.0, 1_000_000), (0.5, 10)])
def test_an_exponent_is_found_beneath_what_every_command_costs(power: float, fixed: float) -> None:
    points = [(size, fixed + 1_000 * size**power) for size in SIZES]
    assert exponent(points) == pytest.approx(power, abs=0.01)


def test_a_command_that_does_not_depend_on_the_number_has_no_exponent() -> None:
    assert exponent([(size, 7_000 + size // 100) for size in SIZES]) == 0.0


def _samples(**growing: float) -> list[Sample]:
    """150 samples of a process, some measures of which grow by so much in each."""
    still = {
        "memory": 50 * MIB,
        "workers": 20 * MIB,
        "descriptors": 9,
        "threads": 3,
        "processes": 2,
        "files": 60,
    }
    return [
        Sample(**{name: int(value + growing.get(name, 0) * number) for name, value in still.items()})
        for number in range(150)
    ]


def test_nothing_that_stays_is_accused() -> None:
    noisy = [sample._replace(processes=2 + number % 3) for number, sample in enumerate(_samples())]
    assert all(finding.held for finding in findings(TIMES, noisy))


@pytest.mark.parametrize("name", Sample._fields)
def test_a_leak_of_each_kind_is_found(name: str) -> None:
    step = 100_000 if name in ("memory", "workers") else 0.05
    found = findings(TIMES, _samples(**{name: step}))
    assert [finding.name for finding in found if not finding.held] == [name]


def test_one_peak_is_no_slope() -> None:
    values = [5.0] * 100
    values[-1] = 5_000_000.0
    assert slope(TIMES[:100], values) == 0


@pytest.mark.slow
def test_lock_and_sync_of_one_repository_grow_as_their_plugins_do() -> None:
    """The whole is `python3 dev.py soak growth`."""
    costs: list[Cost] = [cost for size in (8, 16, 32) for cost in measure("one repository", size)]
    growth = exponents(costs)
    assert growth["one repository", "lock"] > 0.5
    assert {key: power for key, power in growth.items() if power > BOUND} == {}
