"""Auth, provider and hook plugins, and the interfaces behind every capability, through real guests."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support import wat

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import LimitReached, PluginCrashed, PluginFailed
from tarkpm.host import results
from tarkpm.host.imports import Interface
from tarkpm.host.runtime import (
    ChatResponse,
    DeviceCode,
    HookOutcome,
    Message,
    PluginHost,
    PluginImage,
    Poll,
    Usage,
)

pytestmark = pytest.mark.usefixtures("forked")

ImageOf = Callable[..., PluginImage]
PLUGINS = Path(__file__).parents[2] / "plugins"


def granted(*kinds: str) -> CapabilitySet:
    return CapabilitySet.of(Capability.parse(kind) for kind in kinds)


class Scripted:
    """An interface that answers from a table, or from a function."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.closed = 0

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        self.asked.append((function, args))
        answer = self.answers[function]
        return answer(*args) if callable(answer) else answer

    def close(self) -> None:
        self.closed += 1


class World:
    """A host whose interfaces are scripted."""

    def __init__(self) -> None:
        self.served: dict[str, Interface] = {}
        self.host = PluginHost(interfaces=lambda image, report: self.served)

    def serve(self, name: str, **answers: Any) -> Scripted:
        scripted = Scripted({key.replace("_", "-"): answer for key, answer in answers.items()})
        self.served[name] = scripted
        return scripted


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.host:
        yield world


@pytest.fixture
def auth(image_of: ImageOf) -> PluginImage:
    wasm = (PLUGINS / "device-auth/plugin.wasm").read_bytes()
    return image_of(wasm, plugin_type="auth", granted=granted("storage", "http:auth.example.com", "env:X"))


@pytest.fixture
def provider(image_of: ImageOf) -> PluginImage:
    wasm = (PLUGINS / "openai-compat/plugin.wasm").read_bytes()
    return image_of(wasm, plugin_type="provider", granted=granted("http:api.openai.com", "env:OPENAI_*"))


@pytest.fixture
def hook(image_of: ImageOf) -> PluginImage:
    return image_of(wat.hook(), plugin_type="hook")


def response(body: Any, status: int = 200) -> Any:
    return {"ok": {"status": status, "headers": [], "body": msgspec.json.encode(body).decode()}}


def test_a_whole_device_flow(world: World, auth: PluginImage) -> None:
    code = {
        "device_code": "dev", "user_code": "ABCD-EFGH", "verification_uri": "https://x.test/a", "expires_in": 900
    }  # fmt: skip
    answers = iter(
        [
            response(code),
            response({"error": "authorization_pending"}, 400),
            response({"access_token": "tok"}),
        ]
    )
    http = world.serve("http", post=lambda *_: next(answers))
    world.serve("env", get=None)
    host = world.host
    assert host.display_name(auth) == "Device Flow (example)"
    assert host.auth_status(auth) == "not-authenticated"
    assert host.start_device_flow(auth) == DeviceCode("dev", "ABCD-EFGH", "https://x.test/a", 900, 5)
    assert host.poll(auth, "dev") == Poll("pending")
    assert host.poll(auth, "dev") == Poll("success", token="tok")
    assert host.auth_status(auth) == "authenticated"
    assert host.get_token(auth) == "tok"
    host.logout(auth)
    assert host.auth_status(auth) == "not-authenticated"
    assert [args[0] for _, args in http.asked] == [
        f"https://auth.example.com{path}" for path in ("/device/code", "/token", "/token")
    ]


def test_an_auth_plugin_that_cannot_says_why(world: World, auth: PluginImage) -> None:
    world.serve("http", post={"err": {"message": "no \x1bnetwork", "status": None}})
    with pytest.raises(PluginFailed) as caught:
        world.host.start_device_flow(auth)
    assert (caught.value.message, caught.value.where) == (
        r"the plugin could not start the device flow: no \x1bnetwork",
        "plugin",
    )
    assert world.host.poll(auth, "dev") == Poll("error", message=r"no \x1bnetwork")
    with pytest.raises(PluginFailed, match=r"^the plugin could not get a token: not authenticated$"):
        world.host.get_token(auth)


