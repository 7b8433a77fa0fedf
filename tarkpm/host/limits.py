"""Limits of what one plugin may use."""

import msgspec

KIB = 1 << 10
MIB = 1 << 20


class Limits(msgspec.Struct, frozen=True):
    """Limits of one plugin, most of them for one call. Sizes are bytes of UTF-8, times are seconds."""

    seconds: float = 30.0
    """Wall clock for one `Host.call` or `Host.tools`, host calls included, loading not."""
    load_seconds: float = 60.0
    """Wall clock for starting a worker and having its code ready, compiling apart."""
    compile_seconds: float = 120.0
    """Wall clock for compiling one module, in a process of its own."""
    memory: int = 256 * MIB
    """Each of a guest's memories, and about what all of them may use together."""
    stack: int = 1 * MIB
    arguments: int = 1 * MIB
    output: int = 8 * MIB
    """All text of one answer; also all text of the arguments of one host call."""
    host_calls: int = 20_000
    log_messages: int = 1_000
    """Messages delivered; more are counted and dropped."""
    log_text: int = 256 * KIB


def size(count: int) -> str:
    """A number of bytes as people say it: ``256 MiB``, ``1 KiB``, ``700 bytes``."""
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit:,} {name}"
    return f"{count:,} bytes"
