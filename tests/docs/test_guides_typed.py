"""The guides' commands are typed: the tables of everyday commands, and the recipes for CI and an air gap."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from string import Template

import pytest
from support.indexed import IndexedProject
from support.sandbox import Sandbox

DOCS = Path(__file__).parents[2] / "docs"
CI = re.findall(r"```sh\n(.*?)```", (DOCS / "ci.md").read_text("utf-8"), re.DOTALL)
ROW = re.compile(r"^\| .* \| (`tarkpm .*?) \|$", re.MULTILINE)
ELSEWHERE = ("https://", "oci://", "index log", "./my-plugin", "WORDS", "web-reader")
"""Commands with these need a server, a plugin or a word of the reader's own."""


@pytest.fixture
def project(indexed: IndexedProject) -> IndexedProject:
    indexed.release("text-tools", more="[capabilities]\nstorage = true")
    indexed.use()
    return indexed


def typed(machine: Sandbox, block: str, environment: dict[str, str]) -> None:
    """Type a block of shell: ``export`` and ``tarkpm`` in this process, other programs in theirs."""
    for line in filter(None, (re.sub(r" +# .*", "", text) for text in block.splitlines())):
        words = shlex.split(Template(line).safe_substitute(environment))
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            environment[name] = value
        elif words[0] == "tarkpm":
            machine.run(*words[1:], env=environment).ok()
        else:
            subprocess.run(words, cwd=machine.cwd, check=True)


def clone(of: Sandbox, root: Path) -> tuple[Sandbox, dict[str, str]]:
    """A machine with the project's two documents, and the digest that was reviewed."""
    machine = Sandbox(root)
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(of.cwd / name, machine.cwd)
    digest = machine.run("accept", "--print", "--json").ok().json["digest"]
    return machine, {"TARK_DECISIONS": digest, "PWD": str(machine.cwd)}


def test_the_recipes_for_ci_and_an_air_gap(project: IndexedProject, tmp_path: Path) -> None:
    project.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    job, pack, restore = CI
    typed(*_with(job, clone(project.sandbox, tmp_path / "job")))
    connected, environment = clone(project.sandbox, tmp_path / "connected")
    typed(connected, pack, environment)
    asked = len(project.server.paths)
    far = Sandbox(tmp_path / "far")
    for name in ("plugins.tar", "tark.toml", "tark.lock"):
        shutil.copy(connected.cwd / name, far.cwd)
    typed(far, restore, {"TARK_DECISIONS": environment["TARK_DECISIONS"], "PWD": str(far.cwd)})
    assert len(project.server.paths) == asked
    assert (far.plugins / "text-tools" / "plugin.wasm").exists()


def _with(block: str, machine: tuple[Sandbox, dict[str, str]]) -> tuple[Sandbox, str, dict[str, str]]:
    return machine[0], block, machine[1]


@pytest.mark.parametrize("page", ["everyday.md", "capabilities.md"])
def test_the_commands_of_a_table_work_in_its_order(project: IndexedProject, page: str) -> None:
    commands = [
        command
        for cell in ROW.findall((DOCS / page).read_text("utf-8"))
        for command in re.findall(r"`(tarkpm [^`]+)`", cell)
        if not any(part in command for part in ELSEWHERE)
    ]
    assert len(commands) > 4
    if page != "everyday.md":
        project.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    for command in commands:
        answer = ["--accept-capabilities"] if command.startswith("tarkpm add") else []
        project.sandbox.run(*shlex.split(command)[1:], *answer).ok()