def test_an_expired_flow(world: World, auth: PluginImage) -> None:
    world.serve("http", post=response({"error": "expired_token"}, 400))
    assert world.host.poll(auth, "dev") == Poll("expired")


@pytest.mark.parametrize(
    ("url", "code", "sentence"),
    [
        ("javascript:alert(1)", "A", "the plugin gave an invalid sign-in URL: 'javascript:alert(1)'"),
        ("https://x.test/ y", "A", "the plugin gave an invalid sign-in URL: 'https://x.test/ y'"),
        ("https://x\u202e.test/", "A", "the plugin gave an invalid sign-in URL: 'https://x\\\\u202e.test/'"),
        ("https://x.test/", "A\x1b[2J", "the plugin gave a code that cannot be typed: 'A\\\\x1b[2J'"),
        ("https://x.test/", "", "the plugin gave a code that cannot be typed: ''"),
        (
            "https://x.test/",
            "A" * 65,
            f"the plugin gave a code that cannot be typed: '{'A' * 64}… (1 characters more)'",
        ),
    ],
)
def test_what_a_person_is_told_to_open_and_type(url: str, code: str, sentence: str) -> None:
    with pytest.raises(PluginFailed) as caught:
        results.device_code(results.WireDeviceCode("d", code, url, 1, 1), "p")
    assert caught.value.message == sentence


@pytest.mark.parametrize("text", ["", "a\nb", "tök", "a\x00"])
def test_a_token_can_travel_in_a_header(text: str) -> None:
    with pytest.raises(PluginFailed, match=r"^the plugin returned a token with invalid characters$"):
        results.token(text, "p")


