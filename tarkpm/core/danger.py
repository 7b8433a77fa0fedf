"""Dangerous capabilities, which a card shows first, and how scopes are shown. Pure.

This decides on colour and order alone: all that is granted is shown, and nothing is granted or refused by it.
"""

import re
from typing import Final

from tarkpm.core import home_path
from tarkpm.core.capability import PRIVATE, READ_ONLY, Capability, split_host

_SECRET: Final = re.compile(
    r"token|secret|key|pass|pwd|cred|auth|cookie|session|private|vault|cert|login|account|wallet|ssh|gpg|netrc"
    r"|database|dsn|(^|_)(pat|psk|pin|otp|url|uri|id)(_|$)",
    re.IGNORECASE,
)
_NEARBY: Final = frozenset(
    {"local", "localhost", "lan", "home", "internal", "intranet", "corp", "arpa", "test"}
)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:*/~${}\[\]-]+")


def is_dangerous(capability: Capability) -> bool:
    """Return whether it reaches this machine, its network, a secret or your files, or more than it names."""
    scope = capability.scope
    match capability.kind:
        case "shell":
            return True
        case "http" | "oauth":
            return _is_dangerous_host(scope)
        case "env":
            return scope.endswith("*") or _SECRET.search(scope) is not None
        case "filesystem":
            return not scope.endswith(READ_ONLY)
        case "fs_read":
            return "*" in scope or _SECRET.search(scope) is not None
        case "credentials":
            return not home_path.is_tarks(scope)
    return False


def _is_dangerous_host(scope: str) -> bool:
    """A pattern, an address, or a name that only means something near by."""
    host, _ = split_host(scope)
    last = host.rpartition(".")[2]
    is_address = host.startswith("[") or last.isdigit()
    return scope.startswith((PRIVATE, "*.")) or is_address or "." not in host or last in _NEARBY


def shown(scope: str) -> str:
    """A scope as a list of them shows it: in quotation marks where it could read as several."""
    return scope if _PLAIN.fullmatch(scope) else f'"{scope}"'
