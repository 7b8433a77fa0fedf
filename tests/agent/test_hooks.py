"""Hook plugins see an agent's calls, and may stop or rewrite them."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Publisher
from support.agents import connected, run, toolbox
from support.gitserver import GitServer
from support.sandbox import Sandbox
from support.silent_ui import SilentUi
from support.wat import assemble, hostile_tool

from tarkpm.core.agent.listing import AgentTool
from tarkpm.core.agent.outcome import Outcome
from tarkpm.errors import HostError
from tarkpm.host.results import HookOutcome
from tarkpm.ops.run.agent_hooks import AFTER, BEFORE, Hooks
from tarkpm.ops.run.images import Images
from tarkpm.ops.run.turns import AgentCall

pytest.importorskip("mcp")

PLACE = len('{"plugin": "text-tools", "tool": "echo", "arguments": {"text": "')
"""Where the text begins in the payload of `tool.before` and of `tool.after`."""


def hook() -> bytes:
    """The tests' hook, which looks at the text of a call: "s…" stops it, "r…" becomes "X…", "t…" traps."""
    text = Path(__file__).parents[1].joinpath("support", "hook.wat").read_text()
    text = text.replace("before-callafter-call", "tool.beforetool.after")
    text = text.replace("(i32.load8_u (local.get $p))", f"(i32.load8_u offset={PLACE} (local.get $p))")
    was = "(if (i32.eq (local.get $first) (i32.const 114)) (then "
    assert was in text
    return assemble(text.replace(was, f"{was}(i32.store8 offset={PLACE} (local.get $p) (i32.const 88)) "))


@pytest.fixture
def guarded(sandbox: Sandbox, server: GitServer) -> Sandbox:
    """A project with a tool that repeats its arguments, and a hook plugin."""
    sandbox.init()
    for name, kind, wasm in (("text-tools", "tool", hostile_tool()), ("guard", "hook", hook())):
        publisher = Publisher(sandbox, server, name)
        sandbox.plugin(publisher.folder, name=name, wasm=wasm)
        manifest = publisher.folder / "plugin.toml"
        manifest.write_text(manifest.read_text().replace('type = "tool"', f'type = "{kind}"'))
        publisher.repo.git("add", "--all")
        publisher.repo.commit(name)
        publisher.repo.tag("v1.0.0")
        publisher.publish()
        sandbox.run("add", publisher.url, "--allow-unsigned", name, "--accept-capabilities").ok()
    return sandbox


def test_a_hook_stops_rewrites_and_lets_pass(guarded: Sandbox) -> None:
    async def session() -> None:
        async with connected(guarded) as client:

            async def echo(text: str) -> str:
                result = await client.call_tool("text-tools__echo", {"text": text})
                return str(result.content[0].text)  # type: ignore[union-attr]

            assert await echo("plain") == '{"text": "plain"}'
            assert await echo("rude") == '{"text": "Xude"}'
            stopped = await echo("secret")
            assert stopped.startswith("tarkpm: the hook 'guard' stopped the call: ")
            assert "trapped" in await echo("trap")  # a guard that breaks lets nothing pass
            assert await echo("plain") == '{"text": "plain"}'
            guarded.run("disable", "guard").ok()
            assert await echo("secret") == '{"text": "secret"}'
            guarded.run("enable", "guard").ok()
            (guarded.plugins / "guard" / "plugin.wasm").chmod(0o600)
            (guarded.plugins / "guard" / "plugin.wasm").write_bytes(b"broken")
            (guarded.cwd / "tark.toml").touch()
            assert "the hook 'guard' cannot be loaded" in await echo("plain")

    run(session)


@pytest.mark.parametrize(
    ("event", "text", "said"),
    [
        (BEFORE, "[]", "it returned a payload that is not a JSON object"),
        (BEFORE, "{}", "expected an object as 'arguments' of its payload, found None"),
        (BEFORE, '{"arguments": "x"}', "expected an object as 'arguments' of its payload, found 'x'"),
        (AFTER, '{"output": 5}', "expected a text as 'output' of its payload, found 5"),
    ],
)
def test_a_wrong_answer_names_its_hook(event: str, text: str, said: str) -> None:
    """The second of two hooks gives it; the first lets everything pass."""

    class Answering:
        def hook_events(self, image: Any) -> list[str]:
            return [event]

        def hook_handle(self, image: Any, event: str, payload: str) -> Any:
            return HookOutcome("continue") if image == "first" else HookOutcome("replace", text)

    tool = AgentTool("a__b", "a", "b", "", {}, "write")
    hooks = Hooks(Answering(), Images({"first": "first", "second": "second"}, Path()))  # type: ignore[arg-type, dict-item]
    with pytest.raises(HostError) as caught:
        hooks.before(tool, {}) if event == BEFORE else hooks.after(tool, {}, Outcome("x"))
    assert caught.value.message == f"the hook 'second' stopped the call: {said}"


def test_what_a_tool_logs_passes_no_hook_and_is_not_shown(guarded: Sandbox) -> None:
    """Progress of a call is text of the plugin, which a hook that masks its output would not see."""

    def said() -> list[str]:
        seen: list[str] = []
        with toolbox(guarded, guarded.cwd, SilentUi()) as box:
            box.call("text-tools__echo", {"text": "plain"}, AgentCall(seen.append))
        return seen

    assert said() == []
    guarded.run("disable", "guard").ok()
    assert said() == ['{"text": "plain"}']
