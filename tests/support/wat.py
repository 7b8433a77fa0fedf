"""Components that mean harm, written by hand as WebAssembly text.

`wasmtime.wat2wasm` assembles them in milliseconds, so no test needs a compiler or a binary fixture.
"""

from __future__ import annotations

import functools
from pathlib import Path

import wasmtime

HOSTILE_TOOLS = (
    "echo",  # returns its arguments, after logging them through log.info
    "spin",  # never returns and calls nothing: only an epoch or a kill ends it
    "trap",  # executes `unreachable`
    "grow",  # takes memory until it is refused, then traps
    "bad-utf8",  # returns an output that is not UTF-8
    "recurse",  # calls itself until the stack is gone
    "log-flood",  # logs its arguments at info, for ever
    "huge-output",  # returns HUGE_OUTPUT times "x", or traps if it does not get the memory
    "many-calls",  # sets another storage key ("key-" and 8 characters) to its arguments, for ever
    "bad-pointer",  # returns an output that lies outside its memory
)
HUGE_OUTPUT = 40 << 20
EMPTY = b"\0asm\x0d\0\x01\0"
"""The empty component."""


def assemble(text: str) -> bytes:
    """The binary of a component or module in WAT text."""
    return bytes(wasmtime.wat2wasm(text))


@functools.cache
def hostile_tool() -> bytes:
    """A tool plugin with HOSTILE_TOOLS, which imports log.info and storage.set.

    It calls the risk of every tool "read-only"; a tool of another name fails with "unknown tool".
    """
    return assemble(_text())


@functools.cache
def lenient_tool() -> bytes:
    """The same, with no schema for any tool, so that arguments need not be JSON."""
    return assemble(_hostile_text())


@functools.cache
def hook() -> bytes:
    """A hook plugin; hook.wat says what it does."""
    return assemble(Path(__file__).with_name("hook.wat").read_text("utf-8"))


@functools.cache
def reaching_tool() -> bytes:
    """A tool plugin that calls filesystem, shell, clock and random; reach.wat says how."""
    return _completed("reach.wat")


@functools.cache
def fetching_tool() -> bytes:
    """A tool plugin that asks servers; fetch.wat says how."""
    return _completed("fetch.wat")


@functools.cache
def fetching_tool_that(code: str, data: str = "") -> bytes:
    """The same, but each call runs ``code`` first; ``data`` (at most 100 characters) is at 700."""
    before = "      ;; The URL begins with the first h"
    text = Path(__file__).with_name("fetch.wat").read_text("utf-8")
    text = _replaced(text, before, f"{code}\n{before}")
    head = "    ;; One header at 640"
    return _finished(_replaced(text, head, f'    (data (i32.const 700) "{data}")\n{head}'))


def asking_also(url: str) -> bytes:
    """The fetching tool, which first asks for another URL and forgets the answer."""
    size = len(url)
    return fetching_tool_that(
        f"(call $get (i32.const 700) (i32.const {size}) (i32.const 640) (i32.const 0) (i32.const 800))", url
    )


def reading_also(variable: str) -> bytes:
    """The fetching tool, which first reads a variable and forgets its value."""
    code = f"(call $env (i32.const 700) (i32.const {len(variable)}) (i32.const 900))"
    text = Path(__file__).with_name("fetch.wat").read_text("utf-8")
    for place, new in (
        (
            '  (import "tark:plugin/log"',
            (
                '  (import "tark:plugin/env" (instance $vars'
                ' (export "get" (func (param "name" string) (result (option string))))))'
            ),
        ),
        ('    (import "host" "info"', '    (import "host" "env" (func $env (param i32 i32 i32)))'),
        ("    ;; One header at 640", f'    (data (i32.const 700) "{variable}")'),
        ("      ;; The URL begins with the first h", code),
        (
            "  (core func $info",
            '  (core func $env (canon lower (func $vars "get") (memory $memory) (realloc $realloc)))',
        ),
    ):
        text = _replaced(text, place, f"{new}\n{place}")
    return _finished(
        _replaced(
            text, '(export "info" (func $info))', '(export "info" (func $info)) (export "env" (func $env))'
        )
    )


def _completed(file: str) -> bytes:
    """A tool plugin whose types and exports are those of echo_tool.wat."""
    return _finished(Path(__file__).with_name(file).read_text("utf-8"))


def _finished(text: str) -> bytes:
    echo = _text()
    return assemble(text.partition(";; EXPORTS")[0] + echo[echo.index("  (type $tool-def (record") :])


