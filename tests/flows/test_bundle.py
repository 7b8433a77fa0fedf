"""A bundle: one file carries a project's plugins to a machine that never had a network."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Publisher
from support.bundling import Carrying, Forged, carrying, sync
from support.ociregistry import oci_registry
from support.sandbox import Sandbox

CALL = ("call", "text-tools", "text-stats", '{"text":"a"}')


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrying]:
    """A bundle of text-tools, which depends on json-core, and of word-count."""
    with carrying(tmp_path_factory.mktemp("bundle"), "word-count") as found:
        yield found


def without_a_network(*_: object) -> None:
    raise AssertionError("a request")


def test_the_errand(made: Carrying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed on two machines, of which the second makes no request."""
    told = made.project.sandbox.run("bundle", "create", "-o", "again.tar").ok().out
    assert told.startswith("✓ wrote again.tar: 3 plugins, and what its index says (")
    again = made.project.sandbox.cwd / "again.tar"
    assert again.read_bytes() == made.bundle.read_bytes()
    digest = subprocess.run(["sha256sum", again], capture_output=True, text=True, check=True).stdout.split()[
        0
    ]
    assert f"  sha256:{digest}\n" in told
    asked = len(made.project.server.paths)
    monkeypatch.setattr(socket.socket, "connect", without_a_network)
    monkeypatch.setattr(socket, "getaddrinfo", without_a_network)
    far = made.machine(tmp_path / "far")
    assert far.run("bundle", "inspect", "plugins.tar").ok().out.count(" signed") == 3
    verified = far.run("bundle", "verify", "plugins.tar").ok().out
    assert verified.startswith("✓ 3 plugins verified\n")
    assert f"  fits {far.cwd / 'tark.toml'}" in verified
    assert sync(far).ok().out == "+ json-core 1.0.0\n+ text-tools 1.0.0\n+ word-count 1.0.0\n"
    far.run("verify").ok()
    far.run(*CALL).ok()
    assert sync(far).ok().out == "3 plugins match tark.lock\n"
    # State knows what the bundle said: nothing else needs the bundle again.
    (far.cwd / "plugins.tar").unlink()
    shutil.rmtree(far.cwd / ".tark")
    assert "+ text-tools 1.0.0" in far.run("sync", "--offline", "--accept-project").ok().out
    far.run("audit", "--offline").ok()
    assert len(made.project.server.paths) == asked


def test_a_dry_run_installs_nothing(made: Carrying, tmp_path: Path) -> None:
    far = made.machine(tmp_path / "far")
    assert "+ text-tools 1.0.0 (not applied)" in sync(far, "--dry-run").ok().out
    assert not far.plugins.exists()
    assert not list(far.store.glob("blobs/*"))


def test_some_plugins_and_what_they_depend_on(made: Carrying, tmp_path: Path) -> None:
    sandbox = made.project.sandbox
    report = sandbox.run("bundle", "create", "-o", tmp_path / "some.tar", "text_tools", "--json").ok().json
    assert [one["name"] for one in report["plugins"]] == ["json-core", "text-tools"]
    far = made.machine(tmp_path / "far", tmp_path / "some.tar")
    sync(far).failed(5, "neither in the bundle nor on this machine: 'word-count'")
    assert far.run("bundle", "verify", "plugins.tar").failed(1, "not in the bundle: 'word-count'").status
    sandbox.run("bundle", "create", "-o", "x.tar", "nothing").failed(2, "no locked plugin named 'nothing'")
    # The rest may come from another bundle, or be there already.
    shutil.copy(made.bundle, far.cwd / "plugins.tar")
    sync(far).ok()
    shutil.copy(tmp_path / "some.tar", far.cwd / "plugins.tar")
    sync(far).ok()


def test_other_tools_read_it(made: Carrying, tmp_path: Path) -> None:
    """It is an OCI image layout: skopeo copies a plugin and a slice, with their digests."""
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    forged = Forged(made.bundle)
    for ref in ("text-tools-1.0.0", "index-"):
        one = forged.listed(ref)
        name = one["annotations"]["org.opencontainers.image.ref.name"]
        words = ["skopeo", "--insecure-policy", "copy", "--quiet", f"oci-archive:{made.bundle}:{name}"]
        subprocess.run([*words, f"oci:{tmp_path / ref}:x"], check=True, capture_output=True)
        index = json.loads((tmp_path / ref / "index.json").read_bytes())
        assert [entry["digest"] for entry in index["manifests"]] == [one["digest"]]
    listed = subprocess.run(["tar", "-tf", made.bundle], capture_output=True, text=True, check=True)
    first, *_, last = listed.stdout.splitlines()
    assert (first, last) == ("oci-layout", "index.json")
    assert listed.stderr == ""


