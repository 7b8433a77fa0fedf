"""The configuration of wasmtime. Compiled code depends on it, so the parent knows it too."""

from typing import Final

ENGINE: Final = {
    "epoch_interruption": True,
    "wasm_threads": False,  # shared memories escape the limits
    "memory_init_cow": True,  # of code that is mapped; see `engine.make_engine`
}
BIG_MODULE: Final = 1 << 20
"""From here on compiling on several threads saves more than starting them costs."""
