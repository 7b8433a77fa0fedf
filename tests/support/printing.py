"""The hostile plugin of support.wat, made to write to its standard streams through WASI.

"echo" also writes its arguments to standard output, before it logs them. "trap", "bad-utf8" and "bad-pointer" write
them to standard error and then trap, exit with status 1, and write `FAULT` and trap. "spin" writes them to standard
error for ever, "recurse" a byte to either stream in turn.
"""

import functools

from support import wat

TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: bad text\n'
FAULT = b"\xff\xfe\n" + TRACEBACK.encode()
"""Two bytes that are not UTF-8, and an exception of Python."""

_STREAM = """
  (import "wasi:cli/{0}@0.2.6" (instance ${0}
    (alias outer 1 $output-stream (type $o_)) (export "output-stream" (type $o (eq $o_)))
    (export "get-{0}" (func (result (own $o))))))
"""
_INTERFACES = f"""
  (import "wasi:cli/exit@0.2.6" (instance $exit (export "exit" (func (param "status" (result))))))
  (import "wasi:io/error@0.2.6" (instance $io (export "error" (type (sub resource)))))
  (alias export $io "error" (type $io-error))
  (import "wasi:io/streams@0.2.6" (instance $streams
    (export "output-stream" (type $os (sub resource)))
    (alias outer 1 $io-error (type $e_)) (export "error" (type $e (eq $e_)))
    (type $se_ (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $se (eq $se_)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $os)) (param "contents" (list u8)) (result (result (error $se)))))))
  (alias export $streams "output-stream" (type $output-stream))
  {_STREAM.format("stdout")} {_STREAM.format("stderr")}
"""
_LOWERED = """
  (core func $w-out (canon lower (func $stdout "get-stdout")))
  (core func $w-err (canon lower (func $stderr "get-stderr")))
  (core func $w-exit (canon lower (func $exit "exit")))
  (core func $w-put (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory $memory)))
  (core instance $i (instantiate $main
    (with "wasi" (instance (export "out" (func $w-out)) (export "err" (func $w-err))
      (export "put" (func $w-put)) (export "exit" (func $w-exit))))
"""
_IMPORTED = """
    (import "log" "info" (func $info (param i32 i32)))
    (import "wasi" "out" (func $out (result i32)))
    (import "wasi" "err" (func $err (result i32)))
    (import "wasi" "exit" (func $exit (param i32)))
    (import "wasi" "put" (func $put (param i32 i32 i32 i32)))
"""
_WRITE = """(func $forever (param i32) (result i32) (local $o i32) (local $e i32)
      (local.set $o (call $out)) (local.set $e (call $err))
      (loop $l
        (call $put (local.get $o) (i32.const 256) (i32.const 1) (i32.const 800))
        (call $put (local.get $e) (i32.const 256) (i32.const 1) (i32.const 800)) (br $l)) (i32.const 0))
    ;; at most 4096 bytes may be written at once
    (func $write (param $to i32) (param $p i32) (param $n i32) (local $now i32)
      (loop $l
        (local.set $now (select (local.get $n) (i32.const 4096) (i32.lt_u (local.get $n) (i32.const 4096))))
        (call $put (local.get $to) (local.get $p) (local.get $now) (i32.const 800))
        (local.set $p (i32.add (local.get $p) (local.get $now)))
        (local.set $n (i32.sub (local.get $n) (local.get $now)))
        (br_if $l (local.get $n))))
    ;; key-00000000"""
_TO_STDERR = "(call $write (call $err) (local.get $a) (local.get $an))"


@functools.cache
def printing_tool() -> bytes:
    """The component."""
    text = wat._hostile_text()
    start = text.index("(func $forever")
    end = text.index(";; key-00000000", start) + len(";; key-00000000")
    data = "".join(f"\\{byte:02x}" for byte in FAULT)
    text = text[:start] + _WRITE + text[end:]
    for old, new in {
        "\n(component\n": f"\n(component\n{_INTERFACES}",
        '(import "log" "info" (func $info (param i32 i32)))': _IMPORTED,
        "(then  ;; echo": "(then (call $write (call $out) (local.get $a) (local.get $an))",
        ";; spin\n        (then (loop $l (br $l)))": f"\n (then (loop $l {_TO_STDERR} (br $l)))",
        ";; trap\n        (then unreachable)": f"\n (then {_TO_STDERR} unreachable)",
        "(then (return (call $result (i32.const 1) (i32.const 560) (i32.const 2))))": (
            f"(then {_TO_STDERR} (call $exit (i32.const 1)))"
        ),
        "(then (return (call $result (i32.const 1) (i32.const -16) (i32.const 8))))": (
            f"(then (call $write (call $err) (i32.const 2048) (i32.const {len(FAULT)})) unreachable)"
        ),
        "    (data (i32.const 544)": f'    (data (i32.const 2048) "{data}")\n    (data (i32.const 544)',
        "(core instance $i (instantiate $main": _LOWERED,
    }.items():
        text = wat._replaced(text, old, new)
    return wat.assemble(text)
