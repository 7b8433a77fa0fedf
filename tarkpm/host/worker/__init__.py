"""The process that runs one plugin and has no authority of its own.

The parent imports `settings` (how wasmtime is configured), `legacy_abi.abi` and `forks` (the fork server),
all of which import next to nothing. `loop` carries out the parent's requests. `guest` is a plugin
that is a component, `legacy_abi` one that is a core module, and `plugin_instance` what both have in common.
`engine` loads code; `signatures`, `interfaces`, `wit` and `compound` read types; `ffi` makes calls; `schemas`
checks arguments; `watchdog` keeps time; `surface` and `wit_text` describe a module. `confine` and `sandbox`
give up what the process does not need.
"""
