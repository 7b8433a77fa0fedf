"""What a person types to run plugins: call, tools, auth, chat, hook, inspect; and the same from Python."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import wat
from support.sandbox import PLUGINS, Sandbox
from support.services import Chat, OAuth, Service, serving
from support.terminal import Terminal

from tarkpm import Host
from tarkpm.errors import HostError, NotFound, PluginFailed, ProjectNotAccepted
from tarkpm.host.limits import ANSWER_SECONDS, Limits
from tarkpm.io.http_request import RequestLimits

AUTH_ENV = {"DEVICE_AUTH_CLIENT_ID": "me"}


def install(sandbox: Sandbox, name: str, http: str = "", env: str = "") -> None:
    """Install an example plugin as a working copy that declares these."""
    folder = sandbox.cwd / "src" / name
    shutil.copytree(PLUGINS / name, folder)
    toml = (folder / "plugin.toml").read_text()
    head, _, _ = toml.partition("[capabilities]")
    (folder / "plugin.toml").write_text(
        f'{head}[capabilities]\nstorage = true\nhttp = ["{http}"]\nenv = ["{env}"]\n'
        if http
        else f"{head}[capabilities]\nstorage = true\n"
    )
    if not (sandbox.cwd / "tark.toml").exists():
        sandbox.init()
    sandbox.run("add", f"./src/{name}", "--accept-capabilities").ok()


def test_tools_lists_what_every_enabled_plugin_offers(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    listing = sandbox.run("tools").ok().out
    assert "text-tools text-stats  read-only" in listing
    assert "text-tools save-note   write" in listing
    (stats, _) = sandbox.run("tools", "text-tools", "--json").ok().json["tools"]
    assert stats["schema"]["required"] == ["text"]
    sandbox.run("disable", "text-tools").ok()
    assert sandbox.run("tools").ok().out == "No tools.\n"


def test_a_plugin_that_cannot_be_loaded_does_not_hide_the_others(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    sandbox.plugin(sandbox.cwd / "broken", name="broken")
    sandbox.run("add", "./broken", "--accept-capabilities").ok()
    wasm = sandbox.plugins / "broken" / "plugin.wasm"
    wasm.chmod(0o644)
    wasm.write_bytes(wasm.read_bytes()[:-1] + b"x")
    result = sandbox.run("tools").failed(1, "failed: broken")
    assert "text-tools text-stats" in result.out


def test_what_a_tool_answers_is_safe_at_a_terminal_and_as_it_is_in_a_pipe(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "echo", name="echo", wasm=wat.lenient_tool())
    sandbox.init()
    sandbox.run("add", "./echo", "--accept-capabilities").ok()
    call = ("call", "echo", "echo", json.dumps("a\u202eb", ensure_ascii=False))
    assert sandbox.run(*call).ok().out == '"a\u202eb"\n'
    with Terminal(sandbox, *call) as terminal:
        assert '"a\\u202eb"' in terminal.finish().err


def test_call_traces_host_calls_and_masks_secrets(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    secret = "a-very-long-secret-that-nobody-must-see"
    arguments = f'{{"key":"k","text":"{secret}"}}'
    traced = sandbox.run("call", "text-tools", "save-note", arguments, "--trace", "--record", "calls").ok()
    assert "storage.set(" in traced.err
    assert "storage.list-keys()" in traced.err
    assert secret not in traced.err + (sandbox.cwd / "calls").read_text()


def test_call_reads_its_arguments_from_a_file_or_standard_input(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    (sandbox.cwd / "in.json").write_text('{"text":"a b"}')
    expected = '{"chars":3,"words":2,"lines":1}\n'
    assert sandbox.run("call", "text-tools", "text-stats", "@in.json").ok().out == expected
    assert sandbox.run("call", "text-tools", "text-stats", "-", stdin='{"text":"a b"}').ok().out == expected
    sandbox.run("call", "text-tools", "text-stats", "{").failed(2, "the arguments are not JSON")
    sandbox.run("call", "text-tools", "text-stats", "@nothing").failed(2, "no such file")
    sandbox.run("call", "text-tools", "text-stats", "NaN").failed(2, "NaN is not JSON", "help: quote it")
    sandbox.run("call", "text-tools", "text-stats", "-").failed(2, "not JSON", "where: standard input")
    (sandbox.cwd / "deep.json").write_text("[" * 100_000)
    sandbox.run("call", "text-tools", "text-stats", "@deep.json").failed(
        2, "the arguments are not JSON: nested too deeply", "where: deep.json"
    )
    (sandbox.cwd / "latin.json").write_bytes(b'{"text":"\xe9"}')
    sandbox.run("call", "text-tools", "text-stats", "@latin.json").failed(
        2, "the arguments are not UTF-8 text", "where: latin.json"
    )
    (sandbox.cwd / "long.json").write_text(f'{{"text":"{"x" * (1 << 20)}"}}')
    sandbox.run("call", "text-tools", "text-stats", "@long.json").failed(2, "more than 1,048,576 bytes")
    sandbox.run("call", "text-tools", "nothing", "{}").failed(1, "unknown tool: nothing")


def test_a_working_copy_runs_without_being_installed(sandbox: Sandbox) -> None:
    answer = sandbox.run("call", PLUGINS / "text-tools", "text-stats", '{"text":"a b c"}').ok()
    assert answer.out == '{"chars":5,"words":3,"lines":1}\n'
    assert not (sandbox.cwd / ".tark").exists()


def test_two_folders_with_one_name_share_nothing(sandbox: Sandbox) -> None:
    mine, theirs = (shutil.copytree(PLUGINS / "text-tools", sandbox.cwd / name) for name in ("a", "b"))
    note = ("save-note", '{"key":"secret","text":"mine"}')
    saved = sandbox.run("call", mine, *note).ok()
    assert saved.err == ""  # storage is nobody else's concern
    sandbox.run("call", theirs, *note).ok()
    assert len(list(sandbox.data.glob("data/working-copies/text-tools-*"))) == 2


def test_an_auth_plugin_signs_in_and_out(sandbox: Sandbox) -> None:
    with serving(OAuth) as service:
        install(sandbox, "device-auth", service.authority, "DEVICE_AUTH_*")
        env = {**AUTH_ENV, "DEVICE_AUTH_URL": f"http://{service.authority}"}
        assert "not-authenticated" in sandbox.run("auth", "status", "device-auth", env=env).ok().out
        sandbox.run("auth", "token", "device-auth", env=env).failed(1, "not authenticated")
        login = sandbox.run("auth", "login", "device-auth", env=env).ok()
        assert "ABCD-EFGH" in login.err
        assert f"http://{service.authority}/activate" in login.err
        assert "signed in with Device Flow (example)" in login.out
        assert "s3cret" not in login.out + login.err
        assert sandbox.run("auth", "token", "device-auth", env=env).ok().out == "s3cret-token\n"
        assert (
            sandbox.run("auth", "logout", "device-auth", "--json", env=env).ok().json["status"]
            == "not-authenticated"
        )
        assert [path for _, path, _, _ in service.requests] == ["/device/code", "/token", "/token"]


@pytest.mark.parametrize(
    ("fate", "text"), [("expired_token", "the code expired"), ("access_denied", "access_denied")]
)
def test_a_device_flow_that_fails_says_why(sandbox: Sandbox, fate: str, text: str) -> None:
    with serving(OAuth) as service:
        service.pending, service.fate = 0, fate
        install(sandbox, "device-auth", service.authority, "DEVICE_AUTH_*")
        env = {**AUTH_ENV, "DEVICE_AUTH_URL": f"http://{service.authority}"}
        sandbox.run("auth", "login", "device-auth", env=env).failed(1, text)


def test_ctrl_c_while_signing_in_is_clean(sandbox: Sandbox) -> None:
    with serving(OAuth) as service:
        service.pending = 1000
        install(sandbox, "device-auth", service.authority, "DEVICE_AUTH_*")
        env = {**AUTH_ENV, "DEVICE_AUTH_URL": f"http://{service.authority}"}
        process = sandbox.spawn(
            "auth", "login", "device-auth", env=env,
        )  # fmt: skip
        _wait_for(service, 2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130, err
        assert "Traceback" not in err


def _wait_for(service: Service, count: int) -> None:
    end = time.monotonic() + 20
    while len(service.requests) < count and time.monotonic() < end:
        time.sleep(0.02)
    assert len(service.requests) >= count


def test_what_is_not_granted_does_not_reach_the_server(sandbox: Sandbox) -> None:
    with serving(OAuth) as service:
        install(sandbox, "device-auth", service.authority, "DEVICE_AUTH_*")
        sandbox.run("revoke", "device-auth", f"http:{service.authority}").ok()
        env = {**AUTH_ENV, "DEVICE_AUTH_URL": f"http://{service.authority}"}
        sandbox.run("auth", "login", "device-auth", env=env).failed(1, "http is not granted")
        assert service.requests == []
        sandbox.run("grant", "device-auth", "--reset").ok()
        assert service.authority in sandbox.run("info", "device-auth", "--json").ok().json["granted"][1]


def test_chat_lists_models_and_answers_and_counts_tokens(sandbox: Sandbox) -> None:
    with serving(Chat) as service:
        install(sandbox, "openai-compat", service.authority, "OPENAI_*")
        env = {"OPENAI_BASE_URL": f"http://{service.authority}", "OPENAI_API_KEY": "k-123"}
        assert sandbox.run("chat", "openai-compat", env=env).ok().out == "echo-1\necho-2\n"
        answer = (
            sandbox.run("chat", "openai-compat", "hello", "--system", "be brief", "--json", env=env).ok().json
        )
        assert answer["text"] == "echo-1: system=be brief | user=hello"
        assert (answer["input_tokens"], answer["output_tokens"]) == (2, 7)
        text = sandbox.run("chat", "openai-compat", "hello", "--model", "echo-2", env=env).ok().out
        assert "echo-2: user=hello" in text
        assert "1 tokens in, 7 out" in text
        assert service.requests[-1][2]["authorization"] == "Bearer k-123"
        said = sandbox.run("chat", "openai-compat", "-", env=env, stdin="from a pipe\n").ok().out
        assert "echo-1: user=from a pipe\n" in said
        sandbox.run("chat", "openai-compat", "-", env=env).failed(2, "expected a prompt, found nothing")
        assert "content-type" in service.requests[-1][2]


class _SlowChat(Chat):
    def answer(self, body: str) -> tuple[int, Any]:
        time.sleep(0.6)
        return super().answer(body)


def test_a_model_may_take_longer_than_other_plugins(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both limits of other plugins, 30 s each, are shorter here than an answer."""
    monkeypatch.setattr("tarkpm.host.pool.Limits", lambda: Limits(seconds=0.3))
    monkeypatch.setattr("tarkpm.ops.run.images.USUAL", RequestLimits(stall=0.3, total=0.3))
    with serving(_SlowChat) as service:
        install(sandbox, "openai-compat", service.authority, "OPENAI_*")
        env = {"OPENAI_BASE_URL": f"http://{service.authority}", "OPENAI_API_KEY": "k-123"}
        ask = ("chat", "openai-compat", "hello", "--model", "echo-1")
        assert "echo-1: user=hello" in sandbox.run(*ask, env=env).ok().out
        with Host.open(sandbox.cwd, environment=sandbox.environment(**env)) as host:
            assert host.models("openai-compat") == ["echo-1", "echo-2"]
    assert Limits().of("provider").seconds == ANSWER_SECONDS == 300
    assert Limits().of("tool").seconds == 30


