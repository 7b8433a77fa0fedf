"""Where a mirror has the repositories of registries: below one place, by registry. Pure.

::

    oci://ghcr.io/owner/tools  ->  oci://registry.example.com/mirror/ghcr.io/owner/tools

The registry is a part of the path, so repositories of two registries never meet, and one line of ``[mirror]``
leads to all of one (docs/decisions/0236).
"""

import re
from collections.abc import Iterable

import msgspec

from tarkpm.core.git_url import shown
from tarkpm.core.mirrors import Mirrors
from tarkpm.core.oci.reference import SCHEME, OciReference, parse, registry_host, repository_name
from tarkpm.core.release import OciSource
from tarkpm.errors import Refused

_NO_COMPONENT = re.compile(r"[^a-z0-9.-]+")


class MirrorTarget(msgspec.Struct, frozen=True):
    """A registry, or a path of one, below which a mirror keeps repositories."""

    registry: str
    path: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.registry}" + (f"/{self.path}" if self.path else "")

    def place(self, source: OciSource) -> OciReference:
        """Return where a locked source is in the mirror, with its tag, or its digest if it has none.

        Raises `Refused` for a name that is too long there.
        """
        host = source.oci.partition("/")[0]
        found = parse(Mirrors((self._line(host),)).of(str(OciSource(source.oci))))
        digest = "" if source.tag else source.digest
        return msgspec.structs.replace(found, tag=source.tag, digest=digest)

    def lines(self, sources: Iterable[OciSource]) -> dict[str, str]:
        """Return the lines of ``[mirror]`` that lead from the registries of these sources to the mirror."""
        return dict(map(self._line, sorted({source.oci.partition("/")[0] for source in sources})))

    def _line(self, host: str) -> tuple[str, str]:
        # The name of a repository has no ':' for a port, and DNS has no host with '_'.
        return f"{SCHEME}{host}", f"{self}/{_NO_COMPONENT.sub('_', host).strip('_')}"


def parse_target(text: str) -> MirrorTarget:
    """Read ``oci://HOST[/PATH]``. Raises `Refused`, whose text never holds a password."""
    host, _, path = text[len(SCHEME) :].rstrip("/").partition("/")
    try:
        if "@" in host:
            raise ValueError("a registry with a user name or password is not accepted")
        return MirrorTarget(registry_host(host), repository_name(path) if path else "")
    except ValueError as problem:
        raise Refused(str(problem), where=shown(text)) from None
