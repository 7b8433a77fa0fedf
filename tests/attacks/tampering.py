"""What the attacks share: a victim, a teammate with a fresh clone, and ways to tamper with what they have."""

import base64
import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import Publisher
from support.gitserver import GitServer
from support.sandbox import Result, Sandbox

from tarkpm.core.key import PublicKey
from tarkpm.core.statement import PAYLOAD_TYPE, pae
from tarkpm.store.keys import KeyStore

WEAK_KEYS = tuple(
    "ed25519:" + base64.b64encode(bytes.fromhex(text)).decode()
    for text in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # 1, not reduced
    )
)
"""The eight points whose order divides 8, and one of them not in canonical form."""

Tree = dict[str, object]


def snapshot(sandbox: Sandbox) -> Tree:
    """Every file and link of the project and of state's records; not the lock file, whose text is no news."""
    found: Tree = {}
    for root in (sandbox.cwd, sandbox.state / "projects", sandbox.state / "keys"):
        for path in sorted(root.rglob("*")):
            if path.is_symlink():
                found[str(path)] = str(path.readlink())
            elif path.is_file() and path.suffix != ".lock":
                found[str(path)] = path.read_bytes()
    return found


@contextmanager
def unchanged(*sandboxes: Sandbox) -> Iterator[None]:
    """Assert that what the block does leaves projects and state as they are."""
    before = [snapshot(sandbox) for sandbox in sandboxes]
    yield
    for sandbox, old in zip(sandboxes, before, strict=True):
        new = snapshot(sandbox)
        differing = [path for path in {**old, **new} if new.get(path) != old.get(path)]
        assert differing == [], differing


def write(path: Path, data: bytes) -> None:
    """Replace a file's bytes in place, read-only or not: the inode stays, the time does not."""
    path.chmod(0o644)
    path.write_bytes(data)


def flip(path: Path, at: int = -1) -> bytes:
    """Flip one bit of a file; returns the bytes it had."""
    good = path.read_bytes()
    bad = bytearray(good)
    bad[at] ^= 1
    write(path, bytes(bad))
    return good


def replace_in(path: Path, old: str, new: str) -> None:
    """Replace all of a text that must be there."""
    text = path.read_text()
    assert old in text, (old, text)
    write(path, text.replace(old, new).encode())


def help_of(result: Result) -> list[str]:
    """The command behind the last ``help:``, as the words a shell would make of it, without ``tarkpm``."""
    text = result.err if "help: " in result.err else result.out
    words = shlex.split(text.rpartition("help: ")[2].splitlines()[0])
    assert words[0] == "tarkpm", words
    return words[1:]


def install(sandbox: Sandbox, publisher: Publisher, version: str = "1.0.0", *more: str) -> None:
    """Begin a project with one signed plugin in it."""
    if not (sandbox.cwd / "tark.toml").exists():
        sandbox.init()
    sandbox.run(
        "add", publisher.url, "--tag", f"v{version}", "--trust", publisher.key, "--accept-capabilities", *more
    ).ok()


def installed_files(sandbox: Sandbox, name: str = "text-tools") -> dict[str, bytes]:
    """The bytes of an installed plugin by file name."""
    folder = sandbox.plugins / name
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def call(sandbox: Sandbox) -> Result:
    """Run the plugin."""
    return sandbox.run("call", "text-tools", "text-stats", '{"text":"a b c"}')


def rewrite_statement(
    sandbox: Sandbox,
    folder: Path,
    change: Callable[[dict[str, Any]], object] | None = None,
    *,
    raw: Callable[[bytes], bytes] | None = None,
    envelope: Callable[[dict[str, Any]], object] | None = None,
    raw_envelope: Callable[[bytes], bytes] | None = None,
    key: str = "release",
) -> None:
    """Sign anew, as a publisher who means harm: ``change`` edits the statement, ``raw`` its bytes.

    ``envelope`` and ``raw_envelope`` do the same to the envelope around it.
    """
    path = folder / "plugin.dsse.json"
    outer = json.loads(path.read_bytes())
    inner = json.loads(base64.b64decode(outer["payload"]))
    if change:
        change(inner)
    payload = json.dumps(inner, sort_keys=True, separators=(",", ":")).encode()
    payload = raw(payload) if raw else payload
    public, signer = KeyStore(sandbox.state / "keys").load(key, bytes)
    outer = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": public, "sig": base64.b64encode(signer(pae(payload))).decode()}],
    }
    if envelope:
        envelope(outer)
    data = json.dumps(outer, separators=(",", ":")).encode() + b"\n"
    path.write_bytes(raw_envelope(data) if raw_envelope else data)


