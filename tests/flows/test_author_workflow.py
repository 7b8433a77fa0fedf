"""The workflow that `tarkpm new` writes: its own shell steps, on one machine that builds and one that signs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.ci_runs import IDS, faked_proofs, proof_of, run_of
from support.gitrepo import git, git_env
from support.ociregistry import oci_registry
from support.sandbox import Sandbox

__all__ = ["faked_proofs"]
RELEASE_RUN = run_of(workflow=".github/workflows/plugin.yml", ref="refs/tags/v0.1.0")

_RUN = re.compile(r"^ +(?:- )?run: (?:\|\n((?:(?: {10}.*)?\n)+)|(.+)\n)", re.MULTILINE)
GH = """#!/bin/sh
printf '%s\\n' "$@" > "$GH_LOG"
"""
DOCKER = """#!/bin/sh
cat > "$GH_LOG"
"""


def scripts(workflow: str, job: str) -> list[str]:
    """The scripts of a job, in order, but for those that install tarkpm and the toolchain."""
    text = re.split(r"\n  (?:release|registry):\n", workflow.partition(f"\n  {job}:\n")[2])[0] + "\n"
    found = [re.sub(r"^ {10}", "", block or line, flags=re.MULTILINE) for block, line in _RUN.findall(text)]
    return [one for one in found if not re.match(r"(pip|npm|rustup) ", one)]


class Forge:
    """A repository with a new plugin, as its author pushed it for a tag, and the machines of its jobs."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.bare = sandbox, sandbox.root / "word-count.git"
        sandbox.run("new", "word-count", "--lang", "c", "--author", "A. Author").ok()
        self.folder = sandbox.cwd / "word-count"
        self.workflow = (self.folder / ".github" / "workflows" / "plugin.yml").read_text()
        git(self.folder, "init", "--quiet", "--initial-branch=main")
        git(self.folder, "config", "user.name", "alice")
        git(self.folder, "config", "user.email", "alice@example.invalid")
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        git(self.folder, "remote", "add", "origin", self.bare.as_uri())
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "-m", "first")
        git(self.folder, "push", "--quiet", "origin", "main")

    def run(self, job: str, machine: Path, artifact: Path | None = None, **variables: str) -> str:
        """Run a job in a fresh clone; returns the script that failed, "" for none."""
        machine.mkdir()
        git(machine, "clone", "--quiet", self.bare.as_uri(), "work")
        if artifact is not None:
            shutil.copy(artifact, machine / "work")
        (machine / "bin").mkdir()
        for name, text in (("gh", GH), ("docker", DOCKER)):
            (machine / "bin" / name).write_text(text)
            (machine / "bin" / name).chmod(0o755)
        environment = git_env(machine) | variables
        environment["PATH"] = f"{machine}/bin:{Path(sys.executable).parent}:/usr/bin:/bin"
        (machine / "tmp").mkdir()
        environment["TMPDIR"] = str(machine / "tmp")
        environment["GH_LOG"] = str(machine / "gh.log")
        for script in scripts(self.workflow, job):
            if "$PROOF" in script:  # what the step between writes
                Path(variables["PROOF"]).write_text(proof_of(machine / "work", RELEASE_RUN))
            done = subprocess.run(
                ["bash", "-e", "-c", script], cwd=machine / "work", env=environment, capture_output=True,
                text=True, check=False, timeout=120,
            )  # fmt: skip
            self.printed = done.stdout + done.stderr
            if done.returncode:
                return script
        return ""


@pytest.fixture
def forge(sandbox: Sandbox) -> Forge:
    return Forge(sandbox)


