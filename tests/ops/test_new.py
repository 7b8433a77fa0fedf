"""``tarkpm new``: what it writes builds, would be accepted, and passes its own test."""

import re
import shlex
import subprocess
import tomllib
from itertools import product
from pathlib import Path

import pytest
from support import guests
from support.gitrepo import git
from support.sandbox import Sandbox

from tarkpm.toolchains.scaffold import LANGUAGES, LICENSES, TYPES, NewPlugin

FILES = {
    ".github/workflows/plugin.yml",
    ".gitignore",
    "LICENSE",
    "README.md",
    "plugin.toml",
    "tests/first.toml",
}
SOURCES = {
    "c": {"plugin.c"},
    "rust": {"plugin.rs", "tark.rs"},
    "javascript": {"plugin.js"},
    "python": {"plugin.py"},
}
HAS_RUST = Path("/usr/lib/rustlib/wasm32-unknown-unknown").is_dir()
SLOW = pytest.mark.slow
ANSWERS = {
    "tool": '"characters":',
    "auth": "my-plugin: authenticated\n",
    "provider": "Hello\n",
    "hook": "my-plugin: stop: the arguments contain a private key\n",
}
"""What the command in the README of a new plugin prints."""


def contents(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("language", "kind"),
    [
        *(("c", kind) for kind in TYPES),
        ("rust", "tool"),
        *(pytest.param("rust", kind, marks=SLOW) for kind in TYPES[1:]),
        *(pytest.param("javascript", kind, marks=SLOW) for kind in TYPES),
        *(pytest.param("python", kind, marks=SLOW) for kind in TYPES),
    ],
)
def test_a_new_plugin_builds_and_passes_its_own_test(sandbox: Sandbox, language: str, kind: str) -> None:
    path = "/usr/bin:/bin"
    if language == "rust" and not HAS_RUST:
        pytest.skip("Debian's libstd-rust-dev-wasm32 is not installed")
    if language in ("javascript", "python"):
        path = f"{guests.programs(language)}:{path}"
        guests.share_compiled(sandbox)
    sandbox.run("new", "my-plugin", "--lang", language, "--type", kind, "--author", "A. Author").ok()
    folder = sandbox.cwd / "my-plugin"
    assert contents(folder) == FILES | SOURCES[language]
    assert sandbox.run("build", cwd=folder, env={"PATH": path}).ok().err == ""
    assert sandbox.run("check", "--json", cwd=folder).ok().json["findings"] == []
    assert "1 passed" in sandbox.run("test", cwd=folder).ok().out
    variable, command = tried((folder / "README.md").read_text())
    consent = ["--accept-capabilities"] if kind == "auth" else []
    done = sandbox.run(*command, *consent, cwd=folder, env=variable | {"PATH": path})
    said = (done.out + done.err).replace('": ', '":')  # JSON as the language writes it
    assert ANSWERS[kind] in said, done
    if kind == "tool":
        size = (folder / "plugin.wasm").stat().st_size
        assert 0.8 < size / documented(language) < 1.2, f"docs/sdk/README.md has another size than {size:,}"


def tried(readme: str) -> tuple[dict[str, str], list[str]]:
    """The last command of the section Development, which calls the plugin, and the variable in front of it."""
    line = readme.partition("## Release")[0].rstrip().rpartition("\n")[2].strip()
    before, _, words = line.partition("tarkpm ")
    name, _, value = before.strip().partition("=")
    return ({name: value} if name else {}), shlex.split(words)


