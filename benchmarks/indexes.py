"""Makes big indexes to measure with: real metadata and documents, releases that are only sizes.

``python -m benchmarks.indexes FOLDER [--plugins 100000] [--releases 10] [--bins 10] [--files]`` makes
FOLDER/keeper, a home with all keys (maintainers ``one`` and ``two``, publisher ``publisher``, online
``community-online``), and FOLDER/index.
Plugins are called plugin-000000 and so on, their versions are 1.0.0, 1.1.0 and so on.
With ``--files`` every release has its file in ``files/``: of the right size, hard-linked, full of nothing.
"""

import argparse
import itertools
import shutil
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from support.sandbox import Sandbox
from tuf.api.metadata import TargetFile, Targets

from tarkpm.core import claim as claims
from tarkpm.core import rows, statement
from tarkpm.core.advisory import Advisory, Severity, span_of
from tarkpm.core.claim import Claim
from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import CLAIMS, FILES, INDEX, claim_path, release_file, rows_path
from tarkpm.core.lockfile import StatementEntry
from tarkpm.core.release import Dependency, IndexSource, PluginName
from tarkpm.core.rows import Listing, ReleaseRow, row_of
from tarkpm.core.verification import verify_release
from tarkpm.core.version import Version
from tarkpm.io.files import atomic_write
from tarkpm.registry.authority import targets
from tarkpm.registry.catalogue import refresh_search
from tarkpm.registry.change import IndexChange, sign
from tarkpm.registry.draft import draft_advisories
from tarkpm.registry.folder import Index, open_index, target_file, target_of
from tarkpm.registry.keys import Signer
from tarkpm.registry.lifetimes import OFFLINE, bin_expiry, to_text
from tarkpm.registry.releases import release_bytes
from tarkpm.store.keys import KeyStore

LINKS = 50_000
"""Hard links one file may have, with room to spare on common file systems."""


class Keeper:
    """Who keeps a new index in ``folder``: all keys are in one home, and whole bins are written at once."""

    def __init__(self, folder: Path, bins: int) -> None:
        self.sandbox, self.folder = Sandbox(folder / "keeper"), folder / "index"
        keys = [self.sandbox.key(name) for name in ("one", "two")]
        self.publisher = PublicKey(self.sandbox.key("publisher"))
        who = [word for key in keys for word in ("--maintainer", key)]
        made = self.sandbox.run(
            *("index", "create", self.folder, "--name", "community", "--bins", str(bins)),
            *(*who, "--threshold", "2", "--key", "one", "--key", "two", "--json"),
        ).ok()
        self.root: str = made.json["root"]
        self.names: list[PluginName] = []
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._maintainers = [self.signer("one"), self.signer("two")]
        self._online = self.signer("community-online")

    def signer(self, name: str) -> Signer:
        """The private key of this name."""
        return Signer(*KeyStore(self.sandbox.state / "keys").load(name, bytes))

    def hand_in(self, folder: Path, name: PluginName, version: str) -> Path:
        """A signed release as ``publish`` writes it."""
        shutil.rmtree(folder / "source", ignore_errors=True)
        source = self.sandbox.plugin(folder / "source", name=name, version=version)
        words = ("publish", source, "--to", folder / "handed-in", "--key", "publisher", "--json")
        return Path(self.sandbox.run(*words).ok().json["folder"])

    def release(self, folder: Path, name: PluginName, version: str) -> None:
        """Publish a whole release, and accept it."""
        handed_in = self.hand_in(folder, name, version)
        self.sandbox.run("index", "accept", handed_in, "--index", self.folder).ok()

    def publish(self, names: list[PluginName], listings: Iterable[Listing]) -> None:
        """Have the publisher claim these names, and list these releases, and nothing else."""
        self.names = names
        index = open_index(self.folder)
        change = IndexChange(index, self._now)
        claimed = ((claim_path(name), claims.render(Claim(name, self.publisher))) for name in names)
        for role, entries in _binned(index, CLAIMS, claimed).items():
            signed = targets(role, 2, self._now + OFFLINE, dict(entries))
            change.metadata(role, sign(signed, *self._maintainers))
        listed = ((rows_path(one.name), rows.render(one)) for one in listings)
        for role, entries in _binned(index, INDEX, listed).items():
            signed = targets(role, 2, bin_expiry(role, self._now), dict(entries))
            change.metadata(role, sign(signed, self._online))
        change.commit(self.folder, self._online)
        index = open_index(self.folder)
        change = IndexChange(index, self._now)
        refresh_search(index, change, self._online)
        change.commit(self.folder, self._online)

    def advise(self, names: Iterable[PluginName], first: int = 1) -> None:
        """Have the maintainers publish an advisory about each of these plugins, all in one change.

        They affect no release: 1.0.0 is the fix. ``first`` is the number of the first.
        """
        index = open_index(self.folder)
        now = to_text(self._now)
        said = [
            Advisory(
                f"x_TARK-2026-{number:05}",
                name,
                self.root,
                Severity.HIGH,
                f"What is wrong with {name}, said in one sentence of some length",
                now,
                now,
                spans=(span_of("<1.0.0"),),
                references=(f"https://example.com/advisories/{number:05}",),
            )
            for number, name in enumerate(names, first)
        ]
        draft = draft_advisories(index, said, self._now)
        change = IndexChange(index, self._now)
        for path, data in draft.documents.items():
            change.document(path, data)
        for role, signed in draft.roles.items():
            assert isinstance(signed, Targets)
            change.metadata(role, sign(signed, *self._maintainers))
        change.commit(self.folder, self._online)