def test_a_plugin_of_another_type_is_refused(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    sandbox.run("auth", "status", "text-tools").failed(1, "is of type 'tool', expected 'auth'")
    sandbox.run("chat", "text-tools", "x").failed(1, "is of type 'tool', expected 'provider'")


def test_a_hook_in_a_folder_is_fired_alone(sandbox: Sandbox) -> None:
    shutil.copytree(PLUGINS / "session-guard", sandbox.cwd / "mine")
    fired = ("hook", "run", "prompt", '{"text":"hi"}', "--plugin")
    assert sandbox.run(*fired, "./mine").ok().out == 'session-guard: replace\n{"text":"hi","guarded":true}\n'
    sandbox.run(*fired, "session-guard").failed(2, "no plugin named 'session-guard' is locked")
    sandbox.run(*fired, PLUGINS / "text-tools").failed(1, "is of type 'tool', expected 'hook'")


def test_hooks_without_a_hook_plugin_pass_the_payload_through(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    report = sandbox.run("hook", "run", "session-start", '{"a":1}', "--json").ok().json
    assert report == {"event": "session-start", "payload": '{"a":1}', "stopped": False, "handled": []}
    sandbox.run("hook", "run", "x", "{").failed(2, "the payload is not JSON")


def test_a_hook_plugin_goes_on_replaces_and_stops(sandbox: Sandbox) -> None:
    install(sandbox, "session-guard")
    first = sandbox.run("hook", "run", "session-start").ok()
    assert "[session-guard] info: session 1" in first.err
    assert first.out == "session-guard: continue\n{}\n"
    assert "session 2" in sandbox.run("hook", "run", "session-start").ok().err
    replaced = sandbox.run("hook", "run", "prompt", '{"text":"hi \\"you\\""}', "--json").ok().json
    assert replaced["payload"] == '{"text":"hi \\"you\\"","guarded":true}'
    stopped = sandbox.run("hook", "run", "before-tool", '{"plugin":"other"}', "--json")
    assert (stopped.status, stopped.json["stopped"]) == (1, True)
    assert stopped.json["handled"][0]["reason"] == "only text-tools may be called in a guarded session"
    sandbox.run("hook", "run", "before-tool", '{"plugin":"text-tools"}').ok()
    assert sandbox.run("hook", "run", "nobody-knows", "--json").ok().json["handled"][0]["action"] == "ignored"


# -- from Python


def opened(sandbox: Sandbox, **environment: str) -> Host:
    return Host.open(sandbox.cwd, environment=sandbox.environment(**environment))


def test_the_same_from_python(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    with opened(sandbox) as host:
        assert host.plugins == ["text-tools"]
        assert host.call("text-tools", "text-stats", {"text": "a b c"}) == '{"chars":5,"words":3,"lines":1}'
        assert [tool.name for tool in host.tools()["text-tools"]] == ["text-stats", "save-note"]
        assert host.load_all() == {}
        host.unload("text-tools")
        assert host.call("text-tools", "text-stats", '{"text":""}').startswith('{"chars":0')
        with pytest.raises(PluginFailed, match="unknown tool"):
            host.call("text-tools", "nope", {})
        with pytest.raises(NotFound, match="no enabled plugin is named 'other'"):
            host.call("other", "x", {})


def test_a_closed_host_does_nothing(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    before = children()
    with opened(sandbox) as host:
        host.call("text-tools", "text-stats", {"text": "a"})
        channel = host.channel("text-tools")
    calls: list[Callable[[], object]] = [
        host.tools,
        lambda: host.call("text-tools", "text-stats", {"text": "a"}),
        lambda: host.call("other", "x", {}),
        lambda: host.get_token("text-tools"),
        lambda: host.models("text-tools"),
        lambda: host.chat("text-tools", [], "m"),
        lambda: host.channel("text-tools"),
        lambda: host.hook("text-tools", "e"),
        lambda: host.load("text-tools"),
        host.load_all,
        lambda: host.unload("text-tools"),
    ]
    for call in calls:
        with pytest.raises(HostError, match="^the host is closed$"):
            call()
    with pytest.raises(HostError):
        channel.info()
    assert children() == before
    host.close()


def test_python_gets_no_further_than_the_command_line(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    stranger = Sandbox(sandbox.root / "stranger")
    for name in ("tark.toml", "tark.lock"):
        (stranger.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    with pytest.raises(ProjectNotAccepted):
        opened(stranger)


def test_importing_tarkpm_does_not_import_the_host() -> None:
    import subprocess
    import sys

    code = "import sys, tarkpm; sys.exit('tarkpm.host' in sys.modules or 'msgspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PATH": os.environ["PATH"]}).returncode == 0
    assert Path(sys.executable).exists()


# -- what is said when something is wrong


def test_an_error_names_the_command_that_helps(sandbox: Sandbox) -> None:
    install(sandbox, "text-tools")
    install(sandbox, "device-auth", "auth.example.com", "DEVICE_AUTH_*")
    install(sandbox, "session-guard")
    for arguments, status, help_ in (
        (["call", "text-tools", "nothing"], 1, "tarkpm tools text-tools"),
        (["call", "text-tools", "text-stats", '{"text":1}'], 1, "tarkpm tools text-tools"),
        (["call", "device-auth", "x"], 1, "tarkpm list --type tool"),
        (["auth", "token", "device-auth"], 1, "tarkpm auth login device-auth"),
        (["chat", "text-tools", "x"], 1, "tarkpm list --type provider"),
        (["call", "nobody", "x"], 2, "tarkpm list"),
    ):
        said = sandbox.run(*arguments).failed(status, "error: ", f"  help: {help_}\n")
        assert said.err.count("error: ") == 1
        error = sandbox.run(*arguments, "--json").failed(status).json["error"]
        assert (error["hint"], error["exit_status"]) == (help_, status)
    sandbox.run("revoke", "text-tools", "storage").ok()
    sandbox.run("call", "text-tools", "save-note", '{"key":"a","text":"b"}').failed(
        1, "storage is not granted to this plugin", "  help: tarkpm grant text-tools storage\n"
    )
    assert "no enabled hook plugin handles 'nope'" in sandbox.run("hook", "run", "nope").ok().err


def test_a_module_that_does_not_fit_is_to_be_inspected(sandbox: Sandbox) -> None:
    folder = sandbox.cwd / "my plugin"
    shutil.copytree(PLUGINS / "device-auth", folder)
    toml = folder / "plugin.toml"
    toml.write_text(toml.read_text().replace('type = "auth"', 'type = "tool"'))
    sandbox.run("call", "./my plugin", "x").failed(
        1,
        "exports auth-plugin",
        f"  help: tarkpm inspect '{folder}/plugin.wasm'\n",
    )
    (folder / "plugin.wasm").write_text("(component)")
    sandbox.run("call", "./my plugin", "x").failed(1, "found WebAssembly text", "tarkpm inspect")


# -- processes


def children() -> set[str]:
    """The processes this one has started and not reaped."""
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["call"], 2),
        (["call", "--help"], 0),
        (["call", "text-tools", "text-stats", "{"], 2),
        (["call", "text-tools", "text-stats", "@nothing"], 2),
        (["call", "NO NAME", "x"], 2),
        (["call", "./nothing", "x"], 2),
        (["call", "text-tools", "text-stats", "{}", "--record", "/nowhere/x"], 2),
        (["call", "text-tools", "text-stats", '{"text":"x"}'], 2),
    ],
)
def test_no_worker_is_left_whatever_was_wrong(sandbox: Sandbox, arguments: list[str], status: int) -> None:
    sandbox.forks = False
    before = children()
    assert sandbox.run(*arguments).status == status
    assert children() == before
