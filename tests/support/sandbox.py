"""A machine of its own for one test: a HOME, a project, publishers with keys, and the program itself."""

import atexit
import functools
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from support import hints
from tarkpm.cli.entry import main
from tarkpm.host import pool, prestart
from tarkpm.host.compile import compiler
from tarkpm.host.forkserver import ForkServer
from tarkpm.host.image import PluginImage
from tarkpm.host.limits import Limits
from tarkpm.host.process import AnyProcess, Start
from tarkpm.host.worker.settings import BIG_MODULE

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
WASM = (PLUGINS / "text-tools" / "plugin.wasm").read_bytes()


@dataclass(frozen=True)
class Result:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document it must be."""
        return json.loads(self.out)

    def ok(self) -> "Result":
        """This result, which must be a success."""
        assert self.status == 0, self
        return self

    def failed(self, status: int, *texts: str) -> "Result":
        """This result, which must have this exit status and say each of ``texts``, with no traceback."""
        assert self.status == status, self
        assert "Traceback" not in self.out + self.err, self
        for text in texts:
            assert text in self.out + self.err, (text, self)
        return self


class Sandbox:
    """A user on a machine: ``home``, a current folder ``cwd``, and ``run``.

    ``forks`` forks the workers of `call` and compiles what another sandbox compiled no second time; False starts
    them as the program does.
    """

    forks = True
    test: str | None = None

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.cwd = root / "app"
        self.test = os.environ.get(hints.TEST)
        self.home.mkdir(parents=True)
        self.cwd.mkdir()

    @property
    def state(self) -> Path:
        """tarkpm's state folder."""
        return self.home / ".local" / "state" / "tarkpm"

    @property
    def store(self) -> Path:
        """tarkpm's cache folder."""
        return self.home / ".cache" / "tarkpm"

    @property
    def data(self) -> Path:
        """tark's data folder."""
        return self.home / ".local" / "share" / "tark"

    @property
    def plugins(self) -> Path:
        """The project's installed plugins."""
        return self.cwd / ".tark" / "plugins"

    def environment(self, **extra: str) -> dict[str, str]:
        """The environment variables commands run with."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TARKPM_LOCK_TIMEOUT": "5",
            # a process that is killed, or out of disk, must not leave half a .pyc for the next one
            "PYTHONDONTWRITEBYTECODE": "1",
            # no test writes into the keyring of the person who runs it
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        } | extra

    def run(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Result:
        """Run tarkpm in this process, without a terminal."""
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        words = [str(argument) for argument in arguments]
        with (
            self._inside(cwd or self.cwd, stdin, words, env or {}),
            redirect_stdout(out),
            redirect_stderr(err),
            _quick_workers() if self.forks else nullcontext(),
        ):
            status = main(words)
        result = Result(status, _text(out), _text(err))
        hints.remember(hints.Failure(self, cwd or self.cwd, dict(env or {}), words, result))
        return result

    @contextmanager
    def _inside(self, cwd: Path, stdin: str, words: list[str], env: Mapping[str, str]) -> Iterator[None]:
        saved = dict(os.environ), Path.cwd(), sys.stdin, sys.argv
        os.environ.clear()
        os.environ.update(self.environment(**env))
        os.chdir(cwd)
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()))
        sys.argv = ["tarkpm", *words]
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(saved[0])
            os.chdir(saved[1])
            sys.stdin, sys.argv = saved[2], saved[3]

    def spawn(self, *arguments: str | Path, cwd: Path | None = None, **extra: Any) -> "subprocess.Popen[str]":
        """Start tarkpm as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "tarkpm", *map(str, arguments)],
            cwd=cwd or self.cwd,
            env=self.environment(**extra.pop("env", {})),
            stdin=extra.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_ctrl_c,  # noqa: PLW1509  it makes one system call
            **extra,
        )

    def execute(self, *arguments: str | Path, cwd: Path | None = None, **extra: Any) -> Result:
        """Run tarkpm as a process of its own and wait for it."""
        process = self.spawn(*arguments, cwd=cwd, **extra)
        out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, err)

    def fork(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Result:
        """Run tarkpm as a process of its own that has imported it already, and wait for it."""
        return self.begin(*arguments, cwd=cwd, env=env)()

    def begin(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Callable[[], Result]:
        """Start what `fork` runs, beside others; what is returned waits for its end."""
        from support.commands import commands

        folder = Path(tempfile.mkdtemp(prefix="said-", dir=self.root))
        environment = self.environment(**(env or {}))
        end = commands().begin(arguments, folder=folder, cwd=cwd or self.cwd, environment=environment)
        return lambda: Result(*end(60))

    # -- publishers

    def key(self, name: str = "release") -> str:
        """Make a signing key; returns its public half."""
        return self.run("key", "generate", "--name", name).ok().out.strip()

    def init(self, version: str = "0.12.6") -> None:
        """Begin the project."""
        self.run("init", "--tark-version", version).ok()

    def plugin(
        self,
        folder: Path,
        *,
        name: str = "text-tools",
        version: str = "1.0.0",
        capabilities: str = "storage = true",
        wasm: bytes = WASM,
        extra: str = "",
        sign: str = "",
    ) -> Path:
        """Write a plugin's folder, signed with the key named ``sign`` if given."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plugin.toml").write_text(
            f'[plugin]\nname = "{name}"\nversion = "{version}"\ntype = "tool"\n'
            f'description = "a plugin for tests"\nlicense = "MIT"\nmin_tark_version = "0.6.0"\n{extra}\n'
            f"[capabilities]\n{capabilities}\n"
        )
        (folder / "plugin.wasm").write_bytes(wasm)
        if sign:
            self.sign(folder, sign)
        return folder

    def sign(self, folder: Path, key: str = "release") -> None:
        """Sign a plugin's folder."""
        self.run("sign", folder, "--key", key).ok()


@functools.cache
def _workers() -> ForkServer:
    server = ForkServer()
    atexit.register(server.close)
    return server


def fork_a_worker(*, schemas: bool = False) -> AnyProcess:
    """Start a worker of a plugin in 6 ms, from a server that the first call starts."""
    return _workers().start(schemas=True)


_compile = compiler.compile_module
_compiled: dict[tuple[bytes, Limits, bool, str], bytes] = {}


def _compile_once(
    image: PluginImage, limits: Limits, start: Start, *, mapped: bool, target: str = ""
) -> bytearray:
    """Compile a small module once for all tests: each sandbox has a cache of its own, which is empty at first."""
    if len(image.wasm) >= BIG_MODULE:
        return _compile(image, limits, start, mapped=mapped, target=target)
    made_from = hashlib.sha256(image.wasm).digest(), limits, mapped, target
    if made_from not in _compiled:
        _compiled[made_from] = bytes(_compile(image, limits, start, mapped=mapped, target=target))
    return bytearray(_compiled[made_from])


@contextmanager
def forked_workers() -> Iterator[None]:
    """Let hosts in this process have workers as those of Python programs do: forked, in 6 ms instead of 90."""

    with patch.object(prestart, "start", lambda _=1: None), patch.object(pool, "start", fork_a_worker):
        yield


@contextmanager
def _quick_workers() -> Iterator[None]:
    with forked_workers(), patch.object(compiler, "compile_module", _compile_once):
        yield


def _heed_ctrl_c() -> None:
    """A shell's background jobs ignore Ctrl-C, and what they start inherits that: so would tests run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()