def documented(language: str) -> float:
    """The size of a small plugin, in bytes, as the guide's table has it."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "sdk" / "README.md").read_text()
    found = re.search(rf"^\| \[\w+\]\({language}\.md\) .* \| ([\d.]+) (KB|MB) \|", page, re.MULTILINE)
    assert found
    return float(found[1]) * {"KB": 1_000, "MB": 1_000_000}[found[2]]


def test_every_template_is_filled_in() -> None:
    for language, kind, spdx in product(LANGUAGES, TYPES, LICENSES):
        files = NewPlugin("my-plugin", language, kind, spdx, 'A "B" \\ C', 2026).files()
        left = {path: found for path, text in files.items() if (found := re.findall(r"@[A-Z]+@", text))}
        assert left == {}
        workflow = files[".github/workflows/plugin.yml"]
        assert 'pip install "$TARKPM"' in workflow
        assert "pip install tarkpm" not in workflow  # the name is not ours on PyPI (docs/install.md)
        manifest = tomllib.loads(files["plugin.toml"])
        assert manifest["plugin"]["author"] == 'A "B" \\ C'
        assert tomllib.loads(files["tests/first.toml"])["expect"]
        asked = manifest.get("capabilities", {})
        assert asked == ({"env": ["MY_PLUGIN_TOKEN"]} if kind == "auth" else {})


def test_what_is_said(sandbox: Sandbox) -> None:
    subprocess.run(
        ["git", "config", "--file", sandbox.home / ".gitconfig", "user.name", "Ann Author"], check=True
    )
    result = sandbox.run("new", "words", "--lang", "c", "--license", "0BSD").ok()
    names = ".github/workflows/plugin.yml, .gitignore, LICENSE, README.md, plugin.c, plugin.toml, tests/first.toml"
    assert result.out == (
        f"created {sandbox.cwd}/words: {names}\nnext: cd words && tarkpm build && tarkpm test\n"
    )
    assert "by Ann Author\n" in (sandbox.cwd / "words" / "LICENSE").read_text()


def test_an_author_who_is_not_known_is_left_to_be_written(sandbox: Sandbox) -> None:
    sandbox.run("new", "words", "--lang", "c").ok()
    sandbox.run("build", "words").ok()
    assert '\n# author = "…"\n' in (sandbox.cwd / "words" / "plugin.toml").read_text()
    assert sandbox.run("check", "words", "--json").ok().json["findings"] == []


def test_a_license_without_a_known_text_is_named_and_noted(sandbox: Sandbox) -> None:
    result = sandbox.run("new", "words", "--lang", "c", "--license", "EUPL-1.2").ok()
    assert "add the text of EUPL-1.2 as the file LICENSE" in result.err
    assert 'license = "EUPL-1.2"' in (sandbox.cwd / "words" / "plugin.toml").read_text()
    assert not (sandbox.cwd / "words" / "LICENSE").exists()


def test_a_dry_run_writes_nothing(sandbox: Sandbox) -> None:
    assert sandbox.run("new", "words", "--lang", "c", "--dry-run").ok().out.startswith("would create ")
    assert contents(sandbox.cwd) == set()


def test_an_empty_folder_is_filled_and_another_one_is_left_alone(sandbox: Sandbox) -> None:
    (sandbox.cwd / "words").mkdir()
    sandbox.run("new", "words", "--lang", "js").ok()
    assert (sandbox.cwd / "words" / "plugin.js").exists()
    before = contents(sandbox.cwd)
    sandbox.run("new", "words", "--lang", "rust").failed(
        2, "there is already something here", f"where: {sandbox.cwd}/words"
    )
    (sandbox.cwd / "link").symlink_to(sandbox.home)
    (sandbox.cwd / "file").touch()
    for name in ("link", "file"):
        sandbox.run("new", name, "--lang", "c").failed(2)
    assert contents(sandbox.cwd) == {*before, "file"}


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("../words", "--lang", "c"), ("'../words'",)),
        (("two words", "--lang", "c"), ("'two words'",)),
        (("Words", "--lang", "c"), ("expected 'words', found 'Words'", "help: tarkpm new words --lang c")),
        (("words", "--lang", "go"), ("'go' is not one of", "'rust'")),
        (("words",), ("missing option '--lang'",)),
        (("words", "--lang", "c", "--license", "mine"), ("expected an SPDX expression like MIT, found 'mine'", "help: choose an identifier")),
        (("words", "--lang", "c", "--author", "A\nB"), ("expected a name on one line",)),
    ],
)  # fmt: skip
def test_what_cannot_be_a_plugin_is_refused(
    sandbox: Sandbox, arguments: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    sandbox.run("new", *arguments).failed(2, *texts)
    assert contents(sandbox.cwd) == set()


def test_a_workflow_below_the_top_of_a_repository_is_noted(sandbox: Sandbox) -> None:
    (sandbox.cwd / ".git").mkdir()
    said = sandbox.run("new", "mine", "--lang", "c").ok()
    assert f"note: {sandbox.cwd} is a git repository, and .github is read only there" in said.err


def test_git_takes_the_module_and_the_signature(sandbox: Sandbox) -> None:
    """`tarkpm add` from git takes what is committed."""
    sandbox.run("new", "my-plugin", "--lang", "c", "--author", "A. Author").ok()
    folder = sandbox.cwd / "my-plugin"
    for name in ("plugin.wasm", "plugin.dsse.json"):
        (folder / name).touch()
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    assert {"plugin.wasm", "plugin.dsse.json", "plugin.c"} <= set(git(folder, "ls-files").split())
