"""A community index on a real server, and a user whose project takes plugins from it."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.indexrepo import IndexRepo
from support.indexserver import IndexServer
from support.sandbox import WASM, Sandbox


class IndexedProject:
    """An index on a real server, and a project that uses it."""

    def __init__(self, sandbox: Sandbox, repo: IndexRepo, server: IndexServer) -> None:
        self.sandbox, self.repo, self.server = sandbox, repo, server
        self.keys: dict[str, Ed25519PrivateKey] = {}
        sandbox.init()

    def release(
        self, name: str, version: str = "1.0.0", more: str = "", *, published: int | None = None
    ) -> None:
        """Publish a release, claiming the name first if it is new."""
        if name not in self.keys:
            self.keys[name] = self.repo.claim(name)
        self.repo.release(name, version, self.keys[name], wasm=WASM, more=more, published=published)
        self.repo.publish()

    def use(self) -> None:
        """Set the index up in the project."""
        self.sandbox.run("index", "add", "community", self.server.url, "--root", self.repo.root_digest).ok()
