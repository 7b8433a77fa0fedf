"""The process that holds one plugin and has no authority of its own.

`frames` is the wire both sides share and imports next to nothing; `wit` knows the types of tark:plugin;
`confine` gives up what the process does not need; `guest` is the wasmtime half; `__main__` the loop.
The parent imports `frames` alone.
"""
