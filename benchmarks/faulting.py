"""A thousand calls, each with a fault of its own: every outcome must be right, and nothing may be left.

What is measured is beside the point and has no bound; a wrong outcome, or a process that is left, ends the
measurement with an error.
"""

import json
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import wat

from benchmarks.calling import image, loop
from benchmarks.figure import Figure, Race
from tarkpm.errors import HostError
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage

CALLS = 1_000
LIMITS = Limits(seconds=0.3, memory=64 << 20)
SAID = {
    "spin": "ran longer than 0.3 s",
    "trap": "trapped: wasm `unreachable` instruction executed",
    "grow": "used more than 64 MiB of memory",
    "bad-utf8": "trapped: invalid utf-8 sequence of 1 bytes from index 0",
    "recurse": "used more than 1 MiB of stack",
    "bad-pointer": "trapped: string pointer/length out of bounds of memory",
    "killed": "its worker was killed by SIGKILL",
}
ARGUMENTS = json.dumps({"text": "x"})


def _call(host: PluginHost, plugin: PluginImage, fault: str) -> str:
    """The tool's output, or what was said instead."""
    if fault == "killed":
        pid = host._workers[plugin.name].pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
    try:
        return host.call(plugin, fault if fault != "killed" else "echo", ARGUMENTS).output
    except HostError as problem:
        return problem.message


@contextmanager
def _faults(folder: Path) -> Iterator[Race]:
    plugins = [image(f"p{number}", wat.hostile_tool(), folder) for number in range(5)]
    chance = random.Random(0)
    with PluginHost(LIMITS, long_lived=True) as host:
        host.load_all(plugins)

        def faulty() -> None:
            for _ in range(CALLS):
                fault = chance.choice(list(SAID))
                said = _call(host, chance.choice(plugins), fault)
                # one that is killed before the call is noticed and replaced, or is not, and that is said
                if said != SAID[fault] and not (fault == "killed" and said == ARGUMENTS):
                    raise RuntimeError(f"{fault}: expected {SAID[fault]!r}, found {said!r}")

        def good() -> None:
            for _ in range(CALLS):
                if host.call(chance.choice(plugins), "echo", ARGUMENTS).output != ARGUMENTS:
                    raise RuntimeError("the host no longer serves")

        yield Race(loop(faulty), loop(good))
    if left := _children():
        raise RuntimeError(f"processes are left: {left}")


def _children() -> str:
    tasks = Path("/proc/self/task")
    return "".join((task / "children").read_text() for task in tasks.iterdir()) if tasks.exists() else ""


FIGURES = [
    Figure("faults", f"{CALLS:,} calls, a fault in each", "without a fault", float("inf"), 1, _faults, 1)
]
