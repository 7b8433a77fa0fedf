"""A plugin to run, as its caller has verified it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.oauth import OAuth
from tarkpm.host.imports import Interface
from tarkpm.host.worker.legacy_abi.abi import is_core


class PluginImage(msgspec.Struct, frozen=True):
    """Verified bytes, and what they may do.

    ``granted`` is what the user granted and the manifest declares, already cut to what both have. ``data``
    is the plugin's own folder, which need not exist yet. ``oauth`` is how to sign in for it, if it says.
    ``sha256`` is the digest ``wasm`` was verified against just now, in hex; "" if it was not. ``file`` is
    where it was read, for people.
    """

    name: str
    type: str
    wasm: bytes
    granted: CapabilitySet
    data: Path
    oauth: OAuth | None = None
    sha256: str = ""
    file: str = ""

    @property
    def abi(self) -> Literal["component", "core"]:
        """Return the ABI of its code: a component's, or the older tark ABI of core modules."""
        return "core" if is_core(self.wasm) else "component"

    @property
    def is_older(self) -> bool:
        """Return whether it is of the older tark ABI."""
        return self.abi == "core"


Report = Callable[[str], None]
"""Told, in a sentence without a subject, what the user should know of the plugin."""

Interfaces = Callable[[PluginImage, Report], Mapping[str, Interface]]
"""What serves a plugin's host calls, by the interface's name ("http"), beside `log`, `storage`, `clock` and
`random`, which the host has itself; of these, all but `log` are replaced by what is given. Called once for
a worker; each is closed with it. What is granted but not given answers "is not available here"."""
