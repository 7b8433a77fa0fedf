"""tark.lock.example is what the program writes, byte for byte; TARKPM_UPDATE_GOLDEN=1 writes it anew."""

import os
import shutil
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.gitserver import GitRepo, GitServer
from support.sandbox import PLUGINS, Sandbox

EXAMPLE = Path(__file__).parents[2] / "tark.lock.example"


def _fixed_key(sandbox: Sandbox) -> None:
    pem = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (sandbox.state / "keys").mkdir(parents=True)
    (sandbox.state / "keys" / "release.pem").write_bytes(pem)


def test_the_example_lock_is_made_by_the_program(sandbox: Sandbox, server: GitServer) -> None:
    _fixed_key(sandbox)
    repo = GitRepo(sandbox.root / "repo")
    for name in ("text-tools", "device-auth"):
        shutil.copytree(PLUGINS / name, repo.folder / name, ignore=shutil.ignore_patterns("tests"))
        sandbox.sign(repo.folder / name)
    repo.git("add", "--all")
    repo.commit("release 1.0.0")
    repo.tag("v1.0.0")
    repo.publish(server.root, "plugins")
    sandbox.plugin(
        sandbox.root / "mine", name="mine", version="0.1.0-dev", extra="[dependencies]\ntext-tools = '^1'"
    )
    sandbox.init()
    consent = ["--trust", "ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=", "--accept-capabilities"]
    url = server.url("plugins")
    sandbox.run("add", url, "--tag", "v1.0.0", "--path", "text-tools", *consent).ok()
    sandbox.run("add", url, "-b", "main", "--path", "device-auth", *consent).ok()
    sandbox.run("add", "../mine", *consent).ok()
    lock = (sandbox.cwd / "tark.lock").read_text().replace(server.base, "https://git.example.com").encode()
    if os.environ.get("TARKPM_UPDATE_GOLDEN"):
        EXAMPLE.write_bytes(lock)
    assert lock == EXAMPLE.read_bytes()


def test_the_same_input_gives_the_same_bytes_and_an_unchanged_lock_is_not_rewritten(sandbox: Sandbox) -> None:
    folder = sandbox.plugin(sandbox.root / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", str(folder), "--accept-capabilities").ok()
    lock = sandbox.cwd / "tark.lock"
    before = lock.read_bytes(), lock.stat().st_mtime_ns, lock.stat().st_ino
    sandbox.run("lock").ok()
    sandbox.run("sync").ok()
    sandbox.run("update").ok()
    assert (lock.read_bytes(), lock.stat().st_mtime_ns, lock.stat().st_ino) == before
    other = Sandbox(sandbox.root / "other")
    other.init()
    other.run("add", str(folder), "--accept-capabilities").ok()
    assert (other.cwd / "tark.lock").read_bytes() == before[0]