def commit_as(publisher: Publisher, tag: str) -> str:
    """Commit the publisher's folder as it is now, tag it and publish it."""
    publisher.repo.git("add", "--all")
    commit = publisher.repo.commit(tag)
    publisher.repo.tag(tag)
    publisher.publish()
    return commit


def rename(publisher: Publisher, name: str, version: str, *, sign: str = "release") -> None:
    """Publish a release under another name in the publisher's repository, on its branch."""
    (publisher.folder / "plugin.dsse.json").unlink(missing_ok=True)
    publisher.sandbox.plugin(publisher.folder, name=name, version=version, sign=sign)
    commit_as(publisher, f"{name}-{version}")


@dataclass(frozen=True)
class World:
    """A victim with text-tools 1.0.0 installed, and a teammate who just cloned the same project.

    The server also has, as tags: v0.9.0 and v1.1.0 by the same publisher, ``evil`` (the same version, other
    bytes, signed by ``evil_key``), ``unsigned`` (the same version, other bytes, no statement).
    """

    victim: Sandbox
    mate: Sandbox
    server: GitServer
    publisher: Publisher
    commits: dict[str, str]
    evil_key: PublicKey
    evil_url: str
    toml: bytes
    lock: bytes

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """Edit tark.toml or tark.lock of both, as a hostile pull request would."""
        for sandbox in (self.victim, self.mate):
            for old, new in changes:
                replace_in(sandbox.cwd / file, old, new)

    def append(self, file: str, text: str) -> None:
        """Add text at the end of a document of both."""
        for sandbox in (self.victim, self.mate):
            path = sandbox.cwd / file
            write(path, path.read_bytes() + text.encode())

    def restore(self) -> None:
        """Undo the edits of the documents."""
        for sandbox in (self.victim, self.mate):
            for file, data in (("tark.toml", self.toml), ("tark.lock", self.lock)):
                if (sandbox.cwd / file).read_bytes() != data:
                    write(sandbox.cwd / file, data)
        shutil.rmtree(self.mate.cwd / ".tark", ignore_errors=True)
        shutil.rmtree(self.mate.home, ignore_errors=True)
        self.mate.home.mkdir()

    def sync_fresh(self, *more: str) -> Result:
        """The teammate's first sync, with an empty store and every decision accepted."""
        return self.mate.run("sync", "--accept-project", *more)

    def refused(self, status: int, *texts: str, verify: int = 0, other: str = "") -> None:
        """Assert that the edits made are refused by all of sync, verify and call, and change nothing.

        ``status`` is what sync ends with, for the victim and for the teammate's first one. ``other`` is the
        plugin the edits are about, if it is another one than text-tools, which then still runs.
        """
        with unchanged(self.victim):
            self.victim.run("sync").failed(status, *texts)
            self.victim.run("verify").failed(verify or (3 if status == 3 else 1))
            if other:
                call(self.victim).ok()
            called = self.victim.run("call", other or "text-tools", "text-stats")
            assert called.failed(called.status).status in (1, 2, 3, 4)
        self.sync_fresh().failed(status, *texts)
        assert not list(self.mate.plugins.glob("*"))
        assert (self.mate.cwd / "tark.lock").read_bytes() == (self.victim.cwd / "tark.lock").read_bytes()


class Studio:
    """A publisher's folder in a local repository, and somebody with an empty project who adds from it."""

    def __init__(self, root: Path) -> None:
        from support.gitrepo import GitRepo

        self.user = Sandbox(root)
        self.user.init()
        self.key = self.user.key()
        self.folder = root / "plugin"
        self.repo = GitRepo(self.folder)

    def clear(self) -> None:
        """Begin with an empty folder again."""
        for path in self.folder.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def good(self) -> None:
        """Write a good, signed release."""
        self.user.plugin(self.folder, sign="release")

    def commit(self) -> None:
        """Commit the folder as it is."""
        self.repo.git("add", "--all", "--force")
        self.repo.commit("a release")

    def add(self, *flags: str) -> Result:
        """Commit the folder and add it, with its key and capabilities accepted."""
        self.commit()
        return self.user.run(
            "add", f"file://{self.folder}", "--trust", self.key, "--accept-capabilities", *flags
        )

    def refused(self, status: int, *texts: str) -> Result:
        """Assert that the release is refused with one short error and changes nothing."""
        with unchanged(self.user):
            result = self.add().failed(status, *texts)
        assert result.out == ""
        assert result.err.startswith("error: ")
        assert len(result.err) < 2000, len(result.err)
        assert "unexpected" not in result.err, result
        assert not list(self.user.plugins.glob("*"))
        return result
