"""Commands of publishers, with their keys, and of an index's maintainers."""

import json
from typing import Any, Final

from support.community import BOTH, Community
from support.index_killer import seen

from assurance.faults.scene import Run, Scene, digests

UNLISTED: Final = "no listed release has this file"
"""A release's file that nothing leads to: what a killed accept may leave, and the next refresh may remove."""


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


class Rotate(IndexScene):
    """`index rotate`: a publisher's key."""

    name = "index rotate"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("index", "rotate", "publisher", "text-tools", "--to", self.index.key("pat2"), *BOTH)


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
