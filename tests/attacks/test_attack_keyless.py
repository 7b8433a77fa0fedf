"""Attack: a plugin whose publisher keeps no key gets one of an attacker, whose key is as new as each of theirs."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Publisher
from support.ci_runs import IDENTITY, IDS, faked_proofs, proof_of, real_verify_proof, release, run_of
from support.indexed import IndexedProject
from support.ociregistry import OciRegistry
from support.sandbox import Sandbox

from attacks.tampering import call, help_of, install, unchanged
from tarkpm.core.ci_identity import CiClaims
from tarkpm.core.names import CI_PROOF
from tarkpm.io import ci_proof

__all__ = ["faked_proofs"]
pytestmark = pytest.mark.usefixtures("faked_proofs")

FROM = ("-b", "main", "--accept-capabilities")
KEYLESS = ("--identity", IDENTITY, "--keyless")
EVIL = run_of(repository="evil/repo", repository_id="66", owner_id="67")
OTHER_KEY = "ed25519:gPMd6MO+vdjdjCPDDJkJ5uXxqzCTpFgSiIPSCYrOdPc="
DOCUMENTS = ("tark.toml", "tark.lock")
LINE = f'text-tools = "{IDENTITY}{IDS}"\n'


@pytest.fixture
def keyless(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project that took text-tools 1.0.0 of a publisher without a lasting key."""
    sandbox.init()
    release(publisher, "1.0.0", run_of(), sign="once-1")
    sandbox.run("add", publisher.url, *FROM, *KEYLESS).ok()
    return sandbox


def clone(project: Sandbox, root: Path) -> Sandbox:
    """Another user with the project's documents, who accepted nothing yet."""
    mate = Sandbox(root)
    for name in DOCUMENTS:
        shutil.copy(project.cwd / name, mate.cwd)
    return mate


def pull_lock(project: Sandbox, publisher: Publisher, version: str, run: CiClaims | None) -> None:
    """Pull a lock that names a new release, which another key signed and ``run`` proves."""
    release(publisher, version, run, sign=f"evil-{version}")
    relock(project, publisher.url, "-b", "main")


def relock(project: Sandbox, *source: str) -> None:
    """Lock what the source has now, as somebody does for whom any signer will do."""
    other = Sandbox(project.root / f"other-{len([*project.root.iterdir()])}")
    other.init()
    refused = other.run("add", *source, "--accept-capabilities")
    other.run(*help_of(refused)).ok()
    shutil.copy(other.cwd / "tark.lock", project.cwd)


def edit(project: Sandbox, old: str, new: str) -> None:
    toml = project.cwd / "tark.toml"
    text = toml.read_text()
    assert old in text, text
    toml.write_text(text.replace(old, new))


def installed(project: Sandbox) -> list[str]:
    return [path.name for path in project.plugins.glob("*")]


def test_every_release_has_another_key_and_nobody_is_asked(
    keyless: Sandbox, publisher: Publisher, tmp_path: Path
) -> None:
    toml = (keyless.cwd / "tark.toml").read_text()
    assert '[trust]\ntext-tools = ["identity"]\n' in toml
    assert f"[identities]\n{LINE}" in toml
    assert "ed25519:" not in toml
    release(publisher, "1.1.0", run_of(ref="refs/tags/v1.1.0"), sign="once-2")
    mate = clone(keyless, tmp_path / "mate")
    assert [row["update"] for row in keyless.run("outdated", "--json").json["plugins"]] == ["1.1.0"]
    keyless.run("update").ok()
    assert (keyless.cwd / "tark.toml").read_text() == toml
    for project in (keyless, mate):
        project.run("sync", "--accept-project").ok()
        project.run("verify").ok()
        call(project).ok()
        project.run("update").ok()
        project.run("update").ok()
    keyless.run("rollback").ok()
    assert keyless.run("list", "--json").json["plugins"][0]["version"] == "1.0.0"
    call(keyless).ok()


RUNS = {
    "no proof": (None, "has no proof of that"),
    "another repository": (EVIL, "its repository is evil/repo"),
    "another workflow": (run_of(workflow=".github/workflows/test.yml"), "its workflow is"),
    "another ref": (run_of(ref="refs/pull/7/merge"), "its ref is refs/pull/7/merge"),
    "a reused name": (run_of(repository_id="12"), "another one has the name now"),
}


