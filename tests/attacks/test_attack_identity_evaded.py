"""Attack: what a CI identity was to prevent is reached around it."""

import shutil

import pytest
from conftest import Publisher
from support.ci_runs import IDENTITY, IDS, faked_proofs, release, run_of
from support.sandbox import Sandbox

from attacks.tampering import help_of, unchanged

__all__ = ["faked_proofs"]
pytestmark = pytest.mark.usefixtures("faked_proofs")

FROM = ("-b", "main", "--accept-capabilities")
SQUATTER = run_of(repository_id="66", owner_id="67")
"""A run of somebody who registered the name of the repository after it was deleted."""


@pytest.fixture
def keyless(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project that took text-tools 1.0.0 of a publisher without a lasting key."""
    sandbox.init()
    release(publisher, "1.0.0", run_of(), sign="once-1")
    sandbox.run("add", publisher.url, *FROM, "--identity", IDENTITY, "--keyless").ok()
    return sandbox


@pytest.mark.parametrize("besides", [False, True])
def test_the_name_of_the_repository_is_taken_over_and_typed_once_more(
    sandbox: Sandbox, publisher: Publisher, besides: bool
) -> None:
    """As for another pattern of tags: the ids that are known stay asked for."""
    sandbox.init()
    release(publisher, "1.0.0", run_of())
    sandbox.run(
        "add", publisher.url, *FROM, "--identity", IDENTITY, *(() if besides else ("--keyless",))
    ).ok()
    release(publisher, "1.1.0", SQUATTER)
    why = "the id of its repository is 66, expected 11: another one has the name now"
    with unchanged(sandbox):
        refused = sandbox.run("update")
        refused.failed(4, why)
        # Nor does the help of the error hide whom it would let in.
        assert "@refs/tags/v1.0.0?repository_id=66&owner_id=67'" in refused.err
        sandbox.run("update", "--identity", IDENTITY.replace("owner", "Owner")).failed(3, why)
        typed = IDENTITY.replace("tags/*", "tags/v*")
        sandbox.run("add", publisher.url, *FROM, "--identity", typed, "--keyless").failed(3, why)
    # Who means it says whom.
    sandbox.run("update", "--identity", f"{IDENTITY}?repository_id=66&owner_id=67").ok()
    release(publisher, "1.2.0", run_of())
    sandbox.run("update").failed(4, "the id of its repository is 11, expected 66")


def test_a_known_identity_is_typed_with_another_pattern(keyless: Sandbox, publisher: Publisher) -> None:
    release(publisher, "1.1.0", run_of(ref="refs/tags/v1.1.0"), sign="once-2")
    keyless.run("update", "--identity", IDENTITY.replace("tags/*", "tags/v*")).ok()
    assert f"refs/tags/v*{IDS}" in (keyless.cwd / "tark.toml").read_text()


def test_no_help_names_a_ref_of_a_pull_request(keyless: Sandbox, publisher: Publisher) -> None:
    release(publisher, "1.1.0", run_of(ref="refs/pull/7/merge"), sign="evil")
    refused = keyless.run("update")
    refused.failed(4, "its ref is refs/pull/7/merge")
    assert "--identity" not in refused.err


def test_a_release_that_was_not_proved_is_not_shown_as_of_the_identity(
    keyless: Sandbox, publisher: Publisher
) -> None:
    assert keyless.run("list", "--json").json["plugins"][0]["signer"] == IDENTITY + IDS
    release(publisher, "1.1.0", None, sign="evil")
    other = Sandbox(keyless.root / "other")
    other.init()
    other.run("add", publisher.url, *FROM, "--trust", publisher.key).ok()
    offer = keyless.run("info", publisher.url, "-b", "main", "--json").json
    assert (offer["signer"], offer["trust"]) == (publisher.key, "refused")
    # A pulled lock names it, which nothing was proved of either.
    shutil.copy(other.cwd / "tark.lock", keyless.cwd)
    assert keyless.run("list", "--json").json["plugins"][0]["signer"] == publisher.key
    assert keyless.run("info", "text-tools", "--json").json["signer"] == publisher.key
    assert IDENTITY not in keyless.run("sbom").ok().out


def test_an_identity_waits_for_a_plugin_that_is_not_there_yet(sandbox: Sandbox, publisher: Publisher) -> None:
    """A pull request leaves a line for a name; whoever adds that plugin is asked for its first key all the same."""
    sandbox.init()
    toml = sandbox.cwd / "tark.toml"
    evil = IDENTITY.replace("owner/repo", "evil/repo")
    toml.write_text(f'{toml.read_text()}\n[identities]\ntext-tools = "{evil}"\n')
    release(publisher, "1.0.0", run_of(repository="evil/repo"), sign="evil")
    with unchanged(sandbox):
        sandbox.run("add", publisher.url, *FROM).failed(4, "is not trusted yet")
        sandbox.run("add", publisher.url, *FROM, "--keyless").failed(4, "--identity", evil)
    sandbox.run("add", publisher.url, *FROM, "--identity", evil).ok()


def test_an_identity_that_was_accepted_vouches_for_the_first_key(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    """No attack: a colleague wrote the lines, and this user accepted them."""
    sandbox.init()
    release(publisher, "1.0.0", run_of())
    toml = sandbox.cwd / "tark.toml"
    plugin = f'text-tools = {{ git = "{publisher.url}", branch = "main" }}'
    toml.write_text(f'{toml.read_text()}\n[plugins]\n{plugin}\n[identities]\ntext-tools = "{IDENTITY}"\n')
    said = f"trust the first key for 'text-tools' that the CI identity {IDENTITY} proves"
    sandbox.run("lock", "--accept-capabilities").failed(4, said)
    sandbox.run("accept", "--accept-project").ok()
    sandbox.run("lock", "--accept-capabilities").ok()
    assert f'text-tools = ["{publisher.key}"]' in toml.read_text()
    assert f'text-tools = "{IDENTITY}{IDS}"' in toml.read_text()


def test_an_identity_that_a_pull_request_named_takes_the_place_of_the_key(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    """Beside a key a first identity asks for more, and nobody; in its place it must be the one that is meant."""
    sandbox.init()
    publisher.release("1.0.0")
    key = publisher.key
    sandbox.run("add", publisher.url, *FROM, "--trust", key).ok()
    toml = sandbox.cwd / "tark.toml"
    evil = f"{IDENTITY.replace('owner/repo', 'evil/repo')}{IDS}"
    toml.write_text(f'{toml.read_text()}\n[identities]\ntext-tools = "{evil}"\n')
    release(publisher, "1.1.0", run_of(repository="evil/repo"), sign="evil")
    with unchanged(sandbox):
        refused = sandbox.run("update", "--keyless", "-y")
        refused.failed(4, f"in the place of {key}", f"--identity '{evil}'")
    sandbox.run(*help_of(refused)).ok()
    assert 'text-tools = ["identity"]' in toml.read_text()
