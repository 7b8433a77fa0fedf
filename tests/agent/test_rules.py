"""`[mcp]` in tark.toml: which tools agents may call, and before which calls a person is asked."""

from typing import Any

import pytest
from conftest import Publisher
from hypothesis import given
from hypothesis import strategies as st
from support.agents import NEW, OLD, connected, run
from support.sandbox import Sandbox
from support.wat import defining_tool

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.agent.rules import ASKS, McpRules
from tarkpm.core.lockfile import Lock
from tarkpm.core.project import Project
from tarkpm.core.widening import widenings
from tarkpm.errors import ProjectError


def rules(text: str) -> McpRules:
    return Project.parse(b"[mcp]\n" + text.encode()).mcp


@pytest.mark.parametrize(
    ("text", "tool", "served"),
    [
        ("", "a:x", True),
        ("allow = []", "a:x", False),
        ('allow = ["a"]', "a:x", True),
        ('allow = ["a:x"]', "a:x", True),
        ('allow = ["a:x"]', "a:y", False),
        ('deny = ["a"]', "a:x", False),
        ('allow = ["a"]\ndeny = ["a:x"]', "a:x", False),
        ('allow = ["my_plugin"]', "my-plugin:x", True),
        ('deny = ["my-plugin"]', "my_plugin:x", False),
    ],
)
def test_what_is_served(text: str, tool: str, served: bool) -> None:
    assert rules(text).serves(*tool.split(":")) is served


def test_what_is_asked_about() -> None:
    assert [risk for risk in ASKS[:-1] if rules('ask = "risky"').asks(risk)] == ["risky", "dangerous"]  # type: ignore[arg-type]
    assert [risk for risk in ASKS[:-1] if rules("").asks(risk)] == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('ask = "sometimes"', "ask: expected one of"),
        ('allow = "a"', "allow: expected a list"),
        ("deny = [1]", "deny: expected a list"),
        ('deny = ["a:"]', "deny: expected a tool"),
        ('deny = ["A B"]', "deny: expected"),
        ("what = 1", "'what' is not a known key"),
    ],
)
def test_what_is_no_rule(text: str, problem: str) -> None:
    with pytest.raises(ProjectError, match=problem):
        rules(text)


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        ("", 'allow = ["a"]\nask = "risky"', []),
        ('allow = ["a"]', "", ["let agents call every tool"]),
        ('allow = ["a"]', 'allow = ["a:x"]', []),
        ('allow = ["a:x"]', 'allow = ["a"]', ["let agents call a"]),
        ('deny = ["a"]', "", ["let agents call a, which was denied"]),
        ('deny = ["a:x"]', 'deny = ["a"]', []),
        (
            'ask = "risky"',
            'ask = "dangerous"',
            ["let agents call tools without asking (ask = risky → dangerous)"],
        ),
        ('ask = "risky"', 'ask = "write"', []),
        ('ask = "risky"', "", ["let agents call tools without asking (ask = risky → never)"]),
    ],
)
def test_fewer_restrictions_are_a_widening(before: str, after: str, sentences: list[str]) -> None:
    old, new = (Acceptance.of(Project(mcp=rules(text)), Lock()) for text in (before, after))
    assert [str(one) for one in widenings(new, old)] == sentences
    assert all(one.is_loud for one in widenings(new, old))


_LISTS = st.lists(st.sampled_from(["a", "a:x", "a:y", "b", "b:x"]), max_size=3).map(
    lambda one: tuple(sorted({*one}))
)
_RULES = st.builds(McpRules, st.none() | _LISTS, _LISTS, st.sampled_from(ASKS))


@given(_RULES, _RULES)
def test_both_together_are_beyond_neither(one: McpRules, other: McpRules) -> None:
    met = one.meet(other)
    assert met.beyond(one) == met.beyond(other) == ()
    for plugin in "ab":
        for tool in "xy":
            assert met.serves(plugin, tool) == (one.serves(plugin, tool) and other.serves(plugin, tool))


@given(_RULES, _RULES)
def test_what_is_not_beyond_serves_no_more(accepted: McpRules, decided: McpRules) -> None:
    if not decided.beyond(accepted):
        for plugin in "ab":
            for tool in "xy":
                assert accepted.serves(plugin, tool) or not decided.serves(plugin, tool)


@pytest.fixture
def risky(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project whose plugin claims to be dangerous, and which asks about that."""
    publisher.release(wasm=defining_tool("Repeats", risk=3))
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(toml.read_text() + '\n[mcp]\nask = "risky"\ndeny = ["text-tools:trap"]\n')
    sandbox.run("sync").ok()
    return sandbox


def test_a_pull_that_asks_less_is_asked_about(risky: Sandbox) -> None:
    toml = risky.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace('ask = "risky"', "").replace("text-tools:trap", "other"))
    risky.run("tools").failed(4, "let agents call text-tools:trap, which was denied", "without asking")
    risky.run("grant", "text-tools", "storage", "--accept-project").ok()
    assert 'deny = ["other"]' in toml.read_text()


@pytest.mark.parametrize("version", [NEW, OLD])
@pytest.mark.parametrize("answer", ["accept", "decline", ""])
def test_a_person_is_asked(risky: Sandbox, version: str, answer: Any) -> None:
    pytest.importorskip("mcp")
    from mcp import types

    asked: list[str] = []

    async def elicit(_: Any, params: Any) -> Any:
        asked.append(params.message)
        return types.ElicitResult(action=answer, content={} if answer == "accept" else None)

    async def session() -> None:
        callback: dict[str, Any] = {"elicitation_callback": elicit} if answer else {}
        async with connected(risky, version=version, **callback) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert "text-tools__trap" not in names
            assert (await client.call_tool("text-tools__trap", {})).is_error
            for name, arguments in (
                ("text-tools__echo", {"text": "hi\u202e"}),
                ("call_tool", {"name": "text-tools__echo", "arguments": {"text": "hi\u202e"}}),
            ):
                result = await client.call_tool(name, arguments)
                said = result.content[0].text  # type: ignore[union-attr]
                if answer == "accept":
                    assert not result.is_error, said
                elif answer == "decline":
                    assert said == "tarkpm: the user did not agree to this call"
                else:
                    assert "this client cannot ask one" in said

    run(session)
    assert len(asked) == (2 if answer else 0)
    assert all("'text-tools' run its tool 'echo'" in one and one.isprintable() for one in asked)
