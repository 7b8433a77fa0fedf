"""Core modules of the older tark ABI, in the worker, behind the same gate as components.

`abi` is the ABI as data: names, signatures, sizes. `memory` reads and writes a guest's memory, `crossing`
calls into a guest and is called by it, `answers` is what `tark:storage` and its like answer, `wasi` what an
empty WASI does, `exports` the functions the parent asks for, made of the module's own, and `guest` the whole
plugin. `fitting` says what a compiled module has wrong.

What a plugin says is checked where it arrives. A pointer or a length is 32 bits, held against the memory as
it is at that moment, because it may have grown. What is written for a guest goes where the guest said, in
whole or not at all: this ABI has no capacities, so each import has a longest result instead. A buffer of
the host's comes from the guest's `alloc`, whose answer is checked like everything else it says. What a guest
does to its own memory is its own affair; nobody else's is within its reach.

docs/decisions/0050 has the signatures and where they are from.
"""