@functools.cache
def wrong_world() -> bytes:
    """A valid component that exports a function `run`, and no interface of tark:plugin."""
    return assemble("""
        (component
          (core module $m (func (export "run")))
          (core instance $i (instantiate $m))
          (func $run (canon lift (core func $i "run")))
          (export "run" (func $run)))
    """)


@functools.cache
def wrong_signature() -> bytes:
    """A tool plugin whose `execute` returns a bare string instead of a tool-result."""
    text = _replaced(
        _hostile_text(), '"arguments" string) (result $tool-result)', '"arguments" string) (result string)'
    )
    text = _replaced(text, '"arguments" string) (result $r)', '"arguments" string) (result string)')
    return assemble(
        _replaced(text, '"arguments" string) (result $xr)', '"arguments" string) (result string)')
    )


@functools.cache
def unknown_import() -> bytes:
    """A tool plugin that also imports `evil:host/run`, with one function `run: func(command: string)`."""
    evil = '(component\n  (import "evil:host/run" (instance (export "run" (func (param "command" string)))))'
    return assemble(_replaced(_hostile_text(), "\n(component\n", f"\n{evil}\n"))


@functools.cache
def async_tool() -> bytes:
    """A tool plugin whose `execute` has the type `async func`."""
    text = _text()
    for place in ("(func $execute (param", "(func $f3 (param", '"execute" (func $f3) (func (param'):
        text = _replaced(text, place, place.replace("(param", "async (param"))
    return assemble(text)


@functools.cache
def without_execute() -> bytes:
    """A tool plugin that lacks `execute`."""
    return assemble(
        _replaced(
            _text(),
            '(export "execute" (func $f3) (func (param "tool-name" string) (param "arguments" string) (result $xr)))',
            "",
        )
    )


@functools.cache
def wasi_03() -> bytes:
    """A tool plugin that also imports an interface of WASI 0.3."""
    wasi = '(component\n  (import "wasi:cli/environment@0.3.0" (instance))'
    return assemble(_replaced(_hostile_text(), "\n(component\n", f"\n{wasi}\n"))


@functools.cache
def core_module() -> bytes:
    """A plain core module: it has a memory and a function, and is no component."""
    return assemble('(module (memory (export "memory") 1) (func (export "run")))')


@functools.cache
def _hostile_text() -> str:
    return _replaced(_text(), "(i32.const 17)))\n    (func (export", "(i32.const 0)))\n    (func (export")


@functools.cache
def _text() -> str:
    return Path(__file__).with_name("echo_tool.wat").read_text("utf-8")


def _replaced(text: str, old: str, new: str) -> str:
    """Replace what must be there once, so that an edit of the text cannot silently undo a fixture."""
    assert text.count(old) == 1, f"expected {old!r} once, found it {text.count(old)} times"
    return text.replace(old, new)


@functools.cache
def defining_tool(
    description: str,
    *,
    granted: str = "",
    risk: int = 0,
    name: str = "echo",
    schema: str = "",
    hides: bool = False,
) -> bytes:
    """The lenient tool, of which `echo` has this description and ``schema``, and every tool this risk.

    With ``granted``, echo has that description instead where the plugin may store something; if it ``hides``,
    listing the tools traps where it may not. ``name`` renames echo; it has four letters.
    """
    texts = [text.encode() for text in (description, granted, schema)]
    data = "".join(f"\\{byte:02x}" for byte in b"".join(texts))
    first, second = ((2048, len(texts[0])), (2048 + len(texts[0]), len(texts[1])))
    third = 2048 + len(texts[0]) + len(texts[1])
    assert third + len(texts[2]) <= 4096
    described = "(i32.store (i32.const 1032) (i32.const {})) (i32.store (i32.const 1036) (i32.const {}))"
    text = _replaced(
        _hostile_text(),
        "    (data (i32.const 544)",
        f'    (data (i32.const 2048) "{data}")\n    (data (i32.const 544)',
    )
    choose = described.format(*first)
    choose += f"""
      (i32.store (i32.const 1040) (i32.const {third})) (i32.store (i32.const 1044) (i32.const {len(texts[2])}))"""
    if granted:
        choose += f"""
      (call $set (i32.const 576) (i32.const 12) (i32.const 576) (i32.const 12) (i32.const 1000))
      (if (i32.eqz (i32.load8_u (i32.const 1000))) (then {described.format(*second)}){"(else unreachable)" if hides else ""})"""
    text = _replaced(text, "(i32.store (i32.const 1016)", choose + "\n      (i32.store (i32.const 1016)")
    text = _replaced(
        text,
        '(result i32) (i32.const 0))  ;; "read-only"',
        f'(result i32) (i32.const {risk}))  ;; "read-only"',
    )
    return assemble(_replaced(text, '"echospin', f'"{name}spin'))
