"""Plugins from an OCI registry: what a person types, with Debian's docker-registry behind it."""

import shutil
from pathlib import Path

from support.oci_publisher import OciPublisher
from support.ociregistry import OciRegistry
from support.sandbox import WASM, Sandbox


def _source(sandbox: Sandbox) -> str:
    lines = (sandbox.cwd / "tark.lock").read_text().splitlines()
    return next(line for line in lines if line.startswith("source"))


def test_a_plugin_is_added_followed_and_looked_at(sandbox: Sandbox, registry: OciRegistry) -> None:
    tools = OciPublisher(sandbox, registry.host, "text-tools", "flow/text-tools")
    first = tools.release("1.0.0")
    sandbox.init()
    agreed = ("--trust", tools.key, "--accept-capabilities")

    # Of what is not installed: nobody is trusted, nothing is run.
    assert sandbox.run("versions", tools.oci, "--json").ok().json["versions"][0]["tag"] == "1.0.0"
    looked = sandbox.run("info", tools.oci, "--json").ok().json
    assert (looked["source"], looked["digest"], looked["trust"]) == (f"{tools.oci}:1.0.0", first, "unknown")
    assert looked["command"] == f"tarkpm add {tools.oci}"
    sandbox.run("add", f"{tools.oci}:1.0.0").failed(4, "is not trusted yet", f"manifest │ {first}")
    assert not (sandbox.cwd / "tark.lock").exists()

    # A tag is taken as it is named, and the lock has its manifest.
    registry.requests  # noqa: B018  those before do not count
    added = sandbox.run("add", f"{tools.oci}:1.0.0", *agreed, "--json").ok().json["plugins"][0]
    assert (added["version"], added["digest"], added["commit"]) == ("1.0.0", first, "")
    assert registry.requests == [
        "GET /v2/flow/text-tools/manifests/1.0.0 200",
        f"GET /v2/flow/text-tools/blobs/sha256:{_wasm(tools)} 200",
    ]
    assert (
        f'text-tools = {{ oci = "{tools.place}", tag = "1.0.0" }}' in (sandbox.cwd / "tark.toml").read_text()
    )
    assert _source(sandbox) == f'source = {{ oci = "{tools.place}", tag = "1.0.0", digest = "{first}" }}'
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()
    assert registry.requests == []

    # A newer tag is named, and a range follows it.
    second = tools.release("1.1.0", tag="1.1.0")
    tools.release("1.2.0-rc.1")
    (row,) = sandbox.run("outdated", "--json").ok().json["plugins"]
    assert (row["newest_tag"], row["held_by"]) == ("1.1.0", "tag 1.0.0")
    assert f"tarkpm add '{tools.oci}:^1.0.0'" in sandbox.run("update", "text-tools").ok().out
    sandbox.run("add", f"{tools.oci}:^1.0.0").ok()
    assert second in _source(sandbox)
    sandbox.run("outdated").ok()
    assert [row["note"] for row in sandbox.run("versions", "text-tools", "--json").ok().json["versions"]] == [
        "",
        "locked",
        "",
    ]
    tools.release("1.3.0")
    assert sandbox.run("outdated", "--json").failed(1).json["plugins"][0]["update"] == "1.3.0"
    assert sandbox.run("update", "--json").ok().json["plugins"][0]["previous"]["digest"] == second
    assert sandbox.run("inspect", tools.oci, "--json").ok().json["fits"] == ["tool"]
    assert "pkg:oci/text-tools@sha256:" in sandbox.run("sbom").ok().out
    assert f"registry oci://{registry.host}" in sandbox.run("doctor").ok().out


def _wasm(tools: OciPublisher) -> str:
    from tarkpm.core.digest import sha256

    return sha256((tools.folder / "plugin.wasm").read_bytes())


def test_another_machine_syncs_from_the_lock(sandbox: Sandbox, registry: OciRegistry, tmp_path: Path) -> None:
    tools = OciPublisher(sandbox, registry.host, "text-tools", "sync/text-tools")
    first = tools.release("1.0.0")
    sandbox.init()
    sandbox.run("add", tools.oci, "--trust", tools.key, "--accept-capabilities").ok()
    # The tag moves on: the lock has the digest, and leads to what was locked.
    tools.release("1.0.0", extra='homepage = "https://example.com"')
    mate = Sandbox(tmp_path / "mate")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, mate.cwd / name)
    mate.run("sync").failed(4, f"fetch 'text-tools' from oci://{tools.place}")
    registry.requests  # noqa: B018
    mate.run("sync", "--accept-project").ok()
    assert registry.requests == [
        f"GET /v2/sync/text-tools/manifests/{first} 200",
        f"GET /v2/sync/text-tools/blobs/sha256:{_wasm(tools)} 200",
    ]
    assert _source(mate) == _source(sandbox)
    mate.run("verify").ok()
    mate.run("sync", "--reinstall", "--offline").ok()
    mate.run("outdated").failed(1, "other contents of this version: needs --allow-republished")
    mate.run("update").failed(4, "differ from the locked 1.0.0", "--allow-republished")
    mate.run("outdated", env={"TARKPM_OFFLINE": "1"}).failed(5, "forbids network requests")
    mate.run("update", "--allow-republished").ok()
    assert first not in _source(mate)


