"""Build the preload, and have a process meet a fault at one of its system calls that write."""

import ctypes
import errno
import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

SOURCE: Final = Path(__file__).with_name("inject.c")
YEAR: Final = 366 * 24 * 3600
_NAME_AT: Final = 16


class Kind(NamedTuple):
    """A kind of fault, with its number and value in inject.c.

    ``deadly``: the process dies of it. ``strands``: it cannot delete its temporary files.
    """

    name: str
    number: int
    value: int = 0
    deadly: bool = False
    strands: bool = False


COUNT: Final = Kind("none", 0)
KILL: Final = Kind("killed before the call", 1, deadly=True, strands=True)
TEAR: Final = Kind("killed within a write, or after the call", 2, deadly=True, strands=True)
KINDS: Final = (
    KILL,
    TEAR,
    Kind("the call fails: EIO", 3, errno.EIO),
    Kind("the call fails: EACCES", 3, errno.EACCES),
    Kind("the disk is full from here on", 4),
    Kind("the file system is read-only from here on", 5, strands=True),
    Kind("the clock jumps a year ahead", 6, YEAR),
    Kind("the clock jumps a year back", 6, -YEAR),
)


def build(folder: Path) -> Path:
    """Compile the preload into ``folder`` with the system's compiler, or else with zig's; returns it."""
    library = folder / "inject.so"
    compiler = ["cc"] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
    subprocess.run([*compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return library


class Watch:
    """The memory that a process shares with the one that watches it: how many calls were seen, and struck."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(bytes(mmap.PAGESIZE))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), mmap.PAGESIZE)
        self._library: ctypes.CDLL | None = None

    def clear(self) -> None:
        """Forget what was seen."""
        self._memory[:64] = bytes(64)

    @property
    def seen(self) -> int:
        """The number of calls that write."""
        return int.from_bytes(self._memory[:8], sys.byteorder)

    @property
    def struck(self) -> int:
        """The number of calls that met the fault."""
        return int.from_bytes(self._memory[8:_NAME_AT], sys.byteorder)

    @property
    def call(self) -> str:
        """The first call that met the fault."""
        return self._memory[_NAME_AT : _NAME_AT + 32].rstrip(b"\0").decode()

    def arm(self, kind: Kind, when: int) -> None:
        """Have this process, which was started with the preload, meet the fault at call ``when``."""
        library = ctypes.CDLL(os.environ["LD_PRELOAD"])
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        arguments = (ctypes.c_int(kind.number), ctypes.c_long(when), ctypes.c_long(kind.value))
        library.faults_arm(ctypes.c_void_p(address), *arguments)

    def environment(self, kind: Kind, when: int) -> dict[str, str]:
        """The variables with which a new program meets the fault."""
        fault = f"{kind.number}:{when}:{kind.value}:{self.file}"
        return {"LD_PRELOAD": os.environ["LD_PRELOAD"], "FAULTS": fault}
