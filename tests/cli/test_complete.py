"""What TAB offers: plugins, keys, indexes and capabilities; nothing from a file that cannot be read."""

import shutil
import subprocess

import pytest
from conftest import Publisher
from support.indexed import IndexedProject
from support.indexrepo import IndexRepo
from support.sandbox import Sandbox


def offered(sandbox: Sandbox, typed: str) -> list[str]:
    """Return what bash would be offered for the last word of ``typed``."""
    words = typed.split(" ")
    answer = sandbox.fork(
        env={
            "_TARKPM_COMPLETE": "bash_complete",
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
    )
    return [line.partition(",")[2] for line in answer.out.split()]


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """A project with one working copy that declares storage, a host and a variable."""
    sandbox.init()
    folder = sandbox.plugin(
        sandbox.root / "src" / "text-tools",
        capabilities='storage = true\nhttp = ["api.example.com"]\nenv = ["TOKEN"]',
    )
    sandbox.run("add", str(folder), "--accept-capabilities").ok()
    return sandbox


def test_the_commands_of_a_group(project: Sandbox) -> None:
    assert offered(project, "tarkpm serve ") == ["openai"]


def test_plugins_and_their_capabilities(project: Sandbox) -> None:
    assert offered(project, "tarkpm info t") == ["text-tools"]
    assert offered(project, "tarkpm revoke text-tools ") == ["storage", "http:api.example.com", "env:TOKEN"]
    project.run("revoke", "text-tools", "env:TOKEN").ok()
    assert offered(project, "tarkpm revoke text-tools e") == []
    assert offered(project, "tarkpm grant text-tools ") == ["env:TOKEN"]
    assert offered(project, "tarkpm grant text-tools env:t") == ["env:TOKEN"]
    assert offered(project, "tarkpm revoke text-tools storage ") == ["http:api.example.com"]
    assert offered(project, "tarkpm grant other ") == []


def test_tools_are_those_that_are_pinned(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    assert offered(sandbox, "tarkpm call text-tools ") == ["save-note", "text-stats"]
    assert offered(sandbox, "tarkpm call text-tools t") == ["text-stats"]
    assert offered(sandbox, "tarkpm call other ") == []


def test_keys_and_indexes(indexed: IndexedProject) -> None:
    indexed.use()
    sandbox = indexed.sandbox
    sandbox.key("mine")
    assert offered(sandbox, "tarkpm sign . --key m") == ["mine"]
    assert offered(sandbox, "tarkpm index remove c") == ["community"]


def test_options_that_name_a_plugin(project: Sandbox) -> None:
    assert offered(project, "tarkpm tree --invert t") == ["text-tools"]
    assert offered(project, "tarkpm update --allow-unsigned ") == ["text-tools"]
    assert offered(project, "tarkpm call --accept-unmanaged t") == ["text-tools"]


def test_only_plugins_of_the_type_that_a_command_runs(project: Sandbox) -> None:
    assert offered(project, "tarkpm call ") == offered(project, "tarkpm tools ") == ["text-tools"]
    for typed in ("tarkpm chat ", "tarkpm auth login ", "tarkpm channel info "):
        assert offered(project, typed) == []
    manifest = project.plugins / "text-tools" / "plugin.toml"
    manifest.write_text(manifest.read_text().replace('"tool"', '"provider"'))
    assert offered(project, "tarkpm chat ") == ["text-tools"]


def test_help_and_folders(project: Sandbox) -> None:
    assert offered(project, "tarkpm help out") == ["outdated"]
    assert offered(project, "tarkpm help index ya") == ["yank"]
    assert offered(project, "tarkpm add ./sr") == ["./sr"]  # of type dir: the shell goes on
    assert offered(project, "tarkpm add te") == []


def test_the_releases_of_an_index(sandbox: Sandbox) -> None:
    repo = IndexRepo(sandbox.cwd)
    key = repo.claim("text-tools")
    for version in ("1.0.0", "1.10.0", "1.2.0"):
        repo.release("text-tools", version, key)
    assert offered(sandbox, "tarkpm index yank te") == ["text-tools@"]
    assert offered(sandbox, "tarkpm index yank text-tools@1.") == [
        "text-tools@1.0.0",
        "text-tools@1.2.0",
        "text-tools@1.10.0",
    ]
    assert offered(sandbox, "tarkpm index revoke other@") == []


def test_a_file_that_cannot_be_read_offers_nothing(project: Sandbox) -> None:
    (project.cwd / "tark.toml").write_text("[")
    (project.plugins / "text-tools" / "plugin.toml").write_text("[")
    for typed in ("tarkpm grant text-tools ", "tarkpm revoke text-tools ", "tarkpm index remove "):
        assert offered(project, typed) == []


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_without_its_completion_system(sandbox: Sandbox) -> None:
    script = sandbox.run("completions", "zsh").ok().out
    said = subprocess.run(["zsh", "-f"], input=script, capture_output=True, text=True, check=True)
    assert said.stderr.strip().endswith("first run: autoload -Uz compinit && compinit")
