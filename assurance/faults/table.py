"""Run every scene, and print what was injected and what held: ``python3 dev.py soak faults [--quick]``."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from assurance import ROOT, SUPPORT
from assurance.faults.injector import KINDS, build
from assurance.faults.scenes import SCENES
from assurance.faults.trials import Trial

QUICK_STRIDE: Final = 9
ROUNDS: Final = {"project": 150, "index": 150}
"""Rounds of several commands at once."""
PROMISED: Final = 2_000
"""Faults that a whole run injects at least."""


def run(*, stride: int = 1, scenes: Sequence[str] = (), jobs: int = 2) -> int:
    """Inject all faults, or with a ``stride`` each so-many-th; returns 1 if something did not hold.

    ``scenes`` are the commands that meet faults, instead of all of them and the rounds of several at once.
    """
    # In two parts, so that the longest scene is not what the others wait for; a sample is not worth it.
    numbers = [str(number) for number in range(len(KINDS))]
    parts = (numbers[::2], numbers[1::2]) if stride == 1 else (numbers,)
    programs: list[tuple[str, ...]] = [
        ("trials", scene, ",".join(part), str(stride)) for scene in scenes or SCENES for part in parts
    ]
    if not scenes:
        programs += [("crowd", crowd, str(rounds // stride)) for crowd, rounds in ROUNDS.items()]
    with tempfile.TemporaryDirectory(prefix="tarkpm-faults-", dir=in_memory()) as name:
        folder = Path(name)
        library = build(folder)
        with ThreadPoolExecutor(jobs) as pool:
            running = [pool.submit(_program, folder, library, program) for program in programs]
            for each in as_completed(running):
                _tell(each.result())
        found = [trial for each in running for trial in each.result()]
    print("\n".join(lines(found)))
    is_enough = stride > 1 or bool(scenes) or len(found) >= PROMISED
    return int(any(trial.problem for trial in found) or not is_enough)


def _tell(ended: Sequence[Trial]) -> None:
    """Show the progress: what a program found."""
    for trial in ended:
        if trial.problem:
            print(_told(trial), file=sys.stderr)
    for name in dict.fromkeys(trial.scene for trial in ended):
        print(_row(f"{name}:", ended, 25), file=sys.stderr, flush=True)


def in_memory() -> Path | None:
    """A folder in memory, where putting a machine back is quick."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) and not os.statvfs(shared).f_flag & os.ST_NOEXEC else None


def _program(folder: Path, library: Path, program: Sequence[str]) -> list[Trial]:
    module, name, *rest = program
    own = folder / "-".join((module, *program[1:])).replace(" ", "-")
    own.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", f"assurance.faults.{module}", own, name, *rest],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "LD_PRELOAD": str(library),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{SUPPORT}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    trials = (Trial(**json.loads(line)) for line in done.stdout.splitlines())
    # A command that ended before its fault has met none.
    return [trial for trial in trials if trial.call or trial.problem]


def lines(met: Sequence[Trial]) -> Iterator[str]:
    """Yield the table: what was injected by command, by kind and by call, and what did not hold."""
    yield f"{'command':<22} {'faults':>7} {'held':>7}"
    for scene in dict.fromkeys(trial.scene for trial in met):
        yield _row(scene, [trial for trial in met if trial.scene == scene], 22)
    yield f"\n{'fault':<44} {'faults':>7} {'held':>7}"
    for kind in dict.fromkeys(trial.kind for trial in met):
        yield _row(kind, [trial for trial in met if trial.kind == kind], 44)
    calls = Counter(trial.call for trial in met).most_common()
    yield "\nat: " + ", ".join(f"{call} {count}" for call, count in calls)
    yield _row("\nall", met, 9)
    for trial in met:
        if trial.problem:
            yield f"\n{_told(trial)}"


def _told(trial: Trial) -> str:
    return f"{trial.scene}, {trial.kind}, call {trial.when} ({trial.call}): {trial.problem}"


def _row(name: str, trials: Sequence[Trial], width: int) -> str:
    held = sum(not trial.problem for trial in trials)
    return f"{name:<{width}} {len(trials):>7,} {held:>7,}"
