"""A small community index for tests: two maintainers and their keys, an online key, publishers, all on one machine."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.sandbox import Result, Sandbox
from tarkpm.core.key import PublicKey
from tarkpm.registry.folder import Index, open_index
from tarkpm.registry.keys import Signer
from tarkpm.store.keys import KeyStore

BOTH = ("--key", "alice", "--key", "bob")


class Community:
    """An index in ``folder``, kept by ``alice`` and ``bob`` in one sandbox; publisher ``pat`` has a key there."""

    def __init__(self, sandbox: Sandbox, *, bins: int = 1, name: str = "community") -> None:
        self.sandbox = sandbox
        self.folder = sandbox.root / name
        self.keys = {who: sandbox.key(who) for who in ("alice", "bob", "pat")}
        who = ("--maintainer", self.keys["alice"], "--maintainer", self.keys["bob"], "--threshold", "2")
        made = sandbox.run(
            "index", "create", self.folder, "--name", name, "--bins", str(bins), *who, *BOTH, "--json"
        ).ok()
        self.root: str = made.json["root"]

    def run(self, *words: str | Path) -> Result:
        """``tarkpm index WORDS`` in the index's folder."""
        return self.sandbox.run("index", *words, cwd=self.folder)

    def claim(self, name: str = "text-tools", publisher: str = "pat", *more: str) -> None:
        """Both maintainers let a publisher publish a plugin."""
        self.run("claim", name, "--publisher", self.key(publisher), *BOTH, *more).ok()

    def key(self, name: str) -> str:
        """The public key of this name, made if there is none yet."""
        if name not in self.keys:
            self.keys[name] = self.sandbox.key(name)
        return self.keys[name]

    def release(
        self, version: str = "1.0.0", name: str = "text-tools", publisher: str = "pat", **plugin: Any
    ) -> Path:
        """A release folder, as ``tarkpm publish`` writes it."""
        self.key(publisher)
        source = self.sandbox.root / "sources" / name
        shutil.rmtree(source, ignore_errors=True)
        self.sandbox.plugin(source, name=name, version=version, **plugin)
        to = self.sandbox.root / "submissions" / publisher
        return Path(
            self.sandbox.run("publish", source, "--to", to, "--key", publisher, "--json").ok().json["folder"]
        )

    def publish(self, version: str = "1.0.0", name: str = "text-tools", publisher: str = "pat") -> str:
        """Publish and accept a release; returns its statement's digest."""
        done = self.run("accept", self.release(version, name, publisher), "--json").ok()
        return str(done.json["statement"])

    @contextmanager
    def without_online(self) -> Iterator[None]:
        """The online key is elsewhere meanwhile."""
        keys = self.sandbox.state / "keys"
        away = keys.with_name("elsewhere")
        away.mkdir()
        for key in list(keys.glob(f"{self.folder.name}-online*")):
            key.rename(away / key.name)
        yield
        for key in list(away.iterdir()):
            key.rename(keys / key.name)
        away.rmdir()

    def open(self) -> Index:
        """The index as the registry reads it."""
        return open_index(self.folder)

    def signer(self, name: str) -> Signer:
        """The private key of this name."""
        public, sign = KeyStore(self.sandbox.state / "keys").load(name, bytes)
        return Signer(PublicKey(public), sign)

    def findings(self, *more: str) -> list[str]:
        """What ``index check`` finds wrong, in sentences."""
        report = self.run("check", "--json", *more).json
        return [finding["message"] for finding in report["findings"] if not finding["note"]]

    def metadata(self, name: str) -> dict[str, object]:
        """A metadata file, parsed."""
        found: dict[str, object] = json.loads((self.folder / "metadata" / name).read_bytes())
        return found
