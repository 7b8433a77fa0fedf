"""A registry, or whoever may push to it, serves something else than the publisher signed: nothing is taken."""

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.oci_publisher import OciPublisher, artifact_of
from support.ociregistry import OciRegistry
from support.sandbox import WASM, Sandbox

from tarkpm.core.digest import sha256

OTHER_WASM = WASM + bytes([0, 2, 1, 0x78])
"""The same module with a custom section: other bytes that do the same."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, registry: OciRegistry) -> Sandbox:
    """A project with one honest release. No attack changes it, so all of them are made on it."""
    made = Sandbox(tmp_path_factory.mktemp("project"))
    tools = OciPublisher(made, registry.host, "text-tools")
    tools.release("1.0.0", tag="latest")
    made.init()
    made.run("add", f"{tools.oci}:latest", "--trust", tools.key, "--accept-capabilities").ok()
    return made


@pytest.fixture
def tools(project: Sandbox, registry: OciRegistry) -> OciPublisher:
    """Its repository, whose folder holds the honest release."""
    made = OciPublisher(project, registry.host, "text-tools")
    made.release("1.0.0", tag="latest")
    return made


def _state(project: Sandbox) -> dict[str, bytes]:
    files = [*project.cwd.glob("tark.*"), *project.plugins.glob("*/*")]
    return {str(path): path.read_bytes() for path in files if path.is_file()}


def _refused(project: Sandbox, status: int, *texts: str) -> None:
    """An update is refused, whatever the user agrees to beforehand, and leaves everything as it was."""
    before = _state(project)
    flags = ("--allow-unsigned", "text-tools", "--allow-republished", "--allow-downgrade")
    project.run("update", "--accept-capabilities", *flags).failed(status, *texts)
    assert _state(project) == before


def _config(tools: OciPublisher, **files: bytes | None) -> dict[str, Any]:
    """The config of the folder's artifact, with some of its files changed."""
    config = tools.config()
    held = config["tark.plugin.v1"]["files"]
    for name, data in files.items():
        held.pop(name)
        if data is not None:
            held[name] = base64.b64encode(data).decode()
    return config


def test_a_tag_moves_to_a_release_of_another_signer(project: Sandbox, tools: OciPublisher) -> None:
    tools.release("1.1.0", tag="latest", sign="evil")
    _refused(project, 4, "signed by a different key", tools.key)
    (row,) = project.run("outdated", "--json").failed(1).json["plugins"]
    assert "signed by a different key" in row["warning"]


def test_a_tag_moves_to_a_release_without_a_signature(project: Sandbox, tools: OciPublisher) -> None:
    tools.release("1.1.0", tag="latest", sign="")
    _refused(project, 4, "was signed before, but this release is not")


def test_a_tag_moves_to_other_contents_of_the_same_version(project: Sandbox, tools: OciPublisher) -> None:
    tools.release("1.0.0", tag="latest", extra='homepage = "https://example.com"')
    project.run("update").failed(4, "differ from the locked 1.0.0")
    assert "other contents of this version" in project.run("outdated").failed(1).out


def test_a_tag_moves_to_an_older_release(project: Sandbox, tools: OciPublisher) -> None:
    tools.release("0.9.0", tag="latest")
    project.run("update").failed(4, "is older than the locked version 1.0.0")


def test_the_statement_is_taken_out_of_the_config(project: Sandbox, tools: OciPublisher) -> None:
    tools.push_raw("latest", _config(tools, **{"plugin.dsse.json": None}), WASM)
    _refused(project, 4, "was signed before, but this release is not")


def test_the_module_is_another_one(project: Sandbox, tools: OciPublisher) -> None:
    """Its digest fits manifest and config, which name what was pushed; the statement names what was signed."""
    config = tools.config()
    config["layerDigests"] = [f"sha256:{sha256(OTHER_WASM)}"]
    tools.push_raw("latest", config, OTHER_WASM)
    _refused(project, 3, "plugin.wasm")


def test_the_layer_is_not_the_one_of_the_config(project: Sandbox, tools: OciPublisher) -> None:
    tools.push_raw("latest", tools.config(), OTHER_WASM)
    _refused(project, 2, "the layer is not the module that the config is for")


def test_a_statement_of_another_repository(
    project: Sandbox, tools: OciPublisher, registry: OciRegistry
) -> None:
    """The same publisher signed it, for another plugin."""
    other = OciPublisher(project, registry.host, "other")
    other.release("1.1.0", wasm=OTHER_WASM)
    statement = (other.folder / "plugin.dsse.json").read_bytes()
    tools.push_raw("latest", _config(tools, **{"plugin.dsse.json": statement}), WASM)
    _refused(project, 3, "plugin.toml")


def test_a_plugin_of_another_name(project: Sandbox, tools: OciPublisher) -> None:
    """A release that its publisher signed is pushed to the repository of another plugin."""
    tools.release("1.1.0", tag="latest", name="other")
    _refused(project, 2, "expected 'text-tools' at its source, found 'other'")
    assert not (project.plugins / "other").exists()


