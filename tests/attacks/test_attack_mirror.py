"""A mirror that lies, and a login that must not reach it. The lock always names the canonical place."""

import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import Publisher
from support.indexed import IndexedProject
from support.oci_publisher import OciPublisher
from support.ociregistry import OciRegistry, login, oci_registry
from support.sandbox import Sandbox

from tarkpm.errors import NotFound, StoreError, Unreachable
from tarkpm.sources.oci.layout import LayoutFolder

CANONICAL = "ghcr.example/owner/text-tools"
"""Nobody answers there."""


def _mirror(sandbox: Sandbox, **pairs: str) -> None:
    folder = sandbox.home / ".config" / "tarkpm"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in pairs.items()]
    (folder / "config.toml").write_text("\n".join(["[mirror]", *lines]))


def _project(sandbox: Sandbox, tools: OciPublisher) -> Sandbox:
    """A project that has the plugin of the canonical place from a mirror of its owner's repositories."""
    _mirror(sandbox, **{"oci://ghcr.example/owner": tools.oci.rpartition("/")[0]})
    sandbox.init()
    sandbox.run("add", f"oci://{CANONICAL}:^1", "--trust", tools.key, "--accept-capabilities").ok()
    return sandbox


def test_the_lock_names_the_canonical_place(sandbox: Sandbox, registry: OciRegistry, tmp_path: Path) -> None:
    tools = OciPublisher(sandbox, registry.host, "text-tools", "a/text-tools")
    digest = tools.release("1.0.0")
    _project(sandbox, tools)
    lock = (sandbox.cwd / "tark.lock").read_text()
    assert f'source = {{ oci = "{CANONICAL}", tag = "1.0.0", digest = "{digest}" }}' in lock
    assert registry.host not in lock + (sandbox.cwd / "tark.toml").read_text()
    # Who has another mirror of it, here a folder, gets the same release.
    mate, folder = Sandbox(tmp_path / "mate"), tmp_path / "layouts" / "text-tools"
    _layout(registry, folder, digest, "1.0.0")
    _mirror(mate, **{"oci://ghcr.example/owner": str(folder.parent)})
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, mate.cwd / name)
    mate.run("sync", "--accept-project").ok()
    mate.run("outdated").ok()
    assert mate.run("versions", f"oci://{CANONICAL}", "--json").ok().json["versions"][0]["tag"] == "1.0.0"
    # A folder that changed since is found out.
    (folder / "blobs/sha256" / digest.removeprefix("sha256:")).write_bytes(b"{}")
    mate.run("cache", "clean").ok()
    mate.run("sync", "--reinstall").failed(3, "the blob has digest")


