"""Decide which capabilities are highlighted on a card, and how scopes are shown.

This affects colour and order only. Every granted capability is shown, and nothing is granted or refused here.
"""

import re
from typing import Final

from tarkpm.core import home_path
from tarkpm.core.capability import Capability
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.scope import PRIVATE, READ_ONLY, split_host

_SECRET: Final = lazy_pattern(
    r"token|secret|key|pass|pwd|cred|auth|cookie|session|private|vault|cert|login|account|wallet|ssh|gpg|netrc"
    r"|database|dsn|(^|_)(pat|psk|pin|otp|url|uri|id)(_|$)",
    re.IGNORECASE,
)
_NEARBY: Final = frozenset(
    {"local", "localhost", "lan", "home", "internal", "intranet", "corp", "arpa", "test"}
)
_PLAIN: Final = lazy_pattern(r"[A-Za-z0-9_.:*/~${}\[\]-]+")


def is_dangerous(capability: Capability) -> bool:
    """Return whether it reaches this machine, its network, secrets or files, or is a wide pattern."""
    scope = capability.scope
    match capability.kind:
        case "shell" | "secret":
            return True
        case "http" | "oauth":
            return _is_dangerous_host(scope)
        case "env":
            # A pattern reaches variables that nobody has thought of yet.
            return scope.endswith("*") or _SECRET.search(scope) is not None
        case "filesystem":
            return not scope.endswith(READ_ONLY)
        case "fs_read":
            return "*" in scope or _SECRET.search(scope) is not None
        case "credentials":
            return not home_path.is_tarks(scope)
    return False


def _is_dangerous_host(scope: str) -> bool:
    """Return whether a host is a pattern, an address, or a name of the local network."""
    host, _ = split_host(scope)
    last = host.rpartition(".")[2]
    is_address = host.startswith("[") or last.isdigit()
    return scope.startswith((PRIVATE, "*.")) or is_address or "." not in host or last in _NEARBY


def shown(scope: str) -> str:
    """Return a scope for a list of scopes, quoted if it could be read as several."""
    return scope if _PLAIN.fullmatch(scope) else f'"{scope}"'
