"""The log of an index: what maintainers, witnesses and users type, and what they see."""

import shutil
from pathlib import Path

import msgspec
from support.community import BOTH, Community
from support.indexserver import IndexServer
from support.logged import LoggedIndex, relist
from support.sandbox import Sandbox


def test_the_errand(logged: LoggedIndex, log_server: IndexServer) -> None:
    """Releases of before the log are in it; later ones are appended; witnesses are counted; info says so."""
    logged.publish("1.1.0")
    for name in ("wanda", "will"):
        logged.witness(name).ok()
    refreshed = logged.run("refresh").ok().out
    assert "2 cosigned checkpoints taken, 2 proofs renewed" in refreshed
    checked = logged.run("log", "check").ok().out
    assert "✓ 2 entries, seen by 2 witnesses" in checked
    assert logged.findings("--deep") == []
    user = logged.user(log_server)
    user.run("add", "text-tools", "--accept-capabilities").ok()
    assert "Log:          in the log since 20" in (said := user.run("info", "text-tools").ok().out)
    assert ", entry 1, seen by 2 witnesses\n" in said
    assert user.run("info", "text-tools", "--json").ok().json["log"]["seen_by"] == [
        "wanda.example",
        "will.example",
    ]
    assert user.run("verify", "--json").ok().json["findings"] == []
    said = user.run("index", "log", "check", "community").ok().out
    assert "✓ 2 entries, seen by 2 witnesses" in said


def test_a_fresh_client_reads_at_most_a_quarter_more(tmp_path: Path) -> None:
    """With the smallest of plugins, of 11 KB: one release to add, and one locked to sync."""
    community = Community(Sandbox(tmp_path / "maintainers"))
    community.claim()
    community.publish("1.0.0")
    plain = shutil.copytree(community.folder, tmp_path / "plain")
    community.run("log", "init", *BOTH).ok()
    without, with_log = (_read(tmp_path, community, place) for place in (plain, community.folder))
    for before, after in zip(without, with_log, strict=True):
        assert before < after <= 1.25 * before, (without, with_log)


def _read(root: Path, community: Community, place: Path) -> tuple[int, int]:
    """The bytes that a fresh `add` reads, and a fresh `sync` of what it locked."""
    with IndexServer(place) as server:
        user, other = (Sandbox(root / f"{who}-{place.name}") for who in ("user", "other"))
        user.init()
        user.run("index", "add", "community", server.url, "--root", community.root).ok()
        user.run("add", "text-tools", "--accept-capabilities").ok()
        added = len(server.requests)
        for name in ("tark.toml", "tark.lock"):
            shutil.copy(user.cwd / name, other.cwd / name)
        other.run("sync", "--accept-project").ok()
        sizes = [request.sent for request in server.requests]
        return sum(sizes[:added]), sum(sizes[added:])


def test_a_log_comes_to_an_index_in_use(tmp_path: Path) -> None:
    """What is installed keeps working; `verify` notes it until `update` or `outdated` learns the proof."""
    community = Community(Sandbox(tmp_path / "maintainers"))
    community.claim()
    community.publish("1.0.0")
    with IndexServer(community.folder) as server:
        user = Sandbox(tmp_path / "user")
        user.init()
        user.run("index", "add", "community", server.url, "--root", community.root).ok()
        user.run("add", "text-tools", "--accept-capabilities").ok()
        assert "Log:" not in user.run("info", "text-tools").ok().out
        community.run("log", "init", *BOTH).ok()
        user.run("index", "log", "check", "community").ok()  # learns of the log
        notes = user.run("verify", "--json").ok().json["findings"]
        assert [one["message"] for one in notes if "log of" in one["message"]] == [
            "nothing shows on this machine that it is in the log of index community: tarkpm update"
        ]
        user.run("sync", "--offline").ok()
        user.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()
        user.run("outdated").ok()  # looks at what an update would do
        assert user.run("verify", "--json").ok().json["findings"] == []
        assert "entry 0, seen by no witness" in user.run("info", "text-tools").ok().out
        # A proof in state that was changed is no proof.
        (file,) = (user.state / "logs").glob("*.json")
        file.write_bytes(file.read_bytes().replace(b"index 0", b"index 1"))
        user.run("verify").failed(3, "the log does not contain text-tools 1.0.0")


