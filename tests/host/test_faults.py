"""A host that lives through everything at once: many plugins, many threads, a fault in every other call."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable

import pytest
from support.examples import many

from tarkpm.errors import HostError, LimitReached, PluginCrashed
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage

from .test_lifetime import children, descriptors, nothing_more

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ImageOf = Callable[..., PluginImage]

CALLS = many(200)
"""benchmarks/ has a thousand."""
FAULTS: dict[str, tuple[type[HostError], str]] = {
    "spin": (LimitReached, "the plugin ran longer than 1 s"),
    "trap": (PluginCrashed, "the plugin trapped: wasm `unreachable` instruction executed"),
    "grow": (LimitReached, "the plugin used more than 64 MiB of memory"),
    "bad-utf8": (PluginCrashed, "the plugin trapped: invalid utf-8 sequence of 1 bytes from index 0"),
    "recurse": (LimitReached, "the plugin used more than 1 MiB of stack"),
    "bad-pointer": (PluginCrashed, "the plugin trapped: string pointer/length out of bounds of memory"),
}
CHEAP = FAULTS.keys() - {"spin"}
"""Those that do not wait for a deadline come twice as often."""


class Chaos:
    """Calls of several plugins, one after another, each with a fault of its own."""

    def __init__(self, host: PluginHost, images: list[PluginImage], seed: int) -> None:
        self.host, self.images = host, images
        self.random = random.Random(seed)
        self.wrong: list[str] = []

    def run(self, calls: int) -> None:
        for number in range(calls):
            image = self.random.choice(self.images)
            fault = self.random.choice([*FAULTS, *CHEAP, *2 * ["none", "none", "killed", "unloaded"]])
            said = self._call(image, fault, str(number))
            if said not in self._right(fault, str(number)):
                self.wrong.append(f"{fault}: {said}")

    def _call(self, image: PluginImage, fault: str, text: str) -> str:
        worker = self.host._workers.get(image.name)
        if fault == "killed" and worker is not None and worker.pid is not None:
            os.kill(worker.pid, signal.SIGKILL)
        if fault == "unloaded":
            self.host.unload(image.name)
        tool = fault if fault in FAULTS else "echo"
        try:
            return self.host.call(image, tool, text).output
        except HostError as problem:
            return f"{type(problem).__name__} {problem.message}"

    def _right(self, fault: str, text: str) -> set[str]:
        if fault in FAULTS:
            return {f"{FAULTS[fault][0].__name__} {FAULTS[fault][1]}"}
        # a process may die before the call or in it, which is told
        return (
            {text, "PluginCrashed the plugin's worker was killed by SIGKILL"} if fault == "killed" else {text}
        )


@pytest.mark.parametrize("long_lived", [False, True], ids=["started", "forked"])
def test_every_outcome_is_right_and_nothing_is_left(
    image_of: ImageOf, hostile: PluginImage, long_lived: bool
) -> None:
    before = children(), descriptors()
    limits = Limits(seconds=1, memory=64 << 20)
    with PluginHost(limits, long_lived=long_lived) as host:
        # every thread has plugins of its own, so that none is killed under another's call
        parts = [
            Chaos(host, [image_of(hostile.wasm, name=f"p{thread}-{n}") for n in range(3)], thread)
            for thread in range(2)
        ]
        threads = [threading.Thread(target=part.run, args=(CALLS // 4,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [part.wrong for part in parts] == [[], []]
        assert host.call(hostile, "echo", "on").output == "on"
    deadline = time.monotonic() + 10
    while not nothing_more(before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert nothing_more(before)
