"""A host that notes what a plugin asks for, and does only what its author allows.

The gate is open for every kind, so each host call reaches a `_Recorder`, which sees its arguments unmasked.
What is not allowed is answered as the gate would. What is allowed goes to the implementations of a real run,
built for exactly the allowed capabilities: they check again.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from tarkpm.core.asked import allows, asked
from tarkpm.core.capability import KINDS, Capability, CapabilitySet
from tarkpm.core.text import neutral
from tarkpm.host.gate import ALWAYS, PARAMETERS, Refusal, refusal
from tarkpm.host.image import Interfaces, PluginImage
from tarkpm.host.imports import Interface
from tarkpm.host.imports.storage import Storage
from tarkpm.host.trace import masked_args

EVERYTHING: Final = CapabilitySet(tuple(map(Capability, KINDS)))
"""Opens the gate for each kind; scopes are decided behind it."""
MAX_CALL: Final = 200
MAX_ASKED: Final = 200
"""Different capabilities that are noted: a plugin could ask for ever new ones."""


class AskedFor(msgspec.Struct):
    """A capability that a plugin asked for, the first such host call, masked, and how many there were."""

    capability: Capability
    outcome: Literal["allowed", "denied", "scratch"]
    first: str
    calls: int = 0


class Recording:
    """What a plugin asks for in one trial; ``show`` is called with each new capability."""

    def __init__(
        self,
        allowed: CapabilitySet,
        scratch: Path,
        real: Interfaces,
        show: Callable[[AskedFor], None],
    ) -> None:
        """``scratch`` is an empty folder for storage, ``real`` serves what is ``allowed``."""
        self.asked: dict[Capability, AskedFor] = {}
        self._allowed, self._scratch, self._real, self._show = allowed, scratch, real, show

    def interfaces(self, image: PluginImage, report: Callable[[str], None]) -> Mapping[str, Interface]:
        """Return what serves the host calls. An `Interfaces`."""
        real = dict(self._real(msgspec.structs.replace(image, granted=self._allowed), report))
        # Storage of its own: a trial must neither read nor change what the plugin stored before.
        real["storage"] = Storage(self._scratch, report)
        names = [name for name in PARAMETERS if name not in ALWAYS]
        return {name: _Recorder(self, name, real.get(name), older=image.is_older) for name in names}

    def admits(self, interface: str, function: str, args: tuple[Any, ...]) -> bool:
        """Note a host call, and return whether it is really made."""
        wanted = asked(interface, function, args)
        if wanted is None:  # none is needed, or none would help: the implementation says what is wrong
            return True
        scratch = interface == "storage"
        may = scratch or allows(self._allowed, wanted)
        row = self.asked.get(wanted)
        if row is None and len(self.asked) < MAX_ASKED:
            outcome: Literal["allowed", "denied", "scratch"] = (
                "scratch" if scratch else "allowed" if may else "denied"
            )
            row = self.asked[wanted] = AskedFor(wanted, outcome, shown_call(interface, function, args))
            self._show(row)
        if row is not None:
            row.calls += 1
        return may


class _Recorder:
    """One interface, in front of which every call is noted."""

    def __init__(self, recording: Recording, name: str, real: Interface | None, *, older: bool) -> None:
        self._recording, self._name, self._real, self._older = recording, name, real, older

    @property
    def used(self) -> Counter[Capability]:
        """As in `Counting`: what a trial allows is no use of a grant."""
        return Counter()

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        """Answer one host call: really, or with a refusal."""
        if self._recording.admits(self._name, function, args) and self._real is not None:
            return self._real.call(function, args, deadline)
        return refusal(self._name, function, Refusal.NOT_GRANTED, older=self._older)

    def close(self) -> None:
        """Close the implementation."""
        if self._real is not None:
            self._real.close()


def shown_call(interface: str, function: str, args: tuple[Any, ...]) -> str:
    """Return a host call as one printable line of at most `MAX_CALL` characters, with secrets masked."""
    text = ", ".join(json.dumps(one, ensure_ascii=False) for one in masked_args(interface, function, args))
    return neutral(f"{interface}.{function}({text})", limit=MAX_CALL)
