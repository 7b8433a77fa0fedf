"""``python -m fuzzing [TARGET …] [--minutes M] [--keep] [--list]``: one target after the other.

Exit status 1 if an input broke a property; it is then in ``.fuzz/TARGET/`` and its bytes and trace are shown.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzzing import ROOT
from fuzzing.target import Target
from fuzzing.targets import TARGETS

WORK = ROOT.parent / ".fuzz"
KEPT = 4096
"""Bytes of inputs that `--keep` leaves in the corpus of a target."""
ROW = "{:<24} {:>10} {:>12} {:>10} {:>9}  {}"


def main(arguments: list[str]) -> int:
    """Fuzz the targets that are named, or all."""
    parser = argparse.ArgumentParser(prog="python3 dev.py fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target [default: 10]")
    parser.add_argument(
        "--keep", action="store_true", help="keep inputs that reach more code in fuzzing/corpus/"
    )
    parser.add_argument("--list", action="store_true", help="list the targets")
    given = parser.parse_args(arguments)
    if given.list:
        for target in TARGETS.values():
            print(f"{target.name:<24} {(target.run.__doc__ or '').splitlines()[0]}")
        return 0
    if unknown := set(given.targets) - TARGETS.keys():
        parser.error(f"unknown target {min(unknown)!r}; --list shows them")
    print(ROW.format("target", "seconds", "inputs", "edges", "MiB", "result"), flush=True)
    failed = [one for one in given.targets or TARGETS if not fuzz(TARGETS[one], given.minutes * 60)]
    if given.keep:
        for one in given.targets or TARGETS:
            keep(TARGETS[one])
    return bool(failed)


def fuzz(target: Target, seconds: float) -> bool:
    """Fuzz one target for so long; return whether no input broke its property."""
    work = WORK / target.name
    (work / "corpus").mkdir(parents=True, exist_ok=True)
    (work / "words").write_text(words(target))
    options = [
        f"-max_total_time={seconds:.0f}",
        f"-max_len={target.longest}",
        "-timeout=120",  # of wall time: other work may stop a process; CPU time is limited in `Target.check`
        "-rss_limit_mb=1024",
        "-malloc_limit_mb=512",
        f"-artifact_prefix={work}/",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    if target.words:
        options.append(f"-dict={work / 'words'}")
    began = time.monotonic()
    log = work / "log"
    with log.open("wb") as stream:
        folders = [str(folder) for folder in (work / "corpus", target.corpus)]
        status = subprocess.run(
            [*child(target), *options, *folders],
            cwd=ROOT.parent,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    said = log.read_text(errors="replace")
    report(target, time.monotonic() - began, said, status)
    return status == 0


def child(target: Target) -> list[str]:
    """Return the command line of a process that fuzzes, at the lowest priority: a run takes hours."""
    python = ["nice", "-n", "19", sys.executable, "-m", "fuzzing.child"]
    return [*python, target.run.__module__, target.name]


def report(target: Target, seconds: float, said: str, status: int) -> None:
    """Print the row of a run, and the end of its log if it failed."""
    count = _last(r"stat::number_of_executed_units:\s*(\d+)", said) or _last(r"^#(\d+)", said)
    row = (count or "?", _last(r"cov: (\d+)", said) or "?", _last(r"stat::peak_rss_mb:\s*(\d+)", said) or "?")
    print(ROW.format(target.name, f"{seconds:.0f}", *row, "FAILED" if status else "held"), flush=True)
    if status:
        print("\n".join(f"    {line}" for line in said.splitlines()[-40:]), flush=True)


def _last(pattern: str, text: str) -> str:
    found = re.findall(pattern, text, re.MULTILINE)
    return found[-1] if found else ""


def words(target: Target) -> str:
    """Return the target's words as a dictionary of libFuzzer."""
    escaped = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in target.words)
    return "".join(f'"{word}"\n' for word in escaped)


def keep(target: Target) -> None:
    """Add the smallest of the inputs that reach more code to the corpus, as long as it stays small."""
    with tempfile.TemporaryDirectory() as merged:
        folders = [merged, str(target.corpus), str(WORK / target.name / "corpus")]
        command = [*child(target), "-merge=1", "-timeout=20", *folders]
        subprocess.run(command, cwd=ROOT.parent, capture_output=True, check=False)
        used = sum(file.stat().st_size for file in target.corpus.iterdir())
        there = {file.read_bytes() for file in target.corpus.iterdir()}
        for file in sorted(Path(merged).iterdir(), key=lambda one: (one.stat().st_size, one.name)):
            data = file.read_bytes()
            used += len(data)
            if used > KEPT:
                break
            if data not in there:
                (target.corpus / file.name[:12]).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
