#!/usr/bin/env python3
"""Pin tarkpm, and everything it needs, by version and hash, for the jobs in `workflows/`.

    python3 index/pin.py tarkpm-0.1.0-py3-none-any.whl [--url URL] > .github/tarkpm.txt

Build the wheel from a commit that you reviewed (`uv build --wheel`, or `pip wheel --no-deps .`). Put it at
URL, or, without --url, beside the file in the repository of the index. The versions and hashes of the
dependencies are those that PyPI serves now, for the Python and the platform of the jobs; it needs a network.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PYTHON = "3.12"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64")
HEAD = """# tarkpm and everything it needs, by version and hash. Written by index/pin.py; do not edit.
# Used by the jobs of this repository: pip install --require-hashes --only-binary :all: -r .github/tarkpm.txt
"""


def main(arguments: list[str]) -> int:
    """Print the requirements; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--url", default="", help="where the jobs get the wheel")
    options = parser.parse_args(arguments)
    if not options.wheel.is_file() or options.wheel.suffix != ".whl":
        parser.error(f"{options.wheel} is not a wheel")
    if options.url and not options.url.startswith("https://"):
        parser.error(f"expected an https URL, found {options.url}")
    try:
        report = resolve(options.wheel)
    except subprocess.CalledProcessError as failed:  # pip has printed the reason
        return int(failed.returncode)
    print(HEAD + "\n".join([wheel_line(options.wheel, options.url), *sorted(dependencies(report))]))
    return 0


def wheel_line(wheel: Path, url: str) -> str:
    """Return the requirement of tarkpm itself."""
    # pip resolves a path against the folder in which the job runs: the top of the repository
    place = f"tarkpm @ {url}" if url else f"./.github/{wheel.name}"
    return f"{place} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def dependencies(report: dict[str, Any]) -> Iterator[str]:
    """Yield a requirement for each dependency in an installation report of pip."""
    for one in report["install"]:
        if not one["is_direct"]:
            digest = one["download_info"]["archive_info"]["hashes"]["sha256"]
            yield f"{one['metadata']['name']}=={one['metadata']['version']} --hash=sha256:{digest}"


def resolve(wheel: Path) -> dict[str, Any]:
    """Return pip's report of what it would install with a wheel; nothing is installed."""
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    with tempfile.TemporaryDirectory() as nowhere:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--dry-run"]
        what = ["--only-binary", ":all:", "--python-version", PYTHON, *platforms, "--target", nowhere]
        command = [*pip, "--ignore-installed", "--report", "-", *what, str(wheel)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
