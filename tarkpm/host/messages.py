"""What the frames between parent and worker hold, as the parent reads and writes them.

The worker's half is the guest's last line of defence but one: every value it sends is decoded into one of
these or refused. It writes the same shapes with plain `json`, which spares it an import of 11 ms.
"""

from typing import Any, Literal

import msgspec


class Load(msgspec.Struct):
    """Followed by the module itself in a BYTES frame. Sizes in bytes."""

    type: str
    memory: int
    stack: int
    output: int


class Call(msgspec.Struct):
    """Call an exported function; ``seconds`` is what the guest may take."""

    function: str
    args: list[str]
    seconds: float


class HostResult(msgspec.Struct):
    """What the gate answered, as the WIT's JSON value."""

    value: Any


class Hello(msgspec.Struct, forbid_unknown_fields=True):
    version: int


class Loaded(msgspec.Struct, forbid_unknown_fields=True):
    pass


class HostCall(msgspec.Struct, forbid_unknown_fields=True):
    """``args`` is decoded by the gate, which knows the function's parameters."""

    interface: str
    function: str
    args: msgspec.Raw


class Return(msgspec.Struct, forbid_unknown_fields=True):
    """``value`` is decoded by who made the call and knows its type."""

    value: msgspec.Raw


class Fail(msgspec.Struct, forbid_unknown_fields=True):
    """Why a LOAD or CALL has no result, as the worker saw it."""

    kind: Literal["invalid", "time", "memory", "stack", "output", "trap", "exit", "answer", "worker"]
    message: str
