"""A relay on loopback that makes a server far away, and counts what passes.

Every byte comes half a round trip late, in order and without a limit on how much is on its way; a new
connection takes a whole round trip, as TCP's handshake does. No privileges are needed, unlike for `tc`.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.child import Child, child

CHUNK = 1 << 16


@dataclass
class Relay:
    """A running relay: its address, and how many bytes passed since it was asked before."""

    base: str
    child: Child

    def passed(self) -> int:
        """Bytes in both directions since the last call."""
        return int(self.child.ask())


@contextmanager
def relay(base: str, seconds: float = 0.0) -> Iterator[Relay]:
    """A relay to the server at ``base``, so many seconds of round trip away."""
    with child("relay", str(urlsplit(base).port), str(seconds)) as process:
        yield Relay(f"http://127.0.0.1:{process.said}", process)


class _Far:
    def __init__(self, port: int, seconds: float) -> None:
        self._port, self._seconds = port, seconds
        self.passed = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._seconds)
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        with contextlib.suppress(OSError, asyncio.CancelledError):  # the latter at the end of the race
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        for end in (writer, back):
            end.close()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            data = b"x"
            while data:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                target.write(data)
                await target.drain()
            target.write_eof()

        delivery = asyncio.ensure_future(deliver())
        data = b"x"
        while data:
            data = await source.read(CHUNK)
            self.passed += len(data)
            await queue.put((loop.time() + self._seconds / 2, data))
        await delivery


async def _main(port: int, seconds: float) -> None:
    far = _Far(port, seconds)
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(far.passed, flush=True)
        far.passed = 0


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2])))
