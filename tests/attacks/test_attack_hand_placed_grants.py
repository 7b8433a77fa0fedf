"""A plugin folder that tarkpm did not install runs with what its user consented to, in a project they accepted."""

import json
import shutil
from pathlib import Path

import pytest
from support.sandbox import Sandbox

import tarkpm
from tarkpm.errors import TarkError

NAME = "text-tools"
CALL = ("call", NAME, "text-stats", '{"text":"a b"}')
NARROW = "text-tools = { env = ['HOME'] }\n"
PULLED = "text-tools = { storage = true }\n"


@pytest.fixture
def project(sandbox: Sandbox) -> Path:
    """A project with a plugin that was copied in by hand; returns its tark.toml."""
    sandbox.init()
    other = sandbox.plugin(sandbox.root / "src" / "other", name="other")
    sandbox.run("add", str(other), "--accept-capabilities").ok()
    sandbox.plugin(sandbox.cwd / ".tark" / "plugins" / NAME)
    file = sandbox.cwd / "tark.toml"
    file.write_text(file.read_text().replace("[grants]\n", f"[grants]\n{NARROW}"))
    return file


def test_a_pull_that_widens_its_grants_asks_again(sandbox: Sandbox, project: Path) -> None:
    sandbox.run(*CALL, "--accept-project", "--accept-unmanaged", NAME).ok()
    project.write_text(project.read_text().replace(NARROW, PULLED))
    sandbox.run(*CALL).failed(4)
    sandbox.run(*CALL, "--accept-project").failed(4, f"--accept-unmanaged {NAME}")
    sandbox.run(*CALL, "--accept-project", "--accept-unmanaged", NAME).ok()


def test_a_pull_that_narrows_them_does_not_and_its_return_does(sandbox: Sandbox, project: Path) -> None:
    project.write_text(project.read_text().replace(NARROW, PULLED))
    sandbox.run(*CALL, "--accept-project", "--accept-unmanaged", NAME).ok()
    project.write_text(project.read_text().replace(PULLED, NARROW))
    sandbox.run(*CALL, "--accept-project").ok()
    project.write_text(project.read_text().replace(NARROW, PULLED))
    sandbox.run(*CALL, "--accept-project").failed(4, f"--accept-unmanaged {NAME}")


def test_a_program_that_embeds_the_host_does_not_run_it_either(sandbox: Sandbox, project: Path) -> None:
    sandbox.run(*CALL, "--accept-project", "--accept-unmanaged", NAME).ok()
    project.write_text(project.read_text().replace(NARROW, PULLED))
    with (
        pytest.raises(TarkError),
        tarkpm.Host.open(sandbox.cwd, environment=sandbox.environment()) as host,
    ):
        host.call(NAME, "text-stats", {"text": "a"})


def test_a_consent_of_an_earlier_version_is_asked_for_again(sandbox: Sandbox, project: Path) -> None:
    project.write_text(project.read_text().replace(NARROW, PULLED))
    sandbox.run(*CALL, "--accept-project", "--accept-unmanaged", NAME).ok()
    (file,) = (sandbox.state / "unmanaged").iterdir()
    earlier = json.loads(file.read_text())
    del earlier["granted"]
    file.write_text(json.dumps(earlier))
    sandbox.run(*CALL).failed(4, f"--accept-unmanaged {NAME}")


def test_a_forgotten_project_takes_its_consents_along(sandbox: Sandbox, project: Path) -> None:
    sandbox.run(*CALL, "--accept-project", "--accept-unmanaged", NAME).ok()
    sandbox.run("accepted", "--forget", str(sandbox.cwd)).ok()
    sandbox.run(*CALL, "--accept-project").failed(4, f"--accept-unmanaged {NAME}")


def test_a_consent_alone_is_listed_and_forgotten(sandbox: Sandbox) -> None:
    """A project that decides nothing is never accepted, yet a plugin in its folder may run."""
    sandbox.init()
    other = sandbox.plugin(sandbox.root / "src" / "other", name="other")
    sandbox.run("add", str(other), "--accept-capabilities").ok()
    sandbox.run("remove", "other").ok()
    sandbox.plugin(sandbox.cwd / ".tark" / "plugins" / NAME)
    sandbox.run(*CALL, "--accept-unmanaged", NAME).ok()
    sandbox.run("accepted", "--forget", ".").ok()
    sandbox.run(*CALL, "--accept-unmanaged", NAME).ok()
    (row,) = sandbox.run("accepted", "--json").ok().json["projects"]
    assert (row["project"], row["accepted_at"], row["unmanaged"]) == (str(sandbox.cwd), "", [NAME])
    sandbox.run("accepted", "--forget", ".").ok()
    assert sandbox.run("accepted", "--json").ok().json["projects"] == []
    sandbox.run(*CALL).failed(4, f"--accept-unmanaged {NAME}")


def test_other_bytes_are_told_that_they_get_what_was_stored(sandbox: Sandbox, project: Path) -> None:
    project.write_text(project.read_text().replace(NARROW, ""))
    save = ("call", NAME, "save-note", '{"key":"k","text":"mine"}')
    sandbox.run(*save, "--accept-project", "--accept-unmanaged", NAME).ok()
    folder = sandbox.cwd / ".tark" / "plugins" / NAME
    shutil.rmtree(folder)
    sandbox.plugin(folder, version="6.6.6")
    accepted = sandbox.run(*CALL, "--accept-unmanaged", NAME).ok()
    assert "gets what a plugin in this folder stored before" in accepted.err
