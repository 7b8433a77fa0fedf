"""What a forge runs for an index: the shell lines of `index/workflows`, with real git, as the forge runs them."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.community import BOTH, Community
from support.gitrepo import git, git_env
from support.sandbox import Sandbox

from tarkpm.core.release import plugin_name

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted(
    [
        *ROOT.glob("index/workflows/*.yml"),
        *ROOT.glob("docs/workflows/*.yml"),
        *ROOT.glob("tarkpm/scaffolds/common/*.yml.in"),
    ]
)
INSTALL = "pip install --require-hashes --only-binary :all: -r .github/tarkpm.txt"
_RUN = re.compile(r"^ +(?:- )?run: (?:\|\n((?:(?: {10}.*)?\n)+)|(.+)\n)", re.MULTILINE)


def steps(name: str) -> list[str]:
    """The scripts of a workflow, in order; tarkpm is installed already."""
    text = (ROOT / "index" / "workflows" / f"{name}.yml").read_text()
    scripts = [block or line for block, line in _RUN.findall(text)]
    found = [re.sub(r"^ {10}", "", script, flags=re.MULTILINE) for script in scripts]
    found.remove(f"{INSTALL}\n")
    assert found
    assert not [script for script in found if "pip" in script]
    return found


class Forge:
    """A bare repository, branch main of which is the index, and clean machines that run jobs for it."""

    def __init__(self, community: Community) -> None:
        self.community = community
        self.folder = community.sandbox.root / "forge.git"
        self.mine = community.folder
        git(self.mine, "init", "--quiet", "--initial-branch=main")
        git(self.mine, "config", "user.name", "alice")
        git(self.mine, "config", "user.email", "alice@example.invalid")
        git(self.mine, "init", "--quiet", "--bare", "--initial-branch=main", str(self.folder))
        git(self.mine, "remote", "add", "origin", self.folder.as_uri())
        self.push("begin")
        self.jobs = 0

    def push(self, message: str, branch: str = "main") -> None:
        """Commit everything in the maintainers' own clone, and push it."""
        git(self.mine, "add", "--all")
        git(self.mine, "commit", "--quiet", "--allow-empty", "-m", message)
        git(self.mine, "push", "--quiet", "origin", f"HEAD:{branch}")

    def pull(self) -> None:
        """Bring the maintainers' clone up to date."""
        git(self.mine, "pull", "--quiet", "--ff-only", "origin", "main")

    def listed(self) -> list[str]:
        """The versions of text-tools that the maintainers' clone lists."""
        rows = self.community.open().listing(plugin_name("text-tools")).rows
        return [str(row.version) for row in rows]

    def tree(self) -> list[str]:
        """The files of branch main."""
        return git(self.folder, "ls-tree", "-r", "--name-only", "main").splitlines()

    def job(self, workflow: str, branch: str = "main") -> "subprocess.CompletedProcess[str]":
        """Run a workflow's scripts one after another until one fails; returns the last that ran."""
        self.jobs += 1
        machine = self.community.sandbox.root / f"job-{self.jobs}"
        work = machine / "work"
        machine.mkdir()
        git(machine, "clone", "--quiet", "--depth=1", "--branch", branch, self.folder.as_uri(), str(work))
        secret = (self.community.sandbox.state / "keys" / "community-online.pem").read_text()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        (machine / "tmp").mkdir()
        environment = git_env(machine) | {
            "PATH": path,
            "ONLINE_KEY": secret,
            "GITHUB_BASE_REF": "main",
            "TMPDIR": str(machine / "tmp"),
        }
        for number, script in enumerate(steps(workflow)):
            file = machine / f"{number}.sh"
            file.write_text(script)
            command = ["bash", "-e", str(file)]
            done = subprocess.run(
                command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=120
            )
            assert not [*machine.rglob("*.pem"), *(machine / "tmp").iterdir()], (
                "the key stays no longer than it is needed"
            )
            if done.returncode:
                break
        return done


def test_the_jobs_run_what_was_reviewed() -> None:
    """Actions by commit, and tarkpm with all it needs by hash: a moved tag or a new release changes no job."""
    for file in (ROOT / "index" / "workflows").glob("*.yml"):
        text = file.read_text()
        used = re.findall(r"uses: (\S+)", text)
        assert used
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one) for one in used), used
        assert text.count("pip install") == text.count(INSTALL) == 1


