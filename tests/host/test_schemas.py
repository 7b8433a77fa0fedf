"""Tool arguments are held against the tool's own schema, in the worker, in time, with nothing retrieved."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from support import wat

from tarkpm.errors import HostError, LimitReached, PluginFailed
from tarkpm.host import worker_handle
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage

pytestmark = pytest.mark.usefixtures("forked")

ImageOf = Callable[..., PluginImage]


def with_schema(schema: Any) -> bytes:
    """The hostile plugin, all of whose tools have this schema: JSON, or text as it is."""
    text = schema if isinstance(schema, str) else json.dumps(schema)
    raw = text.encode()
    assert len(raw) < 60_000
    escaped = "".join(f"\\{byte:02x}" for byte in raw)
    found = wat._text()
    for old, new in {
        '(data (i32.const 512) "{\\22type\\22:\\22object\\22}")': f'(data (i32.const 131072) "{escaped}")',
        "(local.get $at) (i32.const 512))": "(local.get $at) (i32.const 131072))",
        "(local.get $at) (i32.const 17))": f"(local.get $at) (i32.const {len(raw)}))",
        '(memory (export "memory") 1)': '(memory (export "memory") 4)',
        "(memory 1)": "(memory 4)",
    }.items():
        assert found.count(old) == 1, old
        found = found.replace(old, new)
    return wat.assemble(found)


def outcome(host: PluginHost, image: PluginImage, arguments: str) -> str:
    """The tool's output, or what was said instead of calling it."""
    try:
        return host.call(image, "echo", arguments).output
    except HostError as problem:
        said = problem
    assert type(said) in (HostError, PluginFailed)
    assert said.where == image.name
    return said.message


TEXT = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 5}, "tags": {"type": "array", "items": {"enum": ["a"]}}},
    "required": ["text"],
    "additionalProperties": False,
}  # fmt: skip
SAID = "the tool's arguments are invalid: "


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"text":"x"}', '{"text":"x"}'),
        ('{"text":7}', SAID + '/text: 7 is not of type "string"'),
        ("{}", SAID + '"text" is a required property'),
        ('{"text":"123456"}', SAID + '/text: "123456" is longer than 5 characters'),
        ('{"text":"x","more":1}', SAID + "Additional properties are not allowed ('more' was unexpected)"),
        ('{"text":"x","tags":["a","b"]}', SAID + '/tags/1: "b" is not one of "a"'),
        ('{"text":1,"tags":["b"]}', SAID + '/text: 1 is not of type "string"; /tags/0: "b" is not one of "a"'),
        ("[]", SAID + '[] is not of type "object"'),
        ("", SAID + "they are not JSON: error in line 1, column 1"),
        ("{'text': 'x'}", SAID + "they are not JSON: error in line 1, column 2"),
        ('{"text":NaN}', SAID + "they are not JSON: NaN is not JSON"),
        ('{"text":"\\u001b[2J"}', '{"text":"\\u001b[2J"}'),
    ],
)  # fmt: skip
def test_where_and_why_arguments_do_not_fit(
    host: PluginHost, image_of: ImageOf, arguments: str, said: str
) -> None:
    image = image_of(with_schema(TEXT))
    assert outcome(host, image, arguments) == said
    assert outcome(host, image, '{"text":"on"}') == '{"text":"on"}'


