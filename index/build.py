#!/usr/bin/env python3
"""Build an index of the example plugins in a new folder, with new keys.

    python3 index/build.py FOLDER [--keys HOME] [--bins 4]

All keys of maintainers and publishers, and the online key, are in HOME (default: FOLDER.keys beside FOLDER),
which is enough to try an index out. Prints the root.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAINTAINERS = ("first", "second")


def main(arguments: list[str]) -> int:
    """Build; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keys", type=Path, help="new folder for the keys")
    parser.add_argument("--bins", default="4")
    options = parser.parse_args(arguments)
    folder = options.folder.absolute()
    home = options.keys or folder.with_name(f"{folder.name}.keys")
    for place in (folder, home):
        if place.exists():
            parser.error(f"{place} already exists: name a new folder, or delete it")
    try:
        print(build(folder, home, options.bins))
    except subprocess.CalledProcessError as failed:  # the command has printed the reason
        return int(failed.returncode)
    return 0


def build(folder: Path, home: Path, bins: str = "4") -> str:
    """Build the index; returns the digest of its root."""
    home.mkdir(parents=True, exist_ok=True)
    tark = Tarkpm(home)
    maintainers = [word for name in MAINTAINERS for word in ("--maintainer", tark.key(name))]
    keys = [word for name in MAINTAINERS for word in ("--key", name)]
    create = ("index", "create", folder, "--name", "community", "--bins", bins, "--threshold", "2")
    made = tark.json(*create, *maintainers, *keys)
    for claim in sorted((ROOT / "index" / "claims").glob("*.toml")):
        wanted = tomllib.loads(claim.read_text())
        name, publisher = wanted["name"], wanted["publisher"]
        tark.json("index", "claim", name, "--publisher", tark.key(publisher), "--index", folder, *keys)
        with tempfile.TemporaryDirectory() as submissions:
            source = ROOT / "plugins" / name
            handed_in = tark.json("publish", source, "--to", submissions, "--key", publisher)["folder"]
            tark.json("index", "accept", handed_in, "--index", folder)
    tark.json("index", "check", "--deep", "--index", folder)
    return str(made["root"])


class Tarkpm:
    """tarkpm, run with its own home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.keys: dict[str, str] = {}

    def json(self, *words: str | Path) -> dict[str, str]:
        """Run a command that must succeed; returns its JSON report."""
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TARKPM_"))}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tarkpm", *map(str, words), "--json"],
            env=keep | {"HOME": str(self.home)},
            stdout=subprocess.PIPE,
            check=True,
        )
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def key(self, name: str) -> str:
        """Return the public key of this name, which is made on first use."""
        if name not in self.keys:
            self.keys[name] = self.json("key", "generate", "--name", name)["public_key"]
        return self.keys[name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
