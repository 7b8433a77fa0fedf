"""``tarkpm sync`` from a warm store, against ``uv pip install`` of the same bytes from its warm cache.

Every round installs into nothing: tarkpm's project has tark.toml, tark.lock, its store and its state, and no
environment; uv has its cache and a new virtual environment. uv links files where the file system lets it,
and checks no digest; tarkpm copies them and checks every byte and signature.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.sandbox import Sandbox

from benchmarks.figure import Figure, Race, Side
from benchmarks.setup import BIN, PYTHON, locked_project, put_away, tarkpm

PLUGINS = 100
SIZE = 200 * 1024
_METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: tarkpm benchmarks\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def find_uv() -> str:
    """uv of the extra `benchmark`, else whichever is on the path; raises `RuntimeError` without one."""
    found = shutil.which("uv", path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise RuntimeError("uv is not installed: pip install -e '.[benchmark]', or python3 dev.py bench")
    return found


def write_wheel(folder: Path, name: str, plugin: Path) -> None:
    """A wheel with the files of an installed plugin, and the three that make it a wheel."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-1.0.0.dist-info"
    files = {
        f"{module}/{file.name}": file.read_bytes() for file in sorted(plugin.iterdir()) if file.is_file()
    }
    files[f"{info}/METADATA"] = _METADATA.format(name=name).encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    record = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,\n"]).encode()
    with zipfile.ZipFile(folder / f"{module}-1.0.0-py3-none-any.whl", "w") as wheel:
        for path, data in files.items():
            wheel.writestr(path, data)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _uv(folder: Path, person: Sandbox) -> Side:
    wheels, venv, uv = folder / "wheels", folder / "venv", find_uv()
    wheels.mkdir()
    plugins = sorted(person.plugins.iterdir())
    for plugin in plugins:
        write_wheel(wheels, plugin.name, plugin)
    environment = person.environment(
        UV_CACHE_DIR=str(folder / "uv-cache"), UV_NO_CONFIG="1", UV_PYTHON_DOWNLOADS="never"
    )

    def renew() -> None:
        put_away(venv, folder)
        subprocess.run([uv, "venv", "--quiet", "--python", PYTHON, venv], env=environment, check=True)

    command = [uv, "pip", "install", "--quiet", "--offline", "--no-index", "--find-links", str(wheels)]
    names = [plugin.name for plugin in plugins]
    return Side([*command, "--python", str(venv / "bin" / "python"), *names], folder, environment, renew)


@contextmanager
def _install(folder: Path) -> Iterator[Race]:
    find_uv()
    person = locked_project(folder, PLUGINS, SIZE)
    peer = _uv(folder, person)
    sync = tarkpm(person, "sync")
    installed = person.cwd / ".tark"
    ours = Side(sync.command, sync.cwd, sync.env, lambda: put_away(installed, folder))
    yield Race(ours, peer)


FIGURES = [
    Figure("sync", f"tarkpm sync, {PLUGINS} plugins of 200 KiB", "uv pip install", 4.0, 15, _install),
]
