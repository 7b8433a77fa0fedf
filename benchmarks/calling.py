"""Calls of plugins: ``PluginHost.call`` against a direct call, many threads against one, the command.

The warm calls are timed inside this process, because a program that holds a `PluginHost` makes them there;
the plugin is the hostile one of the tests, whose echo logs its arguments and returns them: one host call, and
the text crosses four times. The direct peer is wasmtime-py with no gate, no limits and no process between.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

from support import guests, wat
from support.guest import Guest
from support.sandbox import WASM

from benchmarks.figure import Figure, Race, Side
from benchmarks.setup import bare_python, locked_project, python_module, tarkpm, user
from tarkpm.core.capability import CapabilitySet
from tarkpm.host.runtime import PluginHost, PluginImage

KIB = 1024
CALLS = 200
PLUGINS = 50
THREADS = 8
GROWTH = 4 << 20
"""Bytes by which memory may differ between rounds of 10,000 equal calls: nothing was promised to the page.

The same for the host and for all its workers together.
"""


@dataclass(frozen=True)
class Loop(Side):
    """A side that is timed in this process: ``work`` once."""

    work: Callable[[], None] = field(default=lambda: None)

    def run(self) -> float:
        self.before()
        start = time.perf_counter()
        self.work()
        return time.perf_counter() - start


def loop(work: Callable[[], None]) -> Loop:
    """A side that does ``work``."""
    return Loop([], Path(), {}, work=work)


def image(name: str, wasm: bytes, folder: Path) -> PluginImage:
    """A plugin that was granted nothing."""
    return PluginImage(name, "tool", wasm, CapabilitySet(), folder / name)


def _warm(size: int) -> Callable[[Path], AbstractContextManager[Race]]:
    @contextmanager
    def prepare(folder: Path) -> Iterator[Race]:
        plugin = image("echo", wat.hostile_tool(), folder)
        arguments = json.dumps({"text": "x" * size})
        direct = Guest(
            plugin.wasm, "tool-plugin", {"log": {"info": lambda _: None}, "storage": {"set": lambda *_: None}}
        )

        def peer() -> None:
            for _ in range(CALLS):
                direct.call("execute", "echo", arguments)

        with PluginHost(long_lived=True) as host:

            def ours() -> None:
                for _ in range(CALLS):
                    host.call(plugin, "echo", arguments)

            yield Race(loop(ours), loop(peer))

    return prepare


@contextmanager
def _threads(folder: Path) -> Iterator[Race]:
    plugins = [image(f"p{number}", WASM, folder) for number in range(PLUGINS)]
    arguments = json.dumps({"text": "x" * KIB})
    with PluginHost(long_lived=True) as host:
        if failed := host.load_all(plugins):
            raise RuntimeError(str(failed))
        workers = [pid for worker in host._present() if (pid := worker.pid) is not None]
        resident: list[tuple[int, int]] = []

        def calls(threads: int) -> None:
            answered = _run(host, [plugin for _ in range(CALLS) for plugin in plugins], arguments, threads)
            if answered != CALLS * PLUGINS:
                raise RuntimeError(f"expected {CALLS * PLUGINS:,} answers, found {answered:,}")
            resident.append((_resident("self"), sum(map(_resident, workers))))

        yield Race(loop(lambda: calls(THREADS)), loop(lambda: calls(1)))
        if [worker.pid for worker in host._present()] != workers:
            raise RuntimeError("workers were replaced")
        for whose, sizes in zip(("the host", "the workers"), zip(*resident, strict=True), strict=False):
            half = sizes[len(sizes) // 2 :]
            if max(half) - half[0] > GROWTH:
                grown = f"{max(half) - half[0]:,} bytes"
                raise RuntimeError(f"the memory of {whose} grew by {grown} over the second half")


def _run(host: PluginHost, work: list[PluginImage], arguments: str, threads: int) -> int:
    """Make the calls from so many threads; how many succeeded."""
    rest, lock, answered = iter(work), threading.Lock(), [0] * threads

    def take(number: int) -> None:
        while True:
            with lock:
                plugin = next(rest, None)
            if plugin is None:
                return
            answered[number] += host.call(plugin, "text-stats", arguments).success

    workers = [threading.Thread(target=take, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(answered)


def _resident(pid: int | str) -> int:
    """A process's resident memory in bytes; 0 where it cannot be known."""
    statm = Path(f"/proc/{pid}/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0


@contextmanager
def _process(folder: Path) -> Iterator[Race]:
    person = locked_project(folder, 1, 0)
    (name,) = (path.name for path in person.plugins.iterdir())
    yield Race(tarkpm(person, "call", name, "text-stats", '{"text":"one two"}'), bare_python(person))


@contextmanager
def _interpreter(folder: Path) -> Iterator[Race]:
    wasm = python_module()
    person = user(folder / "user")
    for name, module in (("small", WASM), ("interpreter", wasm)):
        plugin = person.plugin(person.cwd / "src" / name, name=name, wasm=module)
        tarkpm(person, "add", f"./{plugin.relative_to(person.cwd)}", "--accept-capabilities").run()
    yield Race(
        *(
            tarkpm(person, "call", name, "text-stats", '{"text":"one two"}')
            for name in ("interpreter", "small")
        )
    )


@contextmanager
def _rebuilt(folder: Path) -> Iterator[Race]:
    """A rebuilt Python plugin, called for the first time; its interpreter was compiled before."""
    wasm = python_module()
    person = user(folder / "user")
    sides = []
    for name, module in (("interpreter", wasm), ("small", WASM)):
        plugin = person.plugin(person.cwd / name, name=name, wasm=module)
        side = tarkpm(person, "call", f"./{name}", "text-stats", '{"text":"one two"}')
        side.run()
        sides.append(replace(side, before=partial(_build, plugin / "plugin.wasm", module, count())))
    yield Race(*sides)


def _build(file: Path, module: bytes, numbers: Iterator[int]) -> None:
    number = b"%04d" % next(numbers)
    file.write_bytes(module + b"\0\x0a\x05build" + number)  # a custom section


FIGURES = [
    Figure("call", "tarkpm call, a C plugin", "python3 -c pass", 15.0, 30, _process, 15),
    Figure(
        "call-python",
        "tarkpm call, an 18 MB Python plugin",
        "a C plugin",
        1.6,
        15,
        _interpreter,
        7,
        at_hand=lambda: guests.is_built_py("tool"),
    ),
    Figure(
        "rebuilt-python",
        "first call of a rebuilt Python plugin",
        "a rebuilt C plugin",
        4.0,
        7,
        _rebuilt,
        3,
        at_hand=lambda: guests.is_built_py("tool"),
    ),
    Figure("execute", f"{CALLS} warm calls, 1 KB", "wasmtime-py directly", 4.0, 20, _warm(KIB)),
    Figure("execute-large", f"{CALLS} warm calls, 100 KB", "wasmtime-py directly", 3.5, 10, _warm(100 * KIB)),
    Figure("threads", f"{PLUGINS} plugins x {CALLS}, {THREADS} threads", "one thread", 0.7, 3, _threads, 1),
]
