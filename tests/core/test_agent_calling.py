"""`call_tool`: a call in another form than its definition's is refused, and never runs with the defaults."""

from typing import Any

import pytest

from tarkpm.core.agent.calling import meant


def test_a_tool_and_its_arguments() -> None:
    assert meant("call_tool", {"name": "a__b", "arguments": {"x": 1}}) == ("a__b", {"x": 1})
    assert meant("call_tool", {"name": "a__b"}) == ("a__b", {})
    assert meant("a__b", {"args": 1}) == ("a__b", {"args": 1})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "a", "arguments": '{"x": 1}'}, "expected 'arguments' to be an object, found a string"),
        ({"name": "a", "arguments": [1]}, "expected 'arguments' to be an object, found a list"),
        ({"name": "a", "arguments": None}, "expected 'arguments' to be an object, found null"),
        ({"name": "a", "arguments": 1.5}, "expected 'arguments' to be an object, found a number"),
        ({"name": "a", "args": {}}, "expected 'name' and 'arguments', found 'args'"),
        ({"tool": "a"}, "expected 'name' and 'arguments', found 'tool'"),
        ({}, "expected 'name' to be the name of a tool"),
        ({"name": ""}, "expected 'name' to be the name of a tool"),
        ({"name": 1}, "expected 'name' to be the name of a tool"),
    ],
)
def test_another_form(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"call_tool: {sentence}"):
        meant("call_tool", arguments)
