"""A bundle with compiled code, by a key that machines list or do not, and somebody who forges it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from support import sandbox
from support.bundling import REF, Carrying, Forged, carrying
from support.outlining import PADDING, tool
from support.sandbox import WASM, Sandbox
from tarkpm.core.bundle.layout import COMPILED_STATEMENT, TITLE, compiled_ref
from tarkpm.core.compiled import CompiledCode, claimed, envelope_of, sign_compiled
from tarkpm.host.compile.target import this_platform
from tarkpm.host.image import PluginImage
from tarkpm.store.keys import KeyStore

HERE = this_platform().name
CODE = "compiled-"
BIG = {"json-core": tool(), "text-tools": WASM + PADDING}
"""Modules that are compiled when they are installed, with different code."""


class Compiling:
    """A bundle whose two plugins are compiled in it, by the key named builder."""

    def __init__(self, carrying: Carrying, maker: str) -> None:
        self.carrying = carrying
        self.maker = maker
        self.bundle = carrying.bundle

    def forged(self) -> Forged:
        """The bundle, to be changed."""
        return Forged(self.bundle)

    def machine(self, root: Path, bundle: Path | None = None, *, lists: str | None = None) -> Sandbox:
        """A machine with a bundle; ``lists`` is the key in its configuration, "" for none, None for the maker's."""
        far = self.carrying.machine(root, bundle)
        if lists := self.maker if lists is None else lists:
            configure(far, lists)
        return far

    def codes(self) -> list[bytes]:
        """The pieces of code in the bundle."""
        forged = self.forged()
        return [forged.blob(f"sha256:{one.code}") for one in statement(forged).modules]

    def signs(
        self, forged: Forged, edit: Callable[[CompiledCode], CompiledCode], key: str = "builder"
    ) -> None:
        """Put another statement, signed with a key of the machine where the bundle was made."""
        public, signer = KeyStore.in_state(self.carrying.project.sandbox.state).load(key, bytes)
        put_statement(forged, sign_compiled(edit(statement(forged)), key=public, signer=signer))


@contextmanager
def compiling(root: Path) -> Iterator[Compiling]:
    """Make a bundle of two big plugins with their code."""
    with carrying(root) as found:
        for name, more in (("json-core", ""), ("text-tools", '[dependencies]\njson-core = "^1"')):
            found.repo.release(name, "1.0.1", found.project.keys[name], wasm=BIG[name], more=more)
        found.repo.publish()
        machine = found.project.sandbox
        machine.run("update", "--accept-capabilities", "--accept-tools").ok()
        maker = machine.key("builder")
        found.make("--compiled", HERE, "--key", "builder")
        yield Compiling(found, maker)


def configure(machine: Sandbox, *keys: str) -> Path:
    """List keys in the user's own configuration."""
    file = machine.home / ".config" / "tarkpm" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    file.write_text(f"[bundle]\ncompiled-by = {list(keys)}\n".replace("'", '"'))
    file.chmod(0o644)
    return file


def statement(forged: Forged) -> CompiledCode:
    """What the statement of a bundle says."""
    for layer in forged.manifest(CODE)["layers"]:
        if layer["annotations"][TITLE] == COMPILED_STATEMENT:
            return claimed(envelope_of(forged.blob(layer["digest"]), where=""), where="")
    raise AssertionError("no statement")


def put_statement(forged: Forged, data: bytes) -> None:
    """Put other bytes in the place of the statement, under a true digest."""
    manifest = forged.manifest(CODE)
    for layer in manifest["layers"]:
        if layer["annotations"][TITLE] == COMPILED_STATEMENT:
            forged.drop(layer["digest"])
            layer |= {"digest": forged.put(data), "size": len(data)}
    forged.set_manifest(CODE, manifest)


def rename(forged: Forged, platform: str) -> None:
    """Name the code as if it were for another platform."""

    def edit(index: dict[str, list[dict[str, dict[str, str]]]]) -> None:
        for one in index["manifests"]:
            if one["annotations"][REF].startswith(CODE):
                one["annotations"][REF] = compiled_ref(platform)

    forged.edit_index(edit)


def changed(**fields: object) -> Callable[[CompiledCode], CompiledCode]:
    """What replaces fields of a statement."""
    return lambda code: msgspec.structs.replace(code, **fields)


class Compiled:
    """Which big modules were compiled on this machine since the test began."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        real = sandbox._compile

        def noted(image: PluginImage, *more: object, **options: object) -> bytearray:
            self.names.append(image.name)
            return real(image, *more, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(sandbox, "_compile", noted)


def kept(machine: Sandbox) -> bytes:
    """Everything in a machine's cache of compiled code."""
    return b"".join(file.read_bytes() for file in sorted(machine.store.glob("compiled/*/*.compiled")))
