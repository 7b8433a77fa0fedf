"""Compile the modules of a bundle for other machines, and sign what was compiled (docs/decisions/0244)."""

from pathlib import Path

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.compiled import MAX_MODULES, CompiledCode, CompiledModule, sign_compiled
from tarkpm.core.digest import FileEntry
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.text import short
from tarkpm.errors import HostError, Refused
from tarkpm.host.compile.portable import compile_portable, this_machine
from tarkpm.host.image import PluginImage
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.release.installed import BIG
from tarkpm.sources.bundle.writer import BundleWriter
from tarkpm.store.key_file import Passphrase
from tarkpm.store.keys import KeyStore


class CompileRequest(msgspec.Struct, frozen=True):
    """Compile for ``platform``, and sign with the ``key`` of this name."""

    platform: str
    key: str
    passphrase: Passphrase


class CreatedCode(msgspec.Struct, frozen=True):
    """Compiled code in a new bundle: for how many ``plugins``, and its size in bytes."""

    platform: str
    compiler: str
    maker: PublicKey
    plugins: int
    size: int


class CodeMaker:
    """Compiles the big modules among those that are added to a bundle. Small ones take no time anywhere."""

    def __init__(self, settings: Settings, ui: Ui, request: CompileRequest) -> None:
        """Load the key. Raises `StoreError`, and `Refused` for another platform than this machine's."""
        self._machine = this_machine()
        if request.platform != self._machine.platform:
            here = f"'{self._machine.platform}'" if self._machine.platform else "nothing that has a name"
            raise Refused(f"this machine compiles for {here} alone, found {short(request.platform)}")
        self._ui = ui
        keys = KeyStore.in_state(settings.paths.state)
        self._key, self._sign = keys.load(request.key, request.passphrase)
        self._modules: dict[str, CompiledModule] = {}
        self._plugins = 0

    def add(self, bundle: BundleWriter, entry: LockEntry, module: FileEntry, wasm: bytes) -> None:
        """Compile the module of a locked release that was verified just now. Raises `HostError`."""
        if module.size < BIG:
            return
        self._plugins += 1
        if module.sha256 in self._modules:
            return
        self._ui.busy(f"compiling {entry.name}")
        image = PluginImage(entry.name, entry.type, wasm, CapabilitySet(), Path(), sha256=module.sha256)
        known = [one.module for one in self._modules.values() if one.kind == "part"]
        for one, code in compile_portable(image, known):
            self._modules[one.module] = one
            bundle.add_large(one.code, code)
        if len(self._modules) > MAX_MODULES:
            raise HostError(f"expected at most {MAX_MODULES:,} compiled modules in a bundle")

    def finish(self, bundle: BundleWriter) -> CreatedCode | None:
        """Sign, and add the statement; None if no module is big."""
        if not self._modules:
            return None
        machine = self._machine
        modules = tuple(sorted(self._modules.values()))
        code = CompiledCode(machine.platform, machine.compiler, machine.settings, modules)
        statement = sign_compiled(code, key=self._key, signer=self._sign)
        bundle.add_compiled(statement, code.platform, code.sizes)
        size = sum(code.sizes.values())
        return CreatedCode(code.platform, code.compiler, self._key, self._plugins, size)
