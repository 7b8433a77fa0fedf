"""The main job, end to end, on this machine alone: ``python3 dev.py demo``.

Two maintainers make a community index with keys made on the spot, a publisher hands in a signed plugin, and
the index is served on loopback; a user adds the plugin, a colleague syncs, and both can verify and call it.
Everything happens in a temporary folder with a HOME of its own.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLUGIN = Path(__file__).resolve().parent / "plugins" / "text-tools"
TARKPM = Path(sys.executable).parent / "tarkpm"


def main() -> int:
    """Run the demonstration; returns 1 if any step fails."""
    with tempfile.TemporaryDirectory(prefix="tarkpm-demo-") as name:
        folder = Path(name)
        for variable in [one for one in os.environ if one.startswith(("XDG_", "TARKPM_"))]:
            del os.environ[variable]  # they would lead to the user's own state and cache
        os.environ["HOME"] = name
        app, clone = folder / "app", folder / "clone"
        for place in (app, clone):
            place.mkdir()
        root = maintain(folder)
        with serve(folder) as url:
            use(app, url, root)
            share(app, clone)
        say("The server is gone; everything that is installed can still be checked and run:")
        tarkpm("verify", clone)
        tarkpm("list", clone)
        answer = tarkpm('call text-tools text-stats \'{"text":"a b c"}\'', clone)
        if answer.strip() != '{"chars":5,"words":3,"lines":1}':
            print(f"unexpected answer: {answer}", file=sys.stderr)
            return 1
    return 0


def maintain(folder: Path) -> str:
    """An index with one plugin; returns the digest of its root."""
    say("Two maintainers make an index; both must sign what they decide:")
    alice, bob = (tarkpm(f"key generate --name {who}", folder).strip() for who in ("alice", "bob"))
    who = f"--maintainer {alice} --maintainer {bob} --threshold 2 --key alice --key bob"
    tarkpm(f"index create community --name community --bins 4 {who}", folder)
    say("A publisher asks for a name, which the maintainers bind to the publisher's key:")
    key = tarkpm("key generate --name release", folder).strip()
    tarkpm(f"index claim text-tools --publisher {key} --key alice --key bob --index community", folder)
    say("The publisher signs a release and hands it in; the index's online key lists it:")
    shutil.copytree(PLUGIN, folder / "text-tools")
    tarkpm("publish text-tools --key release --to submissions", folder)
    submission = next((folder / "submissions").iterdir()).relative_to(folder)
    tarkpm(f"index accept {submission} --index community", folder)
    root = (folder / "community" / "metadata" / "1.root.json").read_bytes()
    return f"sha256:{hashlib.sha256(root).hexdigest()}"


def use(app: Path, url: str, root: str) -> None:
    """A user's first session."""
    say("A user begins a project, and trusts the index by its root:")
    tarkpm("init --tark-version 0.12.6", app)
    tarkpm(f"index add community {url} --root {root}", app)
    tarkpm("search text", app)
    tarkpm("add text-tools --accept-capabilities", app)


def share(app: Path, clone: Path) -> None:
    """A colleague's first session."""
    say("A colleague has tark.toml and tark.lock from version control, and nothing else:")
    for document in ("tark.toml", "tark.lock"):
        shutil.copy(app / document, clone)
    tarkpm("sync --accept-project", clone)


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n# {text}", flush=True)


def tarkpm(arguments: str, folder: Path) -> str:
    """Show a command as a person would type it, run it, show what it prints; returns its standard output."""
    print(f"\n$ tarkpm {arguments}", flush=True)
    done = subprocess.run(
        [TARKPM, *shlex.split(arguments)], cwd=folder, check=False, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout, end="", flush=True)
    if done.returncode:
        sys.exit(f"tarkpm ended with exit status {done.returncode}")
    return done.stdout


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the index on a free loopback port; yields its URL."""
    print("\n$ tarkpm index serve community &", flush=True)
    command = [TARKPM, "index", "serve", "community"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            print(url, flush=True)
            yield url
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
