"""The cache of compiled code, which runs only what tarkpm itself compiled (docs/trust-rules.md, rule 1).

To load a native image is to run it, and wasmtime does not check its integrity. Every entry therefore begins
with a MAC, under a key that is kept with the user's state and not in the cache. It covers what the image was
made from and for (the module's digest, wasmtime's version and configuration, the processor) and the image
itself. An entry that was changed, renamed, truncated or made for something else is removed and made again.
Only the parent checks it, and the worker gets exactly what was checked: a sealed memfd or the bytes, never a
path.

Several processes may use one folder. An entry is written to a temporary file and renamed. It is not synced,
because a torn entry does not pass the check.
"""

import contextlib
import hashlib
import hmac
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tarkpm.host.compile import compiler
from tarkpm.host.compile.sealed_memory import Compiled, copied, digests, handed, is_mapped
from tarkpm.host.compile.target import fingerprint
from tarkpm.host.image import PluginImage
from tarkpm.host.ipc.frames import MAX_COMPILED
from tarkpm.host.limits import Limits
from tarkpm.host.process import Start, start
from tarkpm.host.worker.settings import BIG_MODULE

MAGIC: Final = b"tarkpmC2"
_HEAD: Final = len(MAGIC) + hashlib.sha256().digest_size
_SUFFIX: Final = ".compiled"
Busy = Callable[[str], None]


def silent(text: str) -> None:
    """Show nothing. A `Busy`."""


STALE_AFTER: Final = 24 * 3600.0
"""Seconds after which an unfinished temporary file is removed."""


class CompileCache:
    """Compiled modules in a folder, which need not exist yet. Safe for several threads and processes."""

    def __init__(self, folder: Path, key: bytes, busy: Busy = silent) -> None:
        """Open a cache. ``key`` is a secret of at least 32 bytes that is not stored in ``folder``.

        ``busy`` is called with what takes seconds, and with "" when that is over; from any thread.
        """
        if len(key) < 32:
            raise ValueError(f"expected a key of at least 32 bytes, found {len(key)}")
        self._folder = folder
        self._key = key
        self._busy = busy
        self._expected: list[_Expected] = []

    def expect(self, sha256: str, limits: Limits) -> None:
        """Start to read a component's code in a thread, while the component is still being verified.

        The next `get` takes the result if it is for that module; otherwise the result is closed.
        """
        self._expected.append(_Expected(self._entry_for(sha256, limits, core=False), self._key))

    def get(self, image: PluginImage, limits: Limits, start: Start = start) -> Compiled:
        """Return the plugin's code from the cache, or compile it in a new process and cache it.

        Raises `ModuleInvalid`, `LimitReached` and `PluginCrashed` if it cannot be compiled. If the folder
        cannot be written, the code is not cached; that is not an error.
        """
        entry = self._entry(image, limits)
        found = self._expected.pop().taken(entry) if self._expected else entry.find(self._key)
        if found is not None:
            return found
        is_big = len(image.wasm) >= BIG_MODULE
        if is_big:
            self._busy(f"compiling {image.name} (once)")
        try:
            made = compiler.compile_module(image, limits, start, mapped=is_mapped())
        finally:
            if is_big:  # what the plugin logs must not be written behind this
                self._busy("")
        with contextlib.suppress(OSError):
            entry.keep(self._key, made)
        return handed(made)

    def has(self, image: PluginImage, limits: Limits) -> bool:
        """Return whether there is a valid entry. An invalid one is removed."""
        found = self._entry(image, limits).find(self._key)
        if found is None:
            return False
        with found:
            return True

    def _entry(self, image: PluginImage, limits: Limits) -> "_Entry":
        digest = image.sha256 or hashlib.sha256(image.wasm).hexdigest()
        return self._entry_for(digest, limits, core=image.is_older)

    def _entry_for(self, sha256: str, limits: Limits, *, core: bool) -> "_Entry":
        made_for = fingerprint(limits.stack, core=core, mapped=is_mapped())
        return _Entry(self._folder, sha256, made_for)


