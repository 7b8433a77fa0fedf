"""Import the half of the MCP SDK that a server needs.

``import mcp.server`` runs ``mcp/__init__.py``, which imports the client, its HTTP stack, and a second server
framework: 300 of 700 ms at each start of an agent. Here both packages' own code runs only if somebody asks
them for a name (docs/decisions/0126).
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from tarkpm.errors import HostError
from tarkpm.io import extras

REQUIREMENT = "mcp>=2.3,<3"
"""The extra ``mcp`` of pyproject.toml."""
SKIPPED = ("mcp", "mcp.server")
"""Packages whose ``__init__`` only re-exports."""


class _Deferred(ModuleType):
    """A package whose code runs when a name is asked of it that it does not have."""

    def __getattr__(self, name: str) -> Any:
        spec: ModuleSpec | None = self.__dict__.get("__spec__")
        if name.startswith("__") or spec is None or spec.loader is None:
            raise AttributeError(name)
        object.__setattr__(self, "__class__", ModuleType)  # its code asks for names of its own
        spec.loader.exec_module(self)
        return getattr(self, name)


def prepare() -> None:
    """Make the server half importable. Raises `HostError` if the SDK is not installed."""
    for name in SKIPPED:
        if sys.modules.get(name) is None:
            _defer(name)
    if importlib.util.find_spec("mcp_types") is None:
        raise _missing()  # version 1 has no such package


def _defer(name: str) -> None:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.loader is None:
        raise _missing()
    module = importlib.util.module_from_spec(spec)
    module.__class__ = _Deferred
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def _missing() -> HostError:
    message = "serving agents needs the MCP SDK, version 2, which is not installed"
    return HostError(message, where=sys.prefix, hint=install_command(Path(sys.prefix)))


def install_command(prefix: Path) -> str:
    """Return the command that installs the SDK beside a tarkpm that lies in ``prefix``.

    It names the SDK and not the extra: the name tarkpm on an index of packages may be somebody else's.
    """
    return extras.install_command(prefix, REQUIREMENT)