def test_a_tag_that_names_another_version(project: Sandbox, tools: OciPublisher) -> None:
    """Who may push cannot pass an old release off as a new one: the publisher signed its version."""
    tools.release("1.0.0", tag="2.0.0")
    for argument in (f"{tools.oci}:2.0.0", f"{tools.oci}:^2", tools.oci):
        project.run("info", argument).failed(2, "expected version 2.0.0 as the tag says, found 1.0.0")


def test_the_repeated_config_is_not_the_config(project: Sandbox, tools: OciPublisher) -> None:
    tools.push_raw("latest", {"created": "x"}, WASM, data=artifact_of(tools.folder).config)
    project.run("info", f"{tools.oci}:latest").failed(3, "the blob has")


def test_files_that_no_release_has(project: Sandbox, tools: OciPublisher) -> None:
    """Without a signature nothing lists the files, so their kinds do."""
    config = _config(tools, **{"plugin.dsse.json": None})
    config["tark.plugin.v1"]["files"]["setup.sh"] = base64.b64encode(b"rm -r /").decode()
    tools.push_raw("latest", config, WASM)
    project.run("info", f"{tools.oci}:latest").failed(2, "'setup.sh', which no release has")


def test_plugin_toml_names_another_module(project: Sandbox, tools: OciPublisher) -> None:
    toml = (tools.folder / "plugin.toml").read_bytes().replace(b"type =", b'wasm = "other.wasm"\ntype =')
    tools.push_raw("latest", _config(tools, **{"plugin.toml": toml, "plugin.dsse.json": None}), WASM)
    project.run("info", f"{tools.oci}:latest").failed(2, "names the module 'other.wasm'")


def test_a_blob_that_changed_in_the_registry(
    project: Sandbox, tools: OciPublisher, registry: OciRegistry
) -> None:
    digest = tools.release("1.0.0", tag="latest", wasm=OTHER_WASM)
    file = registry.blob_file(f"sha256:{sha256(OTHER_WASM)}")
    kept = file.read_bytes()
    file.write_bytes(kept[:-1] + b"\0")
    try:
        project.run("info", f"{tools.oci}@{digest}").failed(3, "the blob has digest")
    finally:
        file.write_bytes(kept)


def test_the_manifest_of_a_digest_is_another_one(
    project: Sandbox, tools: OciPublisher, registry: OciRegistry, tmp_path: Path
) -> None:
    """A registry that answers a digest with another manifest, in a sync on a machine that has nothing yet."""
    lock = (project.cwd / "tark.lock").read_text()
    first = lock.partition('digest = "')[2].partition('"')[0]
    other = tools.release("1.1.0", tag="newer")
    file = registry.blob_file(first)
    kept = file.read_bytes()
    file.write_bytes(registry.blob_file(other).read_bytes())
    mate = Sandbox(tmp_path / "mate")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(project.cwd / name, mate.cwd / name)
    try:
        mate.run("sync", "--accept-project").failed(3)
    finally:
        file.write_bytes(kept)
    assert not mate.plugins.exists() or not [*mate.plugins.iterdir()]


def test_the_lock_names_the_manifest_of_another_release(project: Sandbox, tools: OciPublisher) -> None:
    """Its files are the locked ones, and are all in the store: only the manifest tells that they are others'."""
    file = project.cwd / "tark.lock"
    lock = file.read_text()
    first = lock.partition('digest = "')[2].partition('"')[0]
    other = tools.release("1.0.0", tag="other", extra='homepage = "https://example.com"')
    file.write_text(lock.replace(first, other))
    try:
        project.run("sync", "--offline").failed(5, "not in the store")
        project.run("sync").failed(3, "the source contents of 'text-tools' differ from tark.lock")
        assert project.run("verify").status != 0
    finally:
        file.write_text(lock)
    project.run("sync").ok()


def test_the_lock_names_an_unsigned_build_of_the_same_repository(
    registry: OciRegistry, tmp_path: Path
) -> None:
    """A build of a pull request, pushed beside the releases, is locked under the tag of one of them."""
    lead, mate = Sandbox(tmp_path / "lead"), Sandbox(tmp_path / "mate")
    tools = OciPublisher(lead, registry.host, "text-tools", "unsigned/text-tools")
    tools.release("1.0.0", sign="")
    tools.release("1.0.0", tag="pr-7", sign="", wasm=OTHER_WASM)
    lead.init()
    lead.run("add", f"{tools.oci}:pr-7", "--allow-unsigned", "text-tools", "--accept-capabilities").ok()
    for name in ("tark.toml", "tark.lock"):
        text = (lead.cwd / name).read_text().replace('"pr-7"', '"1.0.0"')
        (mate.cwd / name).write_text(text)
    mate.run("sync", "--accept-project").failed(3, "which is not signed", "tarkpm update text-tools")
    assert not mate.plugins.exists() or not [*mate.plugins.iterdir()]
    # Honestly locked, it is fetched by what its tag leads to.
    lead.run("add", f"{tools.oci}:1.0.0", "--allow-unsigned", "text-tools", "--allow-republished").ok()
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(lead.cwd / name, mate.cwd / name)
    mate.run("sync", "--accept-project").ok()
