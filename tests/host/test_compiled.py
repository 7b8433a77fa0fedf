"""Compiled code is run only if it is what we made: every way to slip in another, each dropped and made anew."""

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import older, wat

from tarkpm.core.capability import CapabilitySet
from tarkpm.errors import HostError
from tarkpm.host.compile import compiler, target
from tarkpm.host.compile.cache import CompileCache
from tarkpm.host.compile.entry import Entry
from tarkpm.host.compile.sealed_memory import Compiled
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage
from tarkpm.host.worker import settings

pytestmark = pytest.mark.usefixtures("forked")

ImageOf = Callable[..., PluginImage]
KEY = b"k" * 32
LIMITS = Limits(seconds=5)


class Shelf:
    """A cache, the plugin in it, and how often something was compiled."""

    def __init__(self, folder: Path, image: PluginImage) -> None:
        self.folder, self.image = folder, image
        self.cache = CompileCache(folder, KEY)
        self.compiled = 0

    @property
    def entry(self) -> Path:
        """The plugin's own entry."""
        digest = hashlib.sha256(self.image.wasm).hexdigest()
        (found,) = self.folder.glob(f"*/{digest}-*.compiled")
        return found

    def serves(self) -> int:
        """Call the plugin; how many compilations that took."""
        before = self.compiled
        with PluginHost(LIMITS, cache=self.cache) as host:
            assert host.call(self.image, "echo", "on").output == "on"
        return self.compiled - before


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the hostile plugin in it, which is served from there; tests copy it."""
    root = tmp_path_factory.mktemp("filled")
    image = PluginImage("hostile", "tool", wat.lenient_tool(), CapabilitySet(), root / "data")
    shelf = Shelf(root / "cache", image)
    shelf.serves()
    (made,) = shelf.folder.glob("*/*.compiled")
    before = made.stat()
    shelf.serves()
    # not the time of access, which reading changes
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    return shelf.folder


@pytest.fixture
def shelf(
    tmp_path: Path, hostile: PluginImage, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shelf]:
    """A cache with the hostile plugin in it."""
    shelf = Shelf(tmp_path / "cache", hostile)
    shutil.copytree(filled, shelf.folder)
    real = compiler.compile_module

    def counted(*args: object, **options: object) -> bytearray:
        shelf.compiled += 1
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(compiler, "compile_module", counted)
    yield shelf
    assert shelf.serves() <= 1
    assert shelf.serves() == 0


def test_code_is_looked_for_while_its_plugin_is_checked(shelf: Shelf, hostile: PluginImage) -> None:
    digest = hashlib.sha256(hostile.wasm).hexdigest()
    shelf.cache.expect(digest, LIMITS)
    assert shelf.serves() == 0
    shelf.cache.expect("0" * 64, LIMITS)  # another plugin's, which is not there
    assert shelf.serves() == 0
    shelf.entry.write_bytes(shelf.entry.read_bytes()[:-1] + b"!")
    shelf.cache.expect(digest, LIMITS)
    assert shelf.serves() == 1


def test_code_that_was_looked_for_is_no_other_plugins(
    shelf: Shelf, image_of: ImageOf, hostile: PluginImage
) -> None:
    other = image_of(wat.lenient_tool(), name="other")
    with shelf.cache.get(other, LIMITS) as code:
        expected = _content(code)
    held = len(os.listdir("/proc/self/fd"))
    shelf.cache.expect(hashlib.sha256(hostile.wasm).hexdigest(), LIMITS)
    with shelf.cache.get(other, LIMITS) as code:
        assert _content(code) == expected
    assert len(os.listdir("/proc/self/fd")) <= held


def _content(code: Compiled) -> bytes:
    return os.pread(code.descriptor, 1 << 30, 0)


def test_an_entry_is_private_and_nothing_else_is_left(shelf: Shelf) -> None:
    assert stat.S_IMODE(shelf.entry.stat().st_mode) == 0o600
    assert stat.S_IMODE(shelf.entry.parent.stat().st_mode) == 0o700
    assert list(shelf.entry.parent.iterdir()) == [shelf.entry]


@pytest.mark.parametrize("at", [0, 8, 39, 40, 41, 5_000, -1])
def test_poison_one_byte(shelf: Shelf, at: int) -> None:
    data = bytearray(shelf.entry.read_bytes())
    data[at] ^= 1
    shelf.entry.write_bytes(data)
    assert shelf.serves() == 1


def test_poison_with_an_image_that_wasmtime_would_run(shelf: Shelf, image_of: ImageOf) -> None:
    """Another plugin's code, with its own good MAC, under this plugin's name."""
    other = Shelf(shelf.folder, image_of(wat.reaching_tool()))
    with other.cache.get(other.image, LIMITS):
        pass
    shelf.entry.write_bytes(other.entry.read_bytes())
    assert shelf.serves() == 1


def test_two_entries_swapped(shelf: Shelf, image_of: ImageOf) -> None:
    other = Shelf(shelf.folder, image_of(wat.hostile_tool(), name="other"))
    with other.cache.get(other.image, LIMITS):
        pass
    one, two = shelf.entry, other.entry
    one_bytes = one.read_bytes()
    two.replace(one)
    two.write_bytes(one_bytes)
    assert not shelf.cache.has(shelf.image, LIMITS)
    assert not other.cache.has(other.image, LIMITS)
    assert shelf.serves() == 1


def test_an_entry_made_with_another_key(shelf: Shelf) -> None:
    shelf.entry.unlink()
    with CompileCache(shelf.folder, b"x" * 32).get(shelf.image, LIMITS):
        pass
    assert shelf.serves() == 1


@pytest.mark.parametrize("size", [0, 1, 8, 40, 41, 10_000])
def test_half_written(shelf: Shelf, size: int) -> None:
    os.truncate(shelf.entry, size)
    assert not shelf.cache.has_code_of(hashlib.sha256(shelf.image.wasm).hexdigest(), LIMITS)
    assert shelf.serves() == 1


def test_with_something_added(shelf: Shelf) -> None:
    with shelf.entry.open("ab") as file:
        file.write(b"\0")
    assert shelf.serves() == 1


@pytest.mark.parametrize("what", ["wasmtime", "processor", "configuration", "kind"])
def test_made_for_something_else(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """An update of wasmtime, a home directory on another machine, another configuration, a core module."""
    old = shelf.entry
    with monkeypatch.context() as patched:
        if what == "wasmtime":
            patched.setattr(target, "wasmtime_version", lambda: "wasmtime-49.0.0 1")
        elif what == "processor":
            patched.setattr(target, "_processor", lambda: ["x86_64", "flags : fpu"])
        elif what == "kind":
            patched.setattr(PluginImage, "is_older", True)
        else:
            patched.setitem(settings.ENGINE, "memory_init_cow", False)
        assert not shelf.cache.has(shelf.image, LIMITS)
        with shelf.cache.get(shelf.image, LIMITS):
            pass
        stale = shelf.entry
        assert stale != old
        assert not old.exists()
        data = stale.read_bytes()
    stale.unlink()
    old.write_bytes(data)  # whoever writes the cache gives the old code the new name
    assert shelf.serves() == 1


@pytest.mark.parametrize("sealed", [True, False])
def test_a_core_module_is_kept_like_a_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    if not sealed:
        monkeypatch.delattr(os, "memfd_create")
    image = PluginImage("probe", "auth", older.wasm("probe"), CapabilitySet(), tmp_path / "data")
    cache = CompileCache(tmp_path / "cache", KEY)
    with PluginHost(LIMITS, cache=cache) as host:
        assert host.display_name(image) == "Probe"
    assert cache.has(image, LIMITS)
    assert cache.has_code_of(hashlib.sha256(image.wasm).hexdigest(), LIMITS)
    monkeypatch.setattr(compiler, "compile_module", None)  # nothing is compiled twice
    with PluginHost(LIMITS, cache=cache) as host:
        assert host.display_name(image) == "Probe"


def test_another_stack_is_another_entry(shelf: Shelf) -> None:
    assert not shelf.cache.has(shelf.image, Limits(stack=2 << 20))


@pytest.mark.parametrize("what", ["link", "hard link", "folder", "fifo"])
def test_what_is_no_file_of_ours(shelf: Shelf, tmp_path: Path, what: str) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    entry = shelf.entry
    data = entry.read_bytes()
    entry.unlink()
    if what == "link":
        target.write_bytes(data)
        entry.symlink_to(target)
    elif what == "hard link":
        entry.hardlink_to(target)
    elif what == "folder":
        entry.mkdir()
        (entry / "x").touch()
    else:
        os.mkfifo(entry)
    start = time.monotonic()
    assert shelf.serves() == 1
    assert time.monotonic() - start < 10
    assert target.read_bytes() in (b"precious", data)
    assert shelf.serves() == 0


def test_a_file_that_changes_after_the_check_changes_nothing(shelf: Shelf) -> None:
    with shelf.cache.get(shelf.image, LIMITS) as code:
        before = shelf.entry.read_bytes()[40:]
        shelf.entry.write_bytes(b"\xcc" * 20_000)
        assert os.pread(code.descriptor, 1 << 20, 0) == before
        for change in (
            lambda: os.pwrite(code.descriptor, b"\xcc", 0),
            lambda: os.ftruncate(code.descriptor, 1),
            lambda: os.ftruncate(code.descriptor, 1 << 20),
        ):
            with pytest.raises(OSError, match="Operation not permitted"):
                change()


def test_without_sealed_memory_the_bytes_are_sent(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with shelf.cache.get(shelf.image, LIMITS) as code:
        assert code.descriptor == -1
        assert code.read() == shelf.entry.read_bytes()[40:]
    assert shelf.compiled == 1  # what is mapped is laid out for it
    assert shelf.serves() == 0
    shelf.entry.unlink()
    assert shelf.serves() == 1


def test_a_folder_that_cannot_be_written_keeps_nothing(hostile: PluginImage, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = CompileCache(tmp_path / "file" / "cache", KEY)
    with PluginHost(LIMITS, cache=cache) as host:
        assert host.call(hostile, "echo", "on").output == "on"


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^expected a key of at least 32 bytes, found 5$"):
        CompileCache(tmp_path, b"short")


def test_what_others_left_behind_is_removed_in_time(shelf: Shelf) -> None:
    old, new = (shelf.entry.parent / name for name in (".old.part", ".new.part"))
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    shelf.entry.unlink()
    assert shelf.serves() == 1
    assert not old.exists()
    assert new.exists()


WRITER = """
import sys
from pathlib import Path
from tarkpm.host.compile.entry import Entry
folder, image = Path(sys.argv[1]), bytes(8 << 20)
while True:
    entry = Entry(folder, "d" * 64, b"made for")
    entry.keep(b"k" * 32, image)
    print("kept", flush=True)
