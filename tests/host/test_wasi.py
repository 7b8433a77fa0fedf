"""A plugin that imports WASI gets clocks, randomness and nothing else; its exit is a failure, not a crash."""

from collections.abc import Callable

import pytest
from support import wat

from tarkpm.errors import ModuleInvalid, PluginFailed
from tarkpm.host.handle import PluginImage, Worker
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import Host

INTERFACES = """
  (import "wasi:cli/exit@0.2.6" (instance $exit (export "exit" (func (param "status" (result))))))
  (import "wasi:random/random@0.2.6" (instance $random (export "get-random-u64" (func (result u64)))))
"""
LOWERED = """
  (core func $wasi-exit (canon lower (func $exit "exit")))
  (core func $wasi-random (canon lower (func $random "get-random-u64")))
  (core instance $i (instantiate $main
    (with "wasi" (instance (export "exit" (func $wasi-exit)) (export "random" (func $wasi-random))))
"""
IMPORTED = """
    (import "log" "info" (func $info (param i32 i32)))
    (import "wasi" "exit" (func $exit (param i32)))
    (import "wasi" "random" (func $random (result i64)))
"""
RISK = '(func (export "get-risk-level") (param i32 i32) (result i32) '


def with_wasi() -> bytes:
    """The hostile plugin, whose "trap" exits with status 1 and whose every tool's risk is random."""
    text = wat._hostile_text()
    for old, new in {
        "\n(component\n": f"\n(component\n{INTERFACES}",
        '(import "log" "info" (func $info (param i32 i32)))': IMPORTED,
        ";; trap\n        (then unreachable))": "\n (then (call $exit (i32.const 1))))",
        RISK + "(i32.const 0))": RISK + "(i32.and (i32.wrap_i64 (call $random)) (i32.const 3)))",
        "(core instance $i (instantiate $main": LOWERED,
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return wat.assemble(text)


@pytest.fixture
def image(image_of: Callable[..., PluginImage]) -> PluginImage:
    return image_of(with_wasi(), name="wasi")


def test_exit_is_a_failure_and_the_next_call_works(image: PluginImage) -> None:
    with Host() as host:
        for _ in range(2):
            with pytest.raises(PluginFailed) as caught:
                host.call(image, "trap", "")
            assert caught.value.message == "exited with status 1"
            assert host.call(image, "echo", "on").output == "on"


def test_randomness_is_there(image: PluginImage) -> None:
    worker = Worker(image, Limits(), lambda line: None)
    try:
        assert len({worker.call("get-risk-level", ["x"], str) for _ in range(64)}) == 4
    finally:
        worker.close()


def test_wasi_http_is_never_linked(image_of: Callable[..., PluginImage]) -> None:
    text = wat._hostile_text().replace(
        "\n(component\n", '\n(component (import "wasi:http/outgoing-handler@0.2.6" (instance))\n', 1
    )
    with Host() as host, pytest.raises(ModuleInvalid) as caught:
        host.tools(image_of(wat.assemble(text)))
    assert caught.value.message == "imports 'wasi:http/outgoing-handler@0.2.6', which tark does not provide"
