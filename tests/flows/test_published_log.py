"""`publish --to oci://… --log INDEX`: what an author types and sees, and those who use the release."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from support.bundling import sync
from support.community import BOTH
from support.indexserver import IndexServer
from support.logged import LoggedIndex, relist
from support.ociregistry import OciRegistry
from support.oddregistry import OddRegistry
from support.sandbox import Result, Sandbox


@pytest.fixture
def author(logged: LoggedIndex, log_server: IndexServer) -> Sandbox:
    """The publisher of text-tools, who has the index in the configuration of his own."""
    found = logged.sandbox
    found.run("index", "add", "community", log_server.url, "--root", logged.root, "--user").ok()
    return found


def _publish(author: Sandbox, to: str, *more: str) -> Result:
    folder = author.root / "submissions" / "pat" / "text-tools-1.0.0"
    return author.run("publish", folder, "--to", to, *more, cwd=author.root)


def _add(user: Sandbox, logged: LoggedIndex, to: str, env: Mapping[str, str] | None = None) -> Result:
    key = logged.key("pat")
    return user.run("add", f"{to}:1.0.0", "--trust", key, "--accept-capabilities", env=env)


def test_the_errand(
    logged: LoggedIndex, log_server: IndexServer, registry: OciRegistry, author: Sandbox, tmp_path: Path
) -> None:
    logged.witness("wanda").ok()
    logged.run("refresh").ok()
    to = f"oci://{registry.host}/errand/text-tools"
    plain = _publish(author, f"{to}-plain", "--json").ok().json
    assert plain["log"] is None
    line = "  log      in the log of community, entry 0, seen by 1 witness"
    said = _publish(author, to, "--log", "community").ok().out.splitlines()
    assert line in said
    again = _publish(author, to, "--log", "community", "--json").ok().json
    assert again["log"] == {"index": "community", "entry": 0, "seen_by": ["wanda.example"], "proof": "this"}
    assert again["existed"]
    assert again["digest"] != plain["digest"]
    # The same proof gives the same digest, and no proof that of before.
    assert _publish(author, f"{to}-2", "--log", "community", "--json").ok().json["digest"] == again["digest"]
    assert _publish(author, f"{to}-3", "--json").ok().json["digest"] == plain["digest"]

    # A later proof of the same release: the tag is not moved, and `publish` says what is there.
    logged.witness("will").ok()
    logged.run("refresh").ok()
    later = _publish(author, to, "--log", "community").ok().out
    assert later.startswith(f"already published: {to}:1.0.0")
    assert (
        "seen by 2 witnesses; the artifact there has another proof of it, and a tag is never moved" in later
    )
    none = _publish(author, f"{to}-plain", "--log", "community").ok().out
    assert "the artifact there has no proof of it, and a tag is never moved" in none

    user = logged.user(log_server)
    asked = len(log_server.paths)
    _add(user, logged, to).ok()
    assert len(log_server.paths) == asked
    assert (
        "Log:          in the log of community, entry 0, seen by 1 witness"
        in user.run("info", "text-tools").ok().out
    )
    assert user.run("verify", "--json").ok().json["findings"] == []

    # What is copied keeps it: as an image layout, and in a bundle.
    user.run("mirror", f"oci:{tmp_path / 'copy'}").ok()
    user.run("bundle", "create", "-o", "plugins.tar").ok()
    pushed = f"oci://{registry.host}/pushed"
    user.run("bundle", "push", "plugins.tar", pushed).ok()
    assert user.run("info", f"{pushed}/text-tools:1.0.0", "--json").ok().json["digest"] == again["digest"]
    far = _mate(user, tmp_path / "far")
    sync(far).ok()
    assert "entry 0, seen by 1 witness" in far.run("info", "text-tools").ok().out
    near = _mate(user, tmp_path / "near")
    config = near.home / ".config" / "tarkpm" / "config.toml"
    config.parent.mkdir(parents=True)
    place = tmp_path / "copy" / registry.host.replace(":", "_")
    config.write_text(f'[mirror]\n"oci://{registry.host}" = "{place}"\n')
    near.run("sync", "--accept-project").ok()
    assert "entry 0, seen by 1 witness" in near.run("info", "text-tools").ok().out
    # Once the index was asked, the tree of the proof is compared with its own.
    assert _pending(user)
    user.run("index", "log", "check", "community").ok()
    assert not _pending(user)
    assert "entry 0, seen by 1 witness" in user.run("info", "text-tools").ok().out


def _mate(user: Sandbox, root: Path) -> Sandbox:
    """Another machine with the same project, which has seen the log, and has nothing in its store."""
    mate = Sandbox(root)
    for name in ("tark.toml", "tark.lock", "plugins.tar"):
        shutil.copy(user.cwd / name, mate.cwd)
    shutil.copytree(user.state / "logs", mate.state / "logs")
    for file in (mate.state / "logs").glob("*.json"):
        kept = json.loads(file.read_bytes())
        kept["releases"] = {}
        file.write_text(json.dumps(kept))
    return mate


def _pending(user: Sandbox) -> list[str]:
    (file,) = (user.state / "logs").glob("*.json")
    return [name for name, one in json.loads(file.read_bytes())["releases"].items() if one.get("pending")]


def test_update_learns_a_proof_that_nobody_could_check_before(
    logged: LoggedIndex, log_server: IndexServer, author: Sandbox
) -> None:
    """The project gets the index later. What is installed stays, and nothing is fetched again but the manifest."""
    user = Sandbox(logged.users / "user")
    user.init()
    with OddRegistry() as odd:
        to = f"oci://{odd.host}/later/text-tools"
        _publish(author, to, "--log", "community").ok()
        _add(user, logged, to).ok()
        assert "Log:" not in user.run("info", "text-tools").ok().out
        user.run("index", "add", "community", log_server.url, "--root", logged.root).ok()
        assert "Log:" not in user.run("info", "text-tools").ok().out
        odd.requests.clear()
        user.run("update").ok()
        assert not [line for line in odd.requests if "/blobs/" in line]
    assert "in the log of community, entry 0" in user.run("info", "text-tools").ok().out


def test_what_is_not_in_the_log_is_not_pushed(
    logged: LoggedIndex, registry: OciRegistry, author: Sandbox, tmp_path: Path
) -> None:
    to = f"oci://{registry.host}/refused/text-tools"
    _publish(author, to, "--log", "nothing").failed(2, "there is no index 'nothing' here", "tarkpm index add")
    logged.release("1.1.0")
    words = ("--to", to, "--log", "community")
    folder = author.root / "submissions" / "pat"
    said = author.run("publish", folder / "text-tools-1.1.0", *words, cwd=author.root)
    said.failed(2, "does not list 'text-tools' 1.1.0")
    other = Path(shutil.copytree(folder / "text-tools-1.0.0", tmp_path / "other"))
    author.run("publish", other, *words, "--key", "bob", cwd=author.root).failed(
        2, "another release as text-tools 1.0.0, with the same files under another statement"
    )
    (other / "README.md").write_text("more\n")
    author.run("publish", other, *words, "--key", "pat", cwd=author.root).failed(
        2, "another release as text-tools 1.0.0, with other contents of 'README.md'"
    )
    # A row whose proof does not hold.
    relist(logged, lambda row: msgspec.structs.replace(row, proof=""))
    _publish(author, to, "--log", "community").failed(3, "does not prove that it is in the log")
    assert not [line for line in registry.requests if "/refused/" in line]
    _publish(author, str(tmp_path / "out"), "--log", "community").failed(2, "--to oci://")


def test_the_key_and_the_quorum_of_the_log_change(
    logged: LoggedIndex, log_server: IndexServer, registry: OciRegistry, author: Sandbox
) -> None:
    """An artifact stays what it was when it was pushed: its proof no longer counts, and it is installed."""
    to = f"oci://{registry.host}/changes/text-tools"
    _publish(author, to, "--log", "community").ok()
    logged.log_init("--quorum", "1")
    user = logged.user(log_server)
    user.run("index", "log", "check", "community").ok()
    said = _add(user, logged, to).ok()
    ignored = "the proof that text-tools 1.0.0 is in the log of community is ignored: "
    assert ignored + "seen by no witness, expected 1" in said.err
    assert "Log:" not in user.run("info", "text-tools").ok().out
    _publish(author, f"{to}-2", "--log", "community").failed(3, "too few witnesses have seen it")

    logged.run("rotate", "log", "--log-key", "second", *BOTH).ok()
    other = logged.user(log_server, "other")
    other.run("index", "log", "check", "community").ok()
    assert ignored + "another key than the log's signed it" in _add(other, logged, to).ok().err
    assert "Log:" not in other.run("info", "text-tools").ok().out
    other.run("verify").ok()


def test_a_proof_from_a_registry_does_not_stand_in_for_the_index(
    logged: LoggedIndex, log_server: IndexServer, registry: OciRegistry, author: Sandbox
) -> None:
    """As long as its tree is not compared, the same release from the index needs the proof in its row."""
    to = f"oci://{registry.host}/standin/text-tools"
    _publish(author, to, "--log", "community").ok()
    logged.publish("1.1.0")
    ada = logged.user(log_server, "ada")
    ada.run("add", "text-tools@=1.0.0", "--accept-capabilities").ok()
    bob = logged.user(log_server, "bob")
    bob.run("info", "community:text-tools").ok()
    _add(bob, logged, to).ok()
    assert _pending(bob)
    relist(logged, lambda row: msgspec.structs.replace(row, proof=""))
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(ada.cwd / name, bob.cwd / name)
    bob.run("sync", "--accept-project").failed(3, "does not prove that it is in the log")