@pytest.mark.parametrize("what", RUNS)
def test_a_pulled_lock_names_a_release_of_somebody_else(
    keyless: Sandbox, publisher: Publisher, tmp_path: Path, what: str
) -> None:
    run, why = RUNS[what]
    before = installed(keyless)
    pull_lock(keyless, publisher, "1.1.0", run)
    with unchanged(keyless):
        keyless.run("sync").failed(3, "'text-tools' must be released by", why)
        keyless.run("sync", "--dry-run").failed(3, why)
        keyless.run("verify").failed(1, "no proof that")
        call(keyless).failed(5, "no proof that")
    assert installed(keyless) == before
    mate = clone(keyless, tmp_path / "mate")
    for verb in (["sync"], ["bundle", "create", "-o", "x.tar"], ["lock"]):
        refused = mate.run(*verb, "--accept-project")
        assert refused.status in (3, 4), refused
        assert why in refused.err, refused
    assert installed(mate) == []
    # Nor does an update take it.
    keyless.run("update").failed(4, why, "(NOBODY vouches for it)")


def test_the_proof_of_an_older_release_is_replayed(
    keyless: Sandbox, publisher: Publisher, tmp_path: Path
) -> None:
    old = (publisher.folder / CI_PROOF).read_bytes()
    release(publisher, "1.1.0", None, sign="evil")
    (publisher.folder / CI_PROOF).write_bytes(old)
    publisher.repo.git("add", "--all")
    publisher.repo.commit("replayed")
    publisher.publish()
    relock(keyless, publisher.url, "-b", "main")
    for project in (keyless, clone(keyless, tmp_path / "mate")):
        project.run("sync", "--accept-project").failed(3, "the proof of the CI identity is not valid")


def test_the_locked_statement_is_paired_with_other_files(keyless: Sandbox, publisher: Publisher) -> None:
    """The proof of one release is remembered: its statement in a lock vouches for no other files."""
    proved = (keyless.cwd / "tark.lock").read_text()
    pull_lock(keyless, publisher, "1.1.0", None)
    lock = keyless.cwd / "tark.lock"
    was, now = (
        next(line for line in text.splitlines() if line.startswith("statement"))
        for text in (proved, lock.read_text())
    )
    lock.write_text(lock.read_text().replace(now, was))
    with unchanged(keyless):
        refused = keyless.run("sync")
        assert refused.status in (3, 4), refused


def test_the_proof_is_dropped_from_the_repository(
    keyless: Sandbox, publisher: Publisher, tmp_path: Path
) -> None:
    """It was seen here, so this user goes on; nobody else can be made to believe it."""
    (publisher.folder / CI_PROOF).unlink()
    publisher.repo.git("add", "--all")
    publisher.repo.commit("dropped")
    publisher.publish()
    keyless.run("update").ok()
    shutil.rmtree(keyless.plugins / "text-tools")
    keyless.run("sync").ok()
    mate = clone(keyless, tmp_path / "mate")
    mate.run("update", "--accept-project").failed(4, "has no proof of that")
    assert installed(mate) == []


