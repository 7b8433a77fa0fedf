"""The older tark ABI as data. The parent reads it too, so it does not import wasmtime."""

from collections.abc import Mapping
from typing import Final

Signature = tuple[str, str]
"""Parameters and result of a core function: ``i`` is i32, ``I`` is i64, "" is no result."""

IMPORTS: Final[Mapping[str, Mapping[str, str]]] = {
    "storage": {"get": "sr", "set": "ss", "delete": "s"},
    "http": {"get": "shr", "post": "sshr"},
    "env": {"get": "sr"},
    "log": dict.fromkeys(("debug", "info", "warn", "error"), "s"),
    "fs": {"read": "sr"},
    "ws": {"connect": "shr", "send": "wsr", "recv": "wttr", "close": "wr"},
}
"""The parameters of the functions that tark provides, by the module's name without ``tark:``.

``s`` is a text, as pointer and length; ``h`` is a text that is JSON ``[[name, value], …]``; ``w`` is a 64-bit
handle; ``t`` is another 64-bit number; ``r`` is the pointer to which the result is written. The ABI gives no
capacity for results, so their length is limited here.
"""
MODULE: Final = "tark:"

WASI_MODULE: Final = "wasi_snapshot_preview1"
WASI: Final[Mapping[str, Signature]] = {
    "args_get": ("ii", "i"),
    "args_sizes_get": ("ii", "i"),
    "clock_res_get": ("ii", "i"),
    "clock_time_get": ("iIi", "i"),
    "environ_get": ("ii", "i"),
    "environ_sizes_get": ("ii", "i"),
    "fd_close": ("i", "i"),
    "fd_fdstat_get": ("ii", "i"),
    "fd_prestat_dir_name": ("iii", "i"),
    "fd_prestat_get": ("ii", "i"),
    "fd_seek": ("iIii", "i"),
    "fd_write": ("iiii", "i"),
    "proc_exit": ("i", ""),
    "random_get": ("ii", "i"),
    "sched_yield": ("", "i"),
}
"""WASI functions that the standard libraries of Rust and wasi-libc import even if a plugin uses none."""

EXPORTS: Final[Mapping[str, Signature]] = {
    "alloc": ("i", "i"),
    "dealloc": ("ii", ""),
    "_initialize": ("", ""),
    "display_name": ("i", "i"),
    "status": ("", "i"),
    "get_token": ("i", "i"),
    "get_endpoint": ("i", "i"),
    "logout": ("", "i"),
    "init_with_credentials": ("ii", "i"),
    "auth_process_tokens": ("iii", "i"),
    "provider_info": ("i", "i"),
    "provider_models": ("i", "i"),
    "provider_auth_status": ("", "i"),
    "provider_auth_init": ("ii", "i"),
    "provider_auth_logout": ("", "i"),
    "provider_auth_credentials": ("i", "i"),
    "provider_chat": ("iiiii", "i"),
    "channel_info": ("i", "i"),
    "channel_start": ("", "i"),
    "channel_stop": ("", "i"),
    "channel_auth_status": ("", "i"),
    "channel_auth_init": ("ii", "i"),
    "channel_auth_logout": ("", "i"),
    "channel_poll": ("i", "i"),
    "channel_send": ("iii", "i"),
    "channel_handle_webhook": ("iii", "i"),
    "channel_handle_gateway_event": ("iii", "i"),
    "channel_widget_state": ("i", "i"),
}
"""The functions that a plugin may export, in addition to its ``memory``."""
MEMORY: Final = "memory"

NEEDED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "auth": (("status", "provider_auth_status"), ("get_token", "provider_auth_credentials")),
    "provider": (("provider_info",), ("provider_chat", "provider_auth_credentials")),
    "channel": (("channel_info",), ("channel_start",), ("channel_stop",), ("channel_send",)),
}
"""The exports a plugin of each type needs, one of each group, in addition to `memory` and `alloc`."""

BAD, DENIED, UNREADABLE = -1, -2, -3
"""Results of an import in place of a length: bad argument, denied, cannot be read."""

MAX_RESULT: Final = 128 << 10
"""Maximum result of an import, in bytes. Published plugins have buffers of at least this size."""
MAX_ENV: Final = 256
"""Maximum result of `env.get`: their buffers have 256 or 512 bytes, and a longer value would overrun them."""

SHORT, LONG = 8 << 10, 64 << 10
"""Sizes of the buffers for a plugin's results, in bytes, as in tark."""


def import_signature(function: str, parameters: str) -> Signature:
    """Return the core signature of a function of `IMPORTS`. Only log functions have no result."""
    cores = {"s": "ii", "h": "ii", "w": "I", "t": "I", "r": "i"}
    result = "" if function in IMPORTS["log"] else "i"
    return "".join(cores[parameter] for parameter in parameters), result


def spelled(signature: Signature) -> str:
    """Return a signature as text: ``(i32, i64) -> i32``."""
    names = {"i": "i32", "I": "i64"}
    params, result = signature
    return f"({', '.join(names[p] for p in params)})" + (f" -> {names[result]}" if result else "")


def known_imports() -> dict[tuple[str, str], Signature]:
    """Return all functions that can be imported, by module and name."""
    found = {(WASI_MODULE, name): signature for name, signature in WASI.items()}
    for module, functions in IMPORTS.items():
        for name, parameters in functions.items():
            found[MODULE + module, name] = import_signature(name, parameters)
    return found


def is_core(wasm: bytes) -> bool:
    """Return whether a binary is a core module (core specification, 5.5.16)."""
    return wasm[:8] == b"\0asm\x01\0\0\0"
