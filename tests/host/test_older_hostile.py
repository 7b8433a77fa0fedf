"""Modules of the older ABI that lie: about pointers, lengths, memory and what they are.

Each is one typed error, or a code; the next call works; and no byte is read or written but where it may be.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import older, wat

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import HostError, LimitReached, ModuleInvalid, PluginCrashed, PluginFailed
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogLine
from tarkpm.host.limits import Limits
from tarkpm.host.module.fit import refusal
from tarkpm.host.runtime import Message, PluginHost

pytestmark = pytest.mark.usefixtures("forked")

ImageOf = Callable[..., PluginImage]
STORAGE = CapabilitySet.of([Capability("storage")])


@pytest.fixture
def small(lines: list[LogLine]) -> Iterator[PluginHost]:
    """A host whose plugins may take 8 MiB of memory."""
    with PluginHost(Limits(memory=8 << 20), lines.append) as host:
        yield host


@pytest.fixture
def quick() -> Iterator[PluginHost]:
    """A host whose calls may take half a second."""
    with PluginHost(Limits(seconds=0.5)) as host:
        yield host


@pytest.fixture
def probe(tmp_path: Path) -> PluginImage:
    return PluginImage("probe", "auth", older.wasm("probe"), STORAGE, tmp_path / "data")


def ask(host: PluginHost, image: PluginImage, name: str, *args: str) -> tuple[int, str]:
    """The probe calls an import; it fills memory around the target before, and looks at it after."""
    said = host.process_tokens(image, "\n".join((name, *args)))
    assert said is not None
    code, state, text = said.split(" ", 2)
    assert state == "intact", said
    return int(code), text


# -- numbers that are no pointers

BAD_TEXTS = [
    ("#-8", "#16"),  # the tail of memory, if it were taken as it is
    ("#-8", "#8"),
    ("#16", "#-1"),  # all of memory
    ("#-1", "#-1"),
    ("#0", "#-2147483648"),
    ("#2147483647", "#1"),
    ("#-1", "#0"),
    ("#1024", "#16777216"),
]


@pytest.mark.parametrize(("pointer", "length"), BAD_TEXTS)
def test_a_text_that_does_not_lie_in_memory(
    host: PluginHost, probe: PluginImage, pointer: str, length: str
) -> None:
    bad = (-1, "")
    assert ask(host, probe, "storage.get", pointer, length, ">") == bad
    assert ask(host, probe, "storage.set", pointer, length, "=v") == bad
    assert ask(host, probe, "storage.set", "=k", pointer, length) == bad
    assert ask(host, probe, "storage.delete", pointer, length) == bad
    assert ask(host, probe, "env.get", pointer, length, ">") == bad
    assert ask(host, probe, "fs.read", pointer, length, ">") == bad
    assert ask(host, probe, "http.get", pointer, length, "=[]", ">") == bad
    assert ask(host, probe, "http.get", "=u", pointer, length, ">") == bad
    assert ask(host, probe, "http.post", "=u", pointer, length, "=[]", ">") == bad
    assert ask(host, probe, "ws.connect", pointer, length, "=[]", ">") == bad
    assert ask(host, probe, "ws.send", "#1", pointer, length, ">") == bad
    assert ask(host, probe, "log.info", pointer, length) == (0, "")


@pytest.mark.parametrize("target", ["#-8", "#-1", "#-2147483648", ">>0"])
def test_a_result_that_has_nowhere_to_go_is_not_asked_for(
    host: PluginHost, probe: PluginImage, lines: list[LogLine], target: str
) -> None:
    for name, *args in [
        ("storage.get", "=k"),
        ("env.get", "=A"),
        ("fs.read", "=~/x"),
        ("http.get", "=u", "=[]"),
        ("ws.connect", "=u", "=[]"),
        ("ws.close", "#1"),
    ]:
        assert ask(host, probe, name, *args, target) == (-1, "")
    assert lines == []  # not even refused


def test_a_result_at_the_end_of_memory_fits_or_is_not_written(host: PluginHost, probe: PluginImage) -> None:
    assert ask(host, probe, "storage.set", "=k", "=12345678") == (0, "")
    for left in (7, 4, 1):
        assert ask(host, probe, "storage.get", "=k", f">>{left}") == (-1, "")
    assert ask(host, probe, "storage.get", "=k", ">>8") == (8, "12345678")


def test_a_text_that_is_not_utf_8(host: PluginHost, image_of: ImageOf) -> None:
    image = image_of(
        older.module(body="(call $get (i32.const 12) (i32.const 2) (i32.const 64))"), plugin_type="auth"
    )
    assert host.auth_status(image) == "expired"  # -1, and 3 more


# -- an alloc that lies


@pytest.mark.parametrize(
    ("alloc", "message"),
    [
        ("(i32.const 0)", "alloc returned null for 8,192 bytes"),
        ("(i32.const -8)", "alloc returned 8,192 bytes at 4294967288 of a memory of 65,536"),
        ("(i32.const 65535)", "alloc returned 8,192 bytes at 65535 of a memory of 65,536"),
        (
            "(i32.sub (i32.const 65537) (local.get 0))",
            "alloc returned 8,192 bytes at 57345 of a memory of 65,536",
        ),
        ("(i32.const -2147483648)", "alloc returned 8,192 bytes at 2147483648 of a memory of 65,536"),
    ],
)
def test_an_alloc_whose_answer_is_no_memory(
    small: PluginHost, image_of: ImageOf, alloc: str, message: str
) -> None:
    image = image_of(older.module(alloc=alloc), plugin_type="auth")
    with pytest.raises(PluginFailed) as caught:
        small.get_token(image)
    assert caught.value.message == f"the plugin returned a value that does not match its interface: {message}"
    assert small.auth_status(image) == "not-authenticated"


def test_an_alloc_that_gives_the_same_twice(small: PluginHost, image_of: ImageOf) -> None:
    """What goes in and what comes back in one place: the host would read its own words as the plugin's."""
    image = image_of(older.module(alloc="(i32.const 128)"), plugin_type="auth")
    with pytest.raises(PluginFailed, match="alloc returned 65,536 bytes at 128 of a memory of 65,536"):
        small.process_tokens(image, "{}")
    image = image_of(older.module(alloc="(i32.const 128)", pages=4), name="other", plugin_type="auth")
    with pytest.raises(
        PluginFailed, match="alloc returned 65,536 bytes at 128, which overlap a buffer in use"
    ):
        small.process_tokens(image, "{}")
    assert small.auth_status(image) == "not-authenticated"