EDITS: dict[str, tuple[str, str, int, str]] = {
    "any branch": ("refs/tags/*", "refs/heads/*", 4, "another CI identity"),
    "another repository": ("owner/repo", "evil/repo", 4, "another CI identity"),
    "other ids": ("repository_id=11", "repository_id=66", 4, "another CI identity"),
    "no ids": (IDS, "", 4, "another CI identity"),
    "no identity": (f"[identities]\n{LINE}", "", 2, "[identities] does not name"),
    "a key": (
        '["identity"]',
        f'["{OTHER_KEY}"]',
        4,
        "trust ed25519:",
    ),
    "a key beside it": (
        '["identity"]',
        f'["identity", "{OTHER_KEY}"]',
        2,
        "alone",
    ),
    "no trust": ('[trust]\ntext-tools = ["identity"]\n', "", 3, "[trust]"),
    "no signature": ('branch = "main"', 'branch = "main", unsigned = true', 2, "unsigned"),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_pull_request_changes_who_may_sign(keyless: Sandbox, tmp_path: Path, what: str) -> None:
    old, new, status, said = EDITS[what]
    edit(keyless, old, new)
    with unchanged(keyless):
        for verb in (("sync",), ("update",), ("call", "text-tools", "text-stats", '{"text":"a"}')):
            refused = keyless.run(*verb)
            assert refused.status == status or (what == "no trust" and refused.status in (3, 4)), refused
            assert said in refused.err or what == "no trust", refused
    # Who accepts it all the same gets no release that this identity or key did not make.
    mate = clone(keyless, tmp_path / "mate")
    assert mate.run("sync", "--accept-project").status in (2, 3)
    assert installed(mate) == []


def test_a_pull_request_puts_an_identity_in_the_place_of_a_key(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    release(publisher, "1.0.0", run_of())
    install(sandbox, publisher)
    edit(sandbox, f'["{publisher.key}"]', '["identity"]')
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(f"{toml.read_text()}\n[identities]\n{LINE}")
    for verb in ("sync", "update", "lock"):
        with unchanged(sandbox):
            sandbox.run(verb).failed(4, f"(before: {publisher.key})", "owner/repo")
    # Also where the identity was asked for besides before.
    release(publisher, "1.1.0", run_of())
    other = Sandbox(sandbox.root / "beside")
    other.init()
    other.run("add", publisher.url, *FROM, "--identity", IDENTITY).ok()
    edit(other, f'["{publisher.key}"]', '["identity"]')
    with unchanged(other):
        other.run("sync").failed(4, f"(before: {publisher.key})")


@pytest.mark.parametrize("change", ["identity", "key"])
def test_another_publisher_does_not_get_what_was_stored(
    keyless: Sandbox, publisher: Publisher, change: str
) -> None:
    data = (keyless.plugins / "text-tools" / "data").resolve()
    data.mkdir(parents=True, exist_ok=True)
    (data / "token").write_text("s3cret")
    release(publisher, "1.1.0", EVIL, sign="evil")
    relock(keyless, publisher.url, "-b", "main")
    if change == "identity":
        edit(keyless, "owner/repo", "evil/repo")
        edit(keyless, IDS, "?repository_id=66&owner_id=67")
    else:
        edit(keyless, '["identity"]', f'["{publisher.key}"]')
    keyless.run("sync").failed(4, "start 'text-tools' without the data of the previous one")
    keyless.run("sync", "--accept-project").ok()
    assert not [*(keyless.plugins / "text-tools" / "data").resolve().iterdir()]


def test_what_was_proved_is_remembered_for_this_release_and_identity_only(
    keyless: Sandbox, publisher: Publisher
) -> None:
    """The user also has a project of the attacker, whose own releases are proved there."""
    theirs = Publisher(keyless, publisher.server, "text-tools")
    pull_lock(keyless, theirs, "1.1.0", EVIL)
    project = Sandbox(keyless.root / "theirs")
    project.home = keyless.home
    project.init()
    evil = IDENTITY.replace("owner/repo", "evil/repo")
    before = {*(keyless.state / "proofs").iterdir()}
    project.run("add", publisher.url, *FROM, "--identity", evil, "--keyless").ok()
    keyless.run("sync").failed(3, "its repository is evil/repo")
    # Nor if what is remembered of it lies where the other one would be looked for.
    (new,) = {*(keyless.state / "proofs").iterdir()} - before
    said = json.loads(new.read_bytes())
    assert said["identity"].startswith("github:evil/repo/")
    for one in before:
        shutil.copy(new, one)
    keyless.run("sync").failed(3, "its repository is evil/repo")
    # A folder of the project is no memory.
    shutil.copytree(keyless.state / "proofs", keyless.cwd / ".tark" / "proofs")
    shutil.copytree(keyless.state / "proofs", keyless.store / "proofs")
    keyless.run("sync").failed(3, "its repository is evil/repo")


@pytest.mark.parametrize("damage", [b"", b"{}", b"[" * 5000])
def test_a_damaged_memory_is_made_again(keyless: Sandbox, damage: bytes) -> None:
    for file in (keyless.state / "proofs").iterdir():
        file.write_bytes(damage)
    call(keyless).failed(5, "no proof that", "tarkpm sync")
    keyless.run("sync").ok()
    call(keyless).ok()


@pytest.fixture
def no_extra(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Take `sigstore` away."""
    real = importlib.util.find_spec

    def take_away() -> None:
        monkeypatch.setattr(ci_proof, "verify_proof", real_verify_proof)
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *more: None if name == "sigstore" else real(name, *more)
        )

    return take_away


def test_nothing_is_installed_without_the_extra(
    keyless: Sandbox, publisher: Publisher, tmp_path: Path, no_extra: Callable[[], None]
) -> None:
    release(publisher, "1.1.0", run_of(), sign="once-2")
    mate = clone(keyless, tmp_path / "mate")
    no_extra()
    mate.run("sync", "--accept-project").failed(2, "'sigstore', which is not installed", "-m pip install")
    mate.run("sync", "--offline").failed(5)
    assert installed(mate) == []
    mate.run("remove", "text-tools").ok()
    with unchanged(keyless):
        keyless.run("update").failed(2, "-m pip install")
        keyless.run("sync", "--reinstall").failed(2, "-m pip install")
        text = "so no new release can be installed of 'text-tools'"
        (note,) = [one for one in keyless.run("doctor", "--json").json["troubles"] if text in one["message"]]
        assert "pip install" in note["hint"]
    # What was verified before needs it no longer.
    keyless.run("sync").ok()
    keyless.run("verify").ok()
    call(keyless).ok()
    shutil.rmtree(keyless.plugins / "text-tools")
    keyless.run("sync").ok()


def test_from_a_registry(sandbox: Sandbox, registry: OciRegistry, tmp_path: Path) -> None:
    sandbox.init()
    place = f"oci://{registry.host}/keyless/text-tools"
    for version, run in (("1.0.0", run_of()), ("1.1.0", None)):
        sandbox.key(f"once-{version}")
        folder = sandbox.plugin(sandbox.root / version, version=version, sign=f"once-{version}")
        if run is not None:
            (folder / CI_PROOF).write_text(proof_of(folder, run))
        sandbox.run("publish", folder, "--to", place).ok()
    sandbox.run("add", f"{place}:1.1.0", "--accept-capabilities", *KEYLESS).failed(3, "has no proof of that")
    sandbox.run("add", f"{place}:1.0.0", "--accept-capabilities", *KEYLESS).ok()
    mate = clone(sandbox, tmp_path / "mate")
    mate.run("sync", "--accept-project").ok()
    mate.run("mirror", "oci:copy", "--allow-http").ok()
    # What a bundle brings to another registry is the same artifact, with its proof.
    sandbox.run("bundle", "create", "-o", "plugins.tar").ok()
    sandbox.run("bundle", "push", "plugins.tar", f"oci://{registry.host}/elsewhere").ok()
    near = Sandbox(tmp_path / "near")
    near.init()
    moved = f"oci://{registry.host}/elsewhere/text-tools:1.0.0"
    near.run("add", moved, "--accept-capabilities", *KEYLESS).ok()
    relock(sandbox, f"{place}:1.1.0")
    edit(sandbox, "1.0.0", "1.1.0")
    with unchanged(sandbox):
        sandbox.run("sync").failed(3, "has no proof of that")
    late = clone(sandbox, tmp_path / "late")
    for verb in (["sync"], ["mirror", "oci:copy"]):
        late.run(*verb, "--accept-project").failed(3, "has no proof of that")
    assert installed(late) == []
    assert not (late.cwd / "copy").exists()


def test_from_a_bundle(keyless: Sandbox, publisher: Publisher, tmp_path: Path) -> None:
    far = clone(keyless, tmp_path / "far")
    keyless.run("bundle", "create", "-o", far.cwd / "plugins.tar").ok()
    offline = ("sync", "--bundle", "plugins.tar", "--accept-project", "--offline")
    far.run("bundle", "verify", "plugins.tar").ok()
    far.run(*offline).ok()
    call(far).ok()
    # A bundle of somebody for whom any signer will do, and one of a release that another workflow made.
    for number, run in enumerate((None, EVIL), 1):
        pull_lock(keyless, publisher, f"1.{number}.0", run)
        near, late = Sandbox(tmp_path / f"near{number}"), clone(keyless, tmp_path / f"late{number}")
        near.init()
        theirs = ("--identity", IDENTITY.replace("owner/repo", "evil/repo"), "--keyless")
        near.run("add", publisher.url, *FROM, *(theirs if run else ("--trust", publisher.key))).ok()
        near.run("bundle", "create", "-o", late.cwd / "plugins.tar").ok()
        why = "has no proof of that" if run is None else "its repository is evil/repo"
        late.run(*offline).failed(3, why)
        late.run("bundle", "verify", "plugins.tar").failed(3, why)
        assert installed(late) == []


def test_keyless_is_typed_for_somebody(sandbox: Sandbox, publisher: Publisher) -> None:
    """It never means anybody, and says nothing of what an index vouches for or a folder has."""
    release(publisher, "1.0.0", run_of())
    sandbox.init()
    add = ("add", publisher.url, *FROM)
    with unchanged(sandbox):
        sandbox.run(*add, "--keyless").failed(2, "--identity")
        sandbox.run(*add, *KEYLESS, "--trust", publisher.key).failed(2, "--trust")
        sandbox.run("add", publisher.folder, *KEYLESS).failed(2, "a folder")
        release(publisher, "1.0.0", None)
        sandbox.run(*add, *KEYLESS).failed(3, "this release has no proof of that")
        publisher.release("1.0.0", sign="")
        sandbox.run(*add, *KEYLESS, "--allow-unsigned", "text-tools").failed(3, "has no proof of that")


def test_an_index_vouches_itself(indexed: IndexedProject) -> None:
    indexed.release("calc")
    indexed.use()
    sandbox = indexed.sandbox
    sandbox.run("add", "calc", "--accept-capabilities", *KEYLESS).failed(2, "an index vouches")
    sandbox.run("add", "calc", "--accept-capabilities").ok()
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(
        f'{toml.read_text()}\n[trust]\ncalc = ["identity"]\n\n[identities]\n{LINE.replace("text-tools", "calc")}'
    )
    sandbox.run("sync").failed(2, "an index vouches")


def test_a_publisher_that_goes_back_to_keys_is_asked_about(keyless: Sandbox, publisher: Publisher) -> None:
    release(publisher, "1.1.0", run_of(), sign="lasting")
    edit(keyless, '[trust]\ntext-tools = ["identity"]\n', "")
    keyless.run("update").failed(4, "trust the first key for 'text-tools'", "owner/repo")
    edit(keyless, "[identities]", '[trust]\ntext-tools = ["identity"]\n\n[identities]')
    keyless.run("update", "--trust", publisher.key).ok()
    toml = (keyless.cwd / "tark.toml").read_text()
    assert f'text-tools = ["{publisher.key}"]' in toml
    assert LINE in toml
    # And the user's own flags lead from keys to an identity.
    release(publisher, "1.2.0", run_of(), sign="once-3")
    keyless.run("update").failed(4, "is signed by a different key")
    asked = keyless.run("update", "--keyless")
    asked.failed(4, "in the place of ed25519:")
    said = "from now on it decides who may sign, in the place of keys"
    assert said in keyless.run(*help_of(asked)).ok().err
    assert said not in keyless.run("update").ok().err
    assert 'text-tools = ["identity"]' in (keyless.cwd / "tark.toml").read_text()
    # Grants are changed without touching it.
    keyless.run("revoke", "text-tools", "storage").ok()
    assert 'text-tools = ["identity"]' in (keyless.cwd / "tark.toml").read_text()


def test_a_team_policy_names_who_may_sign(keyless: Sandbox) -> None:
    file = keyless.home / ".config" / "tarkpm" / "policy.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    other = IDENTITY.replace("owner/repo", "evil/repo") + IDS
    for signers in ([], [OTHER_KEY], [other]):
        file.write_text(f"signers = {json.dumps(signers)}\n")
        keyless.run("policy", "check").failed(1, f"is signed by {IDENTITY}{IDS}, which is not allowed")
        for verb in (("sync", "--reinstall"), ("update",)):
            keyless.run(*verb).failed(3, "which is not allowed")
        call(keyless).failed(3, "which is not allowed")
    file.write_text(f'signers = ["{IDENTITY}"]\n')
    keyless.run("policy", "show").failed(2, "?repository_id=")
    file.write_text(f'signers = ["{IDENTITY}{IDS}"]\n')
    assert f"{IDENTITY}{IDS}" in keyless.run("policy", "show").ok().out
    keyless.run("policy", "check").ok()
    call(keyless).ok()
    # The identity of the name vouches for no folder that a pull puts in its place.
    keyless.plugin(keyless.cwd / "mine", name="text-tools", version="1.0.0", sign="")
    toml = (keyless.cwd / "tark.toml").read_text()
    (line,) = [one for one in toml.splitlines() if "git = " in one]
    edit(keyless, line, 'text-tools = { path = "mine" }')
    keyless.run("lock", "--accept-project").failed(3, "is signed by nobody, which is not allowed")
