"""What is prepared, which command meets faults, and what a user has before and after."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from support.community import BOTH, Community
from support.gitrepo import GitRepo
from support.index_killer import seen
from support.sandbox import Result, Sandbox

Run = Callable[..., Result]
UNLISTED: Final = "no listed release has this file"
"""A release's file that nothing leads to: what a killed accept may leave, and the next refresh may remove."""


class Scene:
    """A prepared machine in ``root``, and a command that changes it."""

    name = ""
    loses_nothing = True
    """Whether `verify` passes on what is there before and after the command."""

    def __init__(self, root: Path) -> None:
        self.sandbox = Sandbox(root)
        self.command: tuple[str | Path, ...] = ()
        self.cwd = self.sandbox.cwd
        self.prepare()

    def prepare(self) -> None:
        """Make what the command needs, and the command."""
        raise NotImplementedError

    def look(self) -> Any:
        """What a user has: it must be what it was before the command, or what it is after it."""
        raise NotImplementedError

    def kept(self) -> Any:
        """What the command must not touch at all."""
        return digests(self.sandbox.data)

    def settle(self, run: Run) -> str:
        """What a user does next, without help; returns what is wrong, or ""."""
        raise NotImplementedError

    def may_stay(self, path: str) -> bool:  # noqa: ARG002
        """Whether a command that could not clean up may leave this file outside tarkpm's own folders."""
        return False


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
        _remove(self.sandbox.cwd / ".tark")
        _remove(self.sandbox.store)
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
        import sqlite3

        files = sorted(self.sandbox.data.rglob("*.sqlite3"))
        found: list[Any] = []
        for file in files:
            with sqlite3.connect(file) as database:
                found += [list(map(str, row)) for row in database.iterdump()]
                found.append(database.execute("pragma integrity_check").fetchone()[0])
            database.close()
        return [super().look(), found]


class IndexScene(Scene):
    """An index of two maintainers, with one release; all keys are here."""

    def prepare(self) -> None:
        """Make the index."""
        self.index = Community(self.sandbox)
        self.index.claim()
        self.index.publish("1.0.0")
        self.cwd = self.index.folder

    def look(self) -> Any:
        """What a reader finds."""
        return seen(self.index.folder)

    def settle(self, run: Run) -> str:
        """The daily job succeeds, and the audit of the index finds nothing wrong."""
        refreshed = run("index", "refresh")
        if refreshed.status:
            return f"refresh: {refreshed}"
        checked = run("index", "check", "--deep", "--json")
        findings = json.loads(checked.out)["findings"] if checked.status else []
        wrong = [each["message"] for each in findings if not each["note"] and each["message"] != UNLISTED]
        return f"check: {wrong}" if wrong else ""


class Accept(IndexScene):
    """`index accept`: a newer release."""

    name = "index accept"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("index", "accept", self.index.release("1.1.0"))


class Claim(IndexScene):
    """`index claim`: a name for a publisher."""

    name = "index claim"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("index", "claim", "json-core", "--publisher", self.index.key("pat"), *BOTH)

    def look(self) -> Any:
        """Also who holds the name."""
        try:
            claim = self.index.open().claim("json-core")  # type: ignore[arg-type]
        except Exception as problem:  # noqa: BLE001  a reader is stopped by any of them
            return str(problem)
        return [super().look(), claim and claim.key]


class Yank(IndexScene):
    """`index yank`: a release."""

    name = "index yank"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("index", "yank", "text-tools@1.0.0", "--reason", "loses notes")

    def look(self) -> Any:
        """The listing, with what is said about each release."""
        try:
            listing = self.index.open().listing("text-tools")  # type: ignore[arg-type]
        except Exception as problem:  # noqa: BLE001  a reader is stopped by any of them
            return str(problem)
        return repr(listing)


class Refresh(IndexScene):
    """`index refresh`: the daily job, with nothing to enact."""

    name = "index refresh"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("index", "refresh")


class KeyScene(Scene):
    """Somebody with one key, and the folder of a plugin."""

    def prepare(self) -> None:
        """Make the key."""
        self.public = self.sandbox.key("first")
        self.folder = self.sandbox.plugin(self.sandbox.cwd / "plugin")

    def look(self) -> Any:
        """The names of the keys, and the files of the plugin."""
        names = sorted(file.name for file in (self.sandbox.state / "keys").glob("[!.]*.pem"))
        return [names, sorted(file.name for file in self.folder.glob("[!.]*"))]

    def kept(self) -> Any:
        """The first key."""
        return digests(self.sandbox.state / "keys", "first.*")

    def settle(self, run: Run) -> str:
        """The keys are listed, and every one of them signs."""
        listed = run("key", "list", "--json")
        if listed.status:
            return f"key list: {listed}"
        return ""

    def may_stay(self, path: str) -> bool:
        """A hidden temporary file beside a release: nothing of it is signed or published."""
        return path.startswith(("app/plugin/.", "app/out/.")) and ".tmp" in path


class Generate(KeyScene):
    """`key generate`: a second key."""

    name = "key generate"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("key", "generate", "--name", "second")


class Import(KeyScene):
    """`key import`: from a file."""

    name = "key import"

    def prepare(self) -> None:
        super().prepare()
        backup = self.sandbox.cwd / "backup.pem"
        self.sandbox.run("key", "export", "first", "--to", backup).ok()
        self.command = ("key", "import", backup, "--name", "second")


class Sign(KeyScene):
    """`sign`: a release."""

    name = "sign"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("sign", self.folder, "--key", "first")


class Publish(KeyScene):
    """`publish`: prepare a release for an index."""

    name = "publish"

    def prepare(self) -> None:
        super().prepare()
        self.to = self.sandbox.cwd / "out"
        self.command = ("publish", self.folder, "--to", self.to, "--key", "first")

    def look(self) -> Any:
        """Also what is prepared. Signatures are deterministic."""
        folders = sorted(self.to.glob("[!.]*"))
        return [super().look(), {folder.name: digests(folder) for folder in folders}]


SCENES: Final = {
    scene.name: scene
    for scene in (
        *(Add, Update, Sync, Remove, Rollback, Revoke, Store),
        *(Generate, Import, Sign, Publish),
        *(Accept, Claim, Yank, Refresh),
    )
}


def digests(folder: Path, pattern: str = "*") -> dict[str, str]:
    """The files below a folder, by their path in it; a link is what it leads to as text."""
    return {str(path.relative_to(folder)): _digest(path) for path in _files(folder.rglob(pattern))}


def _files(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_symlink() or path.is_file())


def _digest(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)
