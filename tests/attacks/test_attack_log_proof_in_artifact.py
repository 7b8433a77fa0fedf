"""An artifact in a registry with a proof of a log that proves something else: refused, or never shown as a proof.

The attacker may push to the registry, or is the registry. In some tests he has stolen the key of the log.
"""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from support.bundling import Forged, sync
from support.indexserver import IndexServer
from support.logged import TEXT, LoggedIndex
from support.oci_publisher import OciPublisher
from support.oddregistry import OddRegistry
from support.sandbox import WASM, Result, Sandbox

from tarkpm.core.tlog.merkle import leaf_hash, node_hash
from tarkpm.core.tlog.note import cosign, sign_checkpoint
from tarkpm.core.tlog.proof import LogProof, parse_proof, release_entry

KEY, PROOF = "tark.plugin.v1", "tlog-proof"


@dataclass
class World:
    """An index whose log has text-tools 1.0.0 and 1.1.0, what it serves, and a registry that anybody fills."""

    logged: LoggedIndex
    server: IndexServer
    odd: OddRegistry
    root: Path

    @property
    def tools(self) -> OciPublisher:
        """The repository of text-tools, with the first release that the index lists."""
        return self.release("1.0.0")

    def release(self, version: str) -> OciPublisher:
        """The repository with a release that the index lists."""
        made = OciPublisher(self.logged.sandbox, self.odd.host, "text-tools")
        made.folder = self.logged.sandbox.root / "submissions" / "pat" / f"text-tools-{version}"
        return made

    def proof(self, version: str = "1.0.0") -> LogProof:
        """The proof in the index's row."""
        (row,) = (one for one in self.logged.open().listing(TEXT).rows if str(one.version) == version)
        return parse_proof(row.proof)

    def push(self, proof: object, tools: OciPublisher | None = None, tag: str = "1.0.0") -> str:
        """Push the artifact with this in the place of its proof; returns the manifest's digest."""
        made = tools or self.tools
        config = made.config()
        config[KEY][PROOF] = proof
        return made.push_raw(tag, config, WASM)

    def victim(self, name: str = "victim") -> Sandbox:
        """A project with the index, on a machine that has seen its log."""
        shutil.rmtree(self.logged.users / name, ignore_errors=True)
        return self.logged.user(self.server, name)

    def add(self, victim: Sandbox, tag: str = "1.0.0", publisher: str = "pat") -> Result:
        """The victim adds it."""
        words = ("--trust", self.logged.key(publisher), "--accept-capabilities")
        return victim.run("add", f"{self.tools.oci}:{tag}", *words)

    def entry(self, version: str = "1.0.0") -> bytes:
        """The entry of a release in the log."""
        (row,) = (one for one in self.logged.open().listing(TEXT).rows if str(one.version) == version)
        return release_entry(TEXT, row.version, row.statement.sha256)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("logged")
    logged = LoggedIndex(root)
    logged.publish("1.1.0")
    logged.witness("wanda").ok()
    logged.run("refresh").ok()
    with IndexServer(logged.folder) as server, OddRegistry() as odd:
        yield World(logged, server, odd, root)


def _of_another_release(world: World) -> str:
    return world.proof("1.1.0").text


def _of_another_entry(world: World) -> str:
    """The right hashes under the number of the other entry."""
    return msgspec.structs.replace(world.proof(), index=1).text


def _of_another_size(world: World) -> str:
    """The hashes of now with a tree of then: the log signed both."""
    return _signed(world, 0, world.proof().hashes, 1, leaf_hash(world.entry()))


def _with_a_false_signature(world: World) -> str:
    """The log's name and the number of its key, before the signature of somebody else."""
    proof, thief = world.proof(), world.logged.signer("community-online")
    tree = sign_checkpoint(world.logged.keys_of_log.named, thief.sign, 2, proof.checkpoint.root)
    return LogProof(proof.index, proof.hashes, tree).text


def _with_a_false_cosignature(world: World) -> str:
    proof, thief = world.proof(), world.logged.signer("community-online")
    (wanda, *_) = world.logged.keys_of_log.witnesses
    log = world.logged.signer("community-log")
    tree = sign_checkpoint(world.logged.keys_of_log.named, log.sign, 2, proof.checkpoint.root)
    line = cosign(tree, wanda, thief.sign, 1_700_000_000)
    return LogProof(proof.index, proof.hashes, tree.with_lines([line])).text


def _of_a_fork(world: World) -> str:
    """A thief of the log's key puts this release into a tree of its own, as large as the one everybody saw."""
    other = leaf_hash(b"another entry")
    return _signed(world, 0, (other,), 2, node_hash(leaf_hash(world.entry()), other))


def _signed(world: World, index: int, hashes: tuple[bytes, ...], size: int, root: bytes) -> str:
    """A proof in a tree that the stolen key of the log signed."""
    keys, log = world.logged.keys_of_log, world.logged.signer("community-log")
    return LogProof(index, hashes, sign_checkpoint(keys.named, log.sign, size, root)).text


