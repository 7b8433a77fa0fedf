"""Keeping an index of 100,000 plugins, ten releases each: what accepting one more writes, and costs; how much
memory an audit takes.

CPU is user and system time of the whole process, less that of one that imports the same and does nothing.
"""

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from support.sandbox import Sandbox

from benchmarks.figure import Amount
from benchmarks.indexes import Keeper, generate
from benchmarks.setup import PYTHON, TARKPM
from tarkpm.core.release import PluginName

PLUGINS = 100_000
QUICK = 5_000
RELEASES = 10
ROUNDS = 10
NAME = PluginName("plugin-000123")
IMPORTS = (
    "import tarkpm.cli.group, tarkpm.cli.commands.index.accept, tarkpm.ops.registry.accept\n"
    "import packaging.licenses\n"
    "from cryptography.hazmat.primitives.asymmetric import ed25519\n"
    "from cryptography.hazmat.primitives import serialization"
)


@functools.cache
def shared_index(quick: bool) -> Keeper:
    """One index for all figures of a run; its folder goes when the process does."""
    folder = tempfile.TemporaryDirectory(prefix="tarkpm-bench-index-")
    _KEPT.append(folder)
    return generate(Path(folder.name), plugins=QUICK if quick else PLUGINS, releases=RELEASES, files=True)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _accepted_bytes(folder: Path, quick: bool) -> Sequence[float]:
    keeper = shared_index(quick)
    index = keeper.folder
    before = {path: path.stat().st_size for path in _written(index)}
    release = keeper.hand_in(folder, NAME, "2.0.0")
    done = keeper.sandbox.run("index", "accept", release, "--index", index, "--json").ok()
    new = [path.stat().st_size for path in _written(index) if path not in before]
    stamp = (index / "metadata/timestamp.json").stat().st_size
    if sum(new) + stamp != done.json["written"]:
        raise RuntimeError(f"accept says it wrote {done.json['written']} bytes, found {sum(new) + stamp}")
    return [done.json["written"] / 1000]


def _written(index: Path) -> list[Path]:
    """What accept may write beside the release: metadata, and documents of the index."""
    return [*(index / "metadata").iterdir(), *(index / "targets" / "index").iterdir()]


def _accept_cpu(folder: Path, quick: bool) -> Sequence[float]:
    keeper = shared_index(quick)
    found = []
    for number in range(3 if quick else ROUNDS):
        release = keeper.hand_in(folder, NAME, f"3.{number}.0")
        start, _ = spent(keeper.sandbox, PYTHON, "-c", IMPORTS)
        whole, _ = spent(keeper.sandbox, TARKPM, "index", "accept", release, "--index", keeper.folder)
        found.append((whole - start) * 1000)
    return found


def _check_memory(_: Path, quick: bool) -> Sequence[float]:
    keeper = shared_index(quick)
    return [spent(keeper.sandbox, TARKPM, "index", "check", "--index", keeper.folder)[1]]


def spent(keeper: Sandbox, *command: str | Path) -> tuple[float, float]:
    """CPU seconds and peak megabytes of a command that must succeed."""
    program = (
        "import json,resource,subprocess,sys\n"
        "subprocess.run(json.loads(sys.argv[1]), check=True, stdout=subprocess.DEVNULL)\n"
        "u = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(u.ru_utime + u.ru_stime, u.ru_maxrss)"
    )
    done = subprocess.run(
        [PYTHON, "-c", program, json.dumps([str(word) for word in command])],
        env=keeper.environment(PYTHONDONTWRITEBYTECODE=""),
        check=True,
        capture_output=True,
        text=True,
    )
    cpu, peak = done.stdout.split()
    kilo = 1000 if sys.platform == "linux" else 1_000_000  # macOS counts bytes
    return float(cpu), float(peak) / kilo


FIGURES = [
    Amount("accept-b", "accept at 100,000 plugins, written", "KB", 100, _accepted_bytes),
    Amount("accept-c", "accept beyond start-up, CPU", "ms", 50, _accept_cpu),
    Amount("check-m", "check of 1,000,000 releases, peak", "MB", 500, _check_memory),
]
