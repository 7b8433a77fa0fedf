"""However much a project's plugins weigh together, a sync holds a few of them in memory at a time."""

from support.indexed import IndexedProject
from support.measured import MIB, run_measured
from support.sandbox import WASM

from tarkpm.core.lockfile import parse
from tarkpm.ops.staging import MEMORY

EACH = 16 * MIB
COUNT = 20


def heavy(number: int) -> bytes:
    """The component with a custom section that makes it `EACH` bytes long."""
    body = b"\x05heavy" + number.to_bytes(4, "big") + bytes(EACH - len(WASM) - 16)
    size = bytes(len(body) >> shift & 0x7F | (0x80 if shift < 28 else 0) for shift in range(0, 35, 7))
    return WASM + b"\0" + size + body


def test_a_sync_of_heavy_plugins(indexed: IndexedProject) -> None:
    sandbox, repo = indexed.sandbox, indexed.repo
    names = [f"{letter * 4}-heavy" for letter in "abcdefghijklmnopqrst"]
    for number, name in enumerate(names):
        repo.release(name, "1.0.0", repo.claim(name), wasm=heavy(number))
    repo.publish()
    indexed.use()
    sandbox.run("add", *names, "--accept-capabilities").ok()
    (sandbox.store / "blobs").rename(sandbox.root / "blobs")
    (sandbox.cwd / ".tark").rename(sandbox.root / "tark")
    run = run_measured(sandbox, "sync")
    assert run.status == 0, run
    entries = parse((sandbox.cwd / "tark.lock").read_bytes(), where="tark.lock").entries
    assert len(entries) == COUNT
    sandbox.run("verify").ok()
    # What is kept; what is on its way, twice as it is taken apart; what malloc does not give back; the program.
    assert run.peak < 4 * MEMORY + 48 * MIB < COUNT * EACH
