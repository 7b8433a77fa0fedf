"""The OCI registries that are asked during one verb: each list of tags and each manifest once."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tarkpm.core.oci.artifact import Descriptor
from tarkpm.core.oci.reference import parse
from tarkpm.core.release import OciSource
from tarkpm.errors import Unreachable
from tarkpm.ops.project.team_policy import team_rules
from tarkpm.ops.project.user_config import mirrored

if TYPE_CHECKING:
    from tarkpm.ops.project.workspace import Workspace
    from tarkpm.sources.oci.layout import LayoutFolder
    from tarkpm.sources.oci.registry import Registry

CONNECTIONS: Final = 8
"""Connections that are kept to one registry."""


class OciRepository:
    """A repository of a registry. What was asked for is remembered, so that a verb sees one state of it."""

    def __init__(self, registry: "Registry | LayoutFolder", name: str) -> None:
        self._registry, self._name = registry, name
        self._tags: Sequence[str] | None = None
        self._manifests: dict[str, bytes] = {}

    def tags(self) -> Sequence[str]:
        """Return all tags. Raises `NotFound`, `Unreachable`, `TooLarge`."""
        if self._tags is None:
            self._tags = self._registry.tags(self._name)
        return self._tags

    def manifest(self, reference: str) -> bytes:
        """Return the manifest of a tag or digest. Raises `NotFound`, `DigestMismatch`, `Unreachable`."""
        if reference not in self._manifests:
            self._manifests[reference] = self._registry.manifest(self._name, reference).data
        return self._manifests[reference]

    def blob(self, item: Descriptor) -> bytes:
        """Return the blob that a manifest names. Raises `NotFound`, `DigestMismatch`, `Unreachable`."""
        return self._registry.blob(self._name, item.digest, item.size)


class Registries:
    """The repositories of a workspace, as one of its resources. Safe to use from several threads."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._is_closed = False
        self._clients: dict[str, Registry] = {}
        self._repositories: dict[str, OciRepository] = {}

    def repository(self, source: OciSource) -> OciRepository:
        """Return the repository of a source.

        Raises `Unreachable` offline, `PolicyViolation`, and `Refused` or `DocumentError` for a mirror that
        cannot be used.
        """
        with self._lock:
            # After the first error the other threads of a fetch go on, and nobody would close what they open.
            if self._is_closed:
                raise Unreachable("the command has ended", where=str(source))
            if source.oci not in self._repositories:
                self._repositories[source.oci] = self._open(OciSource(source.oci))
            return self._repositories[source.oci]

    def close(self) -> None:
        """Close the connections, and open no others."""
        with self._lock:
            self._is_closed = True
            for client in self._clients.values():
                client.close()

    def _open(self, source: OciSource) -> OciRepository:
        workspace = self._workspace
        if workspace.settings.offline:
            raise workspace.settings.unreachable(str(source))
        if rules := team_rules(workspace):
            rules.check_source(source)
        place = mirrored(workspace.settings, str(source))
        if place.startswith("/"):
            from tarkpm.sources.oci.layout import LayoutFolder

            workspace.ui.busy(f"reading {place}")
            return OciRepository(LayoutFolder(Path(place)), "")
        # The name of a repository that is short enough may be too long below a mirror's.
        found = parse(place)
        mirror = OciSource(f"{found.registry}/{found.repository}")
        # A mirror is asked for code, too, so a policy has to allow it.
        if rules and mirror != source:
            rules.check_source(mirror)
        workspace.ui.busy(f"asking {mirror}")
        if (host := found.registry) not in self._clients:
            from tarkpm.sources.oci.registry import Registry

            self._clients[host] = Registry(host, workspace.settings.environment, threads=CONNECTIONS)
        return OciRepository(self._clients[host], found.repository)
