"""Plugins in JavaScript and Python: the sources in tests/guests, built by the tools their authors use.

A build is kept under a name made of everything that went into it, so it is made once; so are the tools,
installed from npm and PyPI beside it, and the code that tarkpm compiles. Where npm, node or the network is
missing, the test is skipped and says which.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests" / "guests"
WIT = ROOT / "wit"
JS_TOOL = "componentize-qjs@0.4.5"
PY_TOOL = "componentize-py==0.25.1"
NO_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT"
    r"|NameResolutionError|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError"
)
_missing: dict[str, str] = {}
"""Why a tool cannot be had in this run, so that only the first test waits to find out."""


def build_js(name: str) -> bytes:
    """The component of tests/guests/js/<name>.js, without stubs for WASI."""
    source = SOURCES / "js" / f"{name}.js"
    own = source.with_suffix(".wit")

    def build(tools: Path, work: Path) -> None:
        command = tools / "node_modules" / ".bin" / "componentize-qjs"
        if own.exists():  # a world of its own, which includes one of ours
            shutil.copytree(WIT, work / "wit" / "deps" / "tark")
            shutil.copy(own, work / "wit")
        else:
            shutil.copytree(WIT, work / "wit")
        _run([command, "-w", "wit", "-n", f"{name}-world", "-j", source, "-o", "out.wasm"], work)

    return _built(JS_TOOL, f"{name}-world", [source, *([own] if own.exists() else [])], build)


def build_py(name: str, *, world: str = "") -> bytes:
    """The component of tests/guests/py/<name>.py in a ``world`` (<name>-world), without stubs for WASI."""
    source = SOURCES / "py" / f"{name}.py"
    world = world or f"{name}-world"

    def build(tools: Path, work: Path) -> None:
        command = tools / "bin" / "componentize-py"
        shutil.copy(source, work)
        options: list[str | Path] = ["-q", "-d", WIT, "-w", world]
        _run([command, *options, "componentize", "-p", ".", "-o", "out.wasm", name], work)

    return _built(PY_TOOL, world, [source], build)


def build_example(folder: Path, language: str) -> bytes:
    """The module that `tarkpm build` makes of a plugin's folder."""
    tool = JS_TOOL if language == "javascript" else PY_TOOL
    module = f"{language}.py"
    sources = [path for path in sorted(folder.iterdir()) if path.suffix in (".toml", ".js", ".py")]

    def build(tools: Path, work: Path) -> None:
        copy = Path(shutil.copytree(folder, work / folder.name, ignore=shutil.ignore_patterns("*.wasm")))
        path = f"{tools / 'node_modules' / '.bin'}:{tools / 'bin'}:{os.environ.get('PATH', os.defpath)}"
        environment = {"PATH": path, "HOME": str(work), "LANG": "C.UTF-8"}
        _run([sys.executable, "-m", "tarkpm", "build", copy], work, environment)
        (copy / "plugin.wasm").replace(work / "out.wasm")

    return _built(tool, folder.name, [*sources, ROOT / "tarkpm" / "toolchains" / module], build)


def programs(language: str) -> Path:
    """The folder of the toolchain's programs, which is installed if necessary."""
    if language == "javascript":
        return _installed(JS_TOOL) / "node_modules" / ".bin"
    return _installed(PY_TOOL) / "bin"


def is_built_py(name: str) -> bool:
    """Whether `build_py` has it already."""
    return (
        cache_folder() / f"{_digest(PY_TOOL, f'{name}-world', [SOURCES / 'py' / f'{name}.py'])}.wasm"
    ).exists()


def write_plugin(folder: Path, name: str, kind: str, wasm: bytes, capabilities: str = "") -> Path:
    """A plugin's folder around a module."""
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text(
        f'[plugin]\nname = "{name}"\nversion = "1.0.0"\ntype = "{kind}"\n\n'
        f"[capabilities]\nstorage = true\n{capabilities}\n"
    )
    (folder / "plugin.wasm").write_bytes(wasm)
    return folder


