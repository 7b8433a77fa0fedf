"""`tarkpm mcp` over stdio, asked by the official SDK's client."""

import pytest
from conftest import Publisher
from support.agents import NEW, OLD, connected, run
from support.sandbox import Sandbox

pytest.importorskip("mcp")


@pytest.fixture
def project(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project with text-tools, installed from git and pinned."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    return sandbox


@pytest.mark.parametrize("version", [NEW, OLD])
def test_a_client_of_each_revision_lists_and_calls(project: Sandbox, version: str) -> None:
    async def session() -> None:
        async with connected(project, version=version) as client:
            assert client.protocol_version == version
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert list(tools) == ["text-tools__save-note", "text-tools__text-stats"]
            stats = tools["text-tools__text-stats"]
            assert stats.title == "text-tools: text-stats"
            assert stats.annotations is not None
            assert stats.annotations.read_only_hint is True
            assert stats.meta == {"tarkpm/claimed-risk": "read-only"}
            result = await client.call_tool("text-tools__text-stats", {"text": "a b c"})
            assert not result.is_error
            assert result.structured_content == {"chars": 5, "words": 3, "lines": 1}

    run(session)
