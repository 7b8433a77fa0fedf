"""env, clock and random."""

import json
import time

import pytest

from tarkpm.core.capability import CapabilitySet
from tarkpm.errors import LimitReached
from tarkpm.host.imports.clock import Clock
from tarkpm.host.imports.env import MAX_VALUE, Env
from tarkpm.host.imports.random import Random

ENVIRONMENT = {
    "GEMINI_KEY": "g",
    "GEMINI_": "bare",
    "GEMINI": "other",
    "XGEMINI_KEY": "x",
    "gemini_key": "lower",
    "GOOGLE_API_KEY": "k",
    "GOOGLE_API_KEY_2": "k2",
    "AWS_SECRET": "s",
    "GEMINI_*": "star",
    "EMPTY": "",
    "BASH_FUNC_x%%": "() { :; }",
}


def env(*scopes: str, **more: str) -> tuple[Env, list[str]]:
    reports: list[str] = []
    granted = CapabilitySet.from_table({"env": list(scopes)})
    return Env(granted, ENVIRONMENT | more, reports.append), reports


def get(served: Env, name: str) -> object:
    return served.call("get", (name,), 0.0)


def test_exact_names_and_prefixes() -> None:
    served, reports = env("GEMINI_*", "GOOGLE_API_KEY", "EMPTY", "UNSET")
    granted = {"GEMINI_KEY": "g", "GEMINI_": "bare", "GOOGLE_API_KEY": "k", "EMPTY": ""}
    assert {name: get(served, name) for name in granted} == granted
    hidden = [
        *(ENVIRONMENT.keys() - granted.keys()),
        "UNSET",
        "",
        "GEMINI_KEY=",
        "GEMINI_KEY\0",
        "*",
        "\ud800",
    ]
    assert {name: get(served, name) for name in hidden} == dict.fromkeys(hidden)
    assert reports == []


def test_nothing_granted() -> None:
    served, _ = env()
    assert [get(served, name) for name in ENVIRONMENT] == [None] * len(ENVIRONMENT)


def test_what_was_not_granted_is_not_even_held() -> None:
    served, _ = env("GEMINI_*")
    assert "AWS_SECRET" not in str(vars(served))


def test_it_is_a_snapshot() -> None:
    environment = {"A": "1"}
    served = Env(CapabilitySet.from_table({"env": ["A"]}), environment, print)
    environment["A"] = "2"
    assert get(served, "A") == "1"


def test_a_value_that_is_too_long_is_not_cut() -> None:
    served, reports = env("A", "B", A="ü" * (MAX_VALUE // 2), B="x" * (MAX_VALUE + 1))
    assert get(served, "A") == "ü" * (MAX_VALUE // 2)
    assert get(served, "B") is None
    assert get(served, "B") is None
    assert reports == ["does not receive B: its value is longer than 32 KiB"]


def test_a_value_that_is_not_text() -> None:
    served, _ = env("A", A=b"a\xffb".decode("utf-8", "surrogateescape"))
    assert get(served, "A") == "a\ufffdb"


def test_clock() -> None:
    clock = Clock()
    before = time.time() * 1000 - 1
    assert before <= clock.call("now", (), 0.0) <= time.time() * 1000 + 1
    readings = [clock.call("monotonic", (), 0.0) for _ in range(100)]
    assert readings == sorted(readings)
    assert all(type(reading) is int for reading in readings)


def test_a_clock_that_is_wrong() -> None:
    clock = Clock(now=lambda: -5_000_000, monotonic=lambda: 1_999_999)
    assert (clock.call("now", (), 0.0), clock.call("monotonic", (), 0.0)) == (0, 1)


@pytest.mark.parametrize("count", [0, 1, 1024])
def test_random_bytes(count: int) -> None:
    served = Random()
    found = served.call("bytes", (count,), 0.0)
    assert isinstance(found, list)
    assert len(found) == count
    assert all(0 <= byte < 256 for byte in found)
    assert json.loads(json.dumps(found)) == found
    assert count < 8 or found != served.call("bytes", (count,), 0.0)


@pytest.mark.parametrize("count", [1025, (1 << 32) - 1])
def test_too_many_random_bytes(count: int) -> None:
    with pytest.raises(LimitReached, match=f"asked for {count:,} random bytes at once, the limit is 1,024"):
        Random().call("bytes", (count,), 0.0)


def test_random_numbers() -> None:
    numbers = [Random().call("number", (), 0.0) for _ in range(200)]
    assert len(set(map(str, numbers))) == 200
    assert all(isinstance(number, int) and 0 <= number < 1 << 64 for number in numbers)
    assert any(isinstance(number, int) and number >= 1 << 62 for number in numbers)
