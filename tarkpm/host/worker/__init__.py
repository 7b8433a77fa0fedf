"""The process that holds one plugin and has no authority of its own.

`frames` is the wire both sides share and imports next to nothing, as do `settings`, which say how wasmtime
is configured, `older.abi`, and `forks`, the server that forks workers; the parent imports these four. `loop`
does what the parent says; `guest` is a plugin that is a component, `legacy_abi` one that is a core module, and
`held` what both are, with `engine` for its code, `signatures`, `interfaces`, `wit` and `compound` for its
types, `crossing` for calls, `schemas` for arguments and `watch` for its time; `surface` and `spelling` show
what a module is. `confine` and `sandbox` give up what the process does not need.
"""
