"""Translation of plugin and worker failures into `HostError`s.

``where`` names the plugin, so the messages say "the plugin".
"""

from typing import Final

from tarkpm.core.text import neutral
from tarkpm.errors import HostError, LimitReached, ModuleInvalid, PluginCrashed, PluginFailed, PluginRaised
from tarkpm.host.ipc.decoding import ProtocolError
from tarkpm.host.ipc.frames import FrameError
from tarkpm.host.ipc.messages import Fail
from tarkpm.host.limits import Limits, size

MAX_DETAIL: Final = 500
SPARED: Final = frozenset(
    {"time", "stack", "output", "trap", "exit", "answer", "arguments", "schema", "absent"}
)
"""Kinds of failure after which the worker process can be used again.

"memory" and "worker" are not among them: the process itself may be damaged or out of memory.
"""
# Neither Rust nor Python has an exit status for this, so the text on standard error decides.
OUT_OF_MEMORY: Final = ("memory allocation of", "MemoryError", "cannot allocate memory")


def explained(fail: Fail, limits: Limits, said: str = "") -> HostError:
    """Return the error for a failure that a worker reported. The worker's own text is made printable.

    ``said`` is what the plugin wrote to standard error in this call.
    """
    if fail.kind == "trap" and said:
        # Here, because compiling its patterns takes 2 ms, which calls that work need not pay.
        from tarkpm.host.exceptions import raised

        if found := raised(said):
            return PluginRaised(found.summary, found.traceback, missing=found.missing)
    detail = neutral(fail.message, limit=MAX_DETAIL)
    kind, sentence = {
        "time": (LimitReached, f"the plugin ran longer than {limits.seconds:g} s"),
        "memory": (LimitReached, f"the plugin used more than {size(limits.memory)} of memory"),
        "stack": (LimitReached, f"the plugin used more than {size(limits.stack)} of stack"),
        "output": (LimitReached, f"the plugin passed more than {size(limits.output)} of text at once"),
        "invalid": (ModuleInvalid, f"the module cannot run: {detail}"),
        "trap": (PluginCrashed, f"the plugin trapped: {detail}"),
        "exit": (PluginFailed, f"the plugin exited with status {detail}"),
        "answer": (PluginFailed, f"the plugin returned a value that does not match its interface: {detail}"),
        "worker": (PluginCrashed, f"the plugin's worker failed: {detail}"),
        "arguments": (HostError, f"the tool's arguments are invalid: {detail}"),
        "schema": (PluginFailed, f"the plugin has a tool with an unusable schema: {detail}"),
        "absent": (HostError, f"the plugin does not export {detail}"),
        "unready": (PluginCrashed, "the plugin's worker could not check arguments"),
    }[fail.kind]
    return kind(sentence)


def too_long(function: str, limits: Limits) -> LimitReached:
    """Return the error for a missed deadline, while loading (``function`` is "") or in a call."""
    if not function:
        return LimitReached(f"the plugin took longer than {limits.load_seconds:g} s to load")
    return LimitReached(f"the plugin ran longer than {limits.seconds:g} s")


def nonsense(problem: ProtocolError | FrameError) -> PluginCrashed:
    """Return the error for a worker that broke the protocol."""
    return PluginCrashed(f"the plugin's worker sent {problem}")


def post_mortem(how: str, said: str, limits: Limits) -> HostError:
    """Return the error for a worker that ended instead of answering; ``said`` is its standard error."""
    if ran_out_of_memory(said):
        return explained(Fail("memory", ""), limits)
    last = said.strip().rpartition("\n")[2]
    return PluginCrashed(
        f"the plugin's worker {how}" + (f": {neutral(last, limit=MAX_DETAIL)}" if last else "")
    )


def ran_out_of_memory(said: str) -> bool:
    """Return whether a process's standard error says that it ran out of memory."""
    return any(sign in said for sign in OUT_OF_MEMORY)