def test_an_honest_proof_is_shown(world: World) -> None:
    """What the attacks are measured against: it costs no request, and `verify` reads it again."""
    needed = []
    for proof in ("", world.proof().text):
        world.push(proof)
        victim = world.victim()
        asked, pulled = len(world.server.paths), len(world.odd.requests)
        world.add(victim).ok()
        assert len(world.server.paths) == asked
        needed.append(len(world.odd.requests) - pulled)
    assert needed[0] == needed[1]
    shown = "Log:          in the log of community, entry 0, seen by 1 witness"
    assert shown in victim.run("info", "text-tools").ok().out
    assert victim.run("info", "text-tools", "--json").ok().json["log"]["index"] == "community"
    victim.run("verify").ok()


@pytest.mark.parametrize(
    ("forge", "text"),
    [
        (_of_another_release, "the log does not contain text-tools 1.0.0: "),
        (_of_another_entry, "the log does not contain text-tools 1.0.0: "),
        (_of_another_size, "the log does not contain text-tools 1.0.0: "),
        (_with_a_false_signature, "the log does not contain text-tools 1.0.0: "),
        (_with_a_false_cosignature, "signature"),
        (_of_a_fork, "has two different trees of 2 entries"),
    ],
)
def test_a_proof_of_the_known_log_that_does_not_hold(
    world: World, forge: Callable[[World], str], text: str
) -> None:
    world.push(forge(world))
    victim = world.victim()
    world.add(victim).failed(3, text)
    victim.run("info", f"{world.tools.oci}:1.0.0").failed(3, text)
    assert not list(victim.plugins.glob("*"))
    assert "text-tools" not in (victim.cwd / "tark.toml").read_text()


def test_the_proof_of_a_release_that_somebody_else_signed(world: World, tmp_path: Path) -> None:
    """Name, version and files are those that the log has, and the statement is not."""
    tools = world.tools
    tools.folder = Path(shutil.copytree(tools.folder, tmp_path / "copy"))
    world.logged.key("mallory")
    world.logged.sandbox.sign(tools.folder, "mallory")
    world.push(world.proof().text, tools)
    world.add(world.victim(), publisher="mallory").failed(3, "the log does not contain text-tools 1.0.0: ")


def test_an_unsigned_release_with_a_proof(world: World, tmp_path: Path) -> None:
    tools = world.tools
    tools.folder = Path(shutil.copytree(tools.folder, tmp_path / "copy"))
    (tools.folder / "plugin.dsse.json").unlink()
    world.push(world.proof().text, tools)
    said = world.victim().run("add", f"{tools.oci}:1.0.0", "--allow-unsigned", "text-tools")
    said.failed(3, "text-tools 1.0.0 is not signed, so no log contains it")


def _of_the_log_under_another_key(world: World) -> str:
    proof, thief = world.proof(), world.logged.signer("community-online")
    log = msgspec.structs.replace(world.logged.keys_of_log.named, key=thief.key)
    tree = sign_checkpoint(log, thief.sign, proof.checkpoint.size, proof.checkpoint.root)
    return LogProof(proof.index, proof.hashes, tree).text


def _of_an_unknown_log(world: World) -> str:
    proof, log = world.proof(), world.logged.signer("community-log")
    named = msgspec.structs.replace(world.logged.keys_of_log.named, name="tark-index/other/0")
    tree = sign_checkpoint(named, log.sign, proof.checkpoint.size, proof.checkpoint.root)
    return LogProof(proof.index, proof.hashes, tree).text


@pytest.mark.parametrize(
    ("forge", "note"),
    [
        (_of_the_log_under_another_key, "is ignored: another key than the log's signed it"),
        (_of_an_unknown_log, ""),
    ],
)
def test_a_proof_that_nobody_here_can_check(world: World, forge: Callable[[World], str], note: str) -> None:
    """It is worth as much as no proof, which every artifact may have. It is never shown as one."""
    world.push(forge(world))
    victim = world.victim()
    said = world.add(victim).ok()
    assert note in said.out + said.err
    _shows_no_proof(victim)
    victim.run("verify").ok()


def test_a_project_without_the_index(world: World) -> None:
    """The machine knows the log; the project does not name its index."""
    world.push(world.proof().text)
    victim = world.victim()
    victim.run("index", "remove", "community").ok()
    world.add(victim).ok()
    _shows_no_proof(victim)


def test_a_machine_that_has_not_seen_the_log(world: World) -> None:
    world.push(_of_another_release(world))
    victim = world.victim()
    shutil.rmtree(victim.state / "logs")
    world.add(victim).ok()
    _shows_no_proof(victim)


def _shows_no_proof(victim: Sandbox) -> None:
    said = victim.run("info", "text-tools").ok()
    assert "Log:" not in said.out
    assert victim.run("info", "text-tools", "--json").ok().json["log"] is None


