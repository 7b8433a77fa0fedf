"""What tests of verbs' shared decisions do with a workspace; its fixtures are in tests/ops/conftest.py."""

from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.indexrepo import public
from support.releases import COMMUNITY
from support.silent_ui import SilentUi
from tarkpm.core.claim import Claim
from tarkpm.core.release import PluginName
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release


class Open(Protocol):
    """Opens the project with these documents; ``changes`` are of the settings."""

    def __call__(
        self, toml: str | None = "", lock: str | None = None, *, ui: SilentUi = ..., **changes: object
    ) -> Workspace: ...


class Install(Protocol):
    """Opens the project with these documents, accepts them and installs the releases they lock."""

    def __call__(self, toml: str, lock: str, *releases: Release) -> Workspace: ...


def vouch(workspace: Workspace, name: str, key: Ed25519PrivateKey, **more: object) -> None:
    """Let this machine know who may publish a plugin in the community index."""
    claim = msgspec.structs.replace(Claim(PluginName(name), public(key)), **more)
    workspace.claims.remember(COMMUNITY.root, [claim], 5)
    workspace.read_claims_again()
