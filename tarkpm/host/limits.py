"""Resource limits of one plugin."""

from typing import Final

import msgspec

ANSWER_SECONDS: Final = 300.0
"""Time of one call of a provider plugin: a model that writes a long text takes minutes."""
KIB = 1 << 10
MIB = 1 << 20


class Limits(msgspec.Struct, frozen=True):
    """Limits of one plugin, most of them for one call. Sizes are in bytes of UTF-8, times in seconds."""

    seconds: float = 30.0
    """Wall-clock time of one `PluginHost` call, with its host calls but without loading."""
    answer_seconds: float = ANSWER_SECONDS
    """The same for a provider plugin, for every caller."""
    load_seconds: float = 60.0
    """Wall-clock time to start a worker and load its code, without compiling."""
    compile_seconds: float = 120.0
    """Wall-clock time to compile one module. Compiling cannot be cancelled, so its process is killed."""
    memory: int = 256 * MIB
    """Size of each of a guest's memories, and roughly of all of them together."""
    stack: int = 1 * MIB
    arguments: int = 1 * MIB
    output: int = 8 * MIB
    """All text of one result, and all text of one host call's arguments."""
    host_calls: int = 20_000
    log_messages: int = 1_000
    """Messages delivered for one call; further ones are counted and dropped."""
    log_text: int = 256 * KIB

    def of(self, kind: str) -> "Limits":
        """Return the limits of a plugin of this type."""
        if kind != "provider":
            return self
        return msgspec.structs.replace(self, seconds=self.answer_seconds)


def size(count: int) -> str:
    """Return a number of bytes in words: ``256 MiB``, ``1 KiB``, ``700 bytes``."""
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit:,} {name}"
    return f"{count:,} bytes"