def test_an_alloc_that_overlaps_by_one_byte(small: PluginHost, image_of: ImageOf) -> None:
    shrinking = """
        (global.set $next (i32.sub (global.get $next) (i32.const 70000)))
        (i32.sub (global.get $next) (i32.mul (i32.const 0) (local.get 0)))"""
    image = image_of(older.module(alloc=shrinking, pages=4, next=200_000), plugin_type="auth")
    assert small.process_tokens(image, "{}") == ""  # 130,000 and 60,000: apart
    creeping = """
        (global.set $next (i32.add (global.get $next) (i32.const 1)))
        (global.get $next)"""
    image = image_of(older.module(alloc=creeping, pages=4), name="creeping", plugin_type="auth")
    with pytest.raises(PluginFailed, match="which overlap a buffer in use"):
        small.process_tokens(image, "{}")


def test_an_alloc_inside_the_plugins_own_data(small: PluginHost, image_of: ImageOf) -> None:
    """Its own affair: only what it pointed at is written, and it reads what it finds."""
    image = image_of(older.module(alloc="(i32.const 8)", ask="(i32.const 4)"), plugin_type="auth")
    assert small.get_token(image) == "data"


def test_an_alloc_that_asks_the_host(small: PluginHost, image_of: ImageOf, lines: list[LogLine]) -> None:
    """Re-entered: the guest is in alloc, which the host called, when it calls the host."""
    asking = "(drop (call $get (i32.const 16) (i32.const 4) (i32.const 64))) (i32.const 1024)"
    image = image_of(
        older.module(alloc=asking, ask="(i32.const 2)"), plugin_type="auth", granted=CapabilitySet()
    )
    with pytest.raises(PluginFailed, match="a token with invalid characters"):
        small.get_token(image)
    assert [line.message for line in lines] == ["asked for storage, which is not granted to this plugin"]


