"""Attack: one pull request drops who may sign, which asks nobody; the next one names somebody else."""

import shutil

import pytest
from conftest import Publisher
from support.ci_runs import IDENTITY, faked_proofs, release, run_of
from support.sandbox import Sandbox

from attacks.tampering import install, unchanged

__all__ = ["faked_proofs"]
pytestmark = pytest.mark.usefixtures("faked_proofs")

FROM = ("-b", "main", "--accept-capabilities")
EVIL = IDENTITY.replace("owner/repo", "evil/repo") + "?repository_id=66&owner_id=67"
EVIL_RUN = run_of(repository="evil/repo", repository_id="66", owner_id="67")


@pytest.fixture(params=["keyless", "besides"])
def proved(request: pytest.FixtureRequest, sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project that took text-tools 1.0.0 by its CI identity, with a key or without one."""
    sandbox.init()
    release(publisher, "1.0.0", run_of(), sign="once-1")
    words = ("--identity", IDENTITY, *(("--keyless",) if request.param == "keyless" else ()))
    sandbox.run("add", publisher.url, *FROM, *words).ok()
    return sandbox


def drop_trust(project: Sandbox) -> None:
    """Pull a tark.toml that trusts nobody to sign, and a lock without the plugin."""
    toml = project.cwd / "tark.toml"
    lines = toml.read_text().splitlines(keepends=True)
    at = lines.index("[trust]\n")
    toml.write_text("".join(lines[:at] + lines[at + 2 :]))
    (project.cwd / "tark.lock").write_text("version = 2\n")


def test_the_first_key_is_not_vouched_for_once_more(proved: Sandbox, publisher: Publisher) -> None:
    """The key of one run, which was thrown away, is no key to pin: who finds it could sign from then on."""
    drop_trust(proved)
    proved.run("revoke", "text-tools", "storage").ok()
    release(publisher, "1.1.0", run_of(), sign="once-2")
    with unchanged(proved):
        for verb in ("lock", "sync"):
            proved.run(verb).failed(4, "trust the first key for 'text-tools'", "owner/repo", "(before: ")


def test_an_identity_takes_the_place_of_a_key_that_is_dropped(sandbox: Sandbox, publisher: Publisher) -> None:
    """A first identity asks for more, unless it vouches for a key in the place of one that was trusted."""
    publisher.release("1.0.0")
    install(sandbox, publisher)
    key = publisher.key
    drop_trust(sandbox)
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(f'{toml.read_text()}\n[identities]\ntext-tools = "{EVIL}"\n')
    release(publisher, "1.1.0", EVIL_RUN, sign="evil")
    with unchanged(sandbox):
        for verb in ("lock", "accept"):
            sandbox.run(verb).failed(4, f"(before: {key})", EVIL)
    # Somebody who accepted nothing yet is told, too.
    mate = Sandbox(sandbox.root / "mate")
    shutil.copy(toml, mate.cwd)
    mate.run("lock").failed(4, "text-tools", EVIL)


@pytest.mark.parametrize("kind", ["key", "identity"])
def test_somebody_else_gets_what_was_stored(sandbox: Sandbox, publisher: Publisher, kind: str) -> None:
    sandbox.init()
    release(publisher, "1.0.0", run_of())
    if kind == "key":
        words: tuple[str, ...] = ("--trust", publisher.key)
    else:
        words = ("--identity", IDENTITY, "--keyless")
    sandbox.run("add", publisher.url, *FROM, *words).ok()
    data = (sandbox.plugins / "text-tools" / "data").resolve()
    data.mkdir(parents=True, exist_ok=True)
    (data / "token").write_text("s3cret")
    lock = (sandbox.cwd / "tark.lock").read_text()
    drop_trust(sandbox)
    (sandbox.cwd / "tark.lock").write_text(lock)
    sandbox.run("revoke", "text-tools", "storage").ok()
    sandbox.run("accept", "--accept-project").ok()
    release(publisher, "1.1.0", None, sign="evil")
    other = Sandbox(sandbox.root / "other")
    other.init()
    other.run("add", publisher.url, *FROM, "--trust", publisher.key).ok()
    shutil.copy(other.cwd / "tark.lock", sandbox.cwd)
    toml = sandbox.cwd / "tark.toml"
    text = toml.read_text()
    toml.write_text(f'{text}\n[trust]\ntext-tools = ["{publisher.key}"]\n')
    sandbox.run("sync").failed(
        4, f"trust {publisher.key}", "start 'text-tools' without the data of the previous one"
    )
    sandbox.run("sync", "--accept-project").ok()
    assert not [*(sandbox.plugins / "text-tools" / "data").resolve().iterdir()]


def test_an_identity_vouches_for_the_first_key_of_an_unsigned_plugin(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    """Its other contents take a typed flag; a pull request that names an identity is no way around it."""
    sandbox.init()
    publisher.release("1.0.0", sign="")
    sandbox.run("add", publisher.url, *FROM, "--allow-unsigned", "text-tools").ok()
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(f'{toml.read_text()}\n[identities]\ntext-tools = "{EVIL}"\n')
    release(publisher, "1.1.0", EVIL_RUN, sign="evil")
    with unchanged(sandbox):
        for verb in ("update", "sync"):
            sandbox.run(verb).failed(4, "trust the first key for 'text-tools'", EVIL)
