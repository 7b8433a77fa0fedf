"""The messages in the frames between the parent and a worker, as the parent reads and writes them.

A guest that escapes from wasmtime controls the worker, so every message of a worker is decoded into one of
these types or refused. The worker writes the same shapes with plain `json`, which saves an import of 11 ms.

``texts`` holds the lengths of the texts in the frame's tail (`ipc.frames`).
"""

from typing import Annotated, Any, Literal

import msgspec


class Load(msgspec.Struct):
    """Load a plugin, whose code follows. Sizes are in bytes.

    ``code`` is its form: the module in a BYTES frame ("wasm"), compiled code in a BYTES frame ("bytes"), or
    compiled code in a descriptor that is sent with the next byte ("descriptor"). The code of ``parts`` core
    modules follows in the same form.
    """

    type: str
    abi: Literal["component", "core"]
    memory: int
    stack: int
    output: int
    code: Literal["wasm", "bytes", "descriptor"]
    parts: int
    schemas: bool


class Compile(msgspec.Struct):
    """Compile a module, which follows in a BYTES frame; ``mapped`` says that its code will be in a memfd.

    ``target`` is the triple whose every processor must be able to run the code; "" for this one alone.
    """

    stack: int
    mapped: bool
    target: str = ""


class Probe(msgspec.Struct):
    """Confine the process and report what worked; there is no plugin."""


class Inspect(msgspec.Struct):
    """Report a module's imports and exports. ``code`` and ``parts`` are as in `Load`, but no part follows.

    ``core`` says that it is a core module.
    """

    stack: int
    code: Literal["wasm", "bytes", "descriptor"]
    parts: int
    core: bool


class Call(msgspec.Struct):
    """Call an exported function with WIT values as JSON; ``seconds`` is the guest's deadline."""

    function: str
    args: list[Any]
    seconds: float
    texts: list[int]


class HostResult(msgspec.Struct):
    """The gate's answer, as the JSON form of a WIT value."""

    value: Any
    texts: list[int]


class Hello(msgspec.Struct, forbid_unknown_fields=True):
    """The first message of a worker, with the version of the wire format."""

    version: int


class Loaded(msgspec.Struct, forbid_unknown_fields=True):
    """The confinement that worked: the version of the Landlock ABI (0: none), and seccomp."""

    landlock: int = 0
    seccomp: bool = False


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One import or export of a module. Types are in WIT syntax, by name where they have one.

    ``kind`` is "interface", "function", "type" and so on. A core module has one import of the kind "module"
    for each module it imports from. ``type`` is "" if ``members`` hold the types.
    """

    name: str
    kind: str
    type: str
    members: dict[str, str]
    types: dict[str, str]


class Inspected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A module's surface, and the reasons why it does not fit a plugin type, by type.

    All text is the module's claim.
    """

    imports: list[Item]
    exports: list[Item]
    unfit: dict[str, str]


class HostCall(msgspec.Struct, forbid_unknown_fields=True):
    """A host call. The gate decodes ``args``, because it knows the function's parameters."""

    interface: str
    function: str
    args: msgspec.Raw
    texts: list[int] = []


class Return(msgspec.Struct, forbid_unknown_fields=True):
    """The result of a call. The caller decodes ``value``, because it knows its type."""

    value: msgspec.Raw
    texts: list[int] = []


class Printed(msgspec.Struct, forbid_unknown_fields=True):
    """Text that the guest wrote to a standard stream, and how many bytes were dropped before it."""

    stream: Literal["stdout", "stderr"]
    text: str
    dropped: Annotated[int, msgspec.Meta(ge=0)] = 0


class Fail(msgspec.Struct, forbid_unknown_fields=True):
    """The reason why a request has no result, as the worker reports it."""

    kind: Literal[
        "invalid", "time", "memory", "stack", "output", "trap", "exit", "answer", "worker",
        "arguments", "schema", "unready", "absent",
    ]  # fmt: skip
    message: str