def test_where_there_is_no_project(made: Carrying, tmp_path: Path) -> None:
    """Everything but whose index it is can be verified."""
    nobody = Sandbox(tmp_path / "nobody")
    shutil.copy(made.bundle, nobody.cwd)
    out = nobody.run("bundle", "verify", "plugins.tar").ok().out
    assert "note: only a project says which index to trust: compare the roots" in out
    assert made.repo.root_digest in out
    report = nobody.run("bundle", "verify", "plugins.tar", "--json").ok().json
    assert (report["project"], report["missing"]) == ("", [])
    nobody.run("bundle", "verify", "other.tar").failed(2, "there is no such bundle")


def test_plugins_from_git_and_working_copies(sandbox: Sandbox, publisher: Publisher, tmp_path: Path) -> None:
    """The lock's digests and the signature say what came from git; a working copy is the project's own."""
    publisher.release()
    sandbox.init()
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.run(
        "add", publisher.url, "--tag", "v1.0.0", "--trust", publisher.key, "--accept-capabilities"
    ).ok()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    made = sandbox.run("bundle", "create", "-o", "plugins.tar").ok()
    assert "wrote plugins.tar: 1 plugin (" in made.out
    assert "note: not in the bundle: 'mine', which the project itself has" in made.out
    asked = len(publisher.server.requests)
    far = Sandbox(tmp_path / "far")
    shutil.copytree(sandbox.cwd, far.cwd, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".tark"))
    far.run("bundle", "verify", "plugins.tar").ok()
    assert "+ text-tools 1.0.0" in sync(far).ok().out
    far.run("verify").ok()
    far.run(*CALL).ok()
    assert len(publisher.server.requests) == asked


def test_a_bundle_is_pushed_to_a_registry(made: Carrying, tmp_path: Path) -> None:
    """Under the digests that the bundle has, once."""
    with oci_registry(tmp_path / "oci") as registry:
        machine, to = made.machine(tmp_path / "far"), f"oci://{registry.host}/team"
        planned = machine.run("bundle", "push", "plugins.tar", to, "--dry-run").ok().out
        assert planned.count("would be pushed") == 4
        rows = machine.run("bundle", "push", "plugins.tar", to, "--json").ok().json["pushed"]
        forged = Forged(made.bundle)
        assert f"{to}/text-tools:1.0.0" in [row["reference"] for row in rows]
        assert {row["digest"] for row in rows} == {one["digest"] for one in forged.index["manifests"]}
        assert machine.run("bundle", "push", "plugins.tar", to).ok().out.count("is there") == 4
        # What was pushed is a source like any other, and goes into bundles as well.
        user = Sandbox(tmp_path / "user")
        user.init()
        plugins = machine.run("bundle", "verify", "plugins.tar", "--json").ok().json["plugins"]
        signer = next(one["signer"] for one in plugins if one["name"] == "word-count")
        user.run("add", f"{to}/word-count:1.0.0", "--trust", signer, "--accept-capabilities").ok()
        user.run("bundle", "create", "-o", "plugins.tar").ok()
        (machine.cwd / "plugins.tar").write_bytes(b"")
        machine.run("bundle", "push", "plugins.tar", to).failed(5, "the bundle is truncated")
    far = Sandbox(tmp_path / "last")
    for name in ("tark.toml", "tark.lock", "plugins.tar"):
        shutil.copy(user.cwd / name, far.cwd)
    assert sync(far).ok().out == "+ word-count 1.0.0\n"
    far.run("verify").ok()


def test_two_indexes(tmp_path: Path) -> None:
    """Each has a slice of its own, of its own plugins; one of them has two names in the project."""
    with carrying(tmp_path / "one") as one, carrying(tmp_path / "two") as two:
        two.project.release("word-count")
        one.project.release("left-pad")
        sandbox, url = one.project.sandbox, two.project.server.url
        sandbox.run("index", "add", "second", url, "--root", two.repo.root_digest).ok()
        sandbox.run("index", "add", "again", one.project.server.url, "--root", one.repo.root_digest).ok()
        sandbox.run("add", "second:word-count", "again:left-pad", "--accept-capabilities").ok()
        one.make()
        far = one.machine(tmp_path / "far")
    report = far.run("bundle", "verify", "plugins.tar", "--json").ok().json
    assert {row["root"] for row in report["indexes"]} == {one.repo.root_digest, two.repo.root_digest}
    assert sync(far).ok().out.count("+ ") == 4
