"""Standard input and output as the SDK's streams, without a thread for each line.

The SDK's own `stdio_server` reads and writes through threads: three hops for each call, a third of its time.
Here the event loop reads a pipe or socket itself. A terminal or file is left to the SDK, because the loop
cannot wait for a file, and a terminal that does not block would break the shell that shares it.
"""

import os
import select
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from tarkpm.agent.malformed import answer

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one message. The host takes 1 MiB of arguments, which JSON can make several times as long."""
CHUNK = 64 * 1024
ATOMIC = select.PIPE_BUF
"""Bytes that a pipe which is ready takes without blocking (POSIX, write)."""


@asynccontextmanager
async def standard_streams() -> AsyncIterator[tuple[Any, Any]]:
    """Yield the stream to read messages from, and the one to write them to.

    Meanwhile descriptor 0 is empty and 1 is standard error, so that nothing else takes part in the protocol.
    """
    if not all(map(_can_be_waited_for, (0, 1))):
        async with stdio_server() as streams:
            yield streams
        return
    read, write = _claimed(0, os.open(os.devnull, os.O_RDONLY)), _claimed(1, os.dup(2))
    to_server, incoming = anyio.create_memory_object_stream[SessionMessage](0)
    outgoing, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as group:
        group.start_soon(_read, read, to_server, outgoing.clone())
        group.start_soon(_write, write, from_server)
        yield incoming, outgoing


def _can_be_waited_for(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _claimed(descriptor: int, other: int) -> int:
    """Return a copy of a descriptor, which then stands for ``other``."""
    copy = os.dup(descriptor)
    os.dup2(other, descriptor)
    os.close(other)
    return copy


async def _read(
    descriptor: int,
    messages: MemoryObjectSendStream[SessionMessage],
    answers: MemoryObjectSendStream[SessionMessage],
) -> None:
    """Pass on the messages, a line each, until the end of input, and answer what is no message."""
    buffer = bytearray()
    async with messages, answers:
        while True:
            await anyio.wait_readable(descriptor)
            data = os.read(descriptor, CHUNK)
            if not data:
                return
            buffer += data
            *lines, rest = buffer.split(b"\n") if b"\n" in data else (buffer,)
            buffer = bytearray(rest)
            for line in lines:
                await _pass_on(bytes(line), messages, answers)
            if len(buffer) > MAX_LINE:
                # The rest of the line cannot be skipped safely: what follows it could be taken for a message.
                sys.stderr.write(f"error: a message has more than {MAX_LINE:,} bytes\n")
                return


async def _pass_on(
    line: bytes,
    messages: MemoryObjectSendStream[SessionMessage],
    answers: MemoryObjectSendStream[SessionMessage],
) -> None:
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:  # pydantic's ValidationError is one
        if error := answer(line):
            await answers.send(error)
        return
    await messages.send(SessionMessage(message))


async def _write(descriptor: int, messages: MemoryObjectReceiveStream[SessionMessage]) -> None:
    async with messages:
        async for message in messages:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            data = text.encode("utf-8", "backslashreplace") + b"\n"
            if len(data) <= ATOMIC and select.select((), (descriptor,), (), 0)[1]:
                os.write(descriptor, data)
            else:
                # A client that does not read blocks its thread, and not the event loop.
                await anyio.to_thread.run_sync(_write_all, descriptor, data, abandon_on_cancel=True)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