def generate(
    folder: Path, *, plugins: int = 100_000, releases: int = 10, bins: int = 10, files: bool = False
) -> Keeper:
    """Make an index of so many plugins."""
    keeper = Keeper(folder, bins)
    names = [PluginName(f"plugin-{number:06}") for number in range(plugins)]
    keeper.publish(names, (listing(name, releases, keeper.publisher) for name in names))
    if files:
        _files(keeper.folder / FILES, names, releases)
    return keeper


def generate_real(folder: Path, names: list[str], modules: Iterable[bytes]) -> Keeper:
    """An index of one whole, signed release of each plugin, with the usual settings."""
    keeper = Keeper(folder, 10)
    publisher = keeper.signer("publisher")
    source = IndexSource("community", keeper.root)
    listings = []
    for name, module in zip(map(PluginName, names), modules, strict=True):
        plugin = keeper.sandbox.plugin(folder / "source", name=name, wasm=module)
        contents = {file.name: file.read_bytes() for file in plugin.iterdir()}
        entries = [FileEntry.of(file, data) for file, data in contents.items()]
        envelope = statement.sign(name, Version(1, 0, 0), entries, key=publisher.key, signer=publisher.sign)
        release = verify_release(contents, envelope, source, where=name)
        assert release.statement is not None
        file = keeper.folder / release_file(release.statement.sha256)
        file.write_bytes(release_bytes(envelope, release, contents))
        listed = (row_of(release.manifest, release.statement, release.files),)
        listings.append(Listing(name, listed, publisher.key))
    keeper.publish([one.name for one in listings], listings)
    return keeper


def _binned(
    index: Index, parent: str, documents: Iterable[tuple[str, bytes]]
) -> dict[str, dict[str, TargetFile]]:
    """Write documents; how the bins below ``parent`` list them, all bins there are."""
    by_bin: dict[str, dict[str, TargetFile]] = {role: {} for role in index.authority.bins(parent)}
    for path, data in documents:
        target = target_of(path, data)
        (index.folder / target_file(path, target)).write_bytes(data)
        by_bin[index.authority.bin(path)][path] = target
    return by_bin


def listing(name: PluginName, releases: int, publisher: PublicKey) -> Listing:
    """The releases of one made-up plugin: three files each, one dependency, digests like any others."""
    number = int(name[-6:])
    needs = (Dependency(PluginName(f"plugin-{number // 2:06}"), "^1.0"),) if number else ()
    return Listing(name, tuple(_row(name, minor, needs) for minor in range(releases)), publisher)


def _row(name: str, minor: int, needs: tuple[Dependency, ...]) -> ReleaseRow:
    def entry(file: str, size: int) -> FileEntry:
        return FileEntry(file, sha256(f"{name} {minor if file != 'LICENSE' else ''} {file}".encode()), size)

    return ReleaseRow(
        version=Version(1, minor, 0),
        type="tool",
        statement=StatementEntry(entry("statement", 0).sha256, 1001),
        files=(entry("LICENSE", 1071), entry("plugin.toml", 243), entry("plugin.wasm", 10_347)),
        requires=needs,
        min_tark_version=Version(0, 6, 0),
        capabilities=("storage", f"http:{name}.example.com"),
        description=f"What {name} does for an agent, said in one sentence of some length",
    )


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
    keeper = generate(
        options.folder.absolute(),
        plugins=options.plugins,
        releases=options.releases,
        bins=options.bins,
        files=options.files,
    )
    print(keeper.folder)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, "tests")
    sys.exit(main(sys.argv[1:]))
