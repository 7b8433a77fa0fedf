"""tark:plugin/env: the environment variables a plugin was granted, as they were when tarkpm started."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.host.limits import KIB, size

MAX_VALUE: Final = 32 * KIB
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Env:
    """The granted variables. The rest of the environment is not kept, so no bug here can expose it."""

    def __init__(
        self, granted: CapabilitySet, environment: Mapping[str, str], report: Callable[[str], None]
    ) -> None:
        """Select from ``environment``, a snapshot. ``report`` is called for a value that is too long."""
        scopes = [capability for capability in granted if capability.kind == "env"]
        self._values = {
            name: _text(value)
            for name, value in environment.items()
            if _NAME.fullmatch(name) and any(scope.covers(Capability("env", name)) for scope in scopes)
        }
        self._report = report
        self._told: set[str] = set()

    @property
    def values(self) -> Collection[str]:
        """The values of the granted variables."""
        return self._values.values()

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> str | None:  # noqa: ARG002  # no waiting
        """Return the value of a variable, or None if it is not granted, not set or too long.

        A value is never truncated: half a key is not a key, and a shortened path is another path.
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
        """Do nothing; no resource is held."""


def _text(value: str) -> str:
    """Return a value as Unicode: bytes that are not UTF-8 are surrogates in Python, which WIT forbids."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
