"""`tarkpm mcp` over stdio, asked by the official SDK's client."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest
from conftest import Publisher
from support.agents import NEW, OLD, connected, run
from support.printing import printing_tool
from support.sandbox import Sandbox
from support.wat import hostile_tool

pytest.importorskip("mcp")

STATS = "text-tools__text-stats"


@pytest.fixture
def hostile(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project whose plugin crashes, hangs and floods; it may store nothing."""
    publisher.release(wasm=hostile_tool())
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    sandbox.run("revoke", "text-tools", "storage").ok()
    return sandbox


def workers(parent: int) -> list[int]:
    """The processes below a process, however deep."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _parent(int(entry.name)) == parent:
            found += [int(entry.name), *workers(int(entry.name))]
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def server_pid() -> int:
    """The process of the server, which is a child of the test's."""
    (pid,) = (
        pid for pid in workers(os.getpid()) if b"tarkpm\0mcp" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return pid


@pytest.mark.parametrize("version", [NEW, OLD])
def test_a_client_of_each_revision_lists_and_calls(project: Sandbox, version: str) -> None:
    async def session() -> None:
        async with connected(project, version=version) as client:
            assert client.protocol_version == version
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert list(tools) == ["text-tools__save-note", STATS]
            stats = tools[STATS]
            assert stats.title == "text-tools: text-stats"
            assert stats.annotations is not None
            assert stats.annotations.read_only_hint is True
            assert stats.annotations.open_world_hint is False
            assert stats.meta == {"tarkpm.claimed-risk": "read-only"}
            assert workers(server_pid()) == []  # nothing was started to list the tools
            result = await client.call_tool(STATS, {"text": "a b c"})
            assert not result.is_error
            assert result.structured_content == {"chars": 5, "words": 3, "lines": 1}
            wrong = await client.call_tool(STATS, {"text": 1})
            assert wrong.is_error
            assert "the tool's arguments are invalid" in wrong.content[0].text  # type: ignore[union-attr]
            unknown = await client.call_tool("text-tools__text-stat", {})
            assert unknown.is_error
            said = f"tarkpm: there is no tool 'text-tools__text-stat'; did you mean '{STATS}'? "
            assert unknown.content[0].text.startswith(said)  # type: ignore[union-attr]

    run(session)


def test_a_plugin_that_fails_ends_nothing(hostile: Sandbox) -> None:
    async def session() -> None:
        async with connected(hostile) as client:
            for tool, said in (
                ("trap", "trapped"),
                ("grow", "of memory"),
                ("bad-pointer", "text-tools"),
                ("huge-output", "text-tools"),
                ("many-calls", "storage"),
            ):
                result = await client.call_tool(f"text-tools__{tool}", {"text": "x"})
                assert result.is_error, tool
                texts = [block.text for block in result.content]  # type: ignore[union-attr]
                assert all(text.startswith("tarkpm: ") for text in texts), texts
                assert said in "".join(texts), (tool, texts)
            result = await client.call_tool("text-tools__many-calls", {"text": "x"})
            assert "tarkpm grant text-tools storage" in result.content[-1].text  # type: ignore[union-attr]
            echoed = await client.call_tool("text-tools__echo", {"text": "\x1b[2J\u202ehidden \U000e0041"})
            assert not echoed.is_error
            text = echoed.content[0].text  # type: ignore[union-attr]
            assert text.isprintable()
            assert "\x1b" not in str(echoed.structured_content)

    run(session)


def test_an_exception_is_an_error_in_the_plugins_words(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(wasm=printing_tool())
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()

    async def session() -> None:
        async with connected(sandbox) as client:
            result = await client.call_tool("text-tools__bad-pointer", {})
            assert result.is_error
            assert [block.text for block in result.content] == ["ValueError: bad text"]  # type: ignore[union-attr]

    run(session)


def test_a_cancelled_call_ends_its_worker(hostile: Sandbox) -> None:
    async def session() -> None:
        async with connected(hostile) as client:
            await client.call_tool("text-tools__echo", {"text": "x"})
            before = {*workers(server_pid())}
            with anyio.move_on_after(1):
                await client.call_tool("text-tools__spin", {"text": "x"})
            start = anyio.current_time()
            result = await client.call_tool("text-tools__echo", {"text": "again"})
            assert not result.is_error
            assert anyio.current_time() - start < 10  # and not the 30 s that a call may take
            assert {*workers(server_pid())} != before

    run(session)


def test_a_worker_that_is_killed_mid_call_is_an_error_and_no_more(hostile: Sandbox) -> None:
    async def session() -> None:
        async with connected(hostile) as client:
            await client.call_tool("text-tools__echo", {"text": "x"})
            victims = workers(server_pid())

            async def kill() -> None:
                await anyio.sleep(0.5)
                for pid in victims:
                    os.kill(pid, signal.SIGKILL)

            results: list[Any] = []
            async with anyio.create_task_group() as group:
                group.start_soon(kill)
                results.append(await client.call_tool("text-tools__spin", {"text": "x"}))
            assert results[0].is_error
            again = await client.call_tool("text-tools__echo", {"text": "again"})
            assert not again.is_error

    run(session)


def test_progress_is_reported(hostile: Sandbox) -> None:
    async def session() -> None:
        seen: list[tuple[float, str | None]] = []

        async def progress(progress: float, total: float | None, message: str | None) -> None:
            seen.append((progress, message))

        async with connected(hostile) as client:
            with anyio.move_on_after(1.8):
                await client.call_tool("text-tools__spin", {"text": "x"}, progress_callback=progress)
        assert [done > 0.9 for done, _ in seen] == [True]

    run(session)


@pytest.mark.parametrize("version", [NEW, OLD])
def test_changes_under_the_server_are_announced_and_hold(
    project: Sandbox, publisher: Publisher, version: str
) -> None:
    async def session() -> None:
        changed = anyio.Event()

        async def message(received: Any) -> None:
            if "ToolListChanged" in type(received).__name__ or "tools/list_changed" in str(received):
                changed.set()

        async with connected(project, version=version, message_handler=message) as client:
            assert not (await client.call_tool(STATS, {"text": "a"})).is_error
            async with anyio.create_task_group() as group:
                if version == NEW:
                    group.start_soon(_listen, client, changed)
                    await anyio.sleep(0.5)
                project.run("disable", "text-tools").ok()
                # The call is the first to notice, and others are told all the same.
                assert (await client.call_tool(STATS, {"text": "a"})).is_error
                with anyio.fail_after(20):
                    await changed.wait()
                group.cancel_scope.cancel()
            assert (await client.list_tools()).tools == []
            result = await client.call_tool(STATS, {"text": "a"})
            assert result.is_error
            project.run("enable", "text-tools").ok()
            assert not (await client.call_tool(STATS, {"text": "a"})).is_error
            publisher.release("1.1.0")
            project.run("update").ok()
            assert not (await client.call_tool(STATS, {"text": "a"})).is_error
            document = project.cwd / "tark.toml"
            away = document.rename(document.with_name("away"))
            assert (await client.call_tool(STATS, {"text": "a"})).is_error
            away.rename(document)
            assert not (await client.call_tool(STATS, {"text": "a"})).is_error
            project.run("revoke", "text-tools", "storage").ok()
            result = await client.call_tool("text-tools__save-note", {"key": "k", "text": "t"})
            assert result.is_error

    run(session)


async def _listen(client: Any, changed: anyio.Event) -> None:
    async with client.listen(tools_list_changed=True) as events:
        async for _ in events:
            changed.set()


def test_a_pulled_lock_that_is_not_accepted_stops_every_call(project: Sandbox, publisher: Publisher) -> None:
    async def session() -> None:
        async with connected(project) as client:
            assert not (await client.call_tool(STATS, {"text": "a"})).is_error
            toml = project.cwd / "tark.toml"
            toml.write_text(
                toml.read_text().replace("text-tools = { storage", "text-tools = { shell = true, storage")
            )
            lines = toml.read_text()
            if "shell" not in lines:
                toml.write_text(lines.replace("[grants.text-tools]", "[grants.text-tools]\nshell = true"))
            assert "shell" in toml.read_text()
            result = await client.call_tool(STATS, {"text": "a"})
            assert result.is_error
            assert "you have not accepted" in result.content[0].text  # type: ignore[union-attr]

    run(session)


def test_plugins_without_pins_are_left_out(sandbox: Sandbox) -> None:
    sandbox.init()
    sandbox.plugin(sandbox.cwd / "mine")
    sandbox.run("add", "./mine", "--accept-capabilities").ok()

    async def session() -> None:
        async with connected(sandbox) as client:
            assert (await client.list_tools()).tools == []

    run(session)
    assert "working copies have no pinned tools" in (sandbox.root / "mcp.err").read_text()
    # An empty report must not contradict what `tarkpm tools` lists.
    assert "working copies have no pinned tools" in sandbox.run("tools", "--size").ok().err


def test_pins_that_are_not_in_the_store_are_asked_for(project: Sandbox) -> None:
    shutil.rmtree(project.store / "blobs")

    async def session() -> None:
        async with connected(project) as client:
            assert (await client.list_tools()).tools == []

    run(session)
    assert "tarkpm lock" in (project.root / "mcp.err").read_text()


def test_a_project_that_is_not_accepted_is_not_served(project: Sandbox, tmp_path: Path) -> None:
    mate = Sandbox(tmp_path / "mate")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(project.cwd / name, mate.cwd / name)
    mate.execute("mcp").failed(4, "you have not accepted this project's decisions")


def test_a_fresh_clone_is_told_what_is_missing(project: Sandbox, tmp_path: Path) -> None:
    mate = Sandbox(tmp_path / "mate")
    shutil.copy(project.cwd / "tark.toml", mate.cwd / "tark.toml")
    mate.run("accept", "--accept-project").ok()
    unlocked = "not locked, there is no tark.lock: 'text-tools'; run: tarkpm lock && tarkpm sync"
    for verb in (("tools",), ("tools", "--size"), ("tools", "--changed")):
        done = mate.run(*verb).ok()
        assert unlocked in done.out + done.err, verb
    assert unlocked in mate.execute("mcp").ok().err
    shutil.copy(project.cwd / "tark.lock", mate.cwd / "tark.lock")
    mate.run("accept", "--accept-project").ok()
    missing = "not installed as tark.lock says: 'text-tools'; run: tarkpm sync"
    assert missing in mate.execute("mcp").ok().err
    assert mate.run("tools").failed(1, "'text-tools' is locked but not").out.endswith("  help: tarkpm sync\n")
    assert mate.run("tools", "--json").failed(1).json["hints"] == {"text-tools": "tarkpm sync"}


def test_the_user_s_own_plugins_are_served_and_hand_placed_ones_are_not(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    publisher.release()
    sandbox.run("init", "--user").ok()
    sandbox.run("add", publisher.url, "--user", "--trust", publisher.key, "--accept-capabilities").ok()
    sandbox.plugin(sandbox.data / "plugins" / "by-hand", name="by-hand")

    async def session() -> None:
        async with connected(sandbox, "--user") as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert names == ["text-tools__save-note", STATS]
            assert not (await client.call_tool(STATS, {"text": "a"})).is_error

    run(session)
    assert "leaves them out: 'by-hand'" in (sandbox.root / "mcp.err").read_text()