def test_a_provider(world: World, provider: PluginImage) -> None:
    world.serve("env", get=lambda name: "k" if name == "OPENAI_API_KEY" else None)
    completion = {
        "choices": [{"message": {"content": "hello ü"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    http = world.serve("http", get=response({"data": [{"id": "a"}, {"id": "b"}]}), post=response(completion))
    host = world.host
    assert host.provider_name(provider) == "openai-compat"
    assert host.models(provider) == ["a", "b"]
    turns = [Message("system", "be brief"), Message("user", 'hi "there"')]
    assert host.chat(provider, turns, "a") == ChatResponse("hello ü", Usage(3, 2))
    sent = msgspec.json.decode(http.asked[-1][1][1])
    assert sent["messages"] == [{"role": turn.role, "content": turn.content} for turn in turns]
    assert ("authorization", "Bearer k") in http.asked[-1][1][2]


def test_a_provider_that_cannot_says_why(world: World, provider: PluginImage) -> None:
    world.serve("http", get=response({}, 500), post=response({"error": "overloaded"}, 529))
    assert world.host.models(provider) == []
    with pytest.raises(PluginFailed) as caught:
        world.host.chat(provider, [Message("user", "hi")], "a")
    assert caught.value.message == 'the plugin could not answer: HTTP 529: {"error":"overloaded"}'


@pytest.mark.parametrize("names", [["a\nb"], [""], ["x" * 129], ["a", "a"]])
def test_models_that_cannot_be_shown_or_told_apart(
    world: World, provider: PluginImage, names: list[str]
) -> None:
    world.serve("http", get=response({"data": [{"id": name} for name in names]}))
    with pytest.raises(
        PluginFailed, match=r"^the plugin has (a model with an invalid name|two models with the same name)"
    ):
        world.host.models(provider)


def test_a_hook(world: World, hook: PluginImage) -> None:
    host = world.host
    assert host.hook_events(hook) == ["before-call", "after-call"]
    assert host.hook_handle(hook, "before-call", "{}") == HookOutcome("continue")
    assert host.hook_handle(hook, "before-call", "") == HookOutcome("continue")
    assert host.hook_handle(hook, "before-call", "replaced") == HookOutcome("replace", payload="replaced")
    assert host.hook_handle(hook, "before-call", "stop ü") == HookOutcome("stop", reason="stop ü")
    with pytest.raises(PluginCrashed, match=r"^the plugin trapped: "):
        host.hook_handle(hook, "before-call", "trap")
    assert host.hook_handle(hook, "before-call", "{}") == HookOutcome("continue")


ENTRY = {"name": "a", "kind": "file", "size": (1 << 63) + 1}


@pytest.fixture
def reaching(image_of: ImageOf) -> PluginImage:
    return image_of(wat.reaching_tool(), granted=granted("filesystem:docs/", "shell"))


def test_every_value_reaches_the_guest(world: World, reaching: PluginImage) -> None:
    files = world.serve(
        "filesystem", read={"ok": "tëxt"}, write={"ok": None}, list={"ok": [ENTRY] * 3}, stat={"ok": ENTRY},
        remove={"ok": None},
    )  # fmt: skip
    shell = world.serve("shell", run={"ok": {"exit-code": 0, "stdout": "out", "stderr": ""}})
    world.serve("clock", now=1_700_000_000_000, monotonic=12)
    world.serve("random", number=(1 << 64) - 1, bytes=lambda count: [255] * count)

    def output(tool: str, arguments: str = "docs/a") -> str:
        result = world.host.call(reaching, tool, arguments)
        assert result.success, result
        return result.output

    assert [output(tool) for tool in "rwdtl"] == ["tëxt", "done", "done", str((1 << 63) + 1), "3"]
    assert files.asked[1] == ("write", ("out.txt", "docs/a"))
    assert output("s", "id") == "out"
    assert shell.asked == [("run", (["id"], None, None, 1000))]
    assert [output(tool) for tool in "nmx"] == ["1700000000000", "12", str((1 << 64) - 1)]
    assert output("b", "x" * 1024) == "1024"


def test_every_error_reaches_the_guest(world: World, reaching: PluginImage) -> None:
    no = {"err": "no"}
    world.serve("filesystem", read=no, write=no, list=no, stat=no, remove=no)
    world.serve("shell", run={"err": "no"})
    for tool in "rwdtls":
        assert world.host.call(reaching, tool, "x").error == "no"


def test_what_is_granted_but_not_given(world: World, reaching: PluginImage) -> None:
    assert world.host.call(reaching, "r", "x").error == "filesystem is not available here"
    assert world.host.call(reaching, "s", "x").error == "shell is not available here"


def test_what_is_given_but_not_granted(world: World, image_of: ImageOf) -> None:
    files, shell = world.serve("filesystem"), world.serve("shell")
    image = image_of(wat.reaching_tool(), granted=CapabilitySet())
    assert world.host.call(image, "r", "x").error == "filesystem is not granted to this plugin"
    assert world.host.call(image, "s", "x").error == "shell is not granted to this plugin"
    assert files.asked == shell.asked == []


def test_an_answer_that_is_not_of_its_type_is_the_hosts_fault(world: World, reaching: PluginImage) -> None:
    world.serve("filesystem", read={"ok": 7})
    with pytest.raises(PluginCrashed) as caught:
        world.host.call(reaching, "r", "x")
    assert caught.value.message == (
        "the plugin's worker failed: the host returned an invalid value: expected string, found int"
    )


def test_clock_and_random_are_always_there(image_of: ImageOf) -> None:
    image = image_of(wat.reaching_tool(), granted=CapabilitySet())
    with PluginHost() as host:
        assert abs(int(host.call(image, "n", "").output) / 1000 - time.time()) < 5
        assert host.call(image, "x", "").output != host.call(image, "x", "").output
        assert host.call(image, "b", "x" * 1024).output == "1024"
        with pytest.raises(LimitReached) as caught:
            host.call(image, "b", "x" * 1025)
        assert caught.value.message == "the plugin asked for 1,025 random bytes at once, the limit is 1,024"
        assert int(host.call(image, "m", "").output) > 0


def test_interfaces_are_closed_with_their_worker(world: World, reaching: PluginImage) -> None:
    files = world.serve("filesystem", read={"ok": ""})
    world.host.call(reaching, "r", "x")
    world.host.unload(reaching.name)
    assert files.closed == 1
