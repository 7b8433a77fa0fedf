"""How wasmtime is configured: part of what compiled code is made for, so the parent knows it too."""

from typing import Final

ENGINE: Final = {
    "epoch_interruption": True,
    "wasm_threads": False,  # shared memories escape the limits
    "memory_init_cow": False,  # it keeps each memory's beginning in a memfd, and writing is limited to 0
}
BIG_MODULE: Final = 1 << 20
"""From here on compiling on several threads saves more than starting them costs."""