def plain_values(text: str) -> list[str]:
    """The values of a workflow that are neither quoted nor blocks, without comments."""
    outside = re.sub(r"^( *)(.*): [|>]-?\n(?:\1  +.*\n|\n)+", "", text, flags=re.MULTILINE)
    found = re.findall(r"^ *(?:- )?[\w-]+: +([^\s\"'\[{#].*)$", outside, re.MULTILINE)
    return [re.sub(r"\s+#.*", "", value) for value in found]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_forge_can_read_them(file: Path) -> None:
    """A plain scalar holds no ": " (YAML 1.2, 7.3.3): `pip install --only-binary :all: -r …` must be a block."""
    values = plain_values(file.read_text())
    assert len(values) > 3
    assert not [value for value in values if ": " in value or value.endswith(":")]


def test_what_no_forge_can_read_is_found() -> None:
    assert plain_values("jobs:\n  - run: pip --only-binary :all: -r x\n  - run: |\n      a: b: c\n") == [
        "pip --only-binary :all: -r x"
    ]


def passes(done: "subprocess.CompletedProcess[str]") -> None:
    """A job must end well."""
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def forge(sandbox: Sandbox) -> Forge:
    """An index with one claimed plugin, kept in a repository."""
    community = Community(sandbox)
    community.claim()
    return Forge(community)


def submit(forge: Forge, version: str, branch: str) -> Path:
    """A publisher's pull request; returns the release's folder in the maintainers' clone."""
    release = forge.community.release(version)
    git(forge.mine, "checkout", "--quiet", "-b", branch, "origin/main")
    place = forge.mine / "submissions" / release.name
    shutil.copytree(release, place)
    forge.push(f"text-tools {version}", branch)
    return place


def test_the_daily_refresh_is_pushed_where_nothing_waits(forge: Forge) -> None:
    before = forge.community.open().timestamp.version
    assert not (forge.mine / "pending").exists()
    passes(forge.job("refresh"))
    passes(forge.job("refresh"))
    forge.pull()
    assert forge.community.open().timestamp.version == before + 2


def test_the_daily_refresh_enacts_the_last_that_waits(forge: Forge) -> None:
    with forge.community.without_online():
        forge.community.run("claim", "json-core", "--publisher", forge.community.key("pat"), *BOTH).ok()
    forge.push("propose")
    assert "pending/claim-json-core.json" in forge.tree()
    passes(forge.job("refresh"))
    assert not [name for name in forge.tree() if name.startswith("pending")]
    forge.pull()
    assert forge.community.open().claim("json-core") is not None  # type: ignore[arg-type]


def test_the_last_submission_is_listed_and_gone(forge: Forge) -> None:
    submit(forge, "1.0.0", "pull-1")
    passes(forge.job("pull-request", "pull-1"))
    git(forge.mine, "push", "--quiet", "origin", "pull-1:main")
    passes(forge.job("accept"))
    assert not [name for name in forge.tree() if name.startswith("submissions")]
    forge.pull()
    assert forge.listed() == ["1.0.0"]


def test_a_submission_that_is_refused_keeps_no_other_from_being_listed(forge: Forge) -> None:
    """Two pull requests of one version pass their checks, and are merged."""
    place = submit(forge, "1.0.0", "pull-1")
    shutil.copytree(place, place.with_name("a-second-time"))
    forge.push("once more", "pull-1")
    submit(forge, "1.1.0", "pull-2")
    git(forge.mine, "merge", "--quiet", "--no-edit", "origin/pull-1")
    git(forge.mine, "push", "--quiet", "origin", "pull-2:main")
    refused = forge.job("accept")
    assert refused.returncode == 1
    assert "refused (see above), please remove it: submissions/text-tools-1.0.0/" in refused.stderr
    forge.pull()
    assert forge.listed() == ["1.0.0", "1.1.0"]
    assert forge.job("accept").returncode == 1


def test_accepting_with_nothing_handed_in_only_enacts(forge: Forge) -> None:
    passes(forge.job("accept"))


