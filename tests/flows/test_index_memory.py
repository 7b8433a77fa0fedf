"""However much a project's plugins weigh together, a sync holds a few of them in memory at a time."""

import tracemalloc

import pytest
from support.indexed import IndexedProject
from support.sandbox import WASM

from tarkpm.core.lockfile import parse
from tarkpm.ops.release.fetch import MEMORY

MIB = 1 << 20
EACH = 16 * MIB
NAMES = [f"{letter * 4}-heavy" for letter in "abcdefghijklmn"]


def heavy(number: int) -> bytes:
    """The component with a custom section that makes it `EACH` bytes long."""
    body = b"\x05heavy" + number.to_bytes(4, "big") + bytes(EACH - len(WASM) - 16)
    size = bytes(len(body) >> shift & 0x7F | (0x80 if shift < 28 else 0) for shift in range(0, 35, 7))
    return WASM + b"\0" + size + body


@pytest.mark.slow  # fourteen plugins of 16 MiB
def test_a_sync_of_heavy_plugins(indexed: IndexedProject) -> None:
    sandbox, repo = indexed.sandbox, indexed.repo
    for number, name in enumerate(NAMES):
        repo.release(name, "1.0.0", repo.claim(name), wasm=heavy(number))
    repo.publish()
    sandbox.run("index", "add", "community", "../index", "--root", repo.root_digest).ok()
    sandbox.run("add", *NAMES, "--accept-capabilities").ok()
    (sandbox.store / "blobs").rename(sandbox.root / "blobs")
    (sandbox.cwd / ".tark").rename(sandbox.root / "tark")
    tracemalloc.start()
    try:
        sandbox.run("sync").ok()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(parse((sandbox.cwd / "tark.lock").read_bytes(), where="tark.lock").entries) == len(NAMES)
    sandbox.run("verify").ok()
    assert peak < 3 * MEMORY < len(NAMES) * EACH, peak
