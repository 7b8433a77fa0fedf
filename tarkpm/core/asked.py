"""Which capability a host call asks for. Pure.

The gate and the interfaces behind it decide; this says what would have to be granted, for authors: what a
test expects to be refused, and what a plugin has to declare.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tarkpm.core import home_path, urls
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.scope import PRIVATE, READ_ONLY, normalize_scope

_WEB_SOCKET: Final = lazy_pattern(r"(?i)^ws(s?)://")


def asked(interface: str, function: str, args: Sequence[Any]) -> Capability | None:
    """Return the smallest capability that allows a host call; None if it needs none, or none can allow it.

    >>> str(asked("http", "get", ["https://api.example.com/v1", []]))
    'http:api.example.com'
    >>> str(asked("filesystem", "list", ["docs"]))
    'filesystem:docs/:ro'
    """
    try:
        return _asked(interface, function, args)
    except ValueError:  # a malformed URL or path is refused, whatever is granted
        return None


def _asked(interface: str, function: str, args: Sequence[Any]) -> Capability | None:
    match interface, function:
        case (("storage" | "shell"), _):
            return Capability(interface)
        case "env", _:
            return Capability("env", normalize_scope("env", args[0]))
        case "http", _:
            return Capability("http", normalize_scope("http", urls.parse(args[0]).scope))
        case "ws", "connect":
            url = _WEB_SOCKET.sub(r"http\1://", args[0])
            return Capability("http", normalize_scope("http", urls.parse(url).scope))
        case "filesystem", _:
            return Capability("filesystem", normalize_scope("filesystem", _path(function, args[0])))
        case "fs", _:
            return Capability("fs_read", home_path.normalize(args[0]))
    return None


def _path(function: str, path: str) -> str:
    plain = path.removeprefix("./").removesuffix("/")
    if function in ("write", "remove"):
        return plain
    return plain + ("/" if function == "list" else "") + READ_ONLY


def allows(granted: CapabilitySet, wanted: Capability) -> bool:
    """Return whether a grant allows the host call that asks for ``wanted``."""
    return serving(granted, wanted) is not None


def serving(granted: Iterable[Capability], wanted: Capability) -> Capability | None:
    """Return the granted capability that allows the host call that asks for ``wanted``; None if none does."""
    forms = (wanted, _as_folder(wanted), as_private(wanted))
    return next((one for one in granted if any(one.covers(other) for other in forms)), None)


def smallest(wanted: Iterable[Capability]) -> CapabilitySet:
    """Return the smallest set that allows all host calls that asked for these."""
    found = CapabilitySet.of(wanted)
    rest = (one for one in found if not any(o != one and o.covers(_as_folder(one)) for o in found))
    return CapabilitySet.of(rest)


def as_private(wanted: Capability) -> Capability:
    """Return the form of a host that also allows private addresses; ``wanted`` itself for everything else."""
    plain = wanted.kind == "http" and not wanted.scope.startswith(PRIVATE)
    return Capability("http", PRIVATE + wanted.scope) if plain else wanted


def _as_folder(wanted: Capability) -> Capability:
    """Return the folder whose grant also allows to stat it; ``wanted`` itself for everything else."""
    path = wanted.scope.removesuffix(READ_ONLY)
    if wanted.kind != "filesystem" or path == wanted.scope or path.endswith("/"):
        return wanted
    return Capability("filesystem", f"{path}/{READ_ONLY}")