def test_memory_that_grows_in_alloc(small: PluginHost, image_of: ImageOf) -> None:
    """Memory may move when it grows: nothing of where it was is kept."""
    growing = """
        (i32.mul (memory.grow (i32.const 2)) (i32.const 65536))"""
    body = "(memory.fill (local.get 0) (i32.const 97) (i32.const 5)) (i32.const 5)"
    image = image_of(older.module(alloc=growing, ask=body), plugin_type="auth")
    for _ in range(5):
        assert small.get_token(image) == "aaaaa"


def test_memory_that_grows_between_a_question_and_its_answer(small: PluginHost, image_of: ImageOf) -> None:
    body = """
        (drop (memory.grow (i32.const 1)))
        (call $get (i32.const 16) (i32.const 4) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))"""
    image = image_of(older.module(alloc="(i32.const 1024)", ask=body), plugin_type="auth")
    with pytest.raises(PluginFailed, match="get_token returned nothing"):
        small.get_token(image)


# -- answers that lie


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("8193", "wrote 8,193 bytes into a buffer of 8,192"),
        ("2147483647", "wrote 2,147,483,647 bytes into a buffer of 8,192"),
        ("-2147483648", "could not get a token: get_token returned -2147483648"),
        ("-8193", "could not get a token: get_token returned -8193"),
        ("-3", "could not get a token: get_token returned -3"),
        ("0", "could not get a token: get_token returned nothing"),
    ],
)
def test_a_length_that_was_not_asked_for(
    small: PluginHost, image_of: ImageOf, answer: str, error: str
) -> None:
    image = image_of(older.module(ask=f"(i32.const {answer})"), plugin_type="auth")
    with pytest.raises(PluginFailed) as caught:
        small.get_token(image)
    assert error in caught.value.message
    assert small.auth_status(image) == "not-authenticated"


def test_a_status_there_is_not(small: PluginHost, image_of: ImageOf) -> None:
    for code in (3, -1, 99):
        image = image_of(older.module(body=f"(i32.const {code - 3})"), plugin_type="auth")
        with pytest.raises(PluginFailed, match=f"does not match its interface: status returned {code}"):
            small.auth_status(image)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("", "provider_chat: expected JSON"),
        ("[]", "provider_chat: expected an object, found list"),
        ("{}", "provider_chat: expected text to be a string, found nothing"),
        ('{"text": 1}', "provider_chat: expected text to be a string, found int"),
        ('{"text": null}', "provider_chat: expected text to be a string, found nothing"),
        (r'{"text": "\ud800"}', "provider_chat: expected Unicode"),
        ('{"text": "x", "usage": 1}', "provider_chat usage: expected an object, found int"),
        ('{"text": "x", "usage": {"input_tokens": 1}}', "expected output_tokens to be a number, found nothing"),
        ('{"text": "x", "usage": {"input_tokens": -1, "output_tokens": 1}}', "expected input_tokens to be a number from 0"),
        ('{"text": "x", "usage": {"input_tokens": true, "output_tokens": 1}}', "to be a number, found bool"),
        ('{"text": "x", "usage": {"input_tokens": 1e3, "output_tokens": 1}}', "to be a number, found float"),
        ('{"text": "x", "usage": {"input_tokens": 9223372036854775808, "output_tokens": 1}}', "to be a number from 0"),
        ("[" * 60_000, "provider_chat: expected JSON"),
        ('{"text": "x"', "provider_chat: expected JSON"),
        ('{"text": ' + "9" * 5_000 + "}", "provider_chat: expected JSON"),
        ("\xff", "provider_chat: expected UTF-8"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_what_it_must_be(
    small: PluginHost, image_of: ImageOf, said: str, error: str
) -> None:
    data = said.encode("latin-1" if said == "\xff" else "utf-8")
    image = image_of(older.provider(data), plugin_type="provider")
    with pytest.raises(PluginFailed) as caught:
        small.chat(image, [Message("user", "x")], "m")
    assert error in caught.value.message
    assert small.provider_name(image) == "P"


def test_a_text_that_begins_with_nul_is_no_text_of_the_frame(small: PluginHost, image_of: ImageOf) -> None:
    """On the wire, NUL and a number stand for a text that travels apart."""
    image = image_of(older.provider(rb'{"text": "\u00000", "usage": null}'), plugin_type="provider")
    assert small.chat(image, [], "m").text == "\x000"


# -- what any guest can do


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("(loop (br 0)) (i32.const 0)", LimitReached, "the plugin ran longer than 0.5 s"),
        ("unreachable", PluginCrashed, "the plugin trapped: wasm `unreachable` instruction executed"),
        ("(i32.load (i32.const -8))", PluginCrashed, "the plugin trapped: out of bounds memory access"),
        ("(call $again)", LimitReached, "the plugin used more than 1 MiB of stack"),
        ("(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable", LimitReached,
         "the plugin used more than 8 MiB of memory"),
        ("(loop (drop (call $get (i32.const 16) (i32.const 4) (i32.const 64))) (br 0)) (i32.const 0)",
         LimitReached, "the plugin made more than 2,000 host calls in one call"),
    ],
)  # fmt: skip
def test_what_a_call_may_not_do(image_of: ImageOf, body: str, kind: type[HostError], message: str) -> None:
    assert Limits().host_calls == 20_000  # a tenth is enough here
    seconds = 0.5 if "longer than" in message else 30
    image = image_of(older.module(ask=body), plugin_type="auth", granted=CapabilitySet())
    with PluginHost(Limits(seconds=seconds, memory=8 << 20, host_calls=2_000)) as host:
        with pytest.raises(kind) as caught:
            host.get_token(image)
        assert caught.value.message == message
        assert host.auth_status(image) == "not-authenticated"


