"""A command loads what it needs: most of a short one's time goes into loading modules."""

import subprocess
import sys

import pytest
from conftest import Publisher
from support.indexed import IndexedProject
from support.sandbox import Sandbox

HEAVY = {
    "cryptography", "dulwich", "httpcore2", "json", "jsonschema_rs", "packaging", "resolvelib", "securesystemslib",
    "shutil", "sqlite3", "ssl", "subprocess", "tempfile", "tomllib", "tuf", "urllib3", "wasmtime",
}  # fmt: skip


def _loaded(sandbox: Sandbox, *arguments: str) -> set[str]:
    """Which of the heavy modules a process has loaded after it ran a command that succeeds."""
    code = (
        f"import sys; from tarkpm.cli.entry import main; status = main({list(arguments)!r}); "
        f"print(*({HEAVY!r} & sys.modules.keys()), file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=sandbox.cwd,
        env=sandbox.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done
    return set(done.stderr.splitlines()[-1].split())


@pytest.fixture
def project(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project with a plugin from git, in line with its lock."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    return sandbox


def test_a_sync_with_nothing_to_do_parses_not_even_a_document(project: Sandbox) -> None:
    assert _loaded(project, "sync") == set()


def test_the_version_is_shown_without_anything_heavy(sandbox: Sandbox) -> None:
    assert _loaded(sandbox, "--version") == set()


def test_list_parses_documents(project: Sandbox) -> None:
    assert _loaded(project, "list") <= {"tomllib", "json"}


def test_a_sync_from_the_store_opens_no_session(project: Sandbox) -> None:
    assert _loaded(project, "sync", "--reinstall") <= {"tomllib", "json", "cryptography", "shutil"}


def test_an_index_is_asked_without_the_client_of_another_stack(indexed: IndexedProject) -> None:
    """tuf comes with a fetcher of its own, and urllib3 with that."""
    indexed.release("text-tools")
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    loaded = _loaded(indexed.sandbox, "outdated")
    assert {"tuf", "httpcore2"} <= loaded
    assert not loaded & {"dulwich", "urllib3", "wasmtime"}


def test_only_a_choice_of_releases_loads_the_resolver(indexed: IndexedProject) -> None:
    indexed.release("text-tools")
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    assert _loaded(indexed.sandbox, "sync") == set()
    for arguments in (("sync", "--reinstall"), ("lock", "--check"), ("verify",), ("list",)):
        assert "resolvelib" not in _loaded(indexed.sandbox, *arguments)
    assert "resolvelib" in _loaded(indexed.sandbox, "update", "--dry-run")


def test_a_folder_is_added_without_git(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.init()
    loaded = _loaded(sandbox, "add", "./mine", "--accept-capabilities")
    assert not loaded & {"dulwich", "urllib3", "httpcore2", "tuf", "ssl", "wasmtime"}
