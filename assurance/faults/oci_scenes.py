"""Commands that push to an OCI registry, or take from one: Debian's docker-registry, which no fault meets."""

import json
import time
from typing import Any, Final

from support.oci_publisher import OciPublisher
from support.ociregistry import oci_registry

from assurance.faults.carrying_scenes import NEEDS, IndexedScene
from assurance.faults.project_scenes import ProjectScene
from assurance.faults.publisher_scenes import KeyScene
from assurance.faults.scene import Scene, digests
from tarkpm.errors import TarkError
from tarkpm.ops.mirror_oci import MirrorStore
from tarkpm.sources.oci import Registry
from tarkpm.sources.oci.layout_writer import LayoutTree

PATIENCE: Final = 10.0
"""Seconds for a registry to finish a request whose client was killed."""


class OciScene(Scene):
    """A machine with a registry. What a user has and what each tag has is old or new, each by itself."""

    elsewhere = ("registry",)

    def serve(self) -> str:
        """Start the registry; returns its reference."""
        self.registry = self.servers.enter_context(oci_registry(self.sandbox.root / "registry"))
        return f"oci://{self.registry.host}"

    def look(self) -> Any:
        """Also the tags of the registry."""
        return [super().look(), self.tags()]

    def tags(self) -> dict[str, str]:
        """What the tags lead to, once the registry has done what it was asked for."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._tags()
            except TarkError as problem:
                if time.monotonic() > deadline:
                    return {"unreadable": str(problem)}

    def _tags(self) -> dict[str, str]:
        root = self.registry.folder / "docker" / "registry" / "v2" / "repositories"
        found: dict[str, str] = {}
        with Registry(self.registry.host, {}) as registry:
            for folder in root.rglob("_manifests/tags"):
                repository = str(folder.parent.parent.relative_to(root))
                for tag in registry.tags(repository):
                    found[f"{repository}:{tag}"] = pulled(registry, repository, tag)
        return found

    def holds(self, found: Any, before: Any, after: Any) -> bool:
        """A registry has no transactions: some tags may be new where others are old."""
        (own, tags), (own_before, old), (own_after, new) = found, before, after
        names = {*tags, *old, *new}
        return own in (own_before, own_after) and all(
            tags.get(name) in (old.get(name), new.get(name)) for name in names
        )


def pulled(store: MirrorStore, repository: str, reference: str) -> str:
    """Read all that a tag leads to, in verified bytes; returns its manifest's digest."""
    manifest = store.manifest(repository, reference)
    table = json.loads(manifest.data)
    for blob in (table["config"], *table["layers"]):
        store.blob(repository, blob["digest"], blob["size"])
    return manifest.digest


class PublishOci(OciScene, KeyScene):
    """`publish --to oci://…`: sign a release and push it."""

    name = "publish to registry"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("publish", self.folder, "--to", f"{self.serve()}/owner/text-tools", "--key", "first")


class PushBundle(OciScene, IndexedScene):
    """`bundle push`: a newer bundle, which moves the tag of a slice."""

    name = "bundle push"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("bundle", "push", "plugins.tar", f"{self.serve()}/team")
        self._bundle()
        self.sandbox.run(*self.command).ok()
        self.release("text-tools", "1.1.0", NEEDS)
        self.sandbox.run("update").ok()
        self._bundle()

    def _bundle(self) -> None:
        self.sandbox.run("bundle", "create", "-o", "plugins.tar").ok()


class OciProject(OciScene, ProjectScene):
    """A project with a plugin from a registry, which has stored a note; the registry has a second plugin."""

    def prepare(self) -> None:
        """Install one."""
        self.serve()
        self.publishers = {
            name: OciPublisher(self.sandbox, self.registry.host, name) for name in ("alpha", "beta")
        }
        for publisher in self.publishers.values():
            publisher.release()
        self.key = self.publishers["alpha"].key
        self.sandbox.init()
        self.add("alpha")
        self.sandbox.run("call", "alpha", "save-note", '{"key":"k","text":"kept"}').ok()

    def adding(self, name: str) -> tuple[str, ...]:
        """The command that adds a plugin."""
        return ("add", f"{self.publishers[name].oci}:1.0.0", "--trust", self.key, "--accept-capabilities")


class AddOci(OciProject):
    """`add oci://…`: a second plugin."""

    name = "add from registry"

    def prepare(self) -> None:
        super().prepare()
        self.command = self.adding("beta")

    def kept(self) -> Any:
        """Also all of the registry."""
        return [super().kept(), self.tags()]


class MirrorOci(OciProject):
    """`mirror oci://…`: a second plugin, where the first is in the mirror."""

    name = "mirror to registry"

    def prepare(self) -> None:
        super().prepare()
        self.command = ("mirror", self.target())
        self.sandbox.run(*self.command).ok()
        self.add("beta")

    def target(self) -> str:
        """Where the mirror is."""
        return f"oci://{self.registry.host}/mirror"


class MirrorLayout(MirrorOci):
    """`mirror oci:DIR`: the same, into a folder of image layouts."""

    name = "mirror to layouts"

    def target(self) -> str:
        return f"oci:{self.sandbox.root / 'copy'}"

    def _tags(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for index in (self.sandbox.root / "copy").rglob("index.json"):
            for one in json.loads(index.read_bytes())["manifests"]:
                tag = one["annotations"]["org.opencontainers.image.ref.name"]
                found[f"{index.parent}:{tag}"] = pulled(LayoutTree(), str(index.parent), tag)
        return found

    def kept(self) -> Any:
        """Also all of the registry."""
        return [super().kept(), digests(self.registry.folder / "docker")]