class _Entry:
    """One file of the cache: magic, MAC, image."""

    def __init__(self, folder: Path, digest: str, made_for: bytes) -> None:
        self._folder = folder / digest[:2]
        self._digest = digest
        name = f"{digest}-{hashlib.sha256(made_for).hexdigest()[:16]}{_SUFFIX}"
        self.path = self._folder / name
        # The digest has a fixed length and the fingerprint is preceded by its length, so that no two
        # different pairs give the same bytes.
        self._context = b"%s\0%s\0%d\0%s" % (MAGIC, digest.encode(), len(made_for), made_for)

    def find(self, key: bytes) -> Compiled | None:
        """Return the checked image, or None. An entry that does not pass is removed."""
        # O_NOFOLLOW refuses a link to another entry; O_NONBLOCK, so that a fifo in its place does not hang.
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError:  # a link or a folder, which tarkpm never writes
            self._drop()
            return None
        try:
            found = self._read(key, fd)
        except (OSError, EOFError):
            found = None
        finally:
            os.close(fd)
        if found is None:
            self._drop()
        return found

    def _read(self, key: bytes, fd: int) -> Compiled | None:
        about = os.fstat(fd)
        size = about.st_size - _HEAD
        if not stat.S_ISREG(about.st_mode) or not 0 < size <= MAX_COMPILED:
            return None
        head = os.pread(fd, _HEAD, 0)
        if head[: len(MAGIC)] != MAGIC:
            return None
        # Copy first, then check the copy: the file may change between a check and the load.
        copy, found = copied(fd, _HEAD, size)
        with copy:
            is_ours = hmac.compare_digest(self._mac(key, size, found), head[len(MAGIC) :])
            return copy.given() if is_ours else None

    def keep(self, key: bytes, image: bytes | bytearray) -> None:
        """Write the entry, and remove this module's entries for other versions or configurations."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._folder / f".{self._digest}.{os.getpid()}.{os.urandom(4).hex()}.part"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(beside, flags, 0o600), "wb") as file:  # noqa: PTH123  # by descriptor
                file.write(MAGIC + self._mac(key, len(image), digests(image)))
                file.write(image)
            beside.replace(self.path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        self._tidy()

    def _mac(self, key: bytes, size: int, digests: bytes) -> bytes:
        mac = hmac.new(key, self._context, hashlib.sha256)
        mac.update(b"%d\0" % size)
        mac.update(digests)
        return mac.digest()

    def _tidy(self) -> None:
        for path in self._folder.iterdir():
            # After an upgrade of wasmtime the old entries are never read again, and they are large.
            is_old = path.name.startswith(f"{self._digest}-") and path != self.path
            if path.name.endswith(".part"):
                with contextlib.suppress(OSError):
                    is_old = time.time() - path.lstat().st_mtime > STALE_AFTER
            if is_old:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _drop(self) -> None:
        with contextlib.suppress(OSError):
            # A folder is moved away, not deleted: tarkpm did not create its contents.
            if stat.S_ISDIR(self.path.lstat().st_mode):
                self.path.rename(self._folder / f".{self.path.name}.{os.urandom(4).hex()}.odd")
            else:
                self.path.unlink()


class _Expected:
    """An entry that a thread reads while its plugin is still being verified."""

    def __init__(self, entry: _Entry, key: bytes) -> None:
        self._entry, self._key = entry, key
        self._found: Compiled | None = None
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        self._found = self._entry.find(self._key)

    def taken(self, wanted: _Entry) -> Compiled | None:
        """Return the result if it is the ``wanted`` entry; otherwise look for that one now."""
        self._thread.join()
        if wanted.path == self._entry.path:
            return self._found
        if self._found is not None:
            self._found.close()
        return wanted.find(self._key)
