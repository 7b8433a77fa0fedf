"""What carries the plugins of an index to other machines: bundles and mirrors."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from support.compiled_bundle import BIG, HERE, configure
from support.indexrepo import IndexRepo
from support.sandbox import WASM, Sandbox

from assurance.faults.scene import Run, Scene, digests

NEEDS = '[dependencies]\njson-core = "^1"'


class IndexedScene(Scene):
    """A project with a plugin of an index, which is a folder, and what that plugin depends on."""

    def prepare(self) -> None:
        """Install both."""
        self.repo = IndexRepo(self.sandbox.root / "index", bits=1)
        self.keys = {name: self.repo.claim(name) for name in ("json-core", "text-tools")}
        self.release("json-core", "1.0.0")
        self.release("text-tools", "1.0.0", NEEDS)
        use(self.sandbox, self.repo, self.repo.folder)
        self.sandbox.run("add", "text-tools", "--accept-capabilities").ok()

    def release(self, name: str, version: str, more: str = "", wasm: bytes = WASM) -> None:
        """Publish a release."""
        self.repo.release(name, version, self.keys[name], more=more, wasm=wasm)
        self.repo.publish()

    def look(self) -> Any:
        """The documents, the bundle, and what is installed; where `data` leads is random on a new machine."""
        return [digests(self.cwd, pattern) for pattern in ("tark.*", "[!.]*.tar")] + [installed(self.sandbox)]

    def settle(self, run: Run) -> str:
        """`verify` passes or says what is missing."""
        found = run("verify")
        if found.status and (self.loses_nothing or not (found.out + found.err).strip()):
            return f"verify: {found}"
        return ""


class CreateBundle(IndexedScene):
    """`bundle create`: in the place of a smaller one. Two runs write equal bytes."""

    name = "bundle create"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("bundle", "create", "-o", "plugins.tar")
        self.sandbox.run(*self.command, "json-core").ok()

    def may_stay(self, path: str) -> bool:
        """A hidden temporary file beside the bundle."""
        return path.startswith("app/.plugins.tar.") and path.endswith(".tmp")


class SyncBundle(IndexedScene):
    """`sync --bundle`: on a machine that has nothing but the project's documents and the bundle."""

    name = "sync --bundle"
    loses_nothing = False

    def prepare(self) -> None:
        super().prepare()
        self.sandbox.run("bundle", "create", "-o", "plugins.tar").ok()
        for folder in (self.sandbox.cwd / ".tark", self.sandbox.store, self.sandbox.state, self.repo.folder):
            shutil.rmtree(folder)
        self.command = ("sync", "--bundle", "plugins.tar", "--accept-project")

    def may_stay(self, path: str) -> bool:
        """The lock of the index's cache, which `doctor` takes."""
        return path.startswith("home/.cache/tarkpm/index/") and path.endswith(".lock")


class CompiledScene(IndexedScene):
    """A plugin whose module is big enough to be compiled for others, and a key that signs the code."""

    def prepare(self) -> None:
        super().prepare()
        self.release("json-core", "1.1.0", wasm=BIG["json-core"])
        self.sandbox.run("update", "--accept-capabilities", "--accept-tools").ok()
        self.key = self.sandbox.key("builder")
        self.compile = ("bundle", "create", "-o", "plugins.tar", "--compiled", HERE, "--key", "builder")


class CreateCompiled(CompiledScene):
    """`bundle create --compiled`: in the place of a smaller one."""

    name = "bundle create --compiled"

    def prepare(self) -> None:
        super().prepare()
        self.command = self.compile
        self.sandbox.run("bundle", "create", "-o", "plugins.tar").ok()

    def kept(self) -> Any:
        """The key, too."""
        return [super().kept(), digests(self.sandbox.state / "keys")]

    def may_stay(self, path: str) -> bool:
        """A hidden temporary file beside the bundle."""
        return path.startswith("app/.plugins.tar.") and path.endswith(".tmp")


class SyncCompiled(CompiledScene):
    """`sync --bundle` with code by a listed key: it is taken whole, or compiled by the next command."""

    name = "sync --bundle, compiled"
    loses_nothing = False

    def prepare(self) -> None:
        super().prepare()
        self.sandbox.run(*self.compile).ok()
        for folder in (self.sandbox.cwd / ".tark", self.sandbox.store, self.sandbox.state, self.repo.folder):
            shutil.rmtree(folder)
        configure(self.sandbox, self.key)
        self.command = ("sync", "--bundle", "plugins.tar", "--accept-project")

    def kept(self) -> Any:
        """The configuration, too."""
        return [super().kept(), digests(self.sandbox.home / ".config")]

    def may_stay(self, path: str) -> bool:
        """The lock of the index's cache, which `doctor` takes."""
        return path.startswith("home/.cache/tarkpm/index/") and path.endswith(".lock")


class NewMirror(IndexedScene):
    """`mirror`: into a folder that does not exist."""

    name = "mirror, new"

    def prepare(self) -> None:
        super().prepare()
        self.copy = self.sandbox.root / "copy"
        self.command = ("mirror", self.copy)

    def look(self) -> Any:
        """What somebody new gets from the mirror, in verified bytes."""
        with tempfile.TemporaryDirectory(prefix="tarkpm-reader-") as name:
            reader = Sandbox(Path(name))
            use(reader, self.repo, self.copy)
            reader.run("add", "text-tools", "--accept-capabilities")
            return [installed(reader), super().look()]


class Mirror(NewMirror):
    """`mirror`: brings the folder up to date, where the index has a new release."""

    name = "mirror"

    def prepare(self) -> None:
        super().prepare()
        self.sandbox.run(*self.command).ok()
        self.release("text-tools", "1.1.0", NEEDS)


def installed(machine: Sandbox) -> Any:
    """The files of plugins that a project has."""
    return digests(machine.plugins, "*.*")


def use(machine: Sandbox, repo: IndexRepo, place: Path) -> None:
    """Begin a project that takes plugins from an index, or from a copy of it."""
    machine.init()
    machine.run("index", "add", "community", place, "--root", repo.root_digest)
