"""The cache of compiled code, which runs only what tarkpm itself compiled (docs/trust-rules.md, rule 1).

To load a native image is to run it, and wasmtime does not check its integrity. Every entry therefore begins
with a MAC, under a key that is kept with the user's state and not in the cache. It covers what the image was
made from and for (the module's digest, wasmtime's version and configuration, the processor) and the image
itself. An entry that was changed, renamed, truncated or made for something else is removed and made again.
Only the parent checks it, and the worker gets exactly what was checked: a sealed memfd or the bytes, never a
path.

The big core modules of a component are outlined (`module.outline`) and have entries of their own, which
plugins share: an interpreter is compiled once. A part is found by the digest of its own bytes, and compiled
in a process that reads nothing else. So a plugin can only influence the code of modules that it contains.

Code that somebody else compiled is kept under that maker's key (docs/decisions/0244). It is found only while
the user's own configuration lists the key: each search asks.

Several processes may use one folder. An entry is written to a temporary file and renamed. It is not synced,
because a torn entry does not pass the check.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.errors import ModuleInvalid
from tarkpm.host.compile import compiler
from tarkpm.host.compile.entry import CheckedCode, Entry
from tarkpm.host.compile.sealed_memory import Compiled, handed, is_mapped
from tarkpm.host.compile.target import fingerprint
from tarkpm.host.image import PluginImage
from tarkpm.host.ipc.conversation import Conversation
from tarkpm.host.ipc.messages import Loaded
from tarkpm.host.limits import Limits
from tarkpm.host.module.outline import Outlined, outlined
from tarkpm.host.process import Start, start
from tarkpm.host.worker.settings import BIG_MODULE

if TYPE_CHECKING:
    from tarkpm.core.compiled import CompiledModule, Kind

Busy = Callable[[str], None]

Makers = Callable[[], Collection[str]]
"""Returns the keys of those whose compiled code may run. Called in any thread, where code is missing."""


def silent(text: str) -> None:
    """Show nothing. A `Busy`."""


def nobody() -> Collection[str]:
    """Let only what this machine compiled run. A `Makers`."""
    return ()


class OfferedCode(NamedTuple):
    """Code that somebody else compiled: by whose key, and for which modules.

    ``read`` returns the bytes of a piece of code, which have the digest that the maker signed, or raises.
    """

    maker: str
    modules: "Mapping[tuple[Digest, Kind], CompiledModule]"
    read: "Callable[[CompiledModule], bytes]"


class CompileCache:
    """Compiled modules in a folder, which need not exist yet. Safe for several threads and processes."""

    def __init__(self, folder: Path, key: bytes, busy: Busy = silent, makers: Makers = nobody) -> None:
        """Open a cache. ``key`` is a secret of at least 32 bytes that is not stored in ``folder``.

        ``busy`` is called with what takes seconds, and with "" when that is over; from any thread.
        """
        if len(key) < 32:
            raise ValueError(f"expected a key of at least 32 bytes, found {len(key)}")
        self._folder = folder
        self._key = key
        self._busy = busy
        self._makers = makers
        self._expected: list[_Expected] = []

    def expect(self, sha256: str, limits: Limits) -> None:
        """Start to read a component's code in a thread, while the component is still being verified.

        The next `get` takes the result if it is for that module; otherwise the result is closed.
        """
        entry = self._entry_for(sha256, limits, "component")
        self._expected.append(_Expected(entry.path, lambda: self._find(sha256, limits, "component")))

    def get(self, image: PluginImage, limits: Limits, start: Start = start) -> Compiled:
        """Return the plugin's code from the cache, or compile it in a new process and cache it.

        Raises `ModuleInvalid`, `LimitReached` and `PluginCrashed` if it cannot be compiled. If the folder
        cannot be written, the code is not cached; that is not an error.
        """
        digest, kind = named(image)
        entry = self._entry_for(digest, limits, kind)
        found = self._expected.pop().taken(entry.path) if self._expected else None
        found = found or self._find(digest, limits, kind)
        if found is not None:
            return found
        is_big = len(image.wasm) >= BIG_MODULE
        if is_big:
            self._busy(f"compiling {image.name} (once)")
        try:
            return self._make(entry, image, limits, start)
        finally:
            if is_big:  # what the plugin logs must not be written behind this
                self._busy("")

    def has(self, image: PluginImage, limits: Limits) -> bool:
        """Return whether there is a valid entry. An invalid one is removed."""
        digest, kind = named(image)
        return self._has(digest, limits, kind)

    def has_code_of(self, sha256: str, limits: Limits) -> bool:
        """Return whether there is a valid entry for the module with this digest, which need not be read."""
        kinds: tuple[Kind, ...] = ("component", "core")
        return any(self._has(sha256, limits, kind) for kind in kinds)

    def _has(self, sha256: str, limits: Limits, kind: "Kind") -> bool:
        found = self._find(sha256, limits, kind)
        if found is None:
            return False
        with found:
            return True

    def take(self, image: PluginImage, limits: Limits, offer: OfferedCode, start: Start = start) -> bool:
        """Keep what an offer has for a plugin; returns whether it has anything.

        The caller has verified the plugin and the maker's signature, and this user lets the maker's code run.
        It is loaded once, in a worker that runs nothing of it. Raises `HostError` if it cannot be loaded, and
        what the offer raises.
        """
        sha256, kind = named(image)
        one = offer.modules.get((Digest(sha256), kind))
        if one is None or (one.parts and one.parts != _parts_in(image.wasm)):
            return False
        taken = {one: offer.read(one)}
        with contextlib.ExitStack() as held:
            whole = held.enter_context(handed(taken[one]))
            for digest in one.parts:
                part = self._part(digest, limits)
                if part is None:
                    offered = offer.modules[digest, "part"]
                    taken[offered] = offer.read(offered)
                    part = handed(taken[offered])
                whole.parts.append(part)

            def load(talk: Conversation, end: float) -> Loaded:
                return talk.load(image, whole, schemas=False, deadline=end)

            compiler.alone(image.name, limits, start, load)
        # The plugin's own code comes last: it is of no use without its parts.
        for module, code in reversed(taken.items()):
            entry = self._entry_for(module.module, limits, module.kind, offer.maker)
            self._keep(entry, code, module.parts)
        return True

    def _find(self, sha256: str, limits: Limits, kind: "Kind") -> Compiled | None:
        """Return the code of a module with all its parts, or None."""
        for entry in self._entries(sha256, limits, kind):
            found = entry.find(self._key)
            if found is not None and (code := self._complete(found, limits)):
                return code
        return None

    def _complete(self, found: CheckedCode, limits: Limits) -> Compiled | None:
        """Return code with its parts; None if one is missing."""
        with found.code as code:
            for digest in found.parts:
                part = self._part(digest, limits)
                if part is None:
                    return None
                code.parts.append(part)
            return code.given()

    def _part(self, sha256: str, limits: Limits) -> Compiled | None:
        entries = self._entries(sha256, limits, "part")
        return next((found.code for entry in entries if (found := entry.find(self._key))), None)

    def _entries(self, sha256: str, limits: Limits, kind: "Kind") -> Iterator[Entry]:
        """Yield where the code of a module may be: this machine's own, then those of makers."""
        yield self._entry_for(sha256, limits, kind)
        for maker in sorted(self._makers()):
            yield self._entry_for(sha256, limits, kind, maker)

    def _make(self, entry: Entry, image: PluginImage, limits: Limits, start: Start) -> Compiled:
        """Compile a module, and keep it: whole, or without the parts that are there already."""
        if len(image.wasm) >= BIG_MODULE and (cut := outlined(image.wasm)):
            # If a part or the rest is invalid, the error must be that of the module as its author knows it.
            with contextlib.suppress(ModuleInvalid):
                return self._make_outlined(entry, image, cut, limits, start)
        (made,) = compiler.compile_all([image], limits, start, mapped=is_mapped())
        self._keep(entry, made, ())
        return handed(made)

    def _make_outlined(
        self, entry: Entry, image: PluginImage, cut: Outlined, limits: Limits, start: Start
    ) -> Compiled:
        digests = cut.digests
        entries = {one: self._entry_for(one, limits, "part") for one in digests}
        there = {one: code for one in entries if (code := self._part(one, limits))}
        with contextlib.ExitStack() as held:
            for code in there.values():
                held.enter_context(code)
            missing = {one: part for one, part in zip(digests, cut.parts, strict=True) if one not in there}
            # Each in a process of its own, which reads nothing but this part: other plugins will run it.
            modules = [cut.rest, *map(bytes, missing.values())]
            images = [msgspec.structs.replace(image, wasm=module) for module in modules]
            rest, *made = compiler.compile_all(images, limits, start, mapped=is_mapped())
            for one, code_of in zip(missing, made, strict=True):
                self._keep(entries[one], code_of, ())
                there[one] = held.enter_context(handed(code_of))
            self._keep(entry, rest, digests)
            whole = held.enter_context(handed(rest))
            whole.parts = [there[one].given() for one in digests]
            return whole.given()

    def _keep(self, entry: Entry, code: bytes | bytearray, parts: Sequence[str]) -> None:
        with contextlib.suppress(OSError):
            entry.keep(self._key, code, parts)

    def _entry_for(self, sha256: str, limits: Limits, kind: "Kind", maker: str = "") -> Entry:
        made_for = fingerprint(limits.stack, kind=kind, mapped=is_mapped(), maker=maker)
        return Entry(self._folder, sha256, made_for)


def named(image: PluginImage) -> "tuple[str, Kind]":
    """Return what the code of a plugin is found by."""
    digest = image.sha256 or hashlib.sha256(image.wasm).hexdigest()
    return digest, "core" if image.is_older else "component"


def _parts_in(wasm: bytes) -> tuple[str, ...]:
    cut = outlined(wasm)
    return cut.digests if cut else ()


class _Expected:
    """A component's code, which a thread reads while its plugin is still being verified."""

    def __init__(self, path: Path, find: Callable[[], Compiled | None]) -> None:
        self._path, self._find = path, find
        self._found: Compiled | None = None
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        self._found = self._find()

    def taken(self, wanted: Path) -> Compiled | None:
        """Return the result if it is the ``wanted`` entry's; otherwise close it."""
        self._thread.join()
        if wanted == self._path:
            return self._found
        if self._found is not None:
            self._found.close()
        return None
