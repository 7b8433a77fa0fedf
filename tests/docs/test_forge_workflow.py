"""The workflow that reviews pull requests: its own shell steps, in the merge of a real clone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Publisher
from support.advised import advise, advisory
from support.gitrepo import git, git_env
from support.indexed import IndexedProject
from support.sandbox import Sandbox

WORKFLOW = (Path(__file__).parents[2] / "docs" / "workflows" / "plugin-review.yml").read_text()
PAGE = (Path(__file__).parents[2] / "docs" / "pull-requests.md").read_text()
_RUN = re.compile(r"^ +(?:- )?run: (?:\|\n((?:(?: {10}.*)?\n)+)|(.+)\n)", re.MULTILINE)
_NAME = re.compile(r"\$\{\{ steps\.compare\.outputs\.(\w+) \}\}")
GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$GH_LOG"
case "$*" in *--paginate*) cat "$GH_COMMENTS" ;; esac
"""


def scripts(job: str) -> list[str]:
    """The scripts of a job, in order. The list of tarkpm is read; tarkpm itself is installed already."""
    text = WORKFLOW.partition(f"\n  {job}:\n")[2].partition("\n  comment:\n")[0] + "\n"
    found = [block or line for block, line in _RUN.findall(text)]
    scripts = [re.sub(r"^ {10}", "", one, flags=re.MULTILINE) for one in found]
    return [one for one in scripts if not one.startswith("pip install --require-hashes ")]


