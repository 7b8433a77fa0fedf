"""Typed calls of a plugin that behaves."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support import wat

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import HostError, LimitReached, ModuleInvalid
from tarkpm.host.imports.log import LogLine
from tarkpm.host.module.fit import refusal
from tarkpm.host.runtime import PluginHost, PluginImage, ToolResult

pytestmark = pytest.mark.usefixtures("forked")

ImageOf = Callable[..., PluginImage]
PLUGINS = Path(__file__).parents[2] / "plugins"


def test_tools_are_listed_with_their_risk(host: PluginHost, text_tools: PluginImage) -> None:
    stats, save = host.tools(text_tools)
    assert (stats.name, stats.risk) == ("text-stats", "read-only")
    assert stats.description == "Count characters, words and lines of a text"
    assert stats.parameters_schema.startswith('{"type":"object"')
    assert (save.name, save.risk) == ("save-note", "write")


def test_a_call_answers_with_the_plugins_own_text(host: PluginHost, text_tools: PluginImage) -> None:
    result = host.call(text_tools, "text-stats", '{"text": "naïve\\n🦀 ok"}')
    assert result == ToolResult(success=True, output='{"chars":10,"words":3,"lines":2}', error=None)


def test_a_tool_that_fails_is_a_result(host: PluginHost, text_tools: PluginImage) -> None:
    assert host.call(text_tools, "nonsense", "{}") == ToolResult(False, "", "unknown tool: nonsense")


@pytest.mark.parametrize("text", ["", "\0", "\x1b[2J", "🦀" * 10_000, "\u2028", '"\\', "x" * (1 << 20)])
def test_any_text_passes_unchanged_both_ways(host: PluginHost, hostile: PluginImage, text: str) -> None:
    assert host.call(hostile, "echo", text).output == text


def test_what_a_plugin_keeps_is_there_in_the_next_process(host: PluginHost, text_tools: PluginImage) -> None:
    for number, key in enumerate(["a", "b", "a"], 1):
        result = host.call(text_tools, "save-note", f'{{"key":"{key}","text":"t"}}')
        assert result.output == f'{{"saved":"{key}","total":{min(number, 2)}}}'
        host.unload("text-tools")


def test_arguments_have_a_limit(host: PluginHost, hostile: PluginImage) -> None:
    for text in ("x" * ((1 << 20) + 1), "ü" * (1 << 19) + "x"):
        with pytest.raises(LimitReached) as caught:
            host.call(hostile, "echo", text)
        assert caught.value.message == "the arguments are longer than 1 MiB"
        assert caught.value.where == "hostile"


def test_arguments_that_are_no_unicode_never_reach_a_worker(host: PluginHost, hostile: PluginImage) -> None:
    with pytest.raises(HostError, match=r"^the arguments are not valid Unicode$"):
        host.call(hostile, "echo", "\ud800")
    assert host.call(hostile, "echo", "on").output == "on"


def test_messages_reach_the_caller(host: PluginHost, text_tools: PluginImage, lines: list[LogLine]) -> None:
    host.call(text_tools, "text-stats", '{"text":""}')
    assert lines == [LogLine("text-tools", "debug", "text-stats")]


def test_another_image_of_the_same_name_is_another_plugin(
    host: PluginHost, text_tools: PluginImage, image_of: ImageOf
) -> None:
    assert host.call(text_tools, "text-stats", '{"text":""}').success
    other = image_of(wat.lenient_tool(), name="text-tools")
    assert host.call(other, "echo", "me").output == "me"
    assert host.call(text_tools, "text-stats", '{"text":""}').success


def test_a_narrower_grant_takes_effect_at_once(host: PluginHost, text_tools: PluginImage) -> None:
    assert host.call(text_tools, "save-note", '{"key":"k","text":"t"}').success
    revoked = PluginImage(text_tools.name, "tool", text_tools.wasm, CapabilitySet(), text_tools.data)
    assert host.call(revoked, "save-note", '{"key":"k","text":"t"}').success is False


def test_each_type_has_its_own_calls(host: PluginHost, text_tools: PluginImage, image_of: ImageOf) -> None:
    auth = image_of((PLUGINS / "device-auth/plugin.wasm").read_bytes(), plugin_type="auth", name="auth")
    wrong: list[tuple[str, Callable[[], object]]] = [
        ("is of type 'auth', expected 'tool'", lambda: host.tools(auth)),
        ("is of type 'auth', expected 'provider'", lambda: host.models(auth)),
        ("is of type 'tool', expected 'auth'", lambda: host.auth_status(text_tools)),
        ("is of type 'tool', expected 'hook'", lambda: host.hook_events(text_tools)),
    ]
    for sentence, action in wrong:
        with pytest.raises(HostError) as caught:
            action()
        assert caught.value.message.endswith(sentence)


def test_a_type_that_no_plugin_has(host: PluginHost, text_tools: PluginImage) -> None:
    image = PluginImage("x", "channel", text_tools.wasm, text_tools.granted, text_tools.data)
    with pytest.raises(ModuleInvalid) as caught:
        host.load(image)
    assert caught.value.message == "the module does not fit the type 'channel': exports tool-plugin"


def test_load_all_goes_on_past_a_plugin_that_fails(
    host: PluginHost, text_tools: PluginImage, image_of: ImageOf
) -> None:
    bad = [image_of(wat.wrong_world(), name="bad"), image_of(b"", name="empty")]
    failed = host.load_all([bad[0], text_tools, bad[1]])
    assert {name: problem.message for name, problem in failed.items()} == {
        "bad": "the module does not fit the type 'tool': exports no tark plugin interface",
        "empty": "expected a WebAssembly binary, found an empty file",
    }
    assert host.call(text_tools, "text-stats", '{"text":""}').success


def test_several_threads_and_plugins_at_once(
    host: PluginHost, text_tools: PluginImage, image_of: ImageOf
) -> None:
    images = [image_of(text_tools.wasm, name=f"p{number}") for number in range(3)]
    outputs: list[str] = []

    def work(number: int) -> None:
        for turn in range(20):
            text = "x" * (number * 20 + turn)
            result = host.call(images[turn % 3], "text-stats", f'{{"text":"{text}"}}')
            outputs.append(f"{len(text)} {result.output}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 80
    assert all(f'"chars":{line.split()[0]},' in line for line in outputs)


def test_refused_capabilities_answer_with_the_interfaces_own_error(
    host: PluginHost, text_tools: PluginImage, lines: list[LogLine]
) -> None:
    refused = PluginImage("text-tools", "tool", text_tools.wasm, CapabilitySet(), text_tools.data)
    for _ in range(2):
        result = host.call(refused, "save-note", '{"key":"k","text":"t"}')
        assert result == ToolResult(False, "", "storage is not granted to this plugin")
    reported = [line.message for line in lines if line.by_host]
    assert reported == ["asked for storage, which is not granted to this plugin"]
    assert not text_tools.data.exists()


def test_a_grant_of_something_else_is_no_grant(host: PluginHost, text_tools: PluginImage) -> None:
    granted = CapabilitySet.of([Capability("http", "example.com"), Capability("env", "HOME")])
    image = PluginImage("text-tools", "tool", text_tools.wasm, granted, text_tools.data)
    assert not host.call(image, "save-note", '{"key":"k","text":"t"}').success


@pytest.mark.parametrize(
    ("wasm", "sentence"),
    [
        (wat.wrong_world, "exports no tark plugin interface"),
        (wat.unknown_import, "imports 'evil:host/run', which tark does not provide"),
        (
            wat.core_module,
            "is a core module; the older tark ABI supports the types auth, provider, channel, not tool",
        ),
        (
            wat.wrong_signature,
            (
                "export tark:plugin/tool-plugin execute: "
                "expected func(tool-name: string, arguments: string) -> "
                "record{success: bool, output: string, error: option<string>}, "
                "found func(tool-name: string, arguments: string) -> string"
            ),
        ),
    ],
)
def test_what_does_not_fit_is_not_run(
    host: PluginHost, image_of: ImageOf, wasm: object, sentence: str
) -> None:
    assert callable(wasm)
    with pytest.raises(ModuleInvalid) as caught:
        host.call(image_of(wasm(), name="odd"), "run", "{}")
    assert (caught.value.message, caught.value.where) == (refusal(sentence, "tool"), "odd")


def test_a_module_that_does_not_validate(
    host: PluginHost, text_tools: PluginImage, image_of: ImageOf
) -> None:
    broken = bytearray(text_tools.wasm)
    at = broken.index(b"\0asm", 8) + 12
    broken[at : at + 40] = bytes(40)
    with pytest.raises(ModuleInvalid, match=r"^the module cannot run: does not compile: "):
        host.tools(image_of(bytes(broken)))


def test_text_is_refused_before_a_process_is_started(host: PluginHost, image_of: ImageOf) -> None:
    with pytest.raises(ModuleInvalid) as caught:
        host.tools(image_of(b"(component)"))
    assert caught.value.message == "expected a WebAssembly binary, found WebAssembly text"
