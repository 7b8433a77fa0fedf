"""A bundle with other contents than the project locked, or than the maintainers of its index signed."""

import base64
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.bundling import REF, Carrying, Forged, carrying, sync
from support.faked_clock import Calendar, Machine
from support.indexrepo import plugin_files, sign
from support.sandbox import WASM, Sandbox

SWAPPED = WASM + b"\0\x01\0"  # an empty custom section: another module that does the same


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrying]:
    """A bundle that nobody changes: attacks change copies."""
    with carrying(tmp_path_factory.mktemp("bundle")) as found:
        yield found


@pytest.fixture
def forged(made: Carrying) -> Forged:
    return Forged(made.bundle)


def installed(machine: Sandbox) -> list[str]:
    """The plugins of a machine."""
    return sorted(one.name for one in machine.plugins.iterdir()) if machine.plugins.exists() else []


def refused(
    made: Carrying, forged: Forged, root: Path, status: int, *texts: str, verify: bool = True
) -> None:
    """Neither `sync` nor `bundle verify` takes it, and nothing is installed."""
    far = made.machine(root, forged.write(root.with_suffix(".tar")))
    sync(far).failed(status, *texts)
    assert not installed(far)
    if verify:
        assert far.run("bundle", "verify", "plugins.tar").status == status


def set_config(forged: Forged, manifest: dict[str, Any], config: dict[str, Any]) -> None:
    """Put another config into text-tools, with a manifest that fits it."""
    forged.drop(manifest["config"]["digest"])
    data = json.dumps(config).encode()
    text = base64.b64encode(data).decode()
    manifest["config"] |= {"digest": forged.put(data), "size": len(data), "data": text}
    forged.set_manifest("text-tools", manifest)


def swap(forged: Forged, wasm: bytes) -> None:
    """Put another module into text-tools, with a config and a manifest that fit it."""
    manifest = forged.manifest("text-tools")
    config = json.loads(forged.blob(manifest["config"]["digest"]))
    digest = forged.put(wasm)
    config["layerDigests"] = [digest]
    manifest["layers"][0] |= {"digest": digest, "size": len(wasm)}
    set_config(forged, manifest, config)


def test_another_module_under_true_digests(made: Carrying, forged: Forged, tmp_path: Path) -> None:
    swap(forged, SWAPPED)
    refused(made, forged, tmp_path / "far", 3, "plugin.wasm")


def test_a_module_swapped_between_two_entries(made: Carrying, forged: Forged, tmp_path: Path) -> None:
    """The manifests of two plugins change places."""

    def edit(index: dict[str, list[dict[str, dict[str, str]]]]) -> None:
        one, two = (
            next(x for x in index["manifests"] if x["annotations"][REF].startswith(name))
            for name in ("text-tools", "json-core")
        )
        one["annotations"], two["annotations"] = two["annotations"], one["annotations"]

    forged.edit_index(edit)
    far = made.machine(tmp_path / "far", forged.write(tmp_path / "x.tar"))
    assert sync(far).status in (1, 3)
    assert not installed(far)
    far.run("bundle", "verify", "plugins.tar").failed(2, "expected 'text-tools-1.0.0', found json-core 1.0.0")


def test_a_manifest_whose_digest_lies(made: Carrying, forged: Forged, tmp_path: Path) -> None:
    name = "blobs/sha256/" + forged.listed("text-tools")["digest"][7:]
    forged.files[name] = forged.files[name].replace(b"text-tools", b"text_tools")
    refused(made, forged, tmp_path / "far", 3, "does not have the digest that it is named by")


def test_a_blob_of_another_size(made: Carrying, forged: Forged, tmp_path: Path) -> None:
    wasm = forged.manifest("text-tools")["layers"][0]["digest"]
    forged.files["blobs/sha256/" + wasm[7:]] = WASM + b"\0"
    refused(made, forged, tmp_path / "far", 3, "bytes, expected")


def test_a_missing_plugin(made: Carrying, forged: Forged, tmp_path: Path) -> None:
    forged.edit_index(lambda i: i["manifests"].remove(forged.listed("json-core")))
    refused(
        made,
        forged,
        tmp_path / "far",
        5,
        "neither in the bundle nor on this machine: 'json-core'",
        verify=False,
    )


def test_a_plugin_that_nobody_locked(made: Carrying, forged: Forged, tmp_path: Path) -> None:
    """It is neither installed nor stored; a note says that it is there."""
    other = forged.listed("text-tools")

    def edit(index: dict[str, list[object]]) -> None:
        index["manifests"].append(other | {"annotations": other["annotations"] | {REF: "evil-1.0.0"}})

    forged.edit_index(edit)
    far = made.machine(tmp_path / "far", forged.write(tmp_path / "x.tar"))
    done = sync(far).ok()
    assert "note: not used of the bundle, because tark.lock does not name it: 'evil-1.0.0'" in done.out
    assert installed(far) == ["json-core", "text-tools"]