"""


def test_kill_9_while_writing(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    for attempt in range(8):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.004 * attempt)
            writer.send_signal(signal.SIGKILL)
        found = Entry(folder, "d" * 64, b"made for").find(KEY)
        assert found is not None  # the last whole one
        with found.code as code:
            assert os.fstat(code.descriptor).st_size == 8 << 20


def test_many_at_once(tmp_path: Path, hostile: PluginImage) -> None:
    cache = CompileCache(tmp_path / "cache", KEY)
    faults: list[BaseException] = []

    def get() -> None:
        try:
            for _ in range(5):
                with cache.get(hostile, LIMITS) as code:
                    assert os.fstat(code.descriptor).st_size > 1_000
        except (HostError, AssertionError, OSError) as problem:
            faults.append(problem)

    threads = [threading.Thread(target=get) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(list((tmp_path / "cache").glob("*/*"))) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_worker_is_given_no_path(shelf: Shelf) -> None:
    with PluginHost(LIMITS, cache=shelf.cache) as host:
        host.call(shelf.image, "echo", "on")
        pid = host._workers["hostile"].pid
        folder = f"/proc/{pid}/fd"
        open_files = {os.readlink(f"{folder}/{fd}").split("[")[0] for fd in os.listdir(folder)}
        statm = f"/proc/{pid}/statm"
        assert open_files == {"/dev/null", "pipe:", "socket:", statm, "/memfd:compiled (deleted)"}
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert str(shelf.folder) not in maps
        assert "memfd:compiled" in maps
