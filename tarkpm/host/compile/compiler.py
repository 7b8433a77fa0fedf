"""Compilation of modules, in a process that does nothing else and can be killed.

Compiling cannot be cancelled and its input is hostile. The process therefore has a worker's confinement, a
deadline and 2 GiB of memory, and its output runs only in a worker, with that module's own authority.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from tarkpm.errors import HostError, LimitReached
from tarkpm.host import failures
from tarkpm.host.image import PluginImage
from tarkpm.host.ipc import frames
from tarkpm.host.ipc.conversation import Conversation, Reported, until
from tarkpm.host.ipc.decoding import ProtocolError
from tarkpm.host.limits import MIB, Limits, size
from tarkpm.host.process import AnyProcess, Start

_T = TypeVar("_T")

MEMORY = 2048 * MIB
"""The limit that `worker.confine` sets."""


def compile_module(
    image: PluginImage, limits: Limits, start: Start, *, mapped: bool, target: str = ""
) -> bytearray:
    """Return the compiled code of a plugin that passed `check_image`.

    ``mapped`` says that a memfd will hold the code; ``target`` is as in `messages.Compile`. Raises
    `ModuleInvalid` for a module that does not compile, `LimitReached`, `PluginCrashed`.
    """

    def talk(conversation: Conversation, end: float) -> bytearray:
        return conversation.compile(image.wasm, end, mapped=mapped, target=target)

    return alone(image.name, limits, start, talk)


def compile_all(
    images: Sequence[PluginImage], limits: Limits, start: Start, *, mapped: bool, target: str = ""
) -> list[bytearray]:
    """Return the compiled code of each image, compiled at the same time. Raises as `compile_module` does."""
    if len(images) == 1:
        return [compile_module(images[0], limits, start, mapped=mapped, target=target)]
    # Here, because only what is big is outlined, and then compiled once.
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    started: list[AnyProcess] = []
    is_over = threading.Event()

    def noted(*, schemas: bool = False) -> AnyProcess:
        process = start(schemas=schemas)
        started.append(process)
        if is_over.is_set():  # one failed while this one was being started
            process.hang_up()
        return process

    with ThreadPoolExecutor(len(images)) as threads:
        work = [
            threads.submit(compile_module, image, limits, noted, mapped=mapped, target=target)
            for image in images
        ]
        try:
            for one in wait(work, return_when=FIRST_EXCEPTION).done:
                one.result()
            return [one.result() for one in work]
        except BaseException:  # one cannot be compiled, or Ctrl-C: the others need not be waited for
            is_over.set()
            for one in work:
                one.cancel()
            for process in started:
                process.hang_up()
            raise


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
