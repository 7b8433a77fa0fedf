"""Plugins with a module that is outlined, and a cache that notes what is compiled for them."""

import hashlib
from pathlib import Path

import pytest

from support import wat
from tarkpm.core.capability import CapabilitySet
from tarkpm.host.compile import compiler
from tarkpm.host.compile.cache import CompileCache
from tarkpm.host.limits import Limits
from tarkpm.host.module import outline
from tarkpm.host.module.outline import outlined
from tarkpm.host.runtime import PluginHost, PluginImage

KEY = b"k" * 32
LIMITS = Limits(seconds=5)
PADDING = b"\0\x83\x80\xc0\x00\x01x" + bytes((1 << 20) + 1)  # a custom section that makes any module big


def tool(*, description: str = "") -> bytes:
    """The hostile plugin, with a module without data that its memory module needs: it is outlined."""
    shared = " ".join(f'(func (export "f{n}") (result i32) (i32.const {n}))' for n in range(40))
    text = wat._hostile_text()
    text = wat._replaced(
        text, "\n  (core module $mem\n", f"\n  (core module $shared {shared})\n  (core module $mem\n"
    )
    text = wat._replaced(
        text,
        "  (core instance $m (instantiate $mem))\n",
        '  (core instance $s (instantiate $shared))\n  (core instance $m (instantiate $mem (with "s" (instance $s))))\n',
    )
    text = wat._replaced(
        text,
        '    (memory (export "memory") 1)\n',
        '    (import "s" "f7" (func (result i32)))\n    (memory (export "memory") 1)\n',
    )
    return wat.assemble(text) + PADDING + description.encode()


def image(wasm: bytes, name: str, folder: Path) -> PluginImage:
    return PluginImage(name, "tool", wasm, CapabilitySet(), folder / name)


def part(wasm: bytes) -> bytes:
    cut = outlined(wasm)
    assert cut is not None
    (found,) = cut.parts
    return bytes(found)


def other_tool() -> bytes:
    """Another plugin with the same part."""
    return tool() + b"\0\x02\x01y"


class Shelf:
    """A cache, and what was compiled for it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # No test compiles an interpreter: modules are outlined from 100 bytes of code on.
        monkeypatch.setattr(outline, "MIN_CODE", 100)
        self.folder = folder
        self.cache = CompileCache(folder, KEY)
        self.compiled: list[bytes] = []
        real = compiler.compile_module

        def noted(image: PluginImage, *args: object, **options: object) -> bytearray:
            self.compiled.append(image.wasm)
            return real(image, *args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(compiler, "compile_module", noted)

    def serves(self, plugin: PluginImage) -> int:
        """Call the plugin; how many modules were compiled for that."""
        self.compiled.clear()
        with PluginHost(LIMITS, cache=self.cache) as host:
            assert host.call(plugin, "echo", "on").output == "on"
        return len(self.compiled)

    def entry(self, wasm: bytes | memoryview) -> Path:
        (found,) = self.folder.glob(f"*/{hashlib.sha256(wasm).hexdigest()}-*")
        return found
