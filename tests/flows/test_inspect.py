"""`tarkpm inspect`: what a stranger's file is, with types, without running any of it."""

import re
from pathlib import Path

import pytest
from support import guests, wat
from support.sandbox import PLUGINS, Sandbox


def write(sandbox: Sandbox, data: bytes, name: str = "x.wasm") -> str:
    (sandbox.cwd / name).write_bytes(data)
    return name


def exponential(depth: int) -> bytes:
    """A component of a few hundred bytes whose type has 2 ** depth parts, written out."""
    steps = "".join(f"(type $t{n + 1} (tuple $t{n} $t{n}))" for n in range(depth))
    return wat.assemble(
        f'(component (type $t0 (tuple string string)) {steps} (import "f" (func (param "x" $t{depth}))))'
    )


def test_a_plugin_is_shown_with_the_types_of_all_it_imports_and_exports(sandbox: Sandbox) -> None:
    page = sandbox.run("inspect", PLUGINS / "device-auth" / "plugin.wasm").ok().out
    assert "Kind:     component, 11,077 bytes" in page
    assert "Uses:     storage, http, env, log\nFits:     auth\n" in page
    assert "    get: func(key: string) -> option<string>\n" in page
    assert "    http-error: record{message: string, status: option<u16>}\n" in page
    assert "    start-device-flow: func() -> result<device-code, string>\n" in page
    assert "    poll-result: variant{pending, success(string), expired, error(string)}\n" in page


def test_the_same_as_json(sandbox: Sandbox) -> None:
    found = sandbox.run("inspect", PLUGINS / "text-tools" / "plugin.wasm", "--json").ok().json
    assert (found["kind"], found["interfaces"], found["fits"]) == ("component", ["storage", "log"], ["tool"])
    assert found["misfits"]["auth"] == "does not export auth-plugin"
    assert [item["name"] for item in found["imports"]] == ["tark:plugin/storage", "tark:plugin/log"]
    (tool,) = found["exports"]
    assert (tool["name"], tool["kind"], tool["known"]) == ("tark:plugin/tool-plugin", "interface", True)
    assert tool["types"]["risk-level"] == "enum{read-only, write, risky, dangerous}"
    assert tool["members"]["execute"] == "func(tool-name: string, arguments: string) -> tool-result"


def test_what_does_not_fit_says_exactly_why(sandbox: Sandbox) -> None:
    page = sandbox.run("inspect", write(sandbox, wat.wrong_signature())).ok().out
    assert "Fits:     no plugin type\n" in page
    assert "  auth, provider, hook" not in page
    assert (
        "  tool: export tark:plugin/tool-plugin execute: expected func(tool-name: string, arguments: string) ->"
        " record{success: bool, output: string, error: option<string>},"
        " found func(tool-name: string, arguments: string) -> string\n"
    ) in page
    page = sandbox.run("inspect", write(sandbox, wat.unknown_import())).ok().out
    assert "  tool: imports 'evil:host/run', which tark does not provide\n" in page
    assert "  evil:host/run  unknown to tarkpm\n    run: func(command: string)\n" in page
    page = sandbox.run("inspect", write(sandbox, wat.wrong_world())).ok().out
    assert "  hook: does not export hook-plugin\n" in page
    assert "Exports\n  run: func()\n" in page


