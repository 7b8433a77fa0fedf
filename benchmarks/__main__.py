"""``python -m benchmarks [--quick] [NAMES]``: a line for each promise; exit status 1 if one is not kept."""

import argparse
import compileall
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from math import inf
from pathlib import Path
from statistics import median
from types import FrameType
from typing import NoReturn

from benchmarks import (
    ROOT,
    adding,
    advising,
    agents,
    asking,
    bridging,
    bundling,
    calling,
    coldsync,
    differing,
    faulting,
    fetching,
    keeping,
    paging,
    peers,
    precompiled,
    registry,
    resolving,
    starting,
    syncing,
    verifying,
)
from benchmarks.figure import Amount, Figure, Result, Taken

PLACES = 40
ROW = "{:<15} {:<34} {:>10}   {:<20} {:>10} {:>7} {:>7} {:>6}  {}"
FIGURES: list[Figure | Amount] = [
    *starting.FIGURES,
    *adding.FIGURES,
    *fetching.FIGURES,
    *syncing.FIGURES,
    *coldsync.FIGURES,
    *bundling.FIGURES,
    *precompiled.FIGURES,
    *registry.FIGURES,
    *verifying.FIGURES,
    *calling.FIGURES,
    *agents.FIGURES,
    *bridging.FIGURES,
    *faulting.FIGURES,
    *keeping.FIGURES,
    *paging.FIGURES,
    *asking.FIGURES,
    *advising.FIGURES,
    *resolving.FIGURES,
    *differing.FIGURES,
    *peers.FIGURES,
]


def main(arguments: list[str]) -> int:
    """Measure the figures that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [figure.name for figure in FIGURES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--peers", action="store_true", help="only what another program is measured at, too")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(names)):
        parser.error(f"there is no figure '{unknown[0]}'; there are {', '.join(names)}")
    compileall.compile_dir(ROOT / "tarkpm", quiet=2)  # as pip does when it installs a package
    signal.signal(signal.SIGTERM, _leave)  # a killed run, too, cleans up
    print(f"{platform.python_implementation()} {platform.python_version()}, {machine()}")
    print(f"{', '.join(peers.anchors())}\n" if options.peers else "")
    print(ROW.format("figure", "ours", "median", "peer", "median", "ratio", "minima", "bound", "").rstrip())
    names = options.names or [figure.name for figure in FIGURES if figure.at_hand() and is_kept(figure)]
    chosen = [figure for figure in FIGURES if figure.name in (peers.NAMES if options.peers else names)]
    try:
        return max([measure(figure, quick=options.quick) for figure in chosen])
    except KeyboardInterrupt:
        return 130


def is_kept(figure: Figure | Amount) -> bool:
    """Return whether a figure is a promise, as opposed to a comparison."""
    return figure.bound < inf


def measure(figure: Figure | Amount, *, quick: bool) -> int:
    """Measure one figure in a folder that is gone afterwards; 0 if the promise is kept."""
    if sys.stderr.isatty():
        print(f"measuring {figure.name} …", end="\r", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="tarkpm-bench-") as name:
        folder = quiet_place(Path(name))
        try:
            result = figure.measure(folder, quick=quick)
        except RuntimeError as problem:
            print(f"{figure.name:15} could not be measured: {problem}", flush=True)
            return 1
    print(line(figure, result), flush=True)
    return int(result.ratio > figure.bound)


def quiet_place(root: Path) -> Path:
    """An empty folder in ``root``, where making files is as quick as it is on a disk left alone.

    ext4 gives a new file an inode of its folder's block group, past each that was deleted there within the
    last minutes, one by one: beside a test suite, or after another run of this, half a millisecond instead of
    15 µs. With this attribute ``root`` has what is made in it spread over the disk; others ignore it.
    """
    if chattr := shutil.which("chattr"):
        subprocess.run([chattr, "+T", root], check=False, capture_output=True)
    return min(_tried(root / f"place-{number}") for number in range(PLACES))[1]


def _tried(folder: Path) -> tuple[float, Path]:
    """How long making a few files in a new folder takes."""
    folder.mkdir()
    files = [folder / str(number) for number in range(20)]
    start = time.perf_counter()
    for file in files:
        file.touch()
    seconds = time.perf_counter() - start
    for file in files:
        file.unlink()
    return seconds, folder


def line(figure: Figure | Amount, result: Result | Taken) -> str:
    """A figure in one line: both medians, their ratio, that of the minima, the bound, the verdict."""
    verdict = "PASS" if result.ratio <= figure.bound else "MISS"
    if isinstance(figure, Amount) or isinstance(result, Taken):
        assert isinstance(figure, Amount)
        amount = f"{result.ratio:,.1f} {figure.unit}"
        return ROW.format(figure.name, figure.what, amount, "", "", "", "", f"{figure.bound:g}", verdict)
    ours, peer = (f"{median(times) * 1000:.1f} ms" for times in (result.ours, result.peer))
    ratio, minima = f"{result.ratio:.2f}", f"{result.least:.2f}"
    return ROW.format(
        figure.name, figure.ours, ours, figure.peer, peer, ratio, minima, f"{figure.bound:g}", verdict
    )


def machine() -> str:
    """The processors, and how busy they were before this began."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = [row for row in cpuinfo.read_text().splitlines() if row.startswith("model name")]
        model = models[0].partition(":")[2].strip() if models else model
    return (
        f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f}"
    )


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
