"""A cold ``tarkpm sync`` of signed plugins from an OCI registry, and of the same plugins from an index.

The registry is Debian's docker-registry on loopback. Both projects were cloned with their locks, and their
users have nothing else: no store, no metadata, no environment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.oci_publisher import OciPublisher
from support.ociregistry import oci_registry
from support.sandbox import Sandbox

from benchmarks.coldsync import index_project, newcomer
from benchmarks.figure import Figure, Race
from benchmarks.indexes import generate_real
from benchmarks.setup import TARK, padded, plugin_names, tarkpm, user
from benchmarks.syncing import PLUGINS, SIZE
from benchmarks.web import web_server


def _registry_project(person: Sandbox, publishers: list[OciPublisher]) -> None:
    """A project that has these plugins locked and installed."""
    lines = [
        f'[tark]\nversion = "{TARK}"',
        "[plugins]",
        *(f'{one.name} = {{ oci = "{one.place}", tag = "1.0.0" }}' for one in publishers),
        "[trust]",
        *(f'{one.name} = ["{publishers[0].key}"]' for one in publishers),
        "[grants]",
        *(f"{one.name} = {{ storage = true }}" for one in publishers),
    ]
    (person.cwd / "tark.toml").write_text("\n".join(lines) + "\n")
    tarkpm(person, "lock", "--accept-project", "--accept-capabilities").run()
    tarkpm(person, "sync").run()


@contextmanager
def _cold(folder: Path) -> Iterator[Race]:
    names = plugin_names(PLUGINS)
    keeper = generate_real(folder, names, (padded(SIZE, seed) for seed in range(PLUGINS)))
    with web_server(keeper.folder) as site, oci_registry(folder / "registry") as registry:
        author = Sandbox(folder / "author")
        publishers = [OciPublisher(author, registry.host, name) for name in names]
        for seed, publisher in enumerate(publishers):
            publisher.release("1.0.0", wasm=padded(SIZE, seed))
        of_registry, of_index = user(folder / "one"), user(folder / "two")
        _registry_project(of_registry, publishers)
        index_project(of_index, site.base, keeper.root, names)
        yield Race(newcomer(of_registry), newcomer(of_index))


FIGURES = [
    Figure("sync-oci", f"cold sync, {PLUGINS} × 200 KiB, registry", "the same from an index", 1.5, 11, _cold),
]
