"""A worker that was taken over sends frames that are cheap to send and dear to read.

The parent's time and memory for one are compared with those of a call that is refused for a few bytes.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.sandbox import WASM

PRELUDE = """
import os, struct, sys, time
def send(kind, payload=b"{}", tail=b""):
    data = memoryview(struct.pack(">IBI", len(payload), kind, len(tail)) + payload + tail)
    while data: data = data[os.write(3, data[:1 << 16]):]
def exactly(n):
    while n: n -= len(os.read(3, min(n, 1 << 16)) or sys.exit(0))
def drain():
    length, _, tail = struct.unpack(">IBI", os.read(3, 9) or sys.exit(0))
    exactly(length + tail)
def fill(begin, item, end, size):
    count = (size - len(begin) - len(end)) // (len(item) + 1)
    return begin + (item + b",") * (count - 1) + item + end
MIB = 1 << 20
LOADED, HOST_CALL, RETURN, FAIL = 2, 3, 4, 5
send(1, b'{"version":3}'); drain(); drain(); send(LOADED); drain()
"""
RETURNS = 'send(RETURN, fill(b\'{"value":%s,"texts":[\', b"0", b"]}", %s))'
MANY = "the plugin's worker sent a message of more than 100,000 values"
LONG = "the plugin's worker sent a frame of kind %d with %s bytes, the limit is %s"

CASES = {
    "more lengths": (
        "execute",
        RETURNS % ("1", "2 * MIB"),
        LONG % (4, "2,097,151", "1,048,576"),
    ),
    "lengths": ("execute", RETURNS % ("1", "MIB"), MANY),
    "lengths of a list": ("get-tools", RETURNS % ("[]", "48 * MIB"), MANY),
    "lists": ("get-tools", 'send(RETURN, fill(b\'{"value":[\', b"[]", b"]}", 48 * MIB))', MANY),
    "objects": ("get-tools", 'send(RETURN, fill(b\'{"value":[\', b"{}", b"]}", 48 * MIB))', MANY),
    "texts": ("get-tools", "send(RETURN, fill(b'{\"value\":[', b'\"\"', b']}', 48 * MIB))", MANY),
    "keys": ("get-tools", "send(RETURN, fill(b'{\"value\":{', b'\"a\":1', b'}}', 48 * MIB))", MANY),
    "an open text": ("get-tools", "send(RETURN, b'{\"value\":\"' + b'\\\\a' * (24 * MIB - 9))",
                     "the plugin's worker sent an invalid Return"),
    "escapes": ("get-tools", "send(RETURN, b'{\"value\":\"' + b'\\\\\\\\,' * (15 * MIB) + b'\"}')",
                "the plugin's worker sent an invalid list"),
    "depth": ("get-tools", "send(RETURN, b'{\"value\":' + b'[' * 99_000)",
              "the plugin's worker sent an invalid Return"),
    "depth without end": ("get-tools", "send(RETURN, b'{\"value\":' + b'[' * 40 * MIB)", MANY),
    "a host call": (
        "execute",
        'send(HOST_CALL, fill(b\'{"interface":"shell","function":"run","args":[[\', b"[]", b"]]}", MIB))',
        MANY,
    ),
    "a long host call": (
        "execute",
        "send(HOST_CALL, b' ' * 2 * MIB)",
        LONG % (3, "2,097,152", "1,048,576"),
    ),
    "a tail": ("execute", "send(RETURN, b'{}', b'x' * 9 * MIB)",
               "the plugin's worker sent a frame of kind 4 with a tail of 9,437,184 bytes, the limit is 8,388,608"),
    "a failure": ("execute", "send(FAIL, b' ' * 20_000)", LONG % (5, "20,000", "16,384")),
    "a greeting": ("execute", "send(LOADED, b' ' * 300)", LONG % (2, "300", "256")),
}  # fmt: skip
SMALL = ("execute", "send(RETURN, b'{\"value\":1}')", "the plugin's worker sent an invalid ToolResult")

PARENT = """
import json, sys, time
from pathlib import Path
from tarkpm.core.capability import CapabilitySet
from tarkpm.errors import HostError
from tarkpm.host.worker_handle import Worker
from tarkpm.host.limits import Limits
from tarkpm.host.process import Process
from tarkpm.host.results import ToolResult, WireTool
from tarkpm.host.runtime import PluginImage

class Fake(Process):
    def __init__(self):
        super().__init__(["-I", "-c", sys.argv[2]])

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) << 10

image = PluginImage("hostile", "tool", Path(sys.argv[1]).read_bytes(), CapabilitySet(), Path(sys.argv[1]).parent)
worker = Worker(image, Limits(seconds=100), lambda line: None, start=lambda schemas=False: Fake())
shape = list[WireTool] if sys.argv[3] == "get-tools" else ToolResult
worker.load()
before, start = peak(), time.process_time()
try:
    worker.call(sys.argv[3], [], shape)
except HostError as problem:
    said = f"{type(problem).__name__}: {problem.message}"
print(json.dumps([said, time.process_time() - start, peak() - before]))
worker.close()
"""


@pytest.fixture(scope="module")
def cost(tmp_path_factory: pytest.TempPathFactory) -> "Cost":
    return Cost(tmp_path_factory.mktemp("cost"))


@pytest.fixture(scope="module")
def small(cost: "Cost") -> float:
    """Seconds for a call that is refused for a few bytes, the processes' start among them."""
    start = time.monotonic()
    assert cost.of(SMALL[0], SMALL[1])[0] == f"PluginCrashed: {SMALL[2]}"
    return time.monotonic() - start


class Cost:
    """What a frame costs the parent, a process of its own: (what it says, processor seconds, bytes)."""

    def __init__(self, folder: Path) -> None:
        self._wasm = folder / "plugin.wasm"
        self._wasm.write_bytes(WASM)

    def of(self, function: str, script: str) -> tuple[str, float, int]:
        command = [
            sys.executable,
            "-c",
            PARENT,
            str(self._wasm),
            PRELUDE + script + "\ntime.sleep(99)",
            function,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        said, seconds, size = json.loads(done.stdout)
        return said, seconds, size


@pytest.mark.skipif(sys.platform != "linux", reason="a process's peak memory is read from /proc")
@pytest.mark.parametrize("case", CASES)
def test_a_frame(case: str, cost: Cost, small: float) -> None:
    function, script, sentence = CASES[case]
    start = time.monotonic()
    said, seconds, size = cost.of(function, script)
    whole = time.monotonic() - start
    assert said == f"PluginCrashed: {sentence}"
    assert size < 4 * 48 << 20  # what the frame itself takes, and not what could be made of it
    assert seconds < 10 * small, (seconds, whole)
