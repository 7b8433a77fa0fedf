"""Where a mirror has the repositories of registries: below one place, by registry. Pure.

::

    oci://ghcr.io/owner/tools  ->  oci://registry.example.com/mirror/ghcr.io/owner/tools
                               ->  /srv/mirror/ghcr.io/owner/tools

The registry is a part of the path, and no two have the same one: their repositories never meet, and one line
of ``[mirror]`` leads to all of one (docs/decisions/0236).
"""

import ipaddress
from collections.abc import Iterable
from typing import Final

import msgspec

from tarkpm.core.git_url import shown
from tarkpm.core.mirrors import Mirrors
from tarkpm.core.oci.reference import SCHEME, is_reference, parse, registry_host, repository_name
from tarkpm.core.release import OciSource
from tarkpm.errors import Refused

LAYOUTS: Final = "oci:"
"""What skopeo writes before the folder of an image layout."""


class MirrorTarget(msgspec.Struct, frozen=True):
    """A registry, a path of one, or an absolute folder, below which a mirror keeps repositories."""

    place: str

    def repository(self, source: OciSource) -> str:
        """Return the place of a source's repository: ``oci://…``, or a folder.

        Raises `Refused` for a name that is too long there, and for a registry that could share its place.
        """
        host = source.oci.partition("/")[0]
        if "_" in host:
            text = "the host of a registry has no '_' in a mirror, where it stands before a port"
            raise Refused(text, where=str(source))
        line = self._line(host)
        found = Mirrors((line,)).of(str(OciSource(source.oci)))
        return parse(found).location if is_reference(found) else found

    def lines(self, sources: Iterable[OciSource]) -> dict[str, str]:
        """Return the lines of ``[mirror]`` that lead from the registries of these sources to the mirror."""
        return dict(map(self._line, sorted({source.oci.partition("/")[0] for source in sources})))

    def _line(self, host: str) -> tuple[str, str]:
        return f"{SCHEME}{host}", f"{self.place}/{_component(host)}"


def _component(host: str) -> str:
    """Return a host without '_' as a part of a repository's name, which has no ':' and no brackets.

    No two hosts give the same one.
    """
    address, bracket, port = host.rpartition("]")
    if bracket:
        long = ipaddress.IPv6Address(address.removeprefix("[")).exploded
        host = f"ipv6__{long.replace(':', '-')}{port}"
    return host.replace(":", "_")


def is_target(text: str) -> bool:
    """Return whether a text is meant as a place for repositories: ``oci://HOST/PATH`` or ``oci:DIR``."""
    return text[: len(LAYOUTS)].lower() == LAYOUTS


def registry_target(text: str) -> MirrorTarget:
    """Read ``oci://HOST[/PATH]``. Raises `Refused`, whose text never holds a password."""
    host, _, path = text[len(SCHEME) :].rstrip("/").partition("/")
    try:
        if "@" in host:
            raise ValueError("a registry with a user name or password is not accepted")
        place = SCHEME + registry_host(host)
        return MirrorTarget(f"{place}/{repository_name(path)}" if path else place)
    except ValueError as problem:
        raise Refused(str(problem), where=shown(text)) from None


def folder_target(folder: str) -> MirrorTarget:
    """Return an absolute folder as a target. Raises `Refused` for one that no configuration can name."""
    if not folder.isprintable():
        raise Refused("expected a folder whose name can be printed", where=shown(folder))
    return MirrorTarget(folder.rstrip("/"))
