#!/usr/bin/env python3
"""Build an index of the example plugins in a folder, with new keys, or bring one up to date that it built.

    python3 index/build.py FOLDER [--keys HOME] [--bins 4]

All keys of maintainers and publishers, and the online key, are in HOME (default: FOLDER.keys beside FOLDER),
which is enough to try an index out. Prints the root. Run again, it renews signatures that expire and adds
plugins that are not listed yet; the root stays.

It needs Python 3.11 or newer, and tarkpm: that of the Python it runs with, else that of the checkout's
`.venv`. If there is none, it makes one like `dev.py`, which needs a network.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAINTAINERS = ("first", "second")
NEEDS = """this needs tarkpm. One of these helps:
  python3 dev.py demo     makes .venv in the checkout, with a network; then run this again
  pip install .           in a virtual environment; then run this with its Python"""


def main(arguments: "list[str]") -> int:
    """Build; returns the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036  the system's Python may be an older one
        print("error: this needs Python 3.11 or newer, found " + sys.version.split()[0], file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keys", type=Path, help="folder for the keys")
    parser.add_argument("--bins", default="4")
    options = parser.parse_args(arguments)
    folder = options.folder.absolute()
    home = (options.keys or folder.with_name(f"{folder.name}.keys")).absolute()
    built = (folder / "metadata").exists() or (folder / "pending").exists()
    if not built and folder.exists() and any(folder.iterdir()):
        parser.error(f"{folder} is not empty and contains no index: name a new folder")
    if built and not home.exists():
        parser.error(f"the keys of {folder} are not in {home}: name their folder with --keys")
    python = find_python()
    if python is None:
        print(f"error: {NEEDS}", file=sys.stderr)
        return 2
    try:
        print(build(Tarkpm(home, python), folder, options.bins))
    except subprocess.CalledProcessError as failed:  # the command has printed the reason
        return int(failed.returncode)
    return 0


def find_python() -> "str | None":
    """Return a Python that has tarkpm and its dependencies; None if there is none and none can be made."""
    ours = ROOT / ".venv" / "bin" / "python"
    for python in (sys.executable, str(ours)):
        if has_tarkpm(python):
            return python
    sys.path.insert(0, str(ROOT))
    try:
        import dev

        dev.prepare("demo")
    except (ImportError, OSError, subprocess.CalledProcessError):
        return None
    return str(ours)


def has_tarkpm(python: str) -> bool:
    """Return whether tarkpm runs with a Python: a checkout can be imported without its dependencies."""
    if not Path(python).exists():
        return False
    command = [python, "-P", "-c", "import tarkpm.cli.group, tuf"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def build(tark: "Tarkpm", folder: Path, bins: str = "4") -> str:
    """Build the index, or what is missing of it; returns the digest of its root."""
    import tomllib

    maintainers = [word for name in MAINTAINERS for word in ("--maintainer", tark.key(name))]
    keys = [word for name in MAINTAINERS for word in ("--key", name)]
    if (folder / "metadata").exists() or (folder / "pending").exists():
        tark.json("index", "refresh", "--index", folder)  # finishes what was interrupted, too
    else:
        create = ("index", "create", folder, "--name", "community", "--bins", bins, "--threshold", "2")
        tark.json(*create, *maintainers, *keys)
    for claim in sorted((ROOT / "index" / "claims").glob("*.toml")):
        wanted = tomllib.loads(claim.read_text())
        name, publisher = wanted["name"], wanted["publisher"]
        if not list((folder / "targets" / "publishers").glob(f"*.{name}.json")):
            tark.json("index", "claim", name, "--publisher", tark.key(publisher), "--index", folder, *keys)
        source = ROOT / "plugins" / name
        version = tomllib.loads((source / "plugin.toml").read_text())["plugin"]["version"]
        if version not in listed(folder, name):
            with tempfile.TemporaryDirectory() as submissions:
                handed_in = tark.json("publish", source, "--to", submissions, "--key", publisher)["folder"]
                tark.json("index", "accept", handed_in, "--index", folder)
    return str(tark.json("index", "check", "--deep", "--index", folder)["root"])


def listed(folder: Path, name: str) -> "set[str]":
    """Return the versions of a plugin that the index lists or listed: a release is never taken off."""
    files = (folder / "targets" / "index").glob(f"*.{name}.json")
    return {row["version"] for file in files for row in json.loads(file.read_bytes())["releases"]}


class Tarkpm:
    """tarkpm, run with its own home folder."""

    def __init__(self, home: Path, python: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.python = home, python
        self.keys = {key["name"]: key["public_key"] for key in self.json("key", "list")["keys"]}

    def json(self, *words: "str | Path") -> "dict[str, typing.Any]":
        """Run a command that must succeed; returns its JSON report."""
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TARKPM_"))}
        done = subprocess.run(
            [self.python, "-P", "-m", "tarkpm", *map(str, words), "--json"],
            env=keep | {"HOME": str(self.home)},
            stdout=subprocess.PIPE,
            check=True,
        )
        found: dict[str, typing.Any] = json.loads(done.stdout)
        return found

    def key(self, name: str) -> str:
        """Return the public key of this name, which is made on first use."""
        if name not in self.keys:
            self.keys[name] = self.json("key", "generate", "--name", name)["public_key"]
        return str(self.keys[name])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