def test_the_same_in_alloc(quick: PluginHost, image_of: ImageOf) -> None:
    image = image_of(older.module(alloc="(loop (br 0)) (i32.const 0)"), plugin_type="auth")
    with pytest.raises(LimitReached, match="the plugin ran longer than 0.5 s"):
        quick.get_token(image)
    assert quick.auth_status(image) == "not-authenticated"


@pytest.mark.parametrize(
    ("start", "kind", "message"),
    [
        ("unreachable", PluginCrashed, "the plugin trapped: wasm `unreachable` instruction executed"),
        ("(loop (br 0))", LimitReached, "the plugin ran longer than 0.5 s"),
        ("(drop (call $get (i32.const 16) (i32.const 4) (i32.const 64)))", PluginCrashed,
         "the plugin trapped: it called the host before its instance was ready"),
    ],
)  # fmt: skip
def test_what_begins_badly(
    quick: PluginHost, image_of: ImageOf, start: str, kind: type[HostError], message: str
) -> None:
    image = image_of(older.module(start=start), plugin_type="auth")
    for _ in range(2):
        with pytest.raises(kind) as caught:
            quick.auth_status(image)
        assert caught.value.message == message


def test_a_reactor_is_initialized_once_for_each_instance(small: PluginHost, image_of: ImageOf) -> None:
    more = """
        (global $times (mut i32) (i32.const 0))
        (func (export "_initialize") (global.set $times (i32.add (global.get $times) (i32.const 1))))"""
    body = "(i32.sub (global.get $times) (i32.const 3))"
    image = image_of(older.module(more=more, body=body, ask="unreachable"), plugin_type="auth")
    assert [small.auth_status(image) for _ in range(2)] == ["authenticated"] * 2
    with pytest.raises(PluginCrashed):
        small.get_token(image)
    assert small.auth_status(image) == "authenticated"
    traps = older.module(more='(func (export "_initialize") unreachable)')
    with pytest.raises(PluginCrashed, match="the plugin trapped: wasm `unreachable` instruction executed"):
        small.auth_status(image_of(traps, name="traps", plugin_type="auth"))


def test_a_text_too_long_to_take_is_not_even_copied(image_of: ImageOf) -> None:
    """64 MiB of memory, all of it handed over as a key."""
    body = "(call $get (i32.const 0) (i32.const 67108864) (i32.const 64))"
    image = image_of(older.module(body=body, pages=1025), plugin_type="auth")
    with (
        PluginHost(Limits(seconds=5)) as host,
        pytest.raises(LimitReached, match="more than 8 MiB of text at once"),
    ):
        host.auth_status(image)


