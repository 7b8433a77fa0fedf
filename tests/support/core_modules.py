"""Core modules as toolchains build them for tark:plugin, as small as they can be."""

import wasmtime

TOOL = """
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
  (func (export "tark:plugin/tool-plugin#get-tools") (result i32) i32.const 0)
  (func (export "tark:plugin/tool-plugin#get-risk-level") (param i32 i32) (result i32) {body})
  (func (export "tark:plugin/tool-plugin#execute") (param i32 i32 i32 i32) (result i32) i32.const 0)
"""


def module(imports: str = "", body: str = "i32.const 0", drop: str = "") -> bytes:
    """A tool whose risk level is what ``body`` computes, without the line that contains ``drop``."""
    lines = [line for line in TOOL.format(body=body).splitlines() if not drop or drop not in line]
    return bytes(wasmtime.wat2wasm(f"(module {imports} {' '.join(lines)})"))
