"""A hundred plugins in one server."""

import json

import pytest
from support.agents import connected, run
from support.gitrepo import GitRepo
from support.sandbox import Sandbox

pytest.importorskip("mcp")

COUNT = 100


@pytest.fixture
def many(sandbox: Sandbox) -> Sandbox:
    """A project with a hundred plugins of one repository, locked and installed."""
    sandbox.init()
    names = [f"plugin-{number:03}" for number in range(COUNT)]
    repo = GitRepo(sandbox.root / "plugins")
    for name in names:
        sandbox.plugin(sandbox.root / "plugins" / name, name=name)
    repo.git("add", "--all")
    repo.commit("plugins")
    repo.tag("v1")
    source = f'git = "{repo.folder.as_uri()}", tag = "v1", unsigned = true'
    lines = [f'{name} = {{ {source}, path = "{name}" }}' for name in names]
    grants = [f"{name} = {{ storage = true }}" for name in names]
    toml = sandbox.cwd / "tark.toml"
    toml.write_text("\n".join((toml.read_text(), "[plugins]", *lines, "[grants]", *grants, "")))
    unsigned = [word for name in names for word in ("--allow-unsigned", name)]
    sandbox.execute("lock", "--accept-project", "--accept-capabilities", *unsigned).ok()
    sandbox.execute("sync").ok()
    return sandbox


@pytest.mark.slow  # locking asks each of them for its tools: ten seconds
def test_a_hundred_plugins_are_searched_and_called(many: Sandbox) -> None:
    async def session() -> None:
        async with connected(many) as client:
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == ["search_tools", "call_tool"]
            assert (
                sum(len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in tools) <= 8 * 1024
            )
            found = await client.call_tool("search_tools", {"query": "plugin-042 stats", "limit": 1})
            (tool,) = json.loads(found.content[0].text)["tools"]  # type: ignore[union-attr]
            assert tool["name"] == "plugin-042__text-stats"
            call = {"name": tool["name"], "arguments": {"text": "a b"}}
            result = await client.call_tool("call_tool", call)
            assert result.structured_content == {"chars": 3, "words": 2, "lines": 1}
            for number in range(0, COUNT, 20):
                name = f"plugin-{number:03}__text-stats"
                assert not (await client.call_tool(name, {"text": "a"})).is_error
            wrong = await client.call_tool("call_tool", {"name": "call_tool", "arguments": call})
            assert wrong.is_error
            assert (await client.call_tool("search_tools", {"query": 5})).is_error
        async with connected(many, "--expose", "all") as client:
            assert len((await client.list_tools()).tools) == 2 * COUNT

    run(session)