def test_a_refused_call_never_reaches_the_plugin_and_spares_its_worker(
    host: PluginHost, image_of: ImageOf
) -> None:
    image = image_of(with_schema(TEXT))
    host.load(image)
    pid = host._workers[image.name].pid
    with pytest.raises(HostError):
        host.call(image, "spin", "{}")
    assert host.call(image, "echo", '{"text":"on"}').success
    assert host._workers[image.name].pid == pid


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("not JSON", "'echo': error in line 1, column 1"),
        # Python 3.14 parses it to its end.
        ("[" * 50_000, f"'echo': {'nested too deeply' if sys.version_info < (3, 14) else 'error in line 1, column 50001'}"),
        ("5", '\'echo\': 5 is not of types "boolean", "object"'),
        ({"type": "nope"}, "'echo': \"nope\" is not valid under any of the schemas listed in the 'anyOf' keyword"),
        ({"pattern": "("}, '\'echo\': "(" is not a "regex"'),
        ({"$ref": "#/nowhere"}, "'echo': Pointer '/nowhere' does not exist"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_used(host: PluginHost, image_of: ImageOf, schema: Any, said: str) -> None:
    assert outcome(host, image_of(with_schema(schema)), "{}") == (
        f"the plugin has a tool with an unusable schema: {said}"
    )


@pytest.mark.parametrize("schema", ["", " ", "{}", "true"])
def test_a_schema_that_asks_for_nothing(host: PluginHost, image_of: ImageOf, schema: str) -> None:
    assert outcome(host, image_of(with_schema(schema)), "not JSON") == "not JSON"


def test_a_tool_that_is_not_known_is_the_plugins_to_refuse(host: PluginHost, image_of: ImageOf) -> None:
    assert host.call(image_of(with_schema(TEXT)), "nonsense", "{}").error == "unknown tool"


@pytest.mark.parametrize("where", ["$ref", "$schema", "$dynamicRef"])
def test_nothing_is_retrieved(host: PluginHost, image_of: ImageOf, where: str) -> None:
    """Not over HTTP, not from a file."""
    asked: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)

        def accept() -> None:
            try:
                asked.append(server.accept())
            except TimeoutError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        message = outcome(host, image_of(with_schema({where: address})), "{}")
        thread.join()
    assert not asked
    assert message.startswith("the plugin has a tool with an unusable schema: 'echo': ")
    assert address in message
    file = outcome(host, image_of(with_schema({where: "file:///etc/passwd"})), "{}")
    assert file.startswith("the plugin has a tool with an unusable schema: 'echo': ")


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(?=(a+)+$)b", "^(a|a?)+(?!x)$", r"^(\1a|a+)+$"])
def test_a_pattern_bomb(host: PluginHost, image_of: ImageOf, pattern: str) -> None:
    image = image_of(with_schema({"type": "string", "pattern": pattern}))
    start = time.monotonic()
    said = outcome(host, image, json.dumps("a" * 5_000 + "!"))
    assert said != "a" * 5_000 + "!"
    assert time.monotonic() - start < 10


def test_a_schema_that_takes_for_ever_ends_at_the_deadline(image_of: ImageOf) -> None:
    layers = {
        f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}, {"$ref": f"#/$defs/l{n + 1}"}]} for n in range(40)
    }
    bomb = {"$defs": {**layers, "l40": {"type": "object"}}, "$ref": "#/$defs/l0"}
    image = image_of(with_schema(bomb))
    with PluginHost(Limits(seconds=0.5)) as host:
        start = time.monotonic()
        with pytest.raises(LimitReached) as caught:
            host.call(image, "echo", "{}")
        assert time.monotonic() - start < 10
        assert caught.value.message == "the plugin ran longer than 0.5 s"
        assert host.tools(image)[0].name == "echo"


def test_arguments_that_are_deep(host: PluginHost, image_of: ImageOf) -> None:
    image = image_of(with_schema({"type": "object"}))
    deep = "[" * 100_000 + "]" * 100_000
    assert outcome(host, image, deep) == SAID + "they are nested too deeply"


def test_a_schema_nobody_expected_is_still_checked(
    host: PluginHost, image_of: ImageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guess that there is none is put right by starting another worker."""
    monkeypatch.setattr(worker_handle, "_may_have_schemas", lambda wasm: False)
    image = image_of(with_schema(TEXT))
    assert outcome(host, image, '{"text":7}') == SAID + '/text: 7 is not of type "string"'
    assert outcome(host, image, '{"text":"on"}') == '{"text":"on"}'


def test_the_library_is_imported_only_for_schemas() -> None:
    script = "import sys, tarkpm.host.worker.loop; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert "jsonschema_rs" not in done.stdout.split()
