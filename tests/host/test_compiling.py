"""Compiling: ahead and in parallel, in a process that can be killed, with an end in every case."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import wat

from tarkpm.errors import HostError, LimitReached, ModuleInvalid, PluginCrashed
from tarkpm.host.compile import compiler
from tarkpm.host.compile.cache import CompileCache
from tarkpm.host.compile.precompile import precompile
from tarkpm.host.limits import Limits
from tarkpm.host.process import Process
from tarkpm.host.runtime import PluginHost, PluginImage

ImageOf = Callable[..., PluginImage]
LIMITS = Limits(seconds=5)


@pytest.fixture
def cache(tmp_path: Path) -> CompileCache:
    return CompileCache(tmp_path / "cache", b"k" * 32)


def test_compiling_ahead(
    cache: CompileCache,
    hostile: PluginImage,
    image_of: ImageOf,
    text_tools: PluginImage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = bytearray(text_tools.wasm)
    at = broken.index(b"\0asm", 8) + 12
    broken[at : at + 40] = bytes(40)
    images = [
        hostile,
        text_tools,
        image_of(wat.wrong_world(), name="odd"),
        image_of(bytes(broken), name="broken"),
    ]
    told: list[tuple[str, bool]] = []
    failed = precompile(
        images,
        cache,
        LIMITS,
        progress=lambda image, problem: told.append((image.name, problem is None)),
    )
    assert sorted(told) == [("broken", False), ("hostile", True), ("odd", False), ("text-tools", True)]
    assert {name: type(problem) for name, problem in failed.items()} == {
        "odd": ModuleInvalid,
        "broken": ModuleInvalid,
    }
    assert failed["broken"].message.startswith("the module cannot run: does not compile: ")
    assert failed["broken"].where == "broken"
    assert cache.has(text_tools, LIMITS)
    monkeypatch.setattr(compiler, "compile_module", None)  # nothing is compiled twice
    assert precompile(images[:2], cache, LIMITS) == {}


def test_compiling_ahead_stops_when_the_caller_does(cache: CompileCache, hostile: PluginImage) -> None:
    def stop(image: PluginImage, problem: HostError | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        precompile([hostile], cache, LIMITS, progress=stop)


class Fake:
    """Starts processes that run ``script`` where a compiler would be."""

    def __init__(self, script: str) -> None:
        self.script = script
        self.started: list[Process] = []

    def __call__(self, *, schemas: bool = False) -> Process:
        prelude = (
            "import os, struct, sys, time\n"
            "def send(kind, payload, length=None):\n"
            "    os.write(3, struct.pack('>IBI', len(payload) if length is None else length, kind, 0) + payload)\n"
            "send(1, b'{\"version\":3}')\n"
        )
        self.started.append(Process(["-I", "-c", prelude + self.script]))
        return self.started[-1]


@pytest.mark.parametrize(
    ("script", "kind", "sentence"),
    [
        ("time.sleep(60)", LimitReached, "the module took longer than 0.5 s to compile"),
        ("sys.exit('oh')", PluginCrashed, "the plugin's worker ended with status 1: oh"),
        ("os.abort()", PluginCrashed, "the plugin's worker was killed by SIGABRT"),
        (
            "print('memory allocation of 9 bytes failed', file=sys.stderr, flush=True); os.abort()",
            LimitReached,
            "the module took more than 2,048 MiB of memory to compile",
        ),
        (
            "send(4, b'{}'); time.sleep(9)",
            PluginCrashed,
            "the plugin's worker sent a frame of unknown kind 4",
        ),
        (
            "send(6, b'', 1 << 31); time.sleep(9)",
            PluginCrashed,
            "the plugin's worker sent a frame of kind 6 with 2,147,483,648 bytes, the limit is 1,073,741,824",
        ),
        (
            "send(2, b'{}'); time.sleep(9)",
            PluginCrashed,
            "the plugin's worker sent a frame of kind 2, expected 6",
        ),
    ],
)
def test_a_compiler_that_does_not_do_its_work(
    hostile: PluginImage, script: str, kind: type[HostError], sentence: str
) -> None:
    fake = Fake(script)
    # an interpreter needs more than half a second to start on a busy machine
    limits = Limits(compile_seconds=0.5 if kind is LimitReached and "sleep" in script else 30)
    with pytest.raises(HostError) as caught:
        compiler.compile_module(hostile, limits, fake, mapped=True)
    assert (type(caught.value), caught.value.message, caught.value.where) == (kind, sentence, "hostile")
    assert fake.started[0].ended


def test_when_one_of_several_cannot_be_compiled_the_others_end(hostile: PluginImage) -> None:
    slow, bad = Fake("time.sleep(60)"), Fake("sys.exit('oh')")
    fakes = iter((slow, slow, bad))

    def start(*, schemas: bool = False) -> Process:
        return next(fakes)(schemas=schemas)

    begin = time.monotonic()
    with pytest.raises(PluginCrashed):
        compiler.compile_all([hostile] * 3, LIMITS, start, mapped=True)
    assert time.monotonic() - begin < 5
    assert all(process.ended for process in slow.started)


def test_one_that_is_being_started_when_another_fails_ends_too(hostile: PluginImage) -> None:
    slow, bad = Fake("time.sleep(60)"), Fake("sys.exit('oh')")
    fakes = iter((bad, slow))

    def start(*, schemas: bool = False) -> Process:
        fake = next(fakes)
        time.sleep(0.5 if fake is slow else 0)
        return fake(schemas=schemas)

    begin = time.monotonic()
    with pytest.raises(PluginCrashed):
        compiler.compile_all([hostile] * 2, LIMITS, start, mapped=True)
    assert time.monotonic() - begin < 5


def test_a_module_that_takes_for_ever_to_compile(image_of: ImageOf, tmp_path: Path) -> None:
    body = "(i32.add (i32.const 1) " * 20 + "(i32.const 1)" + ")" * 20
    functions = f"(func (result i32) {body})" * 20_000
    inside = f"(core module $m {functions})"
    text = wat._hostile_text().replace("\n(component\n", f"\n(component\n{inside}\n", 1)
    image = image_of(wat.assemble(text), name="big")
    cache = CompileCache(tmp_path / "cache", b"k" * 32)
    start = time.monotonic()
    with PluginHost(Limits(compile_seconds=0.2), cache=cache) as host:
        with pytest.raises(LimitReached) as caught:
            host.call(image, "echo", "on")
        assert caught.value.message == "the module took longer than 0.2 s to compile"
    assert time.monotonic() - start < 10
    assert not list((tmp_path / "cache").glob("*/*"))