def test_without_a_network_a_cache_is_enough(logged: LoggedIndex, log_server: IndexServer) -> None:
    """State is new, the cache is there: as for publishers, what the cache proves counts."""
    ada = logged.user(log_server, "ada")
    ada.run("add", "text-tools", "--accept-capabilities").ok()
    bob = Sandbox(logged.users / "bob")
    shutil.copytree(ada.store, bob.store, symlinks=True)
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(ada.cwd / name, bob.cwd / name)
    bob.run("sync", "--offline", "--accept-project").ok()
    bob.run("verify").ok()


def test_a_bundle_carries_proofs(logged: LoggedIndex, log_server: IndexServer) -> None:
    """On a machine that has neither a network nor state, the log is checked as far as the bundle goes."""
    ada = logged.user(log_server, "ada")
    ada.run("add", "text-tools", "--accept-capabilities").ok()
    ada.run("bundle", "create", "-o", "good.tar").ok()
    relist(logged, lambda row: msgspec.structs.replace(row, proof=""))
    ada.run("bundle", "create", "-o", "bad.tar").ok()
    for name, status in (("bad", 3), ("good", 0)):
        bob = Sandbox(logged.users / name)
        for file in ("tark.toml", "tark.lock", f"{name}.tar"):
            shutil.copy(ada.cwd / file, bob.cwd / file)
        done = bob.run("sync", "--bundle", f"{name}.tar", "--accept-project")
        assert done.status == status, done
        assert ("does not prove that it is in the log" in done.err) == bool(status)
    assert "entry 0, seen by no witness" in bob.run("info", "text-tools").ok().out
    bob.run("verify").ok()


def test_what_cannot_be_checked(logged: LoggedIndex, log_server: IndexServer) -> None:
    user = logged.user(log_server)
    user.run("index", "log", "check", "other").failed(2, "this project has no index 'other'")
    check = ("index", "log", "check", "community", "--against")
    user.run(*check, "nothing").failed(2, "the checkpoint does not exist")
    (user.cwd / "noise").write_text("noise")
    user.run(*check, "noise").failed(3, "expected a signed checkpoint")
    logged.run("log", "init", *BOTH).failed(2, "the index has this log already")
    logged.run("log", "init", "--remove", "x", *BOTH).failed(2, "'x' is not a witness of the log")
    removed = logged.run("log", "init", "--remove", "will.example", *BOTH).ok().out
    assert "no longer witness  will.example ed25519:" in removed
    assert [one.name for one in logged.keys_of_log.witnesses] == ["wanda.example"]
    bare = Community(Sandbox(logged.users / "bare"), name="bare")
    bare.run("log", "check").failed(2, "the index has no log")
    words = ("witness", bare.folder, "--root", bare.root, "--key", "pat")
    bare.run("log", *words).failed(2, "the index has no log")


def test_the_log_of_an_empty_index_and_of_one_with_new_maintainers(tmp_path: Path) -> None:
    community = Community(Sandbox(tmp_path / "maintainers"))
    community.run("log", "init", *BOTH).ok()
    assert "✓ 0 entries, seen by no witness" in community.run("log", "check").ok().out
    community.claim()
    with IndexServer(community.folder) as server:
        user = Sandbox(tmp_path / "user")
        user.init()
        user.run("index", "add", "community", server.url, "--root", community.root).ok()
        user.run("index", "log", "check", "community").ok()
        accepted = community.run("accept", community.release("1.0.0")).ok().out
        assert "  log        entry 0\n" in accepted
        community.run("rotate", "root", "--add", community.key("carol"), *BOTH, "--key", "carol").ok()
        community.run("rotate", "online", *BOTH).ok()
        community.run("accept", community.release("1.1.0")).ok()
        assert "entry 1, seen by no witness" in user.run("info", "community:text-tools").ok().out
    assert community.findings("--deep") == []
