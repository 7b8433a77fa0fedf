"""Compilation of modules, in a process that does nothing else and can be killed.

Compiling cannot be cancelled and its input is hostile. The process therefore has a worker's confinement, a
deadline and 2 GiB of memory, and its output runs only in a worker, with that module's own authority.
"""

from collections.abc import Callable
from typing import TypeVar

from tarkpm.errors import HostError, LimitReached
from tarkpm.host import failures
from tarkpm.host.image import PluginImage
from tarkpm.host.ipc import frames
from tarkpm.host.ipc.conversation import Conversation, Reported, until
from tarkpm.host.ipc.decoding import ProtocolError
from tarkpm.host.limits import MIB, Limits, size
from tarkpm.host.process import Start

_T = TypeVar("_T")

MEMORY = 2048 * MIB
"""The limit that `worker.confine` sets."""


def compile_module(image: PluginImage, limits: Limits, start: Start, *, mapped: bool) -> bytearray:
    """Return the compiled code of a plugin that passed `check_image`.

    ``mapped`` says that a memfd will hold the code. Raises `ModuleInvalid` for a module that does not
    compile, `LimitReached`, `PluginCrashed`.
    """
    return alone(image.name, limits, start, lambda talk, end: talk.compile(image.wasm, end, mapped=mapped))


def alone(where: str, limits: Limits, start: Start, talk: Callable[[Conversation, float], _T]) -> _T:
    """Start a process, return the result of ``talk`` with it, and end it.

    ``talk`` is called with the conversation and its deadline; ``where`` names the module in errors. Raises as
    `compile_module` does.
    """
    process = start()
    ended = False
    try:
        return talk(Conversation(process, limits), until(limits.compile_seconds))
    except Reported as reported:
        # "memory" would be explained by the guest's limit, but a compiler has another one.
        error = _out_of_memory() if reported.fail.kind == "memory" else None
        error = error or failures.explained(reported.fail, limits)
    except TimeoutError:
        error = LimitReached(f"the module took longer than {limits.compile_seconds:g} s to compile")
    except EOFError:
        ended = True
        how, said = process.kill()
        out = failures.ran_out_of_memory(said)
        error = _out_of_memory() if out else failures.post_mortem(how, said, limits)
    except (ProtocolError, frames.FrameError) as problem:
        error = failures.nonsense(problem)
    finally:
        if not ended:
            process.kill()
    error.where = where
    raise error


def _out_of_memory() -> HostError:
    return LimitReached(f"the module took more than {size(MEMORY)} of memory to compile")
