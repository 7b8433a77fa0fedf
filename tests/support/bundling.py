"""A project whose plugins are in a bundle, machines that get the bundle, and somebody who forges it."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.indexed import IndexedProject
from support.indexrepo import IndexRepo
from support.indexserver import IndexServer
from support.sandbox import Result, Sandbox

REF = "org.opencontainers.image.ref.name"


class Carrying:
    """A project that uses an index, and ``bundle``, which was made of it."""

    def __init__(self, project: IndexedProject) -> None:
        self.project = project
        self.bundle = project.sandbox.cwd / "plugins.tar"

    @property
    def repo(self) -> IndexRepo:
        """The index."""
        return self.project.repo

    def make(self, *names: str) -> Path:
        """Make the bundle again."""
        self.project.sandbox.run("bundle", "create", "-o", self.bundle, *names).ok()
        return self.bundle

    def machine(self, root: Path, bundle: Path | None = None) -> Sandbox:
        """A machine that never had a network, with the project's documents and ``plugins.tar``."""
        far = Sandbox(root)
        for name in ("tark.toml", "tark.lock"):
            shutil.copy(self.project.sandbox.cwd / name, far.cwd)
        shutil.copy(bundle or self.bundle, far.cwd / "plugins.tar")
        return far

    def revoke(self, name: str) -> None:
        """The maintainers revoke the first release of a plugin."""
        gone = self.repo.listings[name].rows[0].statement.sha256
        self.repo.claim(name, self.project.keys[name], revoked=frozenset([gone]))
        self.repo.publish()


def sync(machine: Sandbox, *more: str) -> Result:
    """Take everything from the bundle."""
    return machine.run("sync", "--bundle", "plugins.tar", "--accept-project", *more)


@contextmanager
def carrying(root: Path, *more: str) -> Iterator[Carrying]:
    """A project with text-tools and its dependency json-core, and a bundle of it; ``more`` are other plugins."""
    repo = IndexRepo(root / "index")
    with IndexServer(repo.folder) as server:
        project = IndexedProject(Sandbox(root / "made"), repo, server)
        project.release("json-core")
        project.release("text-tools", "1.0.0", '[dependencies]\njson-core = "^1"')
        for name in more:
            project.release(name)
        project.use()
        project.sandbox.run("add", "text-tools", *more, "--accept-capabilities").ok()
        found = Carrying(project)
        found.make()
        yield found


class Forged:
    """The files of a bundle by name, to be changed and written again with digests that fit."""

    def __init__(self, bundle: Path) -> None:
        self.files: dict[str, bytes] = {}
        with tarfile.open(bundle, "r:") as tar:
            for member in tar:
                reader = tar.extractfile(member)
                assert reader is not None
                self.files[member.name] = reader.read()

    @property
    def index(self) -> dict[str, Any]:
        """index.json, parsed."""
        found: dict[str, Any] = json.loads(self.files["index.json"])
        return found

    def set_index(self, index: dict[str, Any]) -> None:
        """Put another index.json."""
        self.files["index.json"] = json.dumps(index, sort_keys=True, separators=(",", ":")).encode()

    def put(self, data: bytes) -> str:
        """Add a blob; returns its digest."""
        digest = hashlib.sha256(data).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = data
        return f"sha256:{digest}"

    def blob(self, digest: str) -> bytes:
        """The blob of a digest."""
        return self.files["blobs/sha256/" + digest.removeprefix("sha256:")]

    def drop(self, digest: str) -> None:
        """Remove a blob."""
        del self.files["blobs/sha256/" + digest.removeprefix("sha256:")]

    def listed(self, ref: str) -> dict[str, Any]:
        """The descriptor of a manifest; ``ref`` is how its name begins."""
        return next(one for one in self.index["manifests"] if one["annotations"][REF].startswith(ref))

    def manifest(self, ref: str) -> dict[str, Any]:
        """A manifest, parsed."""
        found: dict[str, Any] = json.loads(self.blob(self.listed(ref)["digest"]))
        return found

    def edit_index(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Change index.json."""
        index = self.index
        edit(index)
        self.set_index(index)

    def set_manifest(self, ref: str, manifest: dict[str, Any]) -> None:
        """Put another manifest under a name, with its true digest."""
        data = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
        index = self.index
        one = next(one for one in index["manifests"] if one["annotations"][REF].startswith(ref))
        del self.files["blobs/sha256/" + one["digest"][7:]]
        one["digest"], one["size"] = self.put(data), len(data)
        self.set_index(index)

    def write(self, path: Path) -> Path:
        """Write the bundle as tarkpm writes it."""
        head = ("oci-layout", "index.json")
        names = [*head, *sorted(self.files.keys() - {*head})]
        return write_tar(path, [(name, self.files[name]) for name in names if name in self.files])


def write_tar(
    path: Path, files: list[tuple[str, bytes]], form: int = tarfile.USTAR_FORMAT, **facts: Any
) -> Path:
    """Write a tar of these files; ``facts`` are attributes of every header."""
    with tarfile.open(path, "w", format=form) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in facts.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
    return path