def test_a_pull_request_may_change_submissions_only(forge: Forge) -> None:
    """Not even by moving a file of the index among them."""
    submit(forge, "1.0.0", "pull-1")
    git(forge.mine, "push", "--quiet", "origin", "pull-1:main")
    passes(forge.job("accept"))
    forge.pull()
    (listed,) = [name for name in forge.tree() if name.startswith("files/")]
    place = submit(forge, "1.1.0", "pull-2")
    (forge.mine / listed).rename(place / "NOTICE")
    forge.push("tidy up", "pull-2")
    refused = forge.job("pull-request", "pull-2")
    assert refused.returncode == 1
    assert "a pull request with releases may only change submissions/" in refused.stderr
    assert listed in refused.stderr


def test_a_pull_request_that_cannot_be_compared_does_not_pass(forge: Forge) -> None:
    submit(forge, "1.0.0", "pull-1")
    git(forge.folder, "branch", "-m", "main", "trunk")
    assert forge.job("pull-request", "pull-1").returncode != 0


def test_a_pull_request_of_a_bad_release_does_not_pass(forge: Forge) -> None:
    place = submit(forge, "1.0.0", "pull-1")
    (place / "plugin.wasm").write_bytes(b"\0asm other")
    forge.push("improve", "pull-1")
    assert forge.job("pull-request", "pull-1").returncode == 3


def build(
    folder: Path, *more: str, python: str = sys.executable, script: Path = ROOT / "index" / "build.py"
) -> "subprocess.CompletedProcess[str]":
    """Run `index/build.py`."""
    return subprocess.run(
        [python, str(script), str(folder), *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=folder.parent,
    )


@pytest.mark.slow  # five seconds
def test_the_example_index_is_built_once_and_brought_up_to_date_after_that(tmp_path: Path) -> None:
    folder = tmp_path / "community"
    made = build(folder, "--bins", "1")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("sha256:")
    files = sorted((folder / "files").iterdir())
    keys = sorted(tmp_path.glob("community.keys/.local/state/tarkpm/keys/*"))
    again = build(folder)
    assert (again.returncode, again.stdout) == (0, made.stdout), again.stderr
    assert sorted((folder / "files").iterdir()) == files
    (tmp_path / "community.keys").rename(tmp_path / "moved")
    refused = build(folder)
    assert refused.returncode == 2
    assert f"the keys of {folder} are not in {tmp_path}/community.keys" in refused.stderr
    assert build(folder, "--keys", str(tmp_path / "moved")).returncode == 0
    assert len(list(tmp_path.glob("moved/.local/state/tarkpm/keys/*"))) == len(keys)


def test_the_example_index_is_not_built_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("")
    refused = build(tmp_path / "mine")
    assert refused.returncode == 2
    assert f"{tmp_path}/mine is not empty and contains no index" in refused.stderr
    assert not (tmp_path / "mine.keys").exists()


def base_python() -> str:
    """The Python that the tests' environment was made of, which has no tarkpm."""
    python = f"{sys.base_prefix}/bin/python3"
    done = subprocess.run([python, "-P", "-c", "import tuf"], capture_output=True, check=False)
    if done.returncode == 0:
        pytest.skip("the base Python has tarkpm's dependencies")
    return python


def test_the_systems_python_uses_the_environment_of_the_checkout() -> None:
    ours = ROOT / ".venv" / "bin" / "python"
    if not ours.exists():
        pytest.skip("the tests do not run in the checkout's .venv")
    script = "import build; print(build.find_python())"
    command = [base_python(), "-c", script]
    done = subprocess.run(
        command,
        cwd=ROOT / "index",
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{ours}\n"


def test_without_tarkpm_it_says_what_it_needs(tmp_path: Path) -> None:
    script = tmp_path / "index" / "build.py"
    script.parent.mkdir()
    script.write_bytes((ROOT / "index" / "build.py").read_bytes())
    refused = build(tmp_path / "community", python=base_python(), script=script)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: this needs tarkpm. One of these helps:\n  python3 dev.py demo ")
    assert not (tmp_path / "community.keys").exists()


def test_an_old_python_can_read_it_so_far_that_it_is_told() -> None:
    ast.parse((ROOT / "index" / "build.py").read_text(), feature_version=(3, 8))
