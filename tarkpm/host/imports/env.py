"""tark:plugin/env: the variables a plugin was granted, as they were when tarkpm started."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.host.limits import KIB, size

MAX_VALUE: Final = 32 * KIB
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Env:
    """Holds what was granted and nothing else; there is no way from here to the rest."""

    def __init__(
        self, granted: CapabilitySet, environment: Mapping[str, str], report: Callable[[str], None]
    ) -> None:
        """``environment`` is a snapshot; ``report`` is told of a value that is too long to hand out."""
        scopes = [capability for capability in granted if capability.kind == "env"]
        self._values = {
            name: _text(value)
            for name, value in environment.items()
            if _NAME.fullmatch(name) and any(scope.covers(Capability("env", name)) for scope in scopes)
        }
        self._report = report
        self._told: set[str] = set()

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> str | None:  # noqa: ARG002  # no waiting
        """The value of a variable, or None: not granted, not set and too long look alike to the plugin.

        A value is never cut: half a key is not a key, and the rest of a path is another path.
        """
        (name,) = args
        value = self._values.get(name)
        if value is not None and len(value.encode()) > MAX_VALUE:
            if name not in self._told:
                self._told.add(name)
                self._report(f"does not receive {name}: its value is longer than {size(MAX_VALUE)}")
            return None
        return value

    def close(self) -> None:
        """Nothing is held open."""


def _text(value: str) -> str:
    """Bytes that are no UTF-8 arrive as surrogates, which a plugin's strings cannot have."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
