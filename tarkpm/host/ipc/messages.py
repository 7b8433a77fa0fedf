"""The messages between parent and worker, as the parent reads and writes them.

The worker's half is the guest's last line of defence but one: every value it sends is decoded into one of
these or refused. It writes the same shapes with plain `json`, which spares it an import of 11 ms.

``texts`` has the lengths of the texts in the frame's tail (`worker.frames`).
"""

from typing import Any, Literal

import msgspec


class Load(msgspec.Struct):
    """A plugin of this type follows. Sizes in bytes.

    ``code`` says how: the module in a BYTES frame, compiled code in one, or compiled code in a descriptor
    that comes with the next byte.
    """

    type: str
    abi: Literal["component", "core"]
    memory: int
    stack: int
    output: int
    code: Literal["wasm", "bytes", "descriptor"]
    schemas: bool


class Compile(msgspec.Struct):
    """A module follows in a BYTES frame; its code will be ``mapped`` out of a descriptor, or not."""

    stack: int
    mapped: bool


class Probe(msgspec.Struct):
    pass


class Inspect(msgspec.Struct):
    """Say what a module imports and exports. ``code`` is as in `Load`; ``core``: it is a core module."""

    stack: int
    code: Literal["wasm", "bytes", "descriptor"]
    core: bool


class Call(msgspec.Struct):
    """Call an exported function with WIT values as JSON; ``seconds`` is what the guest may take."""

    function: str
    args: list[Any]
    seconds: float
    texts: list[int]


class HostResult(msgspec.Struct):
    """What the gate answered, as the WIT's JSON value."""

    value: Any
    texts: list[int]


class Hello(msgspec.Struct, forbid_unknown_fields=True):
    version: int


class Loaded(msgspec.Struct, forbid_unknown_fields=True):
    """What the worker gave up: Landlock by this version of its interface (0: none), seccomp."""

    landlock: int = 0
    seccomp: bool = False


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One import or export of a module. Types are text as the WIT has them, by name where they have names.

    ``kind`` is "interface", "function", "type", …; a core module's imports are of the kind "module", one for
    each module it imports from. ``type`` is "" where the members say it.
    """

    name: str
    kind: str
    type: str
    members: dict[str, str]
    types: dict[str, str]


class Inspected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A module's surface, and why it is no plugin of a type, by type. All of it is the module's claim."""

    imports: list[Item]
    exports: list[Item]
    unfit: dict[str, str]


class HostCall(msgspec.Struct, forbid_unknown_fields=True):
    """``args`` is decoded by the gate, which knows the function's parameters."""

    interface: str
    function: str
    args: msgspec.Raw
    texts: list[int] = []


class Return(msgspec.Struct, forbid_unknown_fields=True):
    """``value`` is decoded by who made the call and knows its type."""

    value: msgspec.Raw
    texts: list[int] = []


class Fail(msgspec.Struct, forbid_unknown_fields=True):
    """Why a LOAD or CALL has no result, as the worker saw it."""

    kind: Literal[
        "invalid", "time", "memory", "stack", "output", "trap", "exit", "answer", "worker",
        "arguments", "schema", "unready", "absent",
    ]  # fmt: skip
    message: str