def test_a_bundle_for_another_project(made: Carrying, tmp_path: Path) -> None:
    with carrying(tmp_path / "other") as other:
        other.project.release("word-count")
        sandbox = other.project.sandbox
        sandbox.run("remove", "text-tools").ok()
        sandbox.run("add", "word-count", "--accept-capabilities").ok()
        far = made.machine(tmp_path / "far", other.make())
        sync(far).failed(2, "the bundle has none of the locked plugins: it has 'word-count-1.0.0'")
        assert not installed(far)


def test_a_slice_of_another_index(made: Carrying, tmp_path: Path) -> None:
    """Of the same plugins, signed from its first root on by somebody else."""
    with carrying(tmp_path / "other") as other:
        theirs, forged = Forged(other.bundle), Forged(made.bundle)
        slice_ = theirs.listed("index-")
        forged.files |= {name: data for name, data in theirs.files.items() if name.startswith("blobs/")}
        mine = forged.listed("index-")

        def edit(index: dict[str, list[object]]) -> None:
            index["manifests"].remove(mine)
            index["manifests"].append(mine | {key: slice_[key] for key in ("digest", "size")})

        forged.edit_index(edit)
        far = made.machine(tmp_path / "far", forged.write(tmp_path / "x.tar"))
        sync(far).failed(3, "this is another index")
        assert not installed(far)


def test_no_slice_at_all(made: Carrying, forged: Forged, tmp_path: Path) -> None:
    """Nobody says then who may sign the plugins."""
    forged.edit_index(lambda i: i["manifests"].remove(forged.listed("index-")))
    far = made.machine(tmp_path / "far", forged.write(tmp_path / "x.tar"))
    sync(far).failed(5, "nothing that the index says of them")
    assert not installed(far)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "claims", "claims-", "publishers/"])
def test_a_forged_file_of_a_slice(made: Carrying, forged: Forged, tmp_path: Path, role: str) -> None:
    """By somebody who has no key and computes all digests anew."""
    manifest = forged.manifest("index-")
    changed = 0
    for layer in manifest["layers"]:
        title = layer["annotations"]["org.opencontainers.image.title"]
        if f"{role}." not in title and not (role.endswith(("-", "/")) and role in title):
            continue
        table = json.loads(forged.blob(layer["digest"]))
        table.get("signed", table)["expires"] = "2099-01-01T00:00:00Z"
        data = json.dumps(table).encode()
        layer |= {"digest": forged.put(data), "size": len(data)}
        changed += 1
    assert changed
    forged.set_manifest("index-", manifest)
    far = made.machine(tmp_path / "far", forged.write(tmp_path / "x.tar"))
    assert sync(far).status in (3, 5)
    assert not installed(far)


def test_blobs_that_nothing_names(made: Carrying, forged: Forged, tmp_path: Path) -> None:
    """Nobody would check them; `sync` does not read them."""
    forged.put(b"anything")
    far = made.machine(tmp_path / "far", forged.write(tmp_path / "x.tar"))
    far.run("bundle", "verify", "plugins.tar").failed(2, "the bundle has blobs that nothing names")


@pytest.mark.parametrize("title", ["../../etc/passwd", "/etc/passwd", "metadata/../../x", "targets//x", ""])
def test_a_file_of_a_slice_with_a_name_that_leads_elsewhere(
    made: Carrying, forged: Forged, tmp_path: Path, title: str
) -> None:
    """tarkpm writes nothing under these names, but a tool that unpacks the slice may."""
    manifest = forged.manifest("index-")
    manifest["layers"][0]["annotations"]["org.opencontainers.image.title"] = title
    forged.set_manifest("index-", manifest)
    refused(made, forged, tmp_path / "far", 2, "expected the path of a file in an index")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Carrying]:
    """A project whose index a test changes."""
    with carrying(tmp_path / "own") as found:
        yield found


def test_a_slice_that_is_older_than_what_state_saw(own: Carrying, tmp_path: Path) -> None:
    """The attacker kept the bundle from before a revocation; this machine saw a bundle made after it."""
    old = shutil.copy(own.bundle, tmp_path / "old.tar")
    far = own.machine(tmp_path / "far")
    sync(far).ok()
    own.revoke("json-core")
    own.project.sandbox.run("remove", "text-tools").ok()
    own.project.release("text-tools", "1.1.0")
    own.project.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    fresh = own.machine(tmp_path / "fresh", own.make())
    sync(fresh).ok()
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(far.cwd / name, fresh.cwd)
    shutil.copy(old, fresh.cwd / "plugins.tar")
    sync(fresh).failed(
        5, "what was kept of the index is older than a version seen before", "tarkpm bundle create"
    )


