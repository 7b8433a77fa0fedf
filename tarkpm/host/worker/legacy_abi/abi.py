"""The older tark ABI as data. Imports nothing, because the parent reads it, too."""

from collections.abc import Mapping
from typing import Final

Signature = tuple[str, str]
"""Parameters and result of a core function: ``i`` is i32, ``I`` i64; no result is an empty text."""

IMPORTS: Final[Mapping[str, Mapping[str, str]]] = {
    "storage": {"get": "sr", "set": "ss", "delete": "s"},
    "http": {"get": "shr", "post": "sshr"},
    "env": {"get": "sr"},
    "log": dict.fromkeys(("debug", "info", "warn", "error"), "s"),
    "fs": {"read": "sr"},
    "ws": {"connect": "shr", "send": "wsr", "recv": "wttr", "close": "wr"},
}
"""What tark serves, by the module's name without ``tark:``, each with its parameters.

``s`` is a text, as pointer and length; ``h`` a text that is JSON ``[[name, value], …]``; ``w`` a handle of 64
bits; ``t`` another number of 64 bits; ``r`` the pointer a result is written to.
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
"""What Rust's and wasi-libc's standard libraries import without being asked for anything of the sort."""

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
"""What a plugin may export, beside its ``memory``."""
MEMORY: Final = "memory"

NEEDED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "auth": (("status", "provider_auth_status"), ("get_token", "provider_auth_credentials")),
    "provider": (("provider_info",), ("provider_chat", "provider_auth_credentials")),
    "channel": (("channel_info",), ("channel_start",), ("channel_stop",), ("channel_send",)),
}
"""What a plugin of each type must export, one of each group, beside `memory` and `alloc`."""

BAD, DENIED, UNREADABLE = -1, -2, -3
"""What an import answers instead of a length."""

MAX_RESULT: Final = 128 << 10
"""The longest result of an import, in bytes: published plugins have buffers of at least this."""
MAX_ENV: Final = 256
"""The same of `env.get`: their buffers for it are of 256 and 512 bytes."""

SHORT, LONG = 8 << 10, 64 << 10
"""The buffers a plugin is given for what it answers, in bytes, as tark has them."""


def import_signature(function: str, parameters: str) -> Signature:
    """The core signature of an import of `IMPORTS`; only logging has no result."""
    cores = {"s": "ii", "h": "ii", "w": "I", "t": "I", "r": "i"}
    result = "" if function in IMPORTS["log"] else "i"
    return "".join(cores[parameter] for parameter in parameters), result


def spelled(signature: Signature) -> str:
    """A signature as people write it: ``(i32, i64) -> i32``."""
    names = {"i": "i32", "I": "i64"}
    params, result = signature
    return f"({', '.join(names[p] for p in params)})" + (f" -> {names[result]}" if result else "")


def known_imports() -> dict[tuple[str, str], Signature]:
    """Every function that can be imported, by module and name."""
    found = {(WASI_MODULE, name): signature for name, signature in WASI.items()}
    for module, functions in IMPORTS.items():
        for name, parameters in functions.items():
            found[MODULE + module, name] = import_signature(name, parameters)
    return found


def is_core(wasm: bytes) -> bool:
    """Return whether a binary is a core module; the core specification, 5.5.16."""
    return wasm[:8] == b"\0asm\x01\0\0\0"