def share_compiled(sandbox: Sandbox) -> None:
    """Let this user have what was compiled in other tests: the folder, and the key that vouches for it."""
    shared = _made(cache_folder() / "compiled")
    with _locked(shared):
        key = shared / "mac.key"
        if not key.exists():
            _put(key, os.urandom(32))
    _made(sandbox.store).joinpath("compiled").symlink_to(_made(shared / "code"))
    _put(_made(sandbox.state) / "mac.key", key.read_bytes())


def npm_package(spec: str) -> Path:
    """The folder in which an npm package of a fixed version is installed, without running its scripts."""
    with _locked(cache_folder() / spec.replace("/", "+")):
        return _installed(spec)


def cache_folder() -> Path:
    """Where builds, tools and compiled code stay from one run to the next."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return _made((Path(base) if base.startswith("/") else Path.home() / ".cache") / "tarkpm-tests")


# -- building


_Build = Callable[[Path, Path], None]
"""Given where the tool is and an empty folder, which gets out.wasm."""


def _built(tool: str, world: str, sources: Sequence[Path], build: _Build) -> bytes:
    kept = cache_folder() / f"{_digest(tool, world, sources)}.wasm"
    with _locked(kept.parent / tool):
        if not kept.exists():
            tools = _installed(tool)
            with tempfile.TemporaryDirectory(dir=kept.parent) as work:
                build(tools, Path(work))
                (Path(work) / "out.wasm").replace(kept)
    return kept.read_bytes()


def _digest(tool: str, world: str, sources: Sequence[Path]) -> str:
    """Everything a build depends on."""
    hashed = hashlib.sha256(f"{tool}\0{world}\0".encode())
    for path in [*sources, *sorted(WIT.glob("*.wit"))]:
        data = path.read_bytes()
        hashed.update(f"{path.name}\0{len(data)}\0".encode() + data)
    return hashed.hexdigest()


def _installed(tool: str) -> Path:
    """The folder a tool is installed in. A folder without the stamp is one that somebody did not finish."""
    if tool in _missing:
        pytest.skip(_missing[tool])
    folder = cache_folder() / "tools" / tool.replace("/", "+")
    stamp = folder / "installed.stamp"
    if not _is_of_pypi(tool) and not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    if not stamp.exists():
        with _locked(_made(folder.parent) / folder.name):
            if not stamp.exists():  # another process may have installed it meanwhile
                _install_anew(tool, folder)
                stamp.touch()
    return folder


def _install_anew(tool: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _install(tool, folder)
    except _Unreachable:
        _missing[tool] = f"the network is missing: {tool} cannot be installed"
        pytest.skip(_missing[tool])


def _is_of_pypi(tool: str) -> bool:
    return "==" in tool


def _install(tool: str, folder: Path) -> None:
    if not _is_of_pypi(tool):
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", "--fetch-retries=1"]
        _run(["npm", "install", "--prefix", folder, *quiet, tool], folder, os.environ)
        return
    _run([sys.executable, "-m", "venv", folder], folder, os.environ)
    quiet = ["--disable-pip-version-check", "--quiet", "--retries=1", "--only-binary=:all:"]
    _run([folder / "bin" / "python", "-m", "pip", "install", *quiet, tool], folder, os.environ)


class _Unreachable(Exception):
    """The registry cannot be reached."""


def _run(command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a program; without an ``env`` it sees nothing of ours, such as a virtual environment to search."""
    plain = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(cwd), "LANG": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=cwd, env=plain if env is None else env, capture_output=True, text=True, timeout=300
    )
    said = done.stdout + done.stderr
    if done.returncode and NO_NETWORK.search(said):
        raise _Unreachable
    assert done.returncode == 0, f"{Path(command[0]).name}: {said[-2000:]}"


# -- files


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among the processes that lock this path."""
    with open(path.with_name(f"{path.name}.lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _put(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)