def test_a_core_module_is_shown_with_its_types(sandbox: Sandbox) -> None:
    core = wat.assemble(
        '(module (import "env" "f" (func (param i32 i64) (result f64))) (import "env" "g" (global i32))'
        ' (memory (export "memory") 1) (func (export "alloc") (param i32) (result i32) (local.get 0)))'
    )
    page = sandbox.run("inspect", write(sandbox, core)).ok().out
    assert "Kind:     core module" in page
    assert "  env  unknown to tarkpm\n    f: func(i32, i64) -> f64\n    g: global i32\n" in page
    assert "  memory: memory\n  alloc: func(i32) -> i32\n" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('(func (export "f") (param v128))', "f: func(v128)"),
        ('(global (export "g") v128 (v128.const i64x2 0 0))', "g: global v128"),
        ('(func (export "f") (param funcref externref (ref extern)))',
         "f: func((ref null func), (ref null extern), (ref extern))"),
        ('(type $s (struct)) (func (export "f") (param (ref $s) anyref (ref i31)) (result (ref null none)) unreachable)',
         "f: func((ref struct), (ref null any), (ref i31)) -> (ref null none)"),
        ('(type $f (func)) (import "a" "b" (func (param (ref null $f) exnref) (result (ref array))))',
         "b: func((ref null func), (ref null exn)) -> (ref array)"),
        ('(tag (export "t") (param i32))', "t: tag"),
    ],
)  # fmt: skip
def test_types_without_a_name_in_the_c_api_are_shown(sandbox: Sandbox, text: str, shown: str) -> None:
    """wasmtime aborts a process that asks for their kind (WebAssembly/wasm-c-api#106)."""
    assert shown in sandbox.run("inspect", write(sandbox, wat.assemble(f"(module {text})"))).ok().out


def test_an_async_function_is_shown_as_one_and_does_not_fit(sandbox: Sandbox) -> None:
    page = sandbox.run("inspect", write(sandbox, wat.async_tool())).ok().out
    assert "    execute: async func(tool-name: string, arguments: string) -> tool-result\n" in page
    assert "    get-tools: func() -> list<tool-def>\n" in page
    assert "Fits:     no plugin type\n" in page
    assert (
        "execute is an async func, which tark does not support; build it with the wit folder of tark" in page
    )
    assert "componentize-qjs --sync --wit wit" in page


def test_wasi_03_is_named(sandbox: Sandbox) -> None:
    page = sandbox.run("inspect", write(sandbox, wat.wasi_03())).ok().out
    assert (
        "  tool: imports 'wasi:cli/environment@0.3.0' of WASI 0.3, which this wasmtime cannot provide" in page
    )


def test_a_start_function_is_not_run(sandbox: Sandbox) -> None:
    spins = wat.assemble("(module (func $s (loop (br 0))) (start $s))")
    assert "core module" in sandbox.run("inspect", write(sandbox, spins)).ok().out


def test_a_big_module_is_compiled_once(sandbox: Sandbox) -> None:
    padding = b"\0\x84\x80\x80\x01\x01x" + bytes((2 << 20) + 2)  # a custom section of 2 MiB
    big = write(sandbox, wat.hostile_tool() + padding)
    assert "Fits:     tool" in sandbox.run("inspect", big).ok().out
    (kept,) = (sandbox.store / "compiled").rglob("*.compiled")
    before = kept.stat().st_ino
    assert "Fits:     tool" in sandbox.run("inspect", big).ok().out
    assert kept.stat().st_ino == before


def test_a_link_is_followed(sandbox: Sandbox) -> None:
    (sandbox.cwd / "link.wasm").symlink_to(PLUGINS / "text-tools" / "plugin.wasm")
    assert "Fits:     tool" in sandbox.run("inspect", "link.wasm").ok().out


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected a WebAssembly binary, found an empty file"),
        (b"(component)", "expected a WebAssembly binary, found WebAssembly text"),
        (b"\x7fELF\x02\x01", r"expected a WebAssembly binary, found a file that begins with b'\x7fELF'"),
        (b"\0asm\x01\0\0\0\x01", "ends unexpectedly at byte 9"),
        (b"\0asm\x0c\0\x01\0", "expected a WebAssembly component, found version bytes '0c000100'"),
        (wat.hostile_tool()[:2000], "runs past its end"),
        (b"\0asm\x01\0\0\0\x01\x04\x01\x60\x00\x05", "does not compile: "),
        (wat.hostile_tool() + b"\0\xff\xff\xff\xff\x0f", "runs past its end"),
    ],
)  # fmt: skip
def test_what_is_no_module_is_one_clear_error(sandbox: Sandbox, data: bytes, message: str) -> None:
    result = sandbox.run("inspect", write(sandbox, data)).failed(1, message, "where: x.wasm")
    assert result.err.count("error:") == 1
    assert result.out == ""
    error = sandbox.run("inspect", "x.wasm", "--json").failed(1).json["error"]
    assert (error["code"], error["where"]) == ("ModuleInvalid", "x.wasm")


