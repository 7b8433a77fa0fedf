"""Editing one member of JSON with comments changes nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.agent.jsonc import read, with_member, without_member

ENTRY = {"command": "tarkpm", "args": ["mcp"]}
PATH = ("servers", "tarkpm")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "servers": {\n    "tarkpm": 1\n  }\n}\n'),
        ("{}\n", '{\n  "servers": {\n    "tarkpm": 1\n  }\n}\n'),
        ("{ // mine\n}\n", '{\n  "servers": {\n    "tarkpm": 1\n  } // mine\n}\n'),
        (
            '{\n    "a": 1 // one\n}\n',
            '{\n    "a": 1, // one\n    "servers": {\n        "tarkpm": 1\n    }\n}\n',
        ),
        (
            '{\n\t"servers": {\n\t\t"x": {}, // last,\n\t},\n\t/* end */\n}',
            '{\n\t"servers": {\n\t\t"x": {}, // last,\n\t\t"tarkpm": 1,\n\t},\n\t/* end */\n}',
        ),
        ('{"servers": {"tarkpm": 2, "b": 3}}', '{"servers": {"tarkpm": 1, "b": 3}}'),
        ('{"servers": {"b": "// no"}}', '{"servers": {"b": "// no",\n  "tarkpm": 1\n}}'),
    ],
)
def test_a_member_is_set(before: str, after: str) -> None:
    assert with_member(before, PATH, 1) == after
    assert with_member(after, PATH, 1) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{\n  "servers": {\n    "a": 1, // one\n    "tarkpm": 1\n  }\n}\n',
            '{\n  "servers": {\n    "a": 1, // one\n  }\n}\n',
        ),
        ('{"servers": {"tarkpm": 1, "b": 2}}', '{"servers": { "b": 2}}'),
        ('{"servers": {"b": 2, "tarkpm": 1}}', '{"servers": {"b": 2}}'),
        ('{"servers": {"b": 2}}', '{"servers": {"b": 2}}'),
        ("", ""),
    ],
)
def test_a_member_is_removed(before: str, after: str) -> None:
    assert without_member(before, PATH) == after


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"servers": []}', "expected an object at servers"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ('{"a" 1}', "expected ':'"),
        ("[1, 2", "expected ',' or ']'"),
        ('{"a": }', "expected a value"),
        ("{} {}", "expected the end"),
        ("[" * 200, "nested too deeply"),
        ("{", "expected a key"),
    ],
)
def test_what_cannot_be_edited_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("[", r"\[")):
        with_member(text, PATH, 1)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["a", "servers", "z"]), st.dictionaries(st.text(max_size=4), _JSON)),
    st.sampled_from([None, 2, "\t"]),
)
def test_it_reads_back_and_is_undone(
    document: dict[str, dict[str, object]], indent: int | str | None
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    edited = with_member(text, PATH, ENTRY)
    expected = json.loads(text)
    expected.setdefault("servers", {})["tarkpm"] = ENTRY
    assert read(edited) == expected
    del expected["servers"]["tarkpm"]
    assert read(without_member(edited, PATH)) == expected