def test_a_release_waits_from_when_this_machine_first_saw_it(sandbox: Sandbox, registry: OciRegistry) -> None:
    """What a registry says of its age is the publisher's own word."""
    tools = OciPublisher(sandbox, registry.host, "text-tools", "young/text-tools")
    tools.release("1.0.0")
    sandbox.init()
    agreed = ("--trust", tools.key, "--accept-capabilities")
    cautious = {"TARKPM_MINIMUM_RELEASE_AGE": "3d"}
    sandbox.run("add", f"{tools.oci}:^1", *agreed, env=cautious).failed(4, "first saw it", "--no-minimum-age")
    sandbox.run("add", f"{tools.oci}:^1", *agreed).ok()
    tools.release("1.1.0")
    waiting = sandbox.run("update", "--json", env=cautious).ok().json["waiting"]
    assert [(one["name"], one["version"]) for one in waiting] == [("text-tools", "1.1.0")]
    assert 'tag = "1.0.0"' in _source(sandbox)


def test_what_is_typed_wrong(sandbox: Sandbox, registry: OciRegistry) -> None:
    tools = OciPublisher(sandbox, registry.host, "text-tools", "typo/text-tools")
    tools.release("1.0.0")
    sandbox.init()
    sandbox.run("add", f"{tools.oci}:nope").failed(2, "does not have the tag 'nope'", "tarkpm versions")
    sandbox.run("add", f"{tools.oci}:^2").failed(2, "no tag names a version in '^2', but there are '1.0.0'")
    sandbox.run("add", f"oci://{registry.host}/typo/none").failed(
        2, "does not have the repository", f"if it is private: docker login {registry.host}"
    )
    digest = f"sha256:{'0' * 64}"
    sandbox.run("add", f"{tools.oci}@{digest}").failed(2, "does not have this digest", "tarkpm versions")
    moving = OciPublisher(sandbox, registry.host, "text-tools", "typo/moving")
    moving.release("1.0.0", tag="latest")
    sandbox.run("add", moving.oci).failed(2, "there are 'latest'", f"name a tag: {moving.oci}:TAG")
    # What the project has is looked for in vain.
    sandbox.run(
        "add", f"{moving.oci}:latest", "--trust", moving.key or tools.key, "--accept-capabilities"
    ).ok()
    shutil.rmtree(registry.folder / "docker/registry/v2/repositories" / moving.repository)
    gone = (
        "its repository or tag may have been moved or deleted; to drop the plugin: tarkpm remove text-tools"
    )
    sandbox.run("update").failed(2, gone)
    sandbox.run("add", f"{tools.oci}:1.0.0", "--branch", "main").failed(2, "follows a colon")
    wrong = sandbox.run("add", f"oci://me:secret@{tools.place}").failed(2, "password is not accepted")
    assert "secret" not in wrong.out + wrong.err
    sandbox.run("info", f"{tools.oci}:1.0.0@sha256:{'0' * 64}").failed(2, "found both")


def test_a_package_of_another_tool(sandbox: Sandbox, registry: OciRegistry, tmp_path: Path) -> None:
    """It has a module alone: named after its repository, unsigned, and with nothing that it may do."""
    tools = OciPublisher(sandbox, registry.host, "text-tools", "wkg/text-tools")
    config = {"created": "2026-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2", "layerDigests": []}
    digest = tools.push_raw("1.2.0", config, WASM)
    sandbox.init()
    refused = sandbox.run("add", tools.oci).failed(4, "'text-tools' is not signed", "UNSIGNED")
    assert "capabilities │ none" in refused.err
    sandbox.run("add", tools.oci, "--allow-unsigned", "text-tools").ok()
    assert f'tag = "1.2.0", digest = "{digest}"' in _source(sandbox)
    text = sandbox.run("call", "text-tools", "text-stats", '{"text":"two words"}').ok().out
    assert "2" in text
    sandbox.run("call", "text-tools", "save-note", '{"key":"a","text":"b"}').failed(
        1, "storage is not granted"
    )
    mate = Sandbox(tmp_path / "mate")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, mate.cwd / name)
    mate.run("sync", "--accept-project").ok()
    sandbox.run("info", f"{tools.oci}@{digest}").failed(2, "a tag has to name its version")


def test_a_manifest_that_the_registry_deleted(
    sandbox: Sandbox, registry: OciRegistry, tmp_path: Path
) -> None:
    """Many registries delete manifests that no tag leads to: what can be done is named."""
    tools = OciPublisher(sandbox, registry.host, "text-tools", "gone/text-tools")
    digest = tools.release("1.0.0")
    sandbox.init()
    sandbox.run("add", tools.oci, "--trust", tools.key, "--accept-capabilities").ok()
    tools.release("1.0.0", extra='homepage = "https://example.com"')
    revisions = (
        registry.folder / "docker/registry/v2/repositories/gone/text-tools/_manifests/revisions/sha256"
    )
    shutil.rmtree(revisions / digest.removeprefix("sha256:"))
    mate = Sandbox(tmp_path / "mate")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, mate.cwd / name)
    mate.run("sync", "--accept-project").failed(2, "does not have this digest", "tarkpm update text-tools")
