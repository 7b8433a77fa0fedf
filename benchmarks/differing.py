"""``diff`` of two locks of 1,000 plugins, against parsing both: what is compared was read anyway.

What counts is the processor time of the calls in this process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.figure import Figure, Race
from benchmarks.resolving import Timed
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.difference import Documents, difference
from tarkpm.core.digest import Digest, FileEntry
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import Lock, LockEntry, StatementEntry, parse, render
from tarkpm.core.release import GitSource, PluginName
from tarkpm.core.tool import ToolPin
from tarkpm.core.version import Version

PLUGINS = 1_000
KEY = PublicKey("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
ASKS = CapabilitySet.of(map(Capability.parse, ("storage", "http:api.example.com", "env:TOKEN_*")))


def _entry(number: int) -> LockEntry:
    digest = Digest(f"{number:064x}")
    return LockEntry(
        PluginName(f"plugin-{number}"),
        Version.parse("1.0.0"),
        "tool",
        GitSource(f"https://git.example.com/{number}.git", tag="v1.0.0", commit=f"{number:040x}"),
        capabilities=ASKS,
        signer=KEY,
        statement=StatementEntry(digest, 1_000),
        files=(FileEntry("plugin.toml", digest, 200), FileEntry("plugin.wasm", digest, 9_000)),
        tools=(msgspec.convert({"name": "run", "risk": "write", "sha256": digest}, ToolPin),),
    )


def _updated(entry: LockEntry) -> LockEntry:
    source = GitSource(entry.source.git, tag="v1.1.0", commit="f" * 40)  # type: ignore[union-attr]
    return msgspec.structs.replace(entry, version=Version.parse("1.1.0"), source=source)


@contextmanager
def _diff(folder: Path) -> Iterator[Race]:
    entries = [_entry(number) for number in range(PLUGINS)]
    texts = render(Lock.of(entries)), render(Lock.of(map(_updated, entries)))

    def compare() -> None:
        old, new = (Documents(parse(text)) for text in texts)
        assert len(difference(old, new).plugins) == PLUGINS

    def read() -> None:
        for text in texts:
            parse(text)

    yield Race(Timed((), folder, {}, call=compare), Timed((), folder, {}, call=read))


FIGURES = [
    Figure("diff", f"diff of two locks, {PLUGINS:,} plugins, all updated", "parsing both", 3, 5, _diff, 1)
]
