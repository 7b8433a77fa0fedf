"""What a case expects, compared with what came; and what a host call asks for."""

from typing import Any

import pytest

from tarkpm.core.asked import allows, asked, smallest
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.compared import difference, is_equal, is_part


@pytest.mark.parametrize(
    ("expected", "output", "equal", "part"),
    [
        ({"a": 1, "b": [1, 2]}, '{"b": [1, 2], "a": 1.0}', True, True),
        ({"a": 1}, '{"a": 1, "b": 2}', False, True),
        ({"a": {}}, '{"a": {"b": 1}}', False, True),
        ({"a": True}, '{"a": 1}', False, False),
        ({"a": 0}, '{"a": false}', False, False),
        ([1, 3], "[1, 2, 3]", False, True),
        ([3, 1], "[1, 2, 3]", False, False),
        ([{"a": 1}], '[{"a": 1, "b": 2}]', False, True),
        ({"a": "ell"}, '{"a": "hello"}', False, True),
        ("hello", '"hello"', True, True),
        ("hello", "hello", True, True),
        ("ell", "hello", False, True),
        ("1", "1", True, True),
        (1, "1", True, True),
        (1, "one", False, False),
        ({}, "not JSON", False, False),
        ([], "[" * 100_000, False, False),
    ],
)
def test_a_value_is_compared_as_json(expected: Any, output: str, equal: bool, part: bool) -> None:
    assert (is_equal(expected, output), is_part(expected, output)) == (equal, part)


def test_a_difference_is_bounded() -> None:
    lines = difference(list(range(200)), str(list(range(1, 300))))
    assert len(lines) == 61
    assert difference("a\nb", "a\nc") == (" a", "-b", "+c")
    million = "\n".join(map(str, range(1_000_000)))
    assert difference(million, million + "\nx") == (" 999998", " 999999", "+x")
    assert len(difference(million, "\n".join(map(str, range(1, 1_000_000))))) < 62
    assert difference({}, "[" * 900 + "]" * 900)[0] == "-{}"


@pytest.mark.parametrize(
    ("interface", "function", "args", "capability"),
    [
        ("http", "get", ["https://API.example.com/x?y", []], "http:api.example.com"),
        ("http", "post", ["http://127.0.0.1:8080/", "", []], "http:127.0.0.1:8080"),
        ("http", "get", ["https://me@example.com/", []], None),
        ("ws", "connect", ["wss://a.example/", []], "http:a.example"),
        ("ws", "send", [1, "x"], None),
        ("env", "get", ["HOME"], "env:HOME"),
        ("env", "get", ["no name"], None),
        ("storage", "list-keys", [], "storage"),
        ("shell", "run", [["ls"], None, None, None], "shell"),
        ("filesystem", "read", ["./docs/a.md"], "filesystem:docs/a.md:ro"),
        ("filesystem", "write", ["docs/a.md", "x"], "filesystem:docs/a.md"),
        ("filesystem", "list", ["docs/"], "filesystem:docs/:ro"),
        ("filesystem", "read", ["../x"], None),
        ("clock", "now", [], None),
    ],
)
def test_a_host_call_asks_for_the_smallest_capability(
    interface: str, function: str, args: list[Any], capability: str | None
) -> None:
    found = asked(interface, function, args)
    assert (str(found) if found else None) == capability


def test_a_folder_s_grant_allows_to_stat_it() -> None:
    stat = asked("filesystem", "stat", ["docs"])
    assert stat
    assert allows(CapabilitySet.of([Capability.parse("filesystem:docs/")]), stat)
    assert not allows(CapabilitySet.of([Capability.parse("filesystem:doc/")]), stat)
    both = [stat, Capability.parse("filesystem:docs/:ro")]
    assert [str(one) for one in smallest(both)] == ["filesystem:docs/:ro"]
