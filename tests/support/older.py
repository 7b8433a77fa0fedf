"""Plugins of the older ABI: those built from tests/guests/older, and small ones in WAT, to be told how to lie."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from support import wat

FOLDER: Final = Path(__file__).resolve().parents[1] / "guests" / "older"
TYPES: Final = {"chatgpt": "provider", "gemini-oauth": "provider", "discord": "channel", "probe": "auth"}
_MODULES: Final = {"discord": "dist/plugin.wasm"}
_BUMP: Final = """
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get 0)))"""


def wasm(name: str) -> bytes:
    """One of those in tests/guests/older."""
    return (FOLDER / name / _MODULES.get(name, "plugin.wasm")).read_bytes()


def text(
    *,
    alloc: str = _BUMP,
    ask: str = "(i32.const 0)",
    body: str = "(i32.const -3)",
    start: str = "",
    pages: int = 1,
    next: int = 1024,  # noqa: A002
    name: str = "alloc",
    memory: str | None = None,
    extra: str = "",
    more: str = "",
) -> str:
    """An auth plugin in WAT: `alloc`'s body, that of what answers a text (``ask``, where to is local 0), and
    of `status`, which is 3 more than ``body``. At 8 there is "data", at 16 "key "."""
    own = f'(memory (export "memory") {pages})' if memory is None else memory
    is_64 = "i64 1" in own
    data = "" if is_64 or not own else '(data (i32.const 8) "data\\ff\\fe") (data (i32.const 16) "key ")'
    if is_64 or not own:
        alloc = ask = body = "(i32.const 0)"
    begin = f"(func $start {start}) (start $start)" if start else ""
    return f"""
    (module
      (import "tark:storage" "get" (func $get (param i32 i32 i32) (result i32)))
      {extra}
      {own} {data}
      (global $next (mut i32) (i32.const {next}))
      {begin}
      (func (export "{name}") (param i32) (result i32) {alloc})
      (func $again (result i32) (i32.add (call $again) (i32.const 1)))
      (func (export "status") (result i32) (i32.add (i32.const 3) {body}))
      (func (export "get_token") (param i32) (result i32) {ask})
      (func (export "auth_process_tokens") (param i32 i32 i32) (result i32) (i32.const 0))
      {more})"""


def module(**how: object) -> bytes:
    """The same, assembled."""
    return wat.assemble(text(**how))  # type: ignore[arg-type]


def provider(said: bytes) -> bytes:
    """A provider called P that answers a chat with exactly these bytes."""
    return wat.assemble(provider_text(said))


def provider_text(said: bytes) -> str:
    """The same in WAT."""
    info = json.dumps({"id": "p", "display_name": "P"}).encode()
    return f"""
    (module
      (memory (export "memory") 4)
      (data (i32.const 8) "{_escaped(info)}")
      (data (i32.const 1024) "{_escaped(said)}")
      (global $next (mut i32) (i32.const 66000))
      (func (export "alloc") (param i32) (result i32) {_BUMP})
      (func (export "dealloc") (param i32 i32) (global.set $next (i32.const 66000)))
      (func (export "provider_info") (param i32) (result i32)
        (memory.copy (local.get 0) (i32.const 8) (i32.const {len(info)})) (i32.const {len(info)}))
      (func (export "provider_chat") (param i32 i32 i32 i32 i32) (result i32)
        (memory.copy (local.get 4) (i32.const 1024) (i32.const {len(said)})) (i32.const {len(said)})))"""


def listing_provider(said: bytes, models: Sequence[str] = ("m",), *, crashes: bool = False) -> bytes:
    """The same with a list of models; with ``crashes`` every chat traps."""
    listed = json.dumps([{"id": name} for name in models]).encode()
    text = provider_text(said).rstrip().removesuffix(")")
    chat = text.index("(memory.copy (local.get 4)")
    if crashes:
        text = text[:chat] + "unreachable)"
    return wat.assemble(f"""{text}
      (data (i32.const 512) "{_escaped(listed)}")
      (func (export "provider_models") (param i32) (result i32)
        (memory.copy (local.get 0) (i32.const 512) (i32.const {len(listed)})) (i32.const {len(listed)})))""")


def _escaped(data: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in data)
