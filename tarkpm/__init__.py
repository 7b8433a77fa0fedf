"""tarkpm finds, locks, verifies and runs WebAssembly plugins for tark."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tarkpm.api import Host

__version__ = "0.1.0"
__all__ = ["Host", "__version__"]


def __getattr__(name: str) -> Any:
    """`Host`, imported when it is used: a command line that runs no plugin need not know the host."""
    if name == "Host":
        from tarkpm.api import Host

        return Host
    raise AttributeError(name)