class Forge:
    """A project on branch main of a bare repository, and clean machines that run jobs for its pull requests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.bare = sandbox, sandbox.root / "project.git"
        mine = sandbox.cwd
        git(mine, "init", "--quiet", "--initial-branch=main")
        git(mine, "config", "user.name", "alice")
        git(mine, "config", "user.email", "alice@example.invalid")
        git(mine, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        git(mine, "remote", "add", "origin", self.bare.as_uri())
        (mine / ".gitignore").write_text(".tark/\n")
        (mine / ".github").mkdir()
        (mine / ".github" / "tarkpm.txt").write_text("tarkpm, by hash\n")
        self.push("main")

    def push(self, branch: str) -> None:
        """Commit everything, and push it as a branch."""
        git(self.sandbox.cwd, "add", "--all")
        git(self.sandbox.cwd, "commit", "--quiet", "--allow-empty", "-m", branch)
        git(self.sandbox.cwd, "push", "--quiet", "origin", f"HEAD:{branch}")

    def review(self, branch: str, steps: int | None = None) -> "Review":
        """Run the job `review`, or its first steps, in the merge of a branch, as actions/checkout leaves it."""
        machine = self.sandbox.root / f"{branch}-job"
        work = machine / "work"
        machine.mkdir()
        whole = self.sandbox.root / f"{branch}-merge"
        git(self.sandbox.root, "clone", "--quiet", self.bare.as_uri(), str(whole))
        for key in ("name", "email"):
            git(whole, "config", f"user.{key}", "forge@example.invalid")
        git(whole, "merge", "--quiet", "--no-ff", "--no-edit", f"origin/{branch}")
        git(machine, "clone", "--quiet", "--depth=2", whole.as_uri(), str(work))
        return Review(machine, work, steps)


class Review:
    """One run of the job `review`: what failed, what it printed, its outputs, and the comment."""

    def __init__(self, machine: Path, work: Path, steps: int | None) -> None:
        self.machine, self.outputs = machine, dict[str, str]()
        self.failed = self.printed = ""
        files = {name: machine / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        environment = git_env(machine) | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TARKPM_ACCEPT_PROJECT": "any",
            "RUNNER_TEMP": str(machine),
            **{name: str(file) for name, file in files.items()},
        }
        for number, script in enumerate(scripts("review")[:steps]):
            given = {key.upper(): self.outputs.get(key, "") for key in _NAME.findall(WORKFLOW)}
            environment |= given | {"REVIEWED": "sha256:another"}
            (machine / f"{number}.sh").write_text(script)
            done = subprocess.run(
                ["bash", "-e", str(machine / f"{number}.sh")],
                cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            self.printed += done.stdout + done.stderr
            if files["GITHUB_OUTPUT"].exists():
                self.outputs = dict(
                    line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines()
                )
            if done.returncode:
                self.failed = script
                break
        self.comment = (machine / "plugins.md").read_text()
        assert files["GITHUB_STEP_SUMMARY"].read_text() == self.comment


@pytest.fixture
def forge(sandbox: Sandbox, publisher: Publisher) -> Forge:
    """A project with one signed plugin, kept in a repository."""
    publisher.release(capabilities="storage = true")
    sandbox.init()
    options = ("--trust", publisher.key, "--accept-capabilities")
    sandbox.run("add", publisher.url, "--tag", "^1.0", *options).ok()
    return Forge(sandbox)


def test_a_pull_request_is_shown_and_decided(forge: Forge, publisher: Publisher) -> None:
    # A newer release that asks for no more passes by itself.
    publisher.release("1.1.0", capabilities="storage = true")
    forge.sandbox.run("update", "-y").ok()
    forge.push("newer")
    passed = forge.review("newer")
    assert (passed.failed, passed.outputs["changed"], passed.outputs["status"]) == ("", "true", "0"), (
        passed.printed
    )
    assert passed.comment.startswith(
        "<!-- tarkpm: plugin review -->\n### Plugins: `HEAD^1` → `working tree`: 1 plugin changed"
    )
    assert "| version | `1.0.0` | `1.1.0` |" in passed.comment
    assert "+ text-tools 1.1.0\n1 plugin matches tark.lock\n✓ 1 plugin verified" in passed.printed
    # One that may do more is red until somebody decides on exactly this.
    publisher.release("1.2.0", capabilities='storage = true\nhttp = ["a.example"]')
    forge.sandbox.run("update", "-y", "--accept-capabilities").ok()
    (forge.sandbox.cwd / ".github" / "tarkpm.txt").write_text("another tarkpm\n")
    forge.push("wider")
    refused = forge.review("wider")
    digest = refused.outputs["digest"]
    assert f"variable PLUGINS_REVIEWED to {digest}" in refused.printed
    assert refused.comment.index("**Goes beyond `HEAD^1`:**") < refused.comment.index("| plugin |")
    decisions = forge.sandbox.run("accept", "--print", "--json").ok().json["digest"]
    assert refused.comment.endswith(
        f"\nDigest of both documents: `{digest}`. Digest of the decisions: `{decisions}`.\n"
    )
    assert (refused.machine / "tarkpm.txt").read_text() == "tarkpm, by hash\n"
    decision = [*scripts("review")][-1]
    decided = {"STATUS": "1", "DIGEST": digest, "REVIEWED": digest}
    assert refused.failed == decision
    subprocess.run(["bash", "-e", "-c", decision], env=decided, check=True)


def test_an_older_release_is_not_what_was_reviewed(forge: Forge, publisher: Publisher) -> None:
    """It is the same decisions, and no approval of these lets it pass."""
    sandbox, old = forge.sandbox, (forge.sandbox.cwd / "tark.lock").read_bytes()
    publisher.release("1.1.0", capabilities="storage = true")
    sandbox.run("update", "-y").ok()
    forge.push("main")
    decisions = sandbox.run("accept", "--print", "--json").ok().json["digest"]
    (sandbox.cwd / "tark.lock").write_bytes(old)
    forge.push("older")
    older = forge.review("older", steps=2)
    assert older.outputs["status"] == "1"
    assert f"`{decisions}`" in older.comment
    assert "| version ⚠ | `1.1.0` | `1.0.0` |" in older.comment
    assert older.outputs["digest"] not in decisions


def test_a_pull_request_that_is_broken_is_red(forge: Forge) -> None:
    lock = forge.sandbox.cwd / "tark.lock"
    text = lock.read_text()
    forge.push("nothing")
    nothing = forge.review("nothing", steps=2)
    assert (nothing.failed, nothing.outputs["changed"]) == ("", "false")
    lock.write_text(re.sub(r'(name = "plugin.wasm", sha256 = ")[0-9a-f]{4}', r"\g<1>0000", text))
    assert lock.read_text() != text
    forge.push("swapped")
    assert forge.review("swapped").failed == "tarkpm sync"


def test_a_known_problem_of_a_locked_release_is_red(indexed: IndexedProject) -> None:
    indexed.release("text-tools")
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    forge = Forge(indexed.sandbox)
    advise(indexed.repo, advisory(indexed.repo))
    forge.push("advised")
    review = forge.review("advised")
    assert review.failed == "tarkpm audit", review.printed
    assert "x_A-1: https://example.com/1" in review.printed


@pytest.mark.parametrize(
    ("comments", "sent"), [("", "POST repos/o/r/issues/7"), ("41\n42\n", "PATCH repos/o/r/issues")]
)
def test_the_comment_is_made_once(tmp_path: Path, comments: str, sent: str) -> None:
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "comments").write_text(comments)
    (script,) = scripts("comment")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin", "GH_LOG": str(tmp_path / "log"), "GH_COMMENTS": str(tmp_path / "comments"),
        "GITHUB_REPOSITORY": "o/r", "NUMBER": "7", "GH_TOKEN": "t",
    }  # fmt: skip
    subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environment, check=True)
    last = (tmp_path / "log").read_text().splitlines()[-1]
    assert last.startswith(f"api --method {sent}")
    assert last.endswith("comments/41 -F body=@plugins.md" if comments else "comments -F body=@plugins.md")


def test_the_workflow_trusts_no_pull_request() -> None:
    assert "pull_request_target" not in WORKFLOW
    assert "secrets." not in WORKFLOW
    used = re.findall(r"uses: (\S+)  # v[0-9.]+\n", WORKFLOW)
    assert len(used) == WORKFLOW.count("uses:")
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", one) for one in used), used
    # The same commits as in the workflows of an index and of `tarkpm new`.
    others = [*Path(__file__).parents[2].glob("index/workflows/*.yml")]
    others += Path(__file__).parents[2].glob("tarkpm/scaffolds/common/workflow.yml.in")
    known = {one for file in others for one in re.findall(r"uses: (\S+)", file.read_text())}
    assert {*used} <= known
    # Text of a pull request in `${{ }}` would become part of the script.
    assert not [one for job in ("review", "comment") for one in scripts(job) if "${{" in one]
    assert re.findall(r"^permissions: (.*)$", WORKFLOW, re.MULTILINE) == ["{}"]
    assert re.findall(r"^ {6}([\w-]+: (?:read|write))$", WORKFLOW, re.MULTILINE) == [
        "contents: read",
        "pull-requests: write",
    ]
    review, comment = WORKFLOW.split("\n  comment:\n")
    assert "persist-credentials: false" in review
    assert "checkout" not in comment
    assert "head.repo.full_name == github.repository" in comment


def test_the_page_names_the_steps() -> None:
    for script in scripts("review"):
        for command in re.findall(r"^tarkpm (\w+(?: --\w+)?)", script, re.MULTILINE):
            assert f"`tarkpm {command}" in PAGE, command
