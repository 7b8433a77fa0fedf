"""``tarkpm verify`` of a gigabyte of installed plugins, against coreutils ``sha256sum`` of the same files.

Both read from the page cache after the warm-up. tarkpm hashes in one thread for each processor; sha256sum
has one, and no use of the processor's own SHA instructions in the builds of today's distributions.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figure import Figure, Race, Side
from benchmarks.setup import locked_project, tarkpm

MIB = 1 << 20
PLUGINS = 32
SIZE = 32 * MIB
DISK = 5 << 30
"""Work tree, repository, store and environment hold the bytes once each while it is prepared."""


@contextmanager
def _verify(folder: Path) -> Iterator[Race]:
    if shutil.disk_usage(folder).free < DISK:
        raise RuntimeError(f"{folder} needs {DISK >> 30} GiB of free space; TMPDIR names another place")
    person = locked_project(folder, PLUGINS, SIZE)
    shutil.rmtree(person.store)  # verify reads what is installed, never the store
    files = sorted(path for path in person.plugins.glob("*/*") if path.is_file())
    yield Race(tarkpm(person, "verify"), Side(["sha256sum", *files], person.cwd, person.environment()))


FIGURES = [
    Figure("verify", f"tarkpm verify, {PLUGINS * SIZE >> 30} GiB", "sha256sum", 0.25, 5, _verify, 3),
]
