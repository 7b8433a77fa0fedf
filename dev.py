#!/usr/bin/env python3
"""Everything a fresh machine needs, with nothing but Python 3.11 or newer.

    python3 dev.py demo             add, sync, verify and call a signed plugin, from a server started here
    python3 dev.py test [ARGS]      linters, types and tests; ARGS go to pytest; --slow adds the slow ones
    python3 dev.py check            linters and types only
    python3 dev.py bench [NAMES]    the measurements of benchmarks/
    python3 dev.py fuzz [TARGETS]   fuzz every parser of bytes from outside; --minutes M, --list
    python3 dev.py soak [NAMES]     what is promised and too long for CI; --quick takes a sample
    python3 dev.py mutants [NAMES]  look for mistakes in the trust boundary that no test notices
    python3 dev.py docs             generate the reference pages, and build the site; --serve, --man

It makes its own `.venv` beside itself and brings it up to date when pyproject.toml changes.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
EXTRAS = {
    "demo": "",
    "test": "[dev]",
    "check": "[dev]",
    "bench": "[dev,benchmark]",
    "slow": "[dev,docs,rebuild]",
    "fuzz": "[dev,fuzz]",
    "soak": "[dev,soak]",
    "docs": "[docs]",
}
# Another implementation of transparency logs, which tests compare ours with; without it they are skipped. It
# asks for Python 3.12 and runs on 3.11, so pip must not be asked to resolve it (docs/decisions/0213).
FOREIGN = {"test": "aics-tlog==0.2.1", "slow": "aics-tlog==0.2.1"}
TESTS_FAILED = 1
"""pytest's exit status when tests ran and some of them failed."""
ALONE = 3
"""So many failed tests may have failed for what ran beside them."""


def main(arguments: list[str]) -> int:
    """Run one of the commands above; returns its exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036  whoever runs this may have an older one
        print("tarkpm needs Python 3.11 or newer", file=sys.stderr)
        return 2
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command not in COMMANDS:
        print(__doc__)
        return 2
    return COMMANDS[command](rest)


def demo(rest: list[str]) -> int:
    """Run the demonstration."""
    prepare("demo")
    return run([PYTHON, "demo.py", *rest])


def test(rest: list[str]) -> int:
    """Check, then test; the first failure ends it."""
    slow = "--slow" in rest
    prepare("slow" if slow else "test")
    rest = [argument for argument in rest if argument != "--slow"]
    marks = [] if slow else ["-m", "not slow"]
    # Four workers for two processors: many tests wait for deadlines or shells. With worksteal a worker that
    # is done takes tests from the others, and until then tests that share a fixture stay together.
    pytest = ["-n", "4", "--dist", "worksteal", *marks, *rest]
    # Tests start tarkpm some hundred times, and those processes must not write bytecode themselves.
    compiled: list[str | Path] = [PYTHON, "-m", "compileall", "-q", "-j", "0", "tarkpm"]
    return check([]) or run(compiled) or run_tests(pytest)


def run_tests(arguments: list[str]) -> int:
    """Run pytest; a few tests that fail beside others run once more alone (docs/decisions/0248)."""
    more = {**in_memory(), "PYTHONDONTWRITEBYTECODE": ""}
    with tempfile.TemporaryDirectory() as cache:
        command: list[str | Path] = [PYTHON, "-m", "pytest", "-o", f"cache_dir={cache}"]
        if (status := run([*command, *arguments], more)) != TESTS_FAILED:
            return status
        found = Path(cache, "v", "cache", "lastfailed")
        failed: list[str] = list(json.loads(found.read_text())) if found.is_file() else []
        if not 0 < len(failed) <= ALONE:
            return status
        print(f"\nonce more, with nothing beside them: {', '.join(failed)}", flush=True)
        status = run([*command, *arguments, "-n", "0", "--last-failed"], more)
    if status == 0:
        print(f"UNSTABLE: failed beside other tests, passed alone: {', '.join(failed)}", flush=True)
    return status


def check(_: list[str]) -> int:
    """Linters, formatting, types, and the layers of the house."""
    prepare("check")
    bin_folder = VENV / "bin"
    commands: list[list[str | Path]] = [
        [bin_folder / "ruff", "check", "--quiet", "."],
        [bin_folder / "ruff", "format", "--quiet", "--check", "."],
        [bin_folder / "lint-imports"],
        [bin_folder / "mypy"],
    ]
    return next((status for command in commands if (status := run(command))), 0)


def bench(rest: list[str]) -> int:
    """Measure."""
    prepare("bench")
    return run([PYTHON, "-m", "benchmarks", *rest])


def fuzz(rest: list[str]) -> int:
    """Fuzz."""
    prepare("fuzz")
    return run([PYTHON, "-m", "fuzzing", *rest])


def soak(rest: list[str]) -> int:
    """Show what does not fit the time of CI (docs/assurance.md)."""
    prepare("soak")
    return run([PYTHON, "-m", "assurance", *rest])


def mutants(rest: list[str]) -> int:
    """Try mutants."""
    prepare("test")
    return run([PYTHON, "-m", "mutants", *rest])


def docs(rest: list[str]) -> int:
    """Generate and build the documentation."""
    prepare("docs")
    return run([PYTHON, "-m", "docgen", *rest])


COMMANDS = {
    "demo": demo,
    "test": test,
    "check": check,
    "bench": bench,
    "fuzz": fuzz,
    "soak": soak,
    "mutants": mutants,
    "docs": docs,
}


def prepare(purpose: str) -> None:
    """Make the virtual environment, and install what ``purpose`` needs unless it is there already."""
    wanted = f"{sys.version_info[:2]} {hashlib.sha256((ROOT / 'pyproject.toml').read_bytes()).hexdigest()}"
    stamp = VENV / f"tarkpm-{purpose}.stamp"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        print(f"making {VENV}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--editable", f"{ROOT}{EXTRAS[purpose]}"], check=True)
    if purpose in FOREIGN:
        subprocess.run([*pip, "--no-deps", "--ignore-requires-python", FOREIGN[purpose]], check=False)
    stamp.write_text(wanted)


def in_memory() -> dict[str, str]:
    """Have tests make their folders in memory if it has room and lets programs run: a tenth faster."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or "PYTEST_DEBUG_TEMPROOT" in os.environ:
        return {}
    found = os.statvfs(shared)
    is_usable = found.f_bavail * found.f_frsize > 4 << 30 and not found.f_flag & os.ST_NOEXEC
    return {"PYTEST_DEBUG_TEMPROOT": str(shared)} if is_usable else {}


def run(command: list[str | Path], more: dict[str, str] | None = None) -> int:
    """Run a command in the project's folder, with the virtual environment first on the path."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, **(more or {})}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