def test_a_tag_becomes_a_signed_release(forge: Forge, tmp_path: Path) -> None:
    assert scripts(forge.workflow, "build") == ["tarkpm build", "tarkpm check", "tarkpm test"]
    built, signed = tmp_path / "built", tmp_path / "signed"
    assert forge.run("build", built) == "", forge.printed
    key = forge.sandbox.key("release")
    forge.sandbox.run("key", "export", "release", "--to", "release.pem").ok()
    forge_given = {
        "KEY": (forge.sandbox.cwd / "release.pem").read_text(),
        "TARKPM_KEY_PASSPHRASE": "",
        "GITHUB_REF_NAME": "v0.1.0",
        "GITHUB_SERVER_URL": "https://forge.example",
        "GITHUB_REPOSITORY": "alice/word-count",
    }
    module = built / "work" / "plugin.wasm"
    assert forge.run("release", signed, module, **forge_given) == "", forge.printed
    said = (signed / "gh.log").read_text().splitlines()
    folder = signed / "work" / "out" / "word-count-0.1.0"
    files = ["LICENSE", "README.md", "plugin.dsse.json", "plugin.toml", "plugin.wasm"]
    assert said == [
        "release",
        "create",
        "v0.1.0",
        "--generate-notes",
        *(f"out/{folder.name}/{one}" for one in files),
    ]
    assert (folder / "plugin.wasm").read_bytes() == module.read_bytes()
    listed = forge.sandbox.run("publish", folder, "--to", "listed", "--allow-dirty", "--json").ok().json
    assert (listed["signer"], listed["signed_now"]) == (key, False)
    head = git(forge.folder, "rev-parse", "HEAD").strip()
    assert listed["source"]["git"] == "https://forge.example/alice/word-count"
    assert listed["source"]["commit"] == head
    assert list((signed / "tmp").iterdir()) == []  # the key went with its step
    # a tag of another version is no release
    other = forge_given | {"GITHUB_REF_NAME": "v0.2.0"}
    assert "tarkpm publish" in forge.run("release", tmp_path / "other", module, **other)


@pytest.mark.usefixtures("faked_proofs")
def test_a_tag_becomes_a_release_without_a_key_to_keep(forge: Forge, tmp_path: Path) -> None:
    built, signed = tmp_path / "built", tmp_path / "signed"
    assert forge.run("build", built) == "", forge.printed
    assert "secrets." not in forge.workflow.partition("\n  registry:\n")[2]
    with oci_registry(tmp_path / "srv") as registry:
        given = {
            "GITHUB_ACTOR": "alice",
            "GITHUB_REF_NAME": "v0.1.0",
            "GITHUB_SERVER_URL": "https://forge.example",
            "GITHUB_REPOSITORY": "owner/repo",
            "PROOF": str(tmp_path / "proof.json"),
            "TO": f"oci://{registry.host}/owner/word-count",
            "TOKEN": "t0ken",
        }
        assert forge.run("registry", signed, built / "work" / "plugin.wasm", **given) == "", forge.printed
        assert (signed / "gh.log").read_text() == "t0ken"
        assert list((signed / "tmp").iterdir()) == []  # the key went with its step
        user = Sandbox(tmp_path / "user")
        user.init()
        identity = "github:owner/repo/.github/workflows/plugin.yml@refs/tags/v*"
        user.run("add", given["TO"], "--keyless", "--identity", identity, "--accept-capabilities").ok()
    assert '[trust]\nword-count = ["identity"]' in (user.cwd / "tark.toml").read_text()
    (row,) = user.run("list", "--json").ok().json["plugins"]
    assert (row["version"], row["signer"]) == ("0.1.0", f"{identity}{IDS}")


def test_what_fails_its_own_test_is_not_released(forge: Forge, tmp_path: Path) -> None:
    case = forge.folder / "tests" / "first.toml"
    case.write_text(re.sub(r"words = \d", "words = 9", case.read_text()))
    git(forge.folder, "commit", "--quiet", "--all", "-m", "wrong")
    git(forge.folder, "push", "--quiet", "origin", "main")
    assert forge.run("build", tmp_path / "built") == "tarkpm test"
    assert "needs: build\n" in forge.workflow
