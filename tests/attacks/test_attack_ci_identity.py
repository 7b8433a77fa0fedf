"""Attack: a release that another workflow made, or nobody's, is taken for one of the CI that was asked for."""

import shutil
from pathlib import Path

import pytest
from conftest import Publisher
from support.ci_runs import IDENTITY, IDS, faked_proofs, proof_of, release, run_of
from support.indexed import IndexedProject
from support.ociregistry import OciRegistry
from support.sandbox import Sandbox

from attacks.tampering import help_of

__all__ = ["faked_proofs"]
pytestmark = pytest.mark.usefixtures("faked_proofs")

FROM = ("-b", "main", "--accept-capabilities")


@pytest.fixture
def proved(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project that took text-tools 1.0.0 by its CI identity."""
    sandbox.init()
    release(publisher, "1.0.0", run_of())
    sandbox.run("add", publisher.url, *FROM, "--identity", IDENTITY).ok()
    return sandbox


def test_the_identity_vouches_for_the_first_key_and_is_asked_for_from_then_on(
    proved: Sandbox, publisher: Publisher
) -> None:
    toml = (proved.cwd / "tark.toml").read_text()
    assert f'[identities]\ntext-tools = "{IDENTITY}{IDS}"\n' in toml
    assert publisher.key in toml
    release(publisher, "1.1.0", run_of(ref="refs/tags/v1.1.0"))
    out = proved.run("update")
    assert out.status == 0, out
    assert f"  identity │ {IDENTITY}{IDS} (proved)\n" in out.err
    assert (proved.cwd / "tark.toml").read_text() == toml
    proved.run("sync").ok()
    proved.run("verify").ok()
    assert not (proved.plugins / "text-tools" / "plugin.sigstore.json").exists(), "it is not installed"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (None, "this release has no proof of that"),
        ({"repository": "evil/repo"}, "its repository is evil/repo"),
        ({"ref": "refs/pull/7/merge"}, "its ref is refs/pull/7/merge"),
        ({"repository_id": "12"}, "another one has the name now"),
    ],
)
def test_a_release_that_another_run_made(
    proved: Sandbox, publisher: Publisher, change: dict[str, str] | None, why: str
) -> None:
    """Signed by the publisher's key, which was stolen."""
    release(publisher, "1.1.0", None if change is None else run_of(**change))
    lock = (proved.cwd / "tark.lock").read_bytes()
    for words in (["update"], ["update", "-y", "--trust", publisher.key], ["add", publisher.url, *FROM]):
        refused = proved.run(*words)
        if words[0] == "update":
            refused.failed(4, "'text-tools' must be released by", why)
    assert (proved.cwd / "tark.lock").read_bytes() == lock
    shown = proved.run("outdated")
    assert "another CI identity, or none" in shown.out or why in shown.out


def test_another_identity_is_taken_when_it_is_typed(proved: Sandbox, publisher: Publisher) -> None:
    release(publisher, "1.1.0", run_of(workflow=".github/workflows/publish.yml"))
    typed = IDENTITY.replace("release.yml", "publish.yml")
    proved.run("update", "--identity", IDENTITY).failed(3, "its workflow is .github/workflows/publish.yml")
    proved.run("update", "--identity", typed).ok()
    assert f'text-tools = "{typed}{IDS}"' in (proved.cwd / "tark.toml").read_text()


def test_the_proof_of_an_older_release_beside_a_new_one(proved: Sandbox, publisher: Publisher) -> None:
    old = (publisher.folder / "plugin.sigstore.json").read_bytes()
    release(publisher, "1.1.0", None)
    (publisher.folder / "plugin.sigstore.json").write_bytes(old)
    publisher.repo.git("add", "--all")
    publisher.repo.commit("replayed")
    publisher.publish()
    proved.run("update").failed(3, "the proof of the CI identity is not valid")


def test_another_key_is_asked_about_although_the_identity_is_proved(
    proved: Sandbox, publisher: Publisher
) -> None:
    """Who may run the workflow can make it sign with any key."""
    release(publisher, "1.1.0", run_of(), sign="other")
    proved.run("update").failed(4, "'text-tools' is signed by a different key")


def test_an_unsigned_release_with_a_proof(proved: Sandbox, publisher: Publisher) -> None:
    publisher.release("1.1.0", sign="")
    proved.run("update").failed(4, "'text-tools' was signed before, but this release is not")


@pytest.mark.parametrize("after", ["", IDENTITY.replace("owner/repo", "evil/repo"), IDENTITY])
def test_a_pull_request_that_drops_or_changes_the_identity(proved: Sandbox, after: str) -> None:
    toml = proved.cwd / "tark.toml"
    line = f'text-tools = "{IDENTITY}{IDS}"\n'
    text = toml.read_text()
    toml.write_text(text.replace(line, f'text-tools = "{after}"\n' if after else ""))
    said = "from another CI identity" if after else "without a proof of the CI identity"
    for verb in ("sync", "update", "call"):
        words = ["text-tools", "text-stats", "{}"] if verb == "call" else []
        refused = proved.run(verb, *words)
        assert refused.status == 4, refused
        assert said in refused.out + refused.err, refused
    toml.write_text(text)
    proved.run("sync").ok()


def test_the_first_add_compares_what_was_typed(sandbox: Sandbox, publisher: Publisher) -> None:
    sandbox.init()
    before = (sandbox.cwd / "tark.toml").read_bytes()
    release(publisher, "1.0.0", run_of(repository="evil/repo"))
    add = ("add", publisher.url, *FROM)
    sandbox.run(*add, "--identity", IDENTITY).failed(3, "its repository is evil/repo")
    release(publisher, "1.0.0", None)
    sandbox.run(*add, "--identity", IDENTITY).failed(3, "this release has no proof of that")
    sandbox.run(*add, "--identity", "github:owner").failed(2, "expected a CI identity such as", "--identity")
    assert (sandbox.cwd / "tark.toml").read_bytes() == before
    release(publisher, "1.0.0", run_of())
    other = "ed25519:gPMd6MO+vdjdjCPDDJkJ5uXxqzCTpFgSiIPSCYrOdPc="
    sandbox.run(*add, "--identity", IDENTITY, "--trust", other).failed(3, "not by a key given with --trust")
    sandbox.run(*add).failed(4, "is not trusted yet")


def test_a_plugin_that_is_removed_takes_its_identity_along(proved: Sandbox) -> None:
    proved.run("remove", "text-tools").ok()
    assert "identities" not in (proved.cwd / "tark.toml").read_text()


def test_an_artifact_carries_the_proof(sandbox: Sandbox, registry: OciRegistry) -> None:
    """And one without it, signed by the same key, is refused as from git."""
    sandbox.init()
    key, place = sandbox.key("release"), f"oci://{registry.host}/proved/text-tools"
    for version, run in (("1.0.0", run_of()), ("1.1.0", None), ("1.2.0", run_of(owner_id="23"))):
        folder = sandbox.plugin(sandbox.root / version, version=version, sign="release")
        if run is not None:
            (folder / "plugin.sigstore.json").write_text(proof_of(folder, run))
        sandbox.run("publish", folder, "--to", place).ok()
    sandbox.run("publish", folder, "--to", "out").ok()
    proof = folder / "plugin.sigstore.json"
    assert (sandbox.cwd / "out" / "text-tools-1.2.0" / proof.name).read_bytes() == proof.read_bytes()
    sandbox.run("publish", folder, "--to", "out", "--key", "release").ok()  # another statement has no proof
    add = ("--accept-capabilities", "--identity", IDENTITY)
    sandbox.run("add", f"{place}:1.1.0", *add).failed(3, "this release has no proof of that")
    sandbox.run("add", f"{place}:1.0.0", *add).ok()
    assert key in (sandbox.cwd / "tark.toml").read_text()
    assert f'text-tools = "{IDENTITY}{IDS}"' in (sandbox.cwd / "tark.toml").read_text()
    for tag, why in (("1.1.0", "has no proof"), ("1.2.0", "another one has the name now")):
        sandbox.run("add", f"{place}:{tag}", "--accept-capabilities").failed(4, why)
    sandbox.run("sync").ok()


def test_an_index_has_no_proofs(indexed: IndexedProject) -> None:
    """A plugin that moves there keeps what was asked for."""
    indexed.release("calc")
    indexed.use()
    add = indexed.sandbox.run("add", "calc", "--accept-capabilities", "--identity", IDENTITY)
    add.failed(3, "'calc' must be released by", "this release has no proof of that")


def test_the_locked_release_is_asked_for_its_proof_where_nothing_is_remembered(
    proved: Sandbox, publisher: Publisher, tmp_path: Path
) -> None:
    """No attack, and no wolf cried: `sync` verified the signature alone, and the store has no proofs."""
    mate = Sandbox(tmp_path / "mate")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(proved.cwd / name, mate.cwd)
    mate.run("sync", "--accept-project").ok()
    mate.run("update").ok()
    mate.run("update", "--identity", IDENTITY.replace("release.yml", "x.yml")).failed(3, "its workflow is")
    mate.run(*help_of(mate.run("update", "--keyless").failed(4, "in the place of ed25519:"))).ok()
    assert 'text-tools = ["identity"]' in (mate.cwd / "tark.toml").read_text()
    # What has none is refused as ever.
    (publisher.folder / "plugin.sigstore.json").unlink()
    publisher.repo.git("add", "--all")
    publisher.repo.commit("dropped")
    publisher.publish()
    late = Sandbox(tmp_path / "late")
    late.init()
    late.run("add", publisher.url, *FROM, "--trust", publisher.key).ok()
    late.run("update", "--identity", IDENTITY).failed(3, "this release has no proof of that")
