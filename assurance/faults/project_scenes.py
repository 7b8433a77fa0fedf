"""A user's commands in a project of two plugins from git."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

from support.gitrepo import GitRepo

from assurance.faults.scene import Run, Scene, digests


class ProjectScene(Scene):
    """Two signed plugins from git, of which the first has stored a note and has a newer release."""

    def prepare(self) -> None:
        """Install both."""
        sandbox = self.sandbox
        self.key = sandbox.key()
        self.repo = GitRepo(sandbox.root / "repo")
        self.release("alpha", "1.0.0")
        self.release("beta", "1.0.0")
        self.release("gamma", "1.0.0")
        sandbox.init()
        self.add("alpha")
        self.add("beta")
        sandbox.run("call", "alpha", "save-note", '{"key":"k","text":"kept"}').ok()
        self.release("alpha", "1.1.0")

    def release(self, name: str, version: str) -> None:
        """Publish a release."""
        self.sandbox.plugin(self.repo.folder / name, name=name, version=version, sign="release")
        self.repo.git("add", "--all")
        self.repo.commit(f"{name} {version}")

    def adding(self, name: str) -> tuple[str, ...]:
        """The command that adds a plugin."""
        source = (f"file://{self.repo.folder}", "-b", "main", "--path", name)
        return ("add", *source, "--trust", self.key, "--accept-capabilities")

    def add(self, name: str) -> None:
        """Add a plugin."""
        self.sandbox.run(*self.adding(name)).ok()

    def look(self) -> Any:
        """The documents, and what is installed."""
        documents = [_text(self.sandbox.cwd / name) for name in ("tark.toml", "tark.lock")]
        return [*documents, digests(self.sandbox.plugins)]

    def settle(self, run: Run) -> str:
        """`verify` passes or says what is missing; a change that was committed is finished by then."""
        found = run("verify")
        if found.status and (self.loses_nothing or not (found.out + found.err).strip()):
            return f"verify: {found}"
        return ""


class Add(ProjectScene):
    """`add`: a third plugin."""

    name = "add"

    def prepare(self) -> None:
        super().prepare()
        self.command = self.adding("gamma")


class Update(ProjectScene):
    """`update`: a newer release."""

    name = "update"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("update", "alpha")


class Remove(ProjectScene):
    """`remove`: one of two."""

    name = "remove"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("remove", "beta")


class Sync(ProjectScene):
    """`sync`: in a fresh clone on a new machine."""

    name = "sync"
    loses_nothing = False

    def prepare(self) -> None:
        super().prepare()
        shutil.rmtree(self.sandbox.cwd / ".tark")
        shutil.rmtree(self.sandbox.store)
        self.command = ("sync",)


class Rollback(ProjectScene):
    """`rollback`: to before the second plugin."""

    name = "rollback"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("rollback",)


class Revoke(ProjectScene):
    """`revoke`: a capability."""

    name = "revoke"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("revoke", "alpha", "storage")


class Lock(ProjectScene):
    """`lock`: everything, in a project that has no lock yet."""

    name = "lock"
    loses_nothing = False

    def prepare(self) -> None:
        super().prepare()
        (self.sandbox.cwd / "tark.lock").unlink()
        self.command = ("lock", "--accept-project", "--accept-capabilities")


class Disable(ProjectScene):
    """`disable`: a plugin."""

    name = "disable"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("disable", "alpha")


class Prune(ProjectScene):
    """`cache prune`: after a plugin was removed and its generations forgotten; the project is as it was."""

    name = "cache prune"

    def prepare(self) -> None:
        super().prepare()
        self.sandbox.run("remove", "beta").ok()
        shutil.rmtree(self.sandbox.state / "history")
        self.command = ("cache", "prune")


class Init(Scene):
    """`init`: the first command of somebody new."""

    name = "init"

    def prepare(self) -> None:
        """Nothing is there."""
        self.command = ("init", "--tark-version", "0.12.6")

    def look(self) -> Any:
        """The document, which is all there is."""
        return _text(self.sandbox.cwd / "tark.toml")

    def settle(self, run: Run) -> str:  # noqa: ARG002
        """Nothing else depends on it."""
        return ""

    def may_stay(self, path: str) -> bool:
        """A hidden temporary file beside the document."""
        return path.startswith("app/.tark.toml.") and path.endswith(".tmp")


class Store(ProjectScene):
    """`call`: a plugin that writes into its own database."""

    name = "call"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("call", "alpha", "save-note", '{"key":"k","text":"new"}')

    def kept(self) -> Any:
        """The note is what changes here."""
        return None

    def look(self) -> Any:
        """The note, as the plugin reads it."""
        files = sorted(self.sandbox.data.rglob("*.sqlite3"))
        found: list[Any] = []
        for file in files:
            with sqlite3.connect(file) as database:
                found += [list(map(str, row)) for row in database.iterdump()]
                found.append(database.execute("pragma integrity_check").fetchone()[0])
            database.close()
        return [super().look(), found]


class RollbackData(Store):
    """`rollback --with-data`: to before an update, after which the plugin stored more."""

    name = "rollback --with-data"

    def prepare(self) -> None:
        super().prepare()
        project = self.sandbox.cwd / "tark.toml"
        project.write_text(project.read_text().replace("[tark]\n", "[tark]\ndata-history = true\n", 1))
        self.sandbox.run("update", "alpha").ok()
        self.sandbox.run(*self.command).ok()
        newest = self.sandbox.run("log", "--json").ok().json["generations"][0]["number"]
        # By its number: without one, a second rollback would be the way back.
        self.command = ("rollback", str(newest - 1), "--with-data")


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
