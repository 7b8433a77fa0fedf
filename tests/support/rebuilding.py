"""An author whose plugin in C is in a repository on a real git server, and whose releases name their source."""

from pathlib import Path

from support.gitserver import GitRepo, GitServer
from support.sandbox import Result, Sandbox

NAME = "word-count"


class Author:
    """``folder`` is a work tree of the repository that others fetch from ``url``."""

    def __init__(self, sandbox: Sandbox, server: GitServer) -> None:
        self.sandbox, self.server, self.url = sandbox, server, server.url(NAME)
        self.repo = GitRepo(sandbox.root / "repos" / NAME)
        self.folder = sandbox.root / "repos" / NAME / NAME
        self.key = sandbox.key("author")
        sandbox.run("new", NAME, "--lang", "c", cwd=self.repo.folder).ok()
        self.commit("sources")

    def commit(self, message: str) -> str:
        """Commit all that changed."""
        self.repo.git("add", "--all")
        return self.repo.commit(message)

    def push(self) -> None:
        """Let others fetch the repository."""
        self.repo.publish(self.server.root, NAME)

    def forget(self) -> None:
        """Work on another machine, which did not build the module."""
        for record in (self.sandbox.store / "builds").glob("folder-*"):
            record.unlink()

    def sign(self, *more: str) -> Result:
        """Sign what is there."""
        return self.sandbox.run("sign", self.folder, "--key", "author", *more)

    def release(self) -> str:
        """Build and sign what is committed, naming its commit, then commit and tag the release."""
        self.sandbox.run("build", self.folder).ok()
        self.sign("--source", self.url).ok()
        commit = self.commit("release")
        self.repo.tag("v0.1.0")
        self.push()
        return commit

    def edit(self, before: str, after: str, file: str = "plugin.c") -> None:
        """Change a source."""
        path: Path = self.folder / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def rebuild(self, *more: str) -> Result:
        """``tarkpm rebuild`` of the repository's plugin."""
        return self.sandbox.run("rebuild", self.url, "--path", NAME, *more)

    def release_by_hand(self, *, readme: str, byte: int) -> None:
        """Release the same commit again with another README and other bytes at the end of the module."""
        from tarkpm.core.digest import FileEntry
        from tarkpm.core.statement import sign, verify
        from tarkpm.store.keys import KeyStore

        statement, _ = verify((self.folder / "plugin.dsse.json").read_bytes())
        (self.folder / "README.md").write_text(readme)
        with (self.folder / "plugin.wasm").open("ab") as module:
            module.write(bytes([0, 2, 1, byte]))
        key, signer = KeyStore.in_state(self.sandbox.state).load("author", bytes)
        files = [
            FileEntry.of(entry.name, (self.folder / entry.name).read_bytes()) for entry in statement.files
        ]
        name, version, source = statement.name, statement.version, statement.source
        envelope = sign(name, version, files, key=key, signer=signer, source=source)
        (self.folder / "plugin.dsse.json").write_bytes(envelope)
        self.commit("released again")
        self.push()