def test_a_newer_bundle_tells_of_a_revocation(own: Carrying, tmp_path: Path) -> None:
    """With an unchanged lock there is nothing to install, and the bundle is read all the same."""
    far = own.machine(tmp_path / "far")
    sync(far).ok()
    assert sync(far).ok().out == "2 plugins match tark.lock\n"
    made, lock = Forged(own.bundle), (far.cwd / "tark.lock").read_bytes()
    own.revoke("text-tools")
    own.project.sandbox.run("bundle", "create", "-o", "x.tar").failed(3, "was revoked")
    # A bundle that carries the revoked release all the same, made by a tool that does not look.
    own.project.release("text-tools", "1.1.0", '[dependencies]\njson-core = "^1"')
    own.project.sandbox.run("update", "--accept-capabilities").ok()
    newer = Forged(own.make())
    newer.files = made.files | newer.files
    old = made.listed("text-tools")
    newer.edit_index(lambda index: index["manifests"].append(old))
    newer.write(far.cwd / "plugins.tar")
    assert (far.cwd / "tark.lock").read_bytes() == lock
    sync(far).failed(3, "'text-tools' 1.0.0 was revoked")


def test_a_bundle_is_not_believed_once_the_maintainers_signatures_expired(
    made: Carrying, tmp_path: Path, calendar: Calendar
) -> None:
    """Or a bundle from before a revocation would be one for ever. Its timestamp alone may have expired."""
    for days, status in ((60, 0), (400, 5)):
        calendar.today = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d")
        far = made.machine(tmp_path / f"far{days}")
        machine = Machine(tmp_path / f"machine{days}", calendar)
        shutil.copytree(far.cwd, machine.cwd, dirs_exist_ok=True)
        done = machine.tarkpm("sync", "--bundle", "plugins.tar", "--accept-project")
        assert done.status == status, done
        if status:
            assert "what was kept of the index expired on" in done.err
        assert bool(installed(machine)) == (status == 0)


def test_a_release_of_another_key(made: Carrying, forged: Forged, tmp_path: Path) -> None:
    """With a valid signature, by nobody whom the index vouches for: the lock's digests differ, too."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    files = plugin_files("text-tools", "1.0.0", WASM, '[dependencies]\njson-core = "^1"')
    statement = sign(Ed25519PrivateKey.generate(), "text-tools", "1.0.0", files)
    manifest = forged.manifest("text-tools")
    config = json.loads(forged.blob(manifest["config"]["digest"]))
    config["tark.plugin.v1"]["files"]["plugin.dsse.json"] = base64.b64encode(statement).decode()
    set_config(forged, manifest, config)
    refused(made, forged, tmp_path / "far", 3, "is signed by")


def test_a_bundle_does_not_bring_consent(made: Carrying, tmp_path: Path) -> None:
    """What a project decides is accepted by its user, before the bundle is opened."""
    far = made.machine(tmp_path / "far")
    (far.cwd / "plugins.tar").write_bytes(b"")
    far.run("sync", "--bundle", "plugins.tar").failed(4, "you have not accepted this project's decisions")


@pytest.mark.parametrize("policy", ["indexes = []", "signers = []", 'types = ["hook"]'])
def test_a_bundle_leads_around_no_team_policy(made: Carrying, tmp_path: Path, policy: str) -> None:
    far = made.machine(tmp_path / "far")
    place = far.home / ".config" / "tarkpm"
    place.mkdir(parents=True)
    (place / "policy.toml").write_text(f"version = 1\n{policy}\n")
    sync(far).failed(3, "forbids")
    assert not installed(far)
    assert not list(far.store.glob("blobs/*"))


def test_large_modules_are_checked_like_small_ones(own: Carrying, tmp_path: Path) -> None:
    """They are read in threads: one changed byte of any of them is found, and nothing of the others is installed."""
    room = bytes(3 << 19)
    padding = b"\x01x" + room
    length = bytes(len(padding) >> shift & 0x7F | (0x80 if shift < 28 else 0) for shift in range(0, 35, 7))
    for name, more in (("json-core", ""), ("text-tools", '[dependencies]\njson-core = "^1"')):
        large = WASM + b"\0" + length + padding
        own.repo.release(name, "1.0.1", own.project.keys[name], wasm=large, more=more)
    own.repo.publish()
    own.project.sandbox.run("update", "--accept-capabilities").ok()
    bundle = own.make()
    whole = own.machine(tmp_path / "whole")
    sync(whole).ok()
    whole.run("verify").ok()
    for name in ("text-tools", "json-core"):
        forged = Forged(bundle)
        blob = "blobs/sha256/" + forged.manifest(name)["layers"][0]["digest"][7:]
        assert len(forged.files[blob]) > len(room)
        forged.files[blob] = forged.files[blob][:-1] + b"\x01"
        refused(own, forged, tmp_path / f"far-{name}", 3, "does not have the digest that it is named by")
