"""Pages of an index of 10,000 plugins: all of them, what one release changes, and a search in a browser.

- **site-c**: CPU of ``index site`` into an empty folder. Each plugin has three signed releases with a README
  of 1 KB and a dependency.
- **site-one**: CPU of ``index site`` after ``index accept`` of one release, the whole process.
- **site-kb**: bytes of all files that Chromium loads from opening the front page to the first results of a
  search; the largest of some words, rare and common ones.
"""

import functools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from support.browser import CHROMIUM, Browser

from benchmarks.figure import Amount
from benchmarks.indexes import Keeper
from benchmarks.keeping import spent
from benchmarks.setup import TARKPM
from tarkpm.core import statement
from tarkpm.core.digest import FileEntry
from tarkpm.core.layout import release_file
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.rows import Listing, ReleaseRow, row_of
from tarkpm.core.verification import verify_release
from tarkpm.core.version import Version
from tarkpm.registry.releases import release_bytes

PLUGINS = 10_000
QUICK = 1_000
RELEASES = 3
ROUNDS = 5
QUERIES = ("tool", "agent", "what does", "plugin-000123", "000123", "storage http sentence", "zzz", "p")
README = """\
# Plugin

What it does, in some words with a [link](https://example.com) and `code`.

| a | b |
|---|---|
| 1 | 2 |

```sh
tarkpm add x
```

- one
- two
"""


@functools.cache
def site_index(quick: bool) -> Keeper:
    """One index for all figures of a run; its folder goes when the process does."""
    folder = tempfile.TemporaryDirectory(prefix="tarkpm-bench-site-")
    _KEPT.append(folder)
    keeper = Keeper(Path(folder.name), 10)
    names = [PluginName(f"plugin-{number:06}") for number in range(QUICK if quick else PLUGINS)]
    key = keeper.signer("publisher").key
    keeper.publish(names, [Listing(name, tuple(_rows(keeper, name)), key) for name in names])
    return keeper


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _rows(keeper: Keeper, name: PluginName) -> Iterator[ReleaseRow]:
    publisher, source = keeper.signer("publisher"), IndexSource("community", keeper.root)
    number = int(name[-6:])
    needs = f'[dependencies]\nplugin-{number // 2:06} = "^1.0"\n' if number else ""
    for minor in range(RELEASES):
        toml = (
            f'[plugin]\nname = "{name}"\nversion = "1.{minor}.0"\ntype = "tool"\nlicense = "MIT"\n'
            f'description = "What {name} does for an agent, said in one sentence of some length"\n'
            f'[capabilities]\nstorage = true\nhttp = ["{name}.example.com"]\n{needs}'
        )
        files = {
            "plugin.toml": toml.encode(),
            "plugin.wasm": bytes(20_000),
            "README.md": (README * 4).encode(),
        }
        entries = [FileEntry.of(file, data) for file, data in files.items()]
        envelope = statement.sign(
            name, Version(1, minor, 0), entries, key=publisher.key, signer=publisher.sign
        )
        release = verify_release(files, envelope, source, where=name)
        assert release.statement is not None
        path = keeper.folder / release_file(release.statement.sha256)
        path.write_bytes(release_bytes(envelope, release, files))
        row = row_of(release.manifest, release.statement, release.files)
        yield msgspec.structs.replace(row, published=1_790_000_000 + 60 * number + minor)


def _site(keeper: Keeper, to: Path) -> float:
    """Write the pages; the CPU seconds of the process."""
    return spent(keeper.sandbox, TARKPM, "index", "site", keeper.folder, "-o", to)[0]


def _all(folder: Path, quick: bool) -> Sequence[float]:
    return [_site(site_index(quick), folder / "public")]


def _one(folder: Path, quick: bool) -> Sequence[float]:
    keeper = site_index(quick)
    _site(keeper, folder / "public")
    taken = []
    for number in range(ROUNDS):
        keeper.release(folder, PluginName("plugin-000123"), f"2.{number}.0")
        taken.append(_site(keeper, folder / "public"))
    return taken


def _search(folder: Path, quick: bool) -> Sequence[float]:
    _site(site_index(quick), folder / "public")
    return [max(_loaded(folder / "public", query) for query in QUERIES) / 1000]


def _loaded(public: Path, query: str) -> int:
    """The bytes of all files that are loaded until the first results are shown."""
    with Browser() as browser:
        browser.go(f"file://{public}/index.html?q={query}".replace(" ", "%20"))
        browser.wait("/plugin/.test(document.querySelector('[data-status]').textContent)")
        files = {url.removeprefix("file://").partition("?")[0] for url in browser.requests}
    return sum(Path(file).stat().st_size for file in files if file.startswith("/"))


def _has_chromium() -> bool:
    return CHROMIUM is not None


FIGURES = [
    Amount("site-c", f"index site of {PLUGINS:,} plugins, CPU", "s", 60, _all),
    Amount("site-one", "index site after one release, CPU", "s", 1, _one),
    Amount("site-kb", "first page of a search", "KB", 100, _search, _has_chromium),
]
