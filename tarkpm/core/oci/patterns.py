"""The registries that a team policy allows: ``ghcr.io``, ``ghcr.io/owner``, ``*.example.com``."""

from tarkpm.core.oci.reference import registry_host, repository_name
from tarkpm.core.scope import host_covers


def registry_pattern(text: str) -> str:
    """Return ``[*.]HOST[:PORT][/PREFIX]`` in its one spelling. Raises `ValueError`."""
    host, slash, prefix = text.partition("/")
    wild = "*." if host.startswith("*.") else ""
    place = wild + registry_host(host.removeprefix("*."))
    return f"{place}/{repository_name(prefix)}" if slash else place


def registry_covers(pattern: str, place: str) -> bool:
    """Return whether a pattern allows a repository, given as host and repository.

    A prefix covers whole parts: ``ghcr.io/owner`` covers ``ghcr.io/owner/tools`` and not ``ghcr.io/owner2``.
    """
    (allowed, _, prefix), (host, _, repository) = pattern.partition("/"), place.partition("/")
    return host_covers(allowed, host) and f"{repository}/".startswith(f"{prefix}/" if prefix else "")


def host_of(place: str) -> str:
    """Return the host of a registry's repository, without its port and brackets."""
    authority = place.partition("/")[0]
    if authority.startswith("["):  # RFC 3986, section 3.2.2
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]
