"""A plugin that imports WASI gets clocks, randomness and nothing else; its exit is a failure, not a crash."""

import time
from collections.abc import Callable

import pytest
from support import wat

from tarkpm.errors import LimitReached, ModuleInvalid, PluginFailed
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost
from tarkpm.host.worker_handle import PluginImage, Worker

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
    with PluginHost() as host:
        for _ in range(2):
            with pytest.raises(PluginFailed) as caught:
                host.call(image, "trap", "")
            assert caught.value.message == "the plugin exited with status 1"
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
    with PluginHost() as host, pytest.raises(ModuleInvalid) as caught:
        host.tools(image_of(wat.assemble(text)))
    assert (
        caught.value.message
        == "the module does not fit the type 'tool': imports 'wasi:http/outgoing-handler@0.2.6', which tark does not provide"
    )


ERROR_CODES = (  # in the order the WIT has them
    "unknown access-denied not-supported invalid-argument out-of-memory timeout concurrency-conflict "
    "not-in-progress would-block invalid-state new-socket-limit address-not-bindable address-in-use "
    "remote-unreachable connection-refused connection-reset connection-aborted datagram-too-large "
    "name-unresolvable temporary-resolver-failure permanent-resolver-failure"
)

REACHING_INTERFACES = f"""
  (import "wasi:io/poll@0.2.6" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (alias outer 1 $pollable (type $p_)) (export "pollable" (type $p (eq $p_)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (import "wasi:cli/environment@0.2.6" (instance $env
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:filesystem/types@0.2.6" (instance $files (export "descriptor" (type (sub resource)))))
  (alias export $files "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.6" (instance $preopens
    (alias outer 1 $descriptor (type $d_)) (export "descriptor" (type $d (eq $d_)))
    (export "get-directories" (func (result (list (tuple (own $d) string)))))))
  (import "wasi:sockets/network@0.2.6" (instance $net
    (type $e_ (enum {" ".join(f'"{code}"' for code in ERROR_CODES.split())})) (export "error-code" (type (eq $e_)))
    (type $f_ (enum "ipv4" "ipv6")) (export "ip-address-family" (type (eq $f_)))))
  (alias export $net "error-code" (type $error-code))
  (alias export $net "ip-address-family" (type $family))
  (import "wasi:sockets/tcp@0.2.6" (instance $tcp (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $tcp-socket))
  (import "wasi:sockets/tcp-create-socket@0.2.6" (instance $create
    (alias outer 1 $error-code (type $e_)) (export "error-code" (type $e (eq $e_)))
    (alias outer 1 $family (type $f_)) (export "ip-address-family" (type $f (eq $f_)))
    (alias outer 1 $tcp-socket (type $s_)) (export "tcp-socket" (type $s (eq $s_)))
    (export "create-tcp-socket"
      (func (param "address-family" $f) (result (result (own $s) (error $e)))))))
"""
REACHING_LOWERED = """
  (core func $w-block (canon lower (func $poll "[method]pollable.block")))
  (core func $w-later (canon lower (func $clock "subscribe-duration")))
  (core func $w-env (canon lower (func $env "get-environment") (memory $memory) (realloc $realloc)))
  (core func $w-args (canon lower (func $env "get-arguments") (memory $memory) (realloc $realloc)))
  (core func $w-dirs (canon lower (func $preopens "get-directories") (memory $memory) (realloc $realloc)))
  (core func $w-tcp (canon lower (func $create "create-tcp-socket") (memory $memory)))
  (core instance $i (instantiate $main
    (with "wasi" (instance (export "block" (func $w-block)) (export "later" (func $w-later))
      (export "env" (func $w-env)) (export "args" (func $w-args)) (export "dirs" (func $w-dirs))
      (export "tcp" (func $w-tcp))))
"""
REACHING_IMPORTED = """
    (import "log" "info" (func $info (param i32 i32)))
    (import "wasi" "block" (func $block (param i32)))
    (import "wasi" "later" (func $later (param i64) (result i32)))
    (import "wasi" "env" (func $env (param i32)))
    (import "wasi" "args" (func $args (param i32)))
    (import "wasi" "dirs" (func $dirs (param i32)))
    (import "wasi" "tcp" (func $tcp (param i32 i32)))
"""
# for a tool with a name of one letter: how much of an environment there is; of two: whether a socket fails
REACHING_RISK = """(func (export "get-risk-level") (param i32) (param $n i32) (result i32)
      (if (i32.eq (local.get $n) (i32.const 2)) (then
        (call $tcp (i32.const 0) (i32.const 800)) (return (i32.load8_u (i32.const 800)))))
      (call $env (i32.const 800)) (call $args (i32.const 808)) (call $dirs (i32.const 816))
      (i32.add (i32.load (i32.const 804)) (i32.add (i32.load (i32.const 812)) (i32.load (i32.const 820)))))"""


def that_reaches() -> bytes:
    """The hostile plugin, whose "trap" sleeps for an hour, and whose risks say what it finds."""
    text = wat._hostile_text()
    for old, new in {
        "\n(component\n": f"\n(component\n{REACHING_INTERFACES}",
        '(import "log" "info" (func $info (param i32 i32)))': REACHING_IMPORTED,
        ";; trap\n        (then unreachable))": (
            "\n (then (call $block (call $later (i64.const 3600000000000)))))"
        ),
        RISK + "(i32.const 0))": REACHING_RISK,
        "(core instance $i (instantiate $main": REACHING_LOWERED,
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return wat.assemble(text)


def test_a_sleep_ends_at_the_deadline_and_the_next_call_works(image_of: Callable[..., PluginImage]) -> None:
    image = image_of(that_reaches())
    for long_lived in (False, True):
        with PluginHost(Limits(seconds=1), long_lived=long_lived) as host:
            host.load(image)
            start = time.monotonic()
            with pytest.raises(LimitReached) as caught:
                host.call(image, "trap", "")
            assert time.monotonic() - start < 10
            assert caught.value.message == "the plugin ran longer than 1 s"
            assert host.call(image, "echo", "on").output == "on"


def test_there_is_no_environment_no_folder_and_no_socket(
    image_of: Callable[..., PluginImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    worker = Worker(image_of(that_reaches()), Limits(), lambda line: None)
    try:
        assert worker.call("get-risk-level", ["x"], str) == "read-only"  # none of the three
        assert worker.call("get-risk-level", ["xx"], str) == "write"  # an error
        assert worker.call("execute", ["echo", "on"], dict)["output"] == "on"
    finally:
        worker.close()