def _layout(registry: OciRegistry, folder: Path, digest: str, tag: str) -> None:
    """Write what ``skopeo copy … oci:FOLDER:TAG`` writes of one manifest."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    manifest = registry.blob_file(digest).read_bytes()
    named = json.loads(manifest)
    for one in (digest, named["config"]["digest"], *(layer["digest"] for layer in named["layers"])):
        shutil.copy(registry.blob_file(one), blobs / one.removeprefix("sha256:"))
    described = {
        "mediaType": named["mediaType"],
        "digest": digest,
        "size": len(manifest),
        "annotations": {"org.opencontainers.image.ref.name": tag},
    }
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def test_a_mirror_that_lies(sandbox: Sandbox, registry: OciRegistry, tmp_path: Path) -> None:
    tools = OciPublisher(sandbox, registry.host, "text-tools", "lies/text-tools")
    digest = tools.release("1.0.0")
    _project(sandbox, tools)
    # A newer release of another signer.
    tools.release("1.1.0", sign="evil")
    sandbox.run("update").failed(4, "signed by a different key")
    # The locked manifest is another one, for somebody who has nothing yet.
    mate = Sandbox(tmp_path / "mate")
    shutil.copytree(sandbox.home / ".config", mate.home / ".config")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, mate.cwd / name)
    file = registry.blob_file(digest)
    kept = file.read_bytes()
    file.write_bytes(kept.replace(b"1.0.0", b"1.0.1"))
    try:
        mate.run("sync", "--accept-project").failed(3)
    finally:
        file.write_bytes(kept)


def test_the_login_of_the_canonical_registry_stays_at_home(sandbox: Sandbox, tmp_path: Path) -> None:
    """The mirror would take it: with that login, the pull would succeed."""
    with oci_registry(tmp_path / "registry", auth="htpasswd") as registry:
        _mirror(sandbox, **{"oci://ghcr.example": f"oci://{registry.host}"})
        sandbox.init()
        environment = login(tmp_path / "docker", "ghcr.example")
        refused = sandbox.run("info", f"oci://{CANONICAL}:1.0.0", env=environment)
        assert refused.status != 0
        assert {line.rpartition(" ")[2] for line in registry.requests} == {"401"}


def test_mirrors_of_git_and_of_an_index(
    sandbox: Sandbox, publisher: Publisher, indexed: IndexedProject
) -> None:
    publisher.release("1.0.0")
    host, canonical = publisher.url.rpartition("/")[0], "https://git.example"
    indexed.release("calc")
    indexed.use()
    url = "https://index.example"
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace(indexed.server.url, url))
    _mirror(sandbox, **{canonical: str(publisher.server.root), url: str(indexed.repo.folder)})
    assert host not in canonical
    name = publisher.url.rpartition("/")[2]
    added = ("--trust", publisher.key, "--accept-capabilities", "--accept-project")
    sandbox.run("add", f"{canonical}/{name}", "--tag", "v1.0.0", *added).ok()
    sandbox.run("add", "calc", "--accept-capabilities").ok()
    lock = (sandbox.cwd / "tark.lock").read_text()
    assert f'git = "{canonical}/{name}"' in lock
    assert str(publisher.server.root) not in lock


@pytest.mark.parametrize("odd", ["a link", "a file as the folder", "an endless name", "a queue"])
def test_a_folder_with_something_odd_in_it(tmp_path: Path, odd: str) -> None:
    """Whatever a shared folder holds is a typed error, and nothing outside of it is read."""
    digest = "sha256:" + "0" * 64
    blobs = tmp_path / "blobs" / "sha256"
    if odd == "a file as the folder":
        (tmp_path / "blobs").write_text("")
    else:
        blobs.mkdir(parents=True)
    if odd == "a link":
        (blobs / ("0" * 64)).symlink_to("/etc/passwd")
    elif odd == "a queue":
        os.mkfifo(blobs / ("0" * 64))
    folder = LayoutFolder(tmp_path / ("x" * 300) if odd == "an endless name" else tmp_path)
    kind = {"a file as the folder": NotFound, "an endless name": Unreachable}.get(odd, StoreError)
    with pytest.raises(kind):
        folder.manifest("", digest)
    with pytest.raises(kind):
        folder.blob("", digest, 1)


def test_a_team_policy_is_about_the_mirror_too(sandbox: Sandbox) -> None:
    _mirror(sandbox, **{"oci://ghcr.example": "oci://127.0.0.1:9/evil"})
    (sandbox.home / ".config/tarkpm/policy.toml").write_text('registries = ["ghcr.example"]')
    sandbox.init()
    sandbox.run("info", f"oci://{CANONICAL}").failed(3, "127.0.0.1:9/evil/owner/text-tools", "(registries)")


def test_a_configuration_that_cannot_be_read_stops_the_request(sandbox: Sandbox) -> None:
    _mirror(sandbox, **{"oci://ghcr.example": "somewhere"})
    sandbox.init()
    sandbox.run("info", f"oci://{CANONICAL}").failed(2, "config.toml", "expected a place of the same kind")
    _mirror(sandbox, **{f"oci://{CANONICAL}": "oci://127.0.0.1:9"})
    sandbox.run("info", f"oci://{CANONICAL}").failed(2, "expected the name of a repository")


def test_a_name_that_is_too_long_below_a_mirror(sandbox: Sandbox) -> None:
    """Whoever names the repository must not make the program fail."""
    _mirror(sandbox, **{"oci://ghcr.example": "oci://127.0.0.1:9/mirror/of/the/company"})
    sandbox.init()
    name = f"{'a' * 240}/tools"
    sandbox.run("info", f"oci://ghcr.example/{name}").failed(
        2, "a repository name has at most 255 characters"
    )
