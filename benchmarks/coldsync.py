"""A cold ``tarkpm sync`` of signed plugins from an index, and a cold ``uv pip install`` of the same bytes.

Every round is a new machine's first: tarkpm's project was cloned with its tark.toml and tark.lock, this user
accepted it, and there is nothing else: no store, no metadata, no claims, no environment. uv has no cache, and
a new virtual environment. Both ask servers of the same kind on loopback: tarkpm an index made with the usual
settings, for claims, their metadata and releases; uv a simple index with hashes and the wheels' metadata
beside them, for the exact versions, whose hashes it must check (``--require-hashes``) as tarkpm checks its
lock's.
"""

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.sandbox import Sandbox

from benchmarks.figure import Figure, Race, Side
from benchmarks.indexes import generate_real
from benchmarks.setup import PYTHON, TARK, padded, plugin_names, put_away, tarkpm, user
from benchmarks.syncing import PLUGINS, SIZE, find_uv, write_wheel
from benchmarks.web import web_server


def index_project(person: Sandbox, base: str, root: str, names: list[str]) -> None:
    """A project that has these plugins locked and installed."""
    lines = [
        f'[tark]\nversion = "{TARK}"',
        f'[index.community]\nurl = "{base}"\nroot = "{root}"',
        "[plugins]",
        *(f'{name} = "^1.0"' for name in names),
        "[grants]",
        *(f"{name} = {{ storage = true }}" for name in names),
    ]
    (person.cwd / "tark.toml").write_text("\n".join(lines) + "\n")
    tarkpm(person, "lock", "--accept-project", "--accept-capabilities").run()
    tarkpm(person, "sync").run()


def newcomer(person: Sandbox) -> Side:
    """A sync by somebody who has the project and nothing of tarkpm's but that it was accepted."""
    sync = tarkpm(person, "sync", "--accept-project")

    def forget() -> None:
        for folder in (person.home, person.cwd / ".tark"):
            put_away(folder, person.root)
        person.home.mkdir()

    return Side(sync.command, sync.cwd, sync.env, forget)


def _simple_index(folder: Path, plugins: Path) -> list[str]:
    """A simple index (PEP 503, with metadata by PEP 658) of wheels of plugins; pinned requirements."""
    wheels, pins = folder / "wheels", []
    wheels.mkdir(parents=True)
    for plugin in sorted(plugins.iterdir()):
        write_wheel(wheels, plugin.name, plugin)
        wheel = wheels / f"{plugin.name.replace('-', '_')}-1.0.0-py3-none-any.whl"
        metadata = f"Metadata-Version: 2.1\nName: {plugin.name}\nVersion: 1.0.0\n".encode()
        wheel.with_name(f"{wheel.name}.metadata").write_bytes(metadata)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        page = folder / "simple" / plugin.name / "index.html"
        page.parent.mkdir(parents=True)
        said = f'data-core-metadata="sha256={hashlib.sha256(metadata).hexdigest()}"'
        link = f'<a href="../../wheels/{wheel.name}#sha256={digest}" {said}>{wheel.name}</a>'
        page.write_text(f"<!DOCTYPE html><html><body>{link}</body></html>\n")
        pins.append(f"{plugin.name}==1.0.0 --hash=sha256:{digest}")
    return pins


def _uv(folder: Path, person: Sandbox, base: str, pins: list[str]) -> Side:
    venv, cache, uv = folder / "venv", folder / "uv-cache", find_uv()
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(pins) + "\n")
    environment = person.environment(
        UV_CACHE_DIR=str(cache), UV_NO_CONFIG="1", UV_PYTHON_DOWNLOADS="never", NO_PROXY="127.0.0.1"
    )

    def renew() -> None:
        put_away(venv, folder)
        subprocess.run([uv, "venv", "--quiet", "--python", PYTHON, venv], env=environment, check=True)
        put_away(cache, folder)

    command = [uv, "pip", "install", "--quiet", "--index-url", f"{base}/simple", "--require-hashes"]
    more = ["--python", str(venv / "bin" / "python"), "--requirement", str(requirements)]
    return Side([*command, *more], folder, environment, renew)


@contextmanager
def _cold(folder: Path) -> Iterator[Race]:
    find_uv()
    names = plugin_names(PLUGINS)
    keeper = generate_real(folder, names, (padded(SIZE, seed) for seed in range(PLUGINS)))
    with web_server(keeper.folder) as site, web_server(folder / "pypi") as pypi:
        person = user(folder / "user")
        index_project(person, site.base, keeper.root, names)
        pins = _simple_index(folder / "pypi", person.plugins)
        yield Race(newcomer(person), _uv(folder, person, pypi.base, pins))


FIGURES = [
    Figure("sync-cold", f"cold sync, {PLUGINS} × 200 KiB, index", "uv pip install, cold", 2.0, 11, _cold),
]
