"""Makes big indexes to measure with: real metadata and documents, releases that are only sizes.

``python -m benchmarks.indexes FOLDER [--plugins 100000] [--releases 10] [--bins 10] [--files]`` makes
FOLDER/keeper, a home with all keys (maintainers ``one`` and ``two``, publisher ``publisher``, online
``community-online``), and FOLDER/index.
Plugins are called plugin-000000 and so on, their versions are 1.0.0, 1.1.0 and so on.
With ``--files`` every release has its file in ``files/``: of the right size, hard-linked, full of nothing.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from support.sandbox import Sandbox
from tuf.api.metadata import TargetFile

from tarkpm.core import claim as claims
from tarkpm.core import rows
from tarkpm.core.claim import Claim
from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import CLAIMS, FILES, INDEX, claim_path, rows_path
from tarkpm.core.lockfile import StatementEntry
from tarkpm.core.release import Dependency, PluginName
from tarkpm.core.rows import Listing, Row
from tarkpm.core.version import Version
from tarkpm.io.files import atomic_write
from tarkpm.registry.authority import targets
from tarkpm.registry.catalogue import refresh_search
from tarkpm.registry.change import Change, sign
from tarkpm.registry.folder import Index, open_index, target_file, target_of
from tarkpm.registry.keys import Signer
from tarkpm.registry.lifetimes import OFFLINE, bin_expiry
from tarkpm.store.keys import KeyStore

LINKS = 50_000
"""Hard links one file may have, with room to spare on common file systems."""


def generate(
    folder: Path, *, plugins: int = 100_000, releases: int = 10, bins: int = 10, files: bool = False
) -> tuple[Sandbox, Path]:
    """Make an index of so many plugins; returns who keeps it, and its folder."""
    keeper, index_folder = Sandbox(folder / "keeper"), folder / "index"
    keys = [keeper.key(name) for name in ("one", "two")]
    publisher = PublicKey(keeper.key("publisher"))
    who = [word for key in keys for word in ("--maintainer", key)]
    keeper.run(
        *("index", "create", index_folder, "--name", "community", "--bins", str(bins)),
        *(*who, "--threshold", "2", "--key", "one", "--key", "two"),
    ).ok()
    now = datetime.now(UTC).replace(microsecond=0)
    index = open_index(index_folder)
    signers = {name: _signer(keeper, name) for name in ("one", "two", "community-online")}
    change = Change(index, now)
    names = [PluginName(f"plugin-{number:06}") for number in range(plugins)]
    _claims(index, change, names, publisher, [signers["one"], signers["two"]], now)
    _rows(index, change, names, releases, signers["community-online"], now)
    change.commit(index_folder, signers["community-online"])
    index = open_index(index_folder)
    change = Change(index, now)
    refresh_search(index, change, signers["community-online"])
    change.commit(index_folder, signers["community-online"])
    if files:
        _files(index_folder / FILES, names, releases)
    return keeper, index_folder


def _signer(keeper: Sandbox, name: str) -> Signer:
    return Signer(*KeyStore(keeper.state / "keys").load(name, bytes))


def _claims(
    index: Index,
    change: Change,
    names: list[PluginName],
    publisher: PublicKey,
    maintainers: list[Signer],
    now: datetime,
) -> None:
    by_bin: dict[str, dict[str, TargetFile]] = {role: {} for role in index.authority.bins(CLAIMS)}
    for name in names:
        path = claim_path(name)
        by_bin[index.authority.bin(path)][path] = _write(index, path, claims.render(Claim(name, publisher)))
    for role, entries in by_bin.items():
        change.metadata(role, sign(targets(role, 2, now + OFFLINE, dict(entries)), *maintainers))


def _rows(
    index: Index, change: Change, names: list[PluginName], releases: int, online: Signer, now: datetime
) -> None:
    by_bin: dict[str, dict[str, TargetFile]] = {role: {} for role in index.authority.bins(INDEX)}
    for name in names:
        path = rows_path(name)
        by_bin[index.authority.bin(path)][path] = _write(index, path, rows.render(listing(name, releases)))
    for role, entries in by_bin.items():
        change.metadata(role, sign(targets(role, 2, bin_expiry(role, now), dict(entries)), online))


def listing(name: PluginName, releases: int) -> Listing:
    """The releases of one made-up plugin: three files each, one dependency, digests like any others."""
    number = int(name[-6:])
    needs = (Dependency(PluginName(f"plugin-{number // 2:06}"), "^1.0"),) if number else ()
    return Listing(name, tuple(_row(name, minor, needs) for minor in range(releases)))


def _row(name: str, minor: int, needs: tuple[Dependency, ...]) -> Row:
    def entry(file: str, size: int) -> FileEntry:
        return FileEntry(file, sha256(f"{name} {minor if file != 'LICENSE' else ''} {file}".encode()), size)

    return Row(
        version=Version(1, minor, 0),
        type="tool",
        statement=StatementEntry(entry("statement", 0).sha256, 1001),
        files=(entry("LICENSE", 1071), entry("plugin.toml", 243), entry("plugin.wasm", 10_347)),
        requires=needs,
        min_tark_version=Version(0, 6, 0),
        capabilities=("storage", f"http:{name}.example.com"),
        description=f"What {name} does for an agent, said in one sentence of some length",
    )


def _write(index: Index, path: str, data: bytes) -> TargetFile:
    target = target_of(path, data)
    place = index.folder / target_file(path, target)
    place.write_bytes(data)
    return target


def _files(folder: Path, names: list[PluginName], releases: int) -> None:
    for number, path in enumerate(_release_files(folder, names, releases)):
        if number % LINKS == 0:
            source = path
            atomic_write(source, bytes(_row("plugin-000000", 0, ()).size), durable=False)
        else:
            path.hardlink_to(source)


def _release_files(folder: Path, names: list[PluginName], releases: int) -> Iterator[Path]:
    for name, minor in itertools.product(names, range(releases)):
        yield folder / sha256(f"{name} {minor} statement".encode())


def main(arguments: list[str]) -> int:
    """Make an index as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.indexes", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plugins", type=int, default=100_000)
    parser.add_argument("--releases", type=int, default=10)
    parser.add_argument("--bins", type=int, default=10)
    parser.add_argument("--files", action="store_true")
    options = parser.parse_args(arguments)
    _, index = generate(
        options.folder.absolute(),
        plugins=options.plugins,
        releases=options.releases,
        bins=options.bins,
        files=options.files,
    )
    print(index)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, "tests")
    sys.exit(main(sys.argv[1:]))
