"""The configuration of wasmtime. The parent reads it too, as part of the target of compiled code."""

from typing import Final

ENGINE: Final = {
    "epoch_interruption": True,  # the deadline: costs less than fuel (1.2 to 1.3 times, not 1.4 to 1.5)
    "wasm_threads": False,  # shared memories are not covered by the store's limits
    "memory_init_cow": True,  # only for mapped code; see `engine.make_engine`
}
OUTLINING: Final = "tark-outlined"
"""The name of an outlined component's imports, before their numbers (`module.outline`)."""


def part_name(number: int) -> str:
    """Return the name under which an outlined component imports its part of this number."""
    return f"{OUTLINING}-{number}"


BIG_MODULE: Final = 1 << 20
"""Bytes. For larger modules, compiling with several threads saves more than starting the threads costs."""
