"""`[mcp]` in tark.toml: which tools agents may call, and before which calls a person is asked."""

import json
import shutil
from typing import Any

import pytest
from conftest import Publisher
from hypothesis import given
from hypothesis import strategies as st
from support.agents import NEW, OLD, connected, run, toolbox
from support.sandbox import Sandbox
from support.silent_ui import SilentUi
from support.wat import defining_tool

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.agent.listing import SEARCH
from tarkpm.core.agent.rule_check import closed, idle_rules
from tarkpm.core.agent.rules import ASKS, McpRules
from tarkpm.core.lockfile import Lock
from tarkpm.core.project import Project
from tarkpm.core.widening import widenings
from tarkpm.errors import ProjectError
from tarkpm.ops.run.turns import AgentCall


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
        ('deny = ["github__slow"]', "found 'github__slow'; did you mean 'github:slow'"),
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


KNOWN = {"github": ["search", "slow"], "copy": None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('deny = ["github", "github:slow", "copy:any", "copy"]', []),
        (
            'deny = ["githbu:slow"]',
            ["deny: 'githbu:slow' names no plugin; did you mean 'github:slow'?"],
        ),
        ('deny = ["githbu:slwo"]', ["deny: 'githbu:slwo' names no plugin; did you mean 'github:slow'?"]),
        ('deny = ["elsewhere"]', ["deny: 'elsewhere' names no plugin"]),
        (
            'deny = ["github:Slow"]',
            [
                "deny: 'github:Slow' names no tool of 'github', so agents get none of its tools; did you mean 'github:slow'?"
            ],
        ),
        (
            'allow = ["github:other"]\ndeny = ["gthub"]',
            [
                "deny: 'gthub' names no plugin; did you mean 'github'?",
                "allow: 'github:other' names no tool of 'github'",
            ],
        ),
    ],
)
def test_a_rule_that_names_nothing(text: str, said: list[str]) -> None:
    assert [str(one) for one in idle_rules(rules(text), KNOWN)] == [f"[mcp] {one}" for one in said]


def test_a_denied_tool_that_is_not_there_closes_its_plugin() -> None:
    """An update that renames a denied tool, or a typing error, must not open it."""
    given = rules('deny = ["github:slwo", "copy:x", "none:x"]')
    found = closed(given, idle_rules(given, KNOWN))
    assert not found.serves("github", "slow")
    assert not found.serves("github", "search")
    assert found.serves("copy", "y")
    given = rules('allow = ["github:slwo"]')
    assert closed(given, idle_rules(given, KNOWN)) == given


def test_a_rule_that_names_nothing_is_shown_everywhere(project: Sandbox) -> None:
    toml = project.cwd / "tark.toml"
    plain = toml.read_text()
    toml.write_text(plain + '\n[mcp]\ndeny = ["text-tools:save-notes"]\nask = "write"\n')
    project.run("sync").ok()
    said = "[mcp] deny: 'text-tools:save-notes' names no tool of 'text-tools'"
    near = "did you mean 'text-tools:save-note'?"
    project.run("tools").ok().failed(0, said, near, "denied")
    assert {one["agents"] for one in project.run("tools", "--json").ok().json["tools"]} == {"denied"}
    sizes = project.run("tools", "--size").ok()
    assert said in sizes.err
    assert "denies agents 2 tools" in sizes.out
    project.run("verify").failed(1, said, "help: tarkpm tools text-tools")
    project.run("doctor").failed(1, said)
    # Somebody who is asked about anything else in a pull sees it too.
    toml.write_text(toml.read_text().replace('ask = "write"', ""))
    project.run("accept", "--print").failed(0, "without asking", said)
    toml.write_text(plain + '\n[mcp]\ndeny = ["text-tools:save-note"]\nask = "write"\n')
    project.run("accept", "--accept-project").ok()
    project.run("verify").ok()
    agents = {one["name"]: one["agents"] for one in project.run("tools", "--json").ok().json["tools"]}
    assert (agents["save-note"], agents["text-stats"]) == ("denied", "allowed")
    report = project.run("tools", "--size", "--json").ok().json
    assert report["denied"] == 1


def test_the_server_says_so_and_answers_a_search_once(project: Sandbox) -> None:
    toml, ui = project.cwd / "tark.toml", SilentUi()
    toml.write_text(toml.read_text() + '\n[mcp]\ndeny = ["text-tolos"]\n')
    with toolbox(project, project.cwd, ui) as server:
        assert "[mcp] deny: 'text-tolos' names no plugin; did you mean 'text-tools'?" in ui.notes
        found = server.call(SEARCH, {"query": "stats"}, AgentCall())
        assert [one["name"] for one in json.loads(found.text)["tools"]] == ["text-tools__text-stats"]
        assert found.data is None
        toml.write_text(toml.read_text().replace("text-tolos", "text-tools:text-stat"))
        refused = server.call("text-tools__text-stats", {"text": "a"}, AgentCall())
        assert refused.failed
        assert server.tools == ()


def test_a_tool_that_is_not_installed_names_the_command(project: Sandbox) -> None:
    clone = project.root / "clone"
    clone.mkdir()
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(project.cwd / name, clone / name)
    project.run("accept", "--accept-project", cwd=clone).ok()
    with toolbox(project, clone, SilentUi()) as server:
        said = server.call("text-tools__text-stats", {"text": "a"}, AgentCall()).host[0]
        assert said.endswith(
            "'text-tools' is not installed as tark.lock says. The user can install it: tarkpm sync"
        )
        project.run("sync", cwd=clone).ok()
        assert not server.call("text-tools__text-stats", {"text": "a"}, AgentCall()).failed


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