def test_a_file_that_is_too_long_is_refused_before_it_is_read(sandbox: Sandbox) -> None:
    with (sandbox.cwd / "x.wasm").open("wb") as file:
        file.write(wat.hostile_tool()[:8])
        file.truncate((64 << 20) + 1)
    sandbox.run("inspect", "x.wasm").failed(2, "the file has more than 67,108,864 bytes")
    with (sandbox.cwd / "x.wasm").open("wb") as file:
        file.truncate(64 << 20)
    sandbox.run("inspect", "x.wasm").failed(1, "found a file that begins with")


def test_a_type_of_a_million_parts_is_cut(sandbox: Sandbox) -> None:
    page = sandbox.run("inspect", write(sandbox, exponential(16))).ok().out
    assert "…" in page
    assert len(page) < 5_000
    found = sandbox.run("inspect", "x.wasm", "--json").ok()
    assert len(found.out) < 100_000
    assert "…" in found.json["imports"][0]["type"]


def test_a_type_that_is_too_deep_is_one_clear_error(sandbox: Sandbox) -> None:
    sandbox.run("inspect", write(sandbox, exponential(60))).failed(1, "does not compile: ")


def test_more_names_than_can_be_shown_are_one_clear_error(sandbox: Sandbox) -> None:
    exports = "".join(f'(export "f{n}" (func $f))' for n in range(10_001))
    crowded = wat.assemble(f"(module (func $f) {exports})")
    sandbox.run("inspect", write(sandbox, crowded)).failed(1, "has more than 10,000 imports or exports")
    long = "x" * 900
    exports = "".join(f'(export "{long}{n}" (func $f))' for n in range(1_200))
    crowded = wat.assemble(f"(module (func $f) {exports})")
    sandbox.run("inspect", write(sandbox, crowded)).failed(
        1, "more imports, exports and types than can be shown"
    )


def test_names_cannot_write_to_the_terminal(sandbox: Sandbox) -> None:
    loud = wat.assemble(r'(module (func (export "a\1b[2Jb\0d") (param i32)))')
    page = sandbox.run("inspect", write(sandbox, loud)).ok().out
    assert "\x1b" not in page
    assert "\r" not in page


def test_files_that_are_none(sandbox: Sandbox) -> None:
    sandbox.run("inspect", "y.wasm").failed(2, "no such file", "where:", f"help: ls -l {sandbox.cwd}\n")
    folder = sandbox.plugin(sandbox.cwd / "folder")
    hint = f"help: tarkpm inspect {folder / 'plugin.wasm'}\n"
    sandbox.run("inspect", "folder").failed(2, "'folder' is a folder", "help: tarkpm inspect ./folder")
    sandbox.run("inspect", "folder/plugn.wasm").failed(2, "there is no such file", hint)
    sandbox.run("inspect", "folder/plugin.toml").failed(1, "expected a WebAssembly binary", hint)
    broken = folder / "plugin.wasm"
    broken.write_bytes(broken.read_bytes()[:500])
    sandbox.run("inspect", broken).failed(1, "runs past its end", f"help: ls -l {broken}\n")


def test_a_plugin_of_an_interpreter_is_shown(sandbox: Sandbox) -> None:
    guests.share_compiled(sandbox)
    page = sandbox.run("inspect", write(sandbox, guests.build_js("tool"))).ok().out
    assert "Fits:     tool\n" in page
    assert re.search(r"  wasi:io/streams@0\.2\.\d+  \d+ in it\n", page)
    assert Path(sandbox.cwd / "x.wasm").stat().st_size > 1 << 20