def test_a_smaller_fork_is_found_when_the_index_is_asked(world: World) -> None:
    """Offline nobody can compare trees of two sizes, so it is done as soon as there are tiles."""
    first = leaf_hash(world.entry("1.1.0"))
    world.push(_signed(world, 0, (), 1, first), world.release("1.1.0"), "1.1.0")
    victim = world.victim()
    world.add(victim, "1.1.0").ok()
    victim.run("index", "log", "check", "community").failed(3, "the log of the index was rewritten")


def test_a_larger_fork_is_not_taken_back(world: World) -> None:
    """As long as the index shows fewer entries, it may be late. It is not used before it shows as many."""
    left = node_hash(leaf_hash(b"one"), leaf_hash(b"two"))
    proof = _signed(world, 2, (left,), 3, node_hash(left, leaf_hash(world.entry())))
    world.push(proof)
    victim = world.victim()
    world.add(victim).ok()
    late = "stale mirror: its log has 2 entries, seen 3"
    victim.run("index", "log", "check", "community").failed(5, late)


@pytest.mark.parametrize("proof", [7, ["c2sp.org/tlog-proof@v1"], {"text": ""}, "junk", "x" * 200_000])
def test_something_else_in_the_place_of_a_proof(world: World, proof: object) -> None:
    world.push(proof)
    victim = world.victim()
    world.add(victim).failed(2, PROOF)
    assert not list(victim.plugins.glob("*"))


def test_an_artifact_of_another_tool_with_such_a_key(world: World) -> None:
    """A component alone is nobody's release, whatever its config says."""
    config = {"layerDigests": [], PROOF: world.proof().text}
    tools = world.tools
    tools.push_raw("1.0.0", config, WASM)
    victim = world.victim()
    victim.run("add", f"{tools.oci}:1.0.0", "--allow-unsigned", "text-tools", "--accept-capabilities").ok()
    _shows_no_proof(victim)


def test_a_registry_that_puts_a_proof_into_a_locked_artifact(world: World, tmp_path: Path) -> None:
    """The digest of the manifest covers the config: neither can be swapped under a lock, nor taken out."""
    world.push("")
    victim = world.victim()
    world.add(victim).ok()
    manifests = dict(world.odd.manifests)
    locked = (victim.cwd / "tark.lock").read_text().partition('digest = "')[2][:71]
    pushed = world.push(world.proof().text)
    mate = world.victim("mate")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(victim.cwd / name, mate.cwd / name)
    try:
        world.odd.manifests[locked] = world.odd.manifests[pushed]
        mate.run("sync", "--accept-project").failed(3, "digest")
        assert not list(mate.plugins.glob("*"))
        world.odd.manifests[locked] = manifests[locked]
        config = json.loads(manifests[locked])["config"]["digest"]
        honest, world.odd.blobs[config] = world.odd.blobs[config], b"{}"
        mate.run("sync", "--accept-project").failed(3, "the blob has")
        world.odd.blobs[config] = honest
        mate.run("sync", "--accept-project").ok()
    finally:
        world.odd.manifests.update(manifests)


def test_a_bundle_whose_artifact_has_a_false_proof(world: World) -> None:
    """Everything that the lock names is right, so only the proof shows that somebody changed the bundle."""
    world.push(world.proof().text)
    victim = world.victim()
    world.add(victim).ok()
    victim.run("bundle", "create", "-o", "plugins.tar").ok()
    forged = Forged(victim.cwd / "plugins.tar")
    manifest = forged.manifest("text-tools-")
    config = json.loads(base64.b64decode(manifest["config"]["data"]))
    config[KEY][PROOF] = world.proof("1.1.0").text
    data = json.dumps(config, sort_keys=True, separators=(",", ":")).encode()
    forged.drop(manifest["config"]["digest"])
    manifest["config"] |= {
        "digest": forged.put(data),
        "size": len(data),
        "data": base64.b64encode(data).decode(),
    }
    forged.set_manifest("text-tools-", manifest)
    far = world.victim("far")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(victim.cwd / name, far.cwd / name)
    forged.write(far.cwd / "plugins.tar")
    text = "the log does not contain text-tools 1.0.0: "
    far.run("bundle", "verify", "plugins.tar").failed(3, text)
    sync(far).failed(3, text)
    assert not list(far.plugins.glob("*"))


def test_state_with_a_proof_that_does_not_hold(world: World) -> None:
    """`verify` reads it again, as it does that of an index."""
    world.push(world.proof().text)
    victim = world.victim()
    world.add(victim).ok()
    (file,) = (victim.state / "logs").glob("*.json")
    kept = json.loads(file.read_bytes())
    (digest,) = kept["releases"]
    kept["releases"][digest]["proof"] = world.proof("1.1.0").text
    file.write_text(json.dumps(kept))
    victim.run("verify").failed(3, "the log does not contain text-tools 1.0.0: ")
