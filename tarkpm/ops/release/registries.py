"""The OCI registries that are asked during one verb: each tag list and manifest once."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from tarkpm.core.oci.artifact import Descriptor
from tarkpm.core.release import OciSource
from tarkpm.ops.project.team_policy import team_rules

if TYPE_CHECKING:
    from tarkpm.ops.project.workspace import Workspace

T = TypeVar("T")


class Repository:
    """One repository of a registry. What was asked for once is remembered: a verb sees one state of it."""

    def __init__(self, client: "object") -> None:
        self._client = client
        self._lock = threading.Lock()
        self._tags: Sequence[str] | None = None
        self._manifests: dict[str, bytes] = {}

    def tags(self) -> Sequence[str]:
        raise NotImplementedError

    def manifest(self, reference: str) -> bytes:
        raise NotImplementedError

    def blob(self, item: Descriptor) -> bytes:
        raise NotImplementedError


class Registries:
    """The repositories of a workspace, as one of its resources. Safe to use from several threads."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._repositories: dict[str, Repository] = {}

    def repository(self, source: OciSource) -> Repository:
        """Return the repository of a source. Raises `Unreachable` offline, and `PolicyViolation`."""
        workspace, place = self._workspace, f"oci://{source.oci}"
        with self._lock:
            if source.oci not in self._repositories:
                if workspace.settings.offline:
                    raise workspace.settings.unreachable(place)
                # A team policy is asked before a server is.
                if rules := team_rules(workspace):
                    rules.check_source(OciSource(source.oci))
                workspace.ui.busy(f"asking {place}")
                self._repositories[source.oci] = Repository(None)
            return self._repositories[source.oci]

    def close(self) -> None:
        """Close the connections."""
        self._repositories.clear()
