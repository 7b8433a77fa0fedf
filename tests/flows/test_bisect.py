"""`bisect`: find the change that broke something, and return to where one was."""

import sys

import pytest
from support.gitrepo import GitRepo
from support.sandbox import Sandbox

NAME = "text-tools"
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0")
FIND = (
    "import sys,pathlib; sys.exit(any(v in pathlib.Path('tark.lock').read_text() for v in ('1.3.0','1.4.0')))"
)


class Project:
    """A project that was updated four times: generations 2 (1.0.0) to 6 (1.4.0). 1.2.0 came with a grant."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.repo = sandbox, GitRepo(sandbox.root / "repo")
        key = sandbox.key()
        sandbox.init()
        for number, version in enumerate(VERSIONS):
            more = "storage = true" + ('\nhttp = ["api.example.com"]' if number >= 2 else "")
            sandbox.plugin(self.repo.folder, version=version, sign="release", capabilities=more)
            self.repo.git("add", "--all")
            self.repo.commit(version)
            url = f"file://{self.repo.folder}"
            words = ("add", url, "-b", "main", "--trust", key) if number == 0 else ("update",)
            sandbox.run(*words, "--accept-capabilities").ok()

    @property
    def version(self) -> str:
        return str(self.sandbox.run("list", "--json").ok().json["plugins"][0]["version"])

    @property
    def documents(self) -> list[bytes]:
        return [(self.sandbox.cwd / name).read_bytes() for name in ("tark.toml", "tark.lock")]

    @property
    def accepted(self) -> object:
        return self.sandbox.run("accepted", "--json").ok().json


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    return Project(sandbox)


def test_the_errand(project: Project) -> None:
    sandbox, before, accepted = project.sandbox, project.documents, project.accepted
    begun = sandbox.run("bisect", "start").ok().out
    assert (
        begun
        == "mark a good generation: tarkpm bisect good [N]\nmark a bad generation: tarkpm bisect bad [N]\n"
    )
    assert sandbox.run("bisect", "bad").ok().out == "mark a good generation: tarkpm bisect good [N]\n"
    said = sandbox.run("bisect", "good", "2").ok().out
    ask = "test it, then: tarkpm bisect good, or: tarkpm bisect bad\n"
    assert said == f"now at generation 4 (2 other generations left): {ask}"
    assert project.version == "1.2.0"
    assert sandbox.run("bisect", "good").ok().out == f"now at generation 5: {ask}"
    assert project.version == "1.3.0"
    found = sandbox.run("bisect", "bad").ok().out
    assert found.startswith("the first bad generation is 5\n  ~ text-tools 1.2.0 → 1.3.0")
    assert found.endswith("to return: tarkpm bisect reset\n")
    assert sandbox.run("bisect", "reset").ok().out == "back at generation 6\n"
    assert (project.documents, project.accepted) == (before, accepted)
    sandbox.run("verify").ok()
    sandbox.run("bisect", "good").failed(2, "no bisection is in progress", "tarkpm bisect start")


def test_a_command_tests_and_a_skipped_generation_widens_the_result(project: Project) -> None:
    sandbox, before = project.sandbox, project.documents
    sandbox.run("bisect", "start", "6", "2").ok()
    found = sandbox.run("bisect", "run", "--json", "--", sys.executable, "-c", FIND).ok().json
    assert (found["state"], found["first_bad"], found["skipped"]) == ("found", [5], {})
    assert found["changes"][0]["after"] == "1.3.0"
    sandbox.run("bisect", "reset").ok()
    assert project.documents == before
    skip = "import sys,pathlib; sys.exit(125 if '1.2.0' in pathlib.Path('tark.lock').read_text() else 1)"
    sandbox.run("bisect", "start", "5", "2").ok()
    done = sandbox.run("bisect", "run", "--json", "--", sys.executable, "-c", skip).ok().json
    assert (done["first_bad"], done["skipped"]) == ([3], {"4": "you skipped it"})
    sandbox.run("bisect", "reset").ok()
    sandbox.run("bisect", "start", "5", "3").ok()
    sandbox.run("bisect", "skip").ok()
    assert "the first bad generation is one of 4, 5" in sandbox.run("bisect", "run", "true").ok().out


def test_a_command_that_does_not_run_says_neither(project: Project) -> None:
    sandbox = project.sandbox
    sandbox.run("bisect", "run", "true").failed(2, "no bisection is in progress")
    sandbox.run("bisect", "start", "6").ok()
    sandbox.run("bisect", "run", "true").failed(2, "no good generation is marked yet")
    sandbox.run("bisect", "good", "2").ok()
    sandbox.run("bisect", "run", "/nowhere/at-all").failed(1, "the command cannot be run")
    sandbox.run("bisect", "run", "--", "/bin/sh", "-c", "exit 127").failed(1, "ended with status 127")
    assert project.version == "1.2.0"


def test_what_cannot_be_bisected(project: Project) -> None:
    sandbox = project.sandbox
    sandbox.run("bisect", "start", "2", "6").failed(2, "expected a good generation before the bad one")
    sandbox.run("bisect", "start", "60").failed(2, "generation 60 is not kept")
    file = sandbox.cwd / "tark.toml"
    file.write_text(file.read_text() + "# mine\n")
    sandbox.run("bisect", "start", "6", "2").failed(4, "tark.toml changed since the newest generation")
    sandbox.run("sync").ok()
    sandbox.run("bisect", "start", "6", "2").ok()
    sandbox.run("bisect", "start").failed(2, "a bisection is in progress", "tarkpm bisect reset")


def test_an_edit_during_a_bisection_is_not_replaced(project: Project) -> None:
    sandbox = project.sandbox
    sandbox.run("bisect", "start", "6", "2").ok()
    file = sandbox.cwd / "tark.toml"
    edited = file.read_text() + "# mine\n"
    file.write_text(edited)
    for words in (("good",), ("reset",), ("run", "true")):
        sandbox.run("bisect", *words).failed(4, "changed since the last step", "tarkpm bisect reset --here")
    assert sandbox.run("bisect", "reset", "--here").ok().out == "the bisection is ended\n"
    assert file.read_text() == edited
