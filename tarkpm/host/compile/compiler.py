"""Compiling a module, in a process that does nothing else and can be killed.

The compiler reads a stranger's module: it gets a worker's confinement, a deadline and 2 GiB, and what it
hands back is trusted as far as that module's own worker.
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
"""What `worker.confine` allows."""


def compile_module(image: PluginImage, limits: Limits, start: Start, *, mapped: bool) -> bytearray:
    """The compiled code of a plugin that `check_image` found fitting, to be handed on in a descriptor or not.

    Raises `ModuleInvalid` for what does not compile, `LimitReached`, `PluginCrashed`.
    """
    return alone(image.name, limits, start, lambda talk, end: talk.compile(image.wasm, end, mapped=mapped))


def alone(where: str, limits: Limits, start: Start, talk: Callable[[Conversation, float], _T]) -> _T:
    """Run ``talk`` with a conversation and its deadline, in a process of its own.

    Raises `HostError` as `compile_module` does; ``where`` names the module.
    """
    process = start()
    ended = False
    try:
        return talk(Conversation(process, limits), until(limits.compile_seconds))
    except Reported as reported:
        error = _out_of_memory() if reported.fail.kind == "memory" else None
        error = error or failures.explained(reported.fail, limits)
    except TimeoutError:
        error = LimitReached(f"took longer than {limits.compile_seconds:g} s to compile")
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
    return LimitReached(f"took more than {size(MEMORY)} of memory to compile")
