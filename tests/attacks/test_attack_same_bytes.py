"""Equal bytes are no update, and nothing else is let through as equal: another signer, no signature, another origin,
or a commit that never held them.
"""

import shutil

import pytest
from conftest import Publisher
from support.gitserver import GitRepo
from support.sandbox import WASM, Sandbox

from attacks.tampering import call, commit_as, installed_files, replace_in, unchanged

UPDATES = (("update",), ("update", "-y"), ("update", "text-tools", "-y", "--accept-capabilities"))


def _rewrite(publisher: Publisher) -> str:
    """Rewrite the branch: what the folder holds now, in a history that shares no commit with the former."""
    publisher.repo.git("checkout", "--quiet", "--orphan", "fresh")
    publisher.repo.git("add", "--all")
    publisher.repo.git("commit", "--quiet", "--message", "rewritten")
    publisher.repo.git("branch", "--quiet", "--force", "main")
    publisher.repo.git("checkout", "--quiet", "main")
    publisher.publish()
    return publisher.repo.rev("HEAD")


def _add_signed(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()


def _add_unsigned(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(sign="")
    sandbox.init()
    trust = ("--allow-unsigned", "text-tools")
    sandbox.run("add", publisher.url, "-b", "main", *trust, "--accept-capabilities").ok()


@pytest.mark.parametrize("rewritten", [False, True])
def test_the_same_bytes_signed_by_another(sandbox: Sandbox, publisher: Publisher, rewritten: bool) -> None:
    _add_signed(sandbox, publisher)
    other = sandbox.key("other")
    sandbox.sign(publisher.folder, "other")
    _rewrite(publisher) if rewritten else commit_as(publisher, "again")
    with unchanged(sandbox):
        for words in UPDATES:
            sandbox.run(*words).failed(4, "is signed by a different key", f"--trust {other}")
        (row,) = sandbox.run("outdated", "--json").failed(1).json["plugins"]
        assert (row["update"], row["warning"]) == ("", f"signed by a different key: needs --trust {other}")
    call(sandbox).ok()


@pytest.mark.parametrize("rewritten", [False, True])
def test_the_same_bytes_without_their_signature(
    sandbox: Sandbox, publisher: Publisher, rewritten: bool
) -> None:
    _add_signed(sandbox, publisher)
    (publisher.folder / "plugin.dsse.json").unlink()
    _rewrite(publisher) if rewritten else commit_as(publisher, "again")
    with unchanged(sandbox):
        for words in UPDATES:
            sandbox.run(*words, "--allow-unsigned", "text-tools").failed(4, "was signed before")
    call(sandbox).ok()


def test_unsigned_bytes_that_are_signed_now_ask_about_the_key(sandbox: Sandbox, publisher: Publisher) -> None:
    _add_unsigned(sandbox, publisher)
    key = sandbox.key("other")
    sandbox.sign(publisher.folder, "other")
    commit_as(publisher, "again")
    with unchanged(sandbox):
        sandbox.run("update", "-y").failed(4, f"--trust {key}")
    sandbox.run("update", "--trust", key).ok()
    assert "unsigned" not in (sandbox.cwd / "tark.toml").read_text()


def test_other_unsigned_bytes_are_asked_about_each_time(sandbox: Sandbox, publisher: Publisher) -> None:
    _add_unsigned(sandbox, publisher)
    good = installed_files(sandbox)
    publisher.release("1.1.0", sign="", wasm=WASM + b"\0\x02\x01x")
    with unchanged(sandbox):
        for words in UPDATES:
            sandbox.run(*words).failed(4, "'text-tools' is not signed", "--allow-unsigned text-tools")
    assert installed_files(sandbox) == good


def test_what_was_accepted_unsigned_counts_for_its_repository_alone(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    """The same bytes elsewhere today are a stranger's bytes tomorrow."""
    _add_unsigned(sandbox, publisher)
    other = Publisher(sandbox, publisher.server, "elsewhere")
    other.name = "text-tools"
    other.release(sign="")
    other.repo.publish(publisher.server.root, "elsewhere")
    replace_in(sandbox.cwd / "tark.toml", publisher.url, other.url)
    with unchanged(sandbox):
        sandbox.run("update", "-y").failed(4, "change the source of 'text-tools'")
        sandbox.run("outdated").failed(4, "change the source of 'text-tools'")
    sandbox.run("update", "--accept-project").failed(4, "'text-tools' is not signed")


def test_consent_that_was_taken_back_is_asked_for_again(sandbox: Sandbox, publisher: Publisher) -> None:
    """By hand, from tark.toml: what the record says alone lets nothing in."""
    _add_unsigned(sandbox, publisher)
    replace_in(sandbox.cwd / "tark.toml", ", unsigned = true", "")
    with unchanged(sandbox):
        sandbox.run("update", "-y").failed(4, "'text-tools' is not signed")
    sandbox.run("update", "--allow-unsigned", "text-tools").ok()


@pytest.mark.parametrize("with_store", [True, False])
@pytest.mark.parametrize("signed", [True, False])
def test_a_commit_that_never_held_these_bytes_is_not_kept(
    sandbox: Sandbox, publisher: Publisher, signed: bool, with_store: bool
) -> None:
    """A pull request pairs the right files with an earlier commit of the branch."""
    old = publisher.release("0.9.0", sign="release" if signed else "")
    (_add_signed if signed else _add_unsigned)(sandbox, publisher)
    true = publisher.repo.rev("HEAD")
    replace_in(sandbox.cwd / "tark.lock", true, old)
    if not with_store:
        shutil.rmtree(sandbox.store)
    sandbox.run("update", "--accept-project").ok()
    assert true in (sandbox.cwd / "tark.lock").read_text()
    sandbox.run("verify").ok()


def test_a_forks_commit_with_the_same_bytes_is_not_kept(sandbox: Sandbox, publisher: Publisher) -> None:
    """A forge serves it from the original's URL: what it holds tomorrow's lock would vouch for."""
    _add_signed(sandbox, publisher)
    true = publisher.repo.rev("HEAD")
    fork = GitRepo(sandbox.root / "fork")
    for name in ("plugin.toml", "plugin.wasm", "plugin.dsse.json"):
        fork.write(name, (publisher.folder / name).read_bytes())
    foreign = fork.commit("the same")
    bare = publisher.server.root / "text-tools.git"
    fork.git("push", "--quiet", str(bare), "HEAD:refs/heads/fork")
    fork.git("--git-dir", str(bare), "update-ref", "-d", "refs/heads/fork")
    replace_in(sandbox.cwd / "tark.lock", true, foreign)
    shutil.rmtree(sandbox.store)
    sandbox.run("update").ok()
    assert true in (sandbox.cwd / "tark.lock").read_text()


def test_an_entry_that_lies_about_the_same_bytes_is_corrected(sandbox: Sandbox, publisher: Publisher) -> None:
    """Equal means the whole entry: a lock may not promise what plugin.toml does not."""
    _add_signed(sandbox, publisher)
    commit_as(publisher, "again")
    replace_in(sandbox.cwd / "tark.lock", 'min_tark_version = "0.6.0"\n', "")
    sandbox.run("update").ok()
    assert 'min_tark_version = "0.6.0"' in (sandbox.cwd / "tark.lock").read_text()
