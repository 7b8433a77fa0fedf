"""A version is what was locked under it: no other bytes, and no lower one, without being told."""

from conftest import Publisher
from support.sandbox import WASM, Sandbox

from attacks.tampering import call, commit_as, help_of, installed_files, unchanged


def _add(sandbox: Sandbox, publisher: Publisher, version: str) -> None:
    publisher.release(version)
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()


def test_other_bytes_under_a_version(sandbox: Sandbox, publisher: Publisher) -> None:
    _add(sandbox, publisher, "1.0.0")
    sandbox.plugin(publisher.folder, wasm=WASM + b"\0\x01\0", sign="release")
    commit_as(publisher, "again")
    with unchanged(sandbox):
        text = "the contents of 'text-tools' 1.0.0 differ from the locked 1.0.0"
        sandbox.run("update", "-y").failed(4, text)
        sandbox.run("add", publisher.url, "--tag", "again", "--allow-downgrade").failed(4, text)
        asked = sandbox.run("update").failed(4, text)
    call(sandbox).ok()
    sandbox.run(*help_of(asked)).ok()
    assert installed_files(sandbox)["plugin.wasm"] == WASM + b"\0\x01\0"
    sandbox.run("verify").ok()


def test_a_moved_branch_does_not_matter_to_a_lock(sandbox: Sandbox, publisher: Publisher) -> None:
    _add(sandbox, publisher, "1.0.0")
    good = installed_files(sandbox)
    publisher.release("2.0.0")
    with unchanged(sandbox):
        sandbox.run("sync").ok()
    mate = Sandbox(sandbox.root / "mate")
    for name in ("tark.toml", "tark.lock"):
        (mate.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    mate.run("sync", "--accept-project").ok()
    assert installed_files(mate) == good


def test_a_downgrade(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release("1.0.0")
    _add(sandbox, publisher, "1.1.0")
    publisher.repo.git("reset", "--quiet", "--hard", "v1.0.0")
    publisher.publish()
    with unchanged(sandbox):
        text = "'text-tools' 1.0.0 is older than the locked version 1.1.0"
        sandbox.run("update", "-y", "--allow-republished").failed(4, text)
        sandbox.run("add", publisher.url, "--tag", "v1.0.0").failed(4, text)
        asked = sandbox.run("update").failed(4, text)
    sandbox.run(*help_of(asked)).ok()
    assert '"1.0.0"' in (sandbox.cwd / "tark.lock").read_text()


def test_a_prerelease_is_lower_than_its_release(sandbox: Sandbox, publisher: Publisher) -> None:
    _add(sandbox, publisher, "1.0.0")
    publisher.release("1.0.0-rc.1")
    with unchanged(sandbox):
        sandbox.run("update").failed(4, "1.0.0-rc.1 is older than the locked version 1.0.0")


def test_build_metadata_is_no_way_around(sandbox: Sandbox, publisher: Publisher) -> None:
    """1.0.0+x is neither older nor newer than 1.0.0; it is shown as the change it is."""
    _add(sandbox, publisher, "1.0.0")
    publisher.release("1.0.0+x")
    done = sandbox.run("update")
    if done.status == 0:
        assert "version 1.0.0 → 1.0.0+x" in done.err
    else:
        done.failed(4)


def test_a_commit_that_is_gone_from_the_server(sandbox: Sandbox, publisher: Publisher) -> None:
    """The store still has it; without the store the error says what is missing, and where."""
    import shutil
    import subprocess

    _add(sandbox, publisher, "1.0.0")
    good = installed_files(sandbox)
    gone = publisher.repo.rev("HEAD")
    shutil.rmtree(publisher.folder)
    shutil.rmtree(publisher.server.root / "text-tools.git")
    again = Publisher(sandbox, publisher.server, "text-tools")
    again.key = publisher.key
    again.release("2.0.0")
    bare = publisher.server.root / "text-tools.git"
    assert subprocess.run(["git", "-C", bare, "cat-file", "-e", gone], capture_output=True).returncode
    shutil.rmtree(sandbox.plugins / "text-tools")
    sandbox.run("sync").ok()
    assert installed_files(sandbox) == good
    shutil.rmtree(sandbox.plugins / "text-tools")
    shutil.rmtree(sandbox.store)
    with unchanged(sandbox):
        refused = sandbox.run("sync").failed(2, gone)
    assert publisher.url in refused.err
