"""Core modules of the older tark ABI, in the worker, behind the same gate as components.

`abi` is the ABI as data: names, signatures, sizes. `memory` reads and writes a guest's memory; `ffi` makes
calls in both directions; `answers` implements `tark:storage` and the other host functions; `wasi` implements
an empty WASI; `exports` implements the parent's calls with the module's exports; `guest` is the plugin;
`fitting` checks a compiled module.

All data from a plugin is checked where it arrives. Pointers and lengths have 32 bits and are checked against
the current size of the memory, which may have grown. Results are written at the guest's pointer, completely
or not at all. The ABI gives no capacity for them, so each import has a maximum length instead. The host's
buffers come from the guest's `alloc`, whose results are checked too. A guest can damage only its own memory.

docs/decisions/0050 has the signatures and their sources.
"""
