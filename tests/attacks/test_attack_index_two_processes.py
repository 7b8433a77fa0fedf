"""Many processes on one cache while the index changes: each gets a whole answer."""

import subprocess
import sys
import time

from support.index_fixtures import Victim

PROGRAM = """
import sys
from pathlib import Path
from tarkpm.core.project import IndexEntry
from tarkpm.sources.index import IndexClient
url, root, cache, rounds = sys.argv[1:]
for _ in range(int(rounds)):
    entry = IndexEntry("community", url, root)
    with IndexClient(entry, cache=Path(cache), base=Path("."), lock_seconds=60) as client:
        claims = client.claims(["text-tools", "json-core", "no-such"])
        listings = client.listings(["text-tools", "json-core"])
        assert claims["text-tools"] and claims["json-core"] and claims["no-such"] is None
        assert len(listings["text-tools"].rows) >= 2, listings
        assert len(listings["json-core"].rows) == 1
print("done")
"""


def spawn(victim: Victim, rounds: int) -> "subprocess.Popen[str]":
    """A process that asks so many times."""
    arguments = [victim.server.url, victim.root, str(victim.folder / "cache"), str(rounds)]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_eight_processes(victim: Victim) -> None:
    processes = [spawn(victim, 6) for _ in range(8)]
    versions = iter(range(2, 1000))
    while any(process.poll() is None for process in processes):
        victim.index.release("text-tools", f"1.{next(versions)}.0", victim.index.text_key)
        victim.index.publish()
        time.sleep(0.05)
    for process in processes:
        out, err = process.communicate()
        assert (process.returncode, out, err) == (0, "done\n", "")
    assert not [
        file for file in victim.cached.rglob("*") if file.name.startswith("tmp") or file.suffix == ".tmp"
    ]
