"""Bundles and mirrors of an index with a transparency log: proofs travel in the rows, the log is copied."""

import json
import shutil
from pathlib import Path

from support.bundling import Forged, sync
from support.indexserver import IndexServer
from support.logged import LoggedIndex, forget_log
from support.sandbox import Sandbox

TITLE = "org.opencontainers.image.title"


def project(logged: LoggedIndex, log_server: IndexServer) -> Sandbox:
    user = logged.user(log_server)
    user.run("add", "text-tools", "--accept-capabilities").ok()
    user.run("bundle", "create", "-o", "plugins.tar").ok()
    return user


def far_from(user: Sandbox, root: Path) -> Sandbox:
    far = Sandbox(root)
    for name in ("tark.toml", "tark.lock", "plugins.tar"):
        shutil.copy(user.cwd / name, far.cwd)
    return far


def test_a_bundle_proves_that_the_log_has_a_release(
    logged: LoggedIndex, log_server: IndexServer, tmp_path: Path
) -> None:
    user = project(logged, log_server)
    asked = len(log_server.paths)
    far = far_from(user, tmp_path / "far")
    far.run("bundle", "verify", "plugins.tar").ok()
    sync(far).ok()
    assert far.run("info", "text-tools", "--json").ok().json["log"]["entry"] == 0
    # A machine that has seen the log asks for the proof, and has it from the bundle.
    again = far_from(user, tmp_path / "again")
    shutil.copytree(far.state / "logs", again.state / "logs")
    for file in (again.state / "logs").glob("*.json"):
        kept = json.loads(file.read_bytes())
        kept["releases"] = {}
        file.write_text(json.dumps(kept))
    sync(again).ok()
    assert len(log_server.paths) == asked


def test_a_mirror_has_the_log(logged: LoggedIndex, log_server: IndexServer, tmp_path: Path) -> None:
    user, copy = project(logged, log_server), tmp_path / "copy"
    user.run("mirror", copy).ok()
    assert (copy / "log" / "checkpoint").read_bytes() == (logged.folder / "log" / "checkpoint").read_bytes()
    assert {file.name for file in (copy / "log" / "tile").iterdir()} == {"0", "entries"}
    with IndexServer(copy) as server:
        reader = logged.user(server, "reader")
        reader.run("add", "text-tools", "--accept-capabilities").ok()
        reader.run("index", "log", "check", "community").ok()
        logged.publish("1.1.0")
        user.run("mirror", copy).ok()
        assert "text-tools 1.1.0" in reader.run("update", "--accept-capabilities").ok().out
    assert "nothing new" in user.run("mirror", copy).ok().out


def test_a_mirror_takes_no_rewritten_log(
    logged: LoggedIndex, log_server: IndexServer, tmp_path: Path
) -> None:
    """An entry that is not the one that was hashed: the copy keeps the log that it had."""
    user, copy = project(logged, log_server), tmp_path / "copy"
    user.run("mirror", copy).ok()
    before = (copy / "log" / "checkpoint").read_bytes()
    logged.publish("1.1.0")
    (bundle,) = (logged.folder / "log" / "tile" / "entries").glob("*.p/2")
    bundle.write_bytes(bundle.read_bytes().replace(b"1.0.0", b"1.0.9"))
    forget_log(user)
    user.run("mirror", copy).failed(3, "the entries of the log do not have the root of its checkpoint")
    assert (copy / "log" / "checkpoint").read_bytes() == before


def test_a_row_without_its_proof(logged: LoggedIndex, log_server: IndexServer, tmp_path: Path) -> None:
    """The row is of before the log, and the rest of the bundle is of today: TUF does not let them mix."""
    user = project(logged, log_server)
    far = far_from(user, tmp_path / "far")
    forged = Forged(far.cwd / "plugins.tar")
    manifest = forged.manifest("index-")
    (row,) = (one for one in manifest["layers"] if one["annotations"][TITLE].startswith("targets/index/"))
    table = json.loads(forged.blob(row["digest"]))
    assert table["releases"][0].pop("proof")
    table["version"] = 1
    data = json.dumps(table).encode()
    row |= {"digest": forged.put(data), "size": len(data)}
    forged.set_manifest("index-", manifest)
    forged.write(far.cwd / "plugins.tar")
    sync(far).failed(3, "the file")
