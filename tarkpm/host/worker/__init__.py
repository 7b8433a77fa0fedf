"""The process that runs one plugin and has no authority of its own.

The parent imports only `settings` (the configuration of wasmtime), `legacy_abi.abi` and `forks` (the fork
server), none of which imports wasmtime. `loop` serves the parent's requests. `guest` runs components,
`legacy_abi` runs core modules, and `plugin_instance` is their common base. `engine` loads code; `interfaces`,
`wit` and `compound` hold the types; `signatures` checks a component's, with the comparison of
`host.module.tark_types`; `ffi` makes calls; `stdio` keeps output;
`schemas` checks arguments; `watchdog` enforces deadlines;
`surface` and `wit_text` describe a module. `confine` and `sandbox` give up what the process does not need.
"""