# -- what is no plugin

LACKS = "is a core module that lacks these auth exports of the older tark ABI"
AUTH = "status or provider_auth_status, get_token or provider_auth_credentials"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(module)", f"{LACKS}: memory, alloc, {AUTH}"),
        (older.text(name="alloc2"), f"{LACKS}: alloc"),
        (older.text(extra='(import "tark:storage" "list" (func))'),
         "imports 'tark:storage.list', which tark does not provide in the older ABI"),
        (older.text(extra='(import "wasi_snapshot_preview1" "path_open" (func))'),
         "imports 'wasi_snapshot_preview1.path_open', which tark does not provide in the older ABI"),
        (older.text(extra='(import "env" "memory" (memory 1))', memory=""),
         f"{LACKS}: memory"),
        (older.text(extra='(import "tark:plugin/storage" "get" (func))'),
         "is a core module built for tark:plugin and not yet a component; 'tarkpm build' makes it one"),
        (older.text(extra='(import "tark:log" "warn" (func (param i32)))'),
         "import tark:log warn: expected (i32, i32), found (i32)"),
        (older.text(extra='(import "tark:log" "warn" (global i32))'),
         "import tark:log warn: expected (i32, i32), found GlobalType"),
        (older.text(memory='(memory (export "memory") i64 1)'),
         "export memory: expected an unshared 32-bit memory, found MemoryType"),
        (older.text(memory='(memory 1) (global (export "memory") i32 (i32.const 0))'),
         "export memory: expected an unshared 32-bit memory, found GlobalType"),
        (older.text(more='(func (export "dealloc") (param i32))'),
         "export dealloc: expected (i32, i32), found (i32)"),
        (older.text(more='(func (export "display_name") (param i64) (result i32) (i32.const 0))'),
         "export display_name: expected (i32) -> i32, found (i64) -> i32"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(
    small: PluginHost, image_of: ImageOf, text: str, message: str
) -> None:
    with pytest.raises(ModuleInvalid) as caught:
        small.auth_status(image_of(wat.assemble(text), plugin_type="auth"))
    assert caught.value.message == refusal(message, "auth")


def test_a_module_without_functions_of_its_type(small: PluginHost, image_of: ImageOf) -> None:
    for kind, missing in [
        ("provider", "provider_info, provider_chat or provider_auth_credentials"),
        ("channel", "channel_info, channel_start, channel_stop, channel_send"),
    ]:
        with pytest.raises(ModuleInvalid, match=f"older tark ABI: {missing}"):
            small.load(image_of(older.module(), name=kind, plugin_type=kind))
    with pytest.raises(ModuleInvalid, match="supports the types auth, provider, channel, not hook"):
        small.load(image_of(older.module(), name="hook", plugin_type="hook"))


def test_compiled_code_of_the_other_kind_is_not_loaded(tmp_path: Path, image_of: ImageOf) -> None:
    """Even with a good MAC: the kind is part of what an entry is made for, and wasmtime looks, too."""
    from tarkpm.host.compile import compiler
    from tarkpm.host.ipc.conversation import Conversation, Reported, until
    from tarkpm.host.process import start

    class Code:
        descriptor = -1
        parts = ()

        def __init__(self, image: PluginImage) -> None:
            self._image = bytes(compiler.compile_module(image, Limits(), start, mapped=False))

        def read(self) -> bytes:
            return self._image

    core, component = image_of(older.module(), plugin_type="auth"), image_of(wat.lenient_tool())
    for image, code in ((core, Code(component)), (component, Code(core))):
        process = start()
        talk = Conversation(process, Limits(), _gate())
        try:
            with pytest.raises(Reported) as caught:
                talk.load(image, code, schemas=False, deadline=until(10))
        finally:
            process.kill()
        assert caught.value.fail.kind == "invalid"


def _gate() -> Any:
    from tarkpm.host.gate import Gate

    return Gate(CapabilitySet(), {}, print, calls=1)
