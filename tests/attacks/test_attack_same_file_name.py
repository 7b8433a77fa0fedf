"""Two files of a release that are one file on file systems that ignore case, or the form of accents."""

from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import install, unchanged
from tarkpm.core.file_names import same_name

SAID = "the files 'README.MD' and 'README.md' have the same name"


@pytest.mark.parametrize(
    "names",
    [
        ("README.md", "README.MD"),
        ("a", "a"),
        ("LICENSE-\N{LATIN SMALL LETTER E WITH ACUTE}", "license-e\N{COMBINING ACUTE ACCENT}"),
        ("README-\N{LATIN SMALL LETTER SHARP S}", "README-SS"),
        ("out/x.wasm", "OUT/y.wasm"),
        ("readme", "README/x.wasm"),
        ("README", "README/x.wasm"),
        ("README-a", "README-B", "readme-A"),
    ],
)
def test_names_that_are_one_file_somewhere(names: tuple[str, ...]) -> None:
    found = same_name(names)
    assert found is not None
    assert set(found) <= set(names)
    assert found == same_name(reversed(names)), "the order of the names does not matter"


def test_names_that_are_distinct_everywhere() -> None:
    assert same_name(["README", "README.md", "out/x.wasm", "out/y.wasm", "out.wasm", "plugin.toml"]) is None


def doubled(folder: Path) -> None:
    for name in ("README.md", "README.MD"):
        (folder / name).write_text(f"{name}\n")


def test_an_author_is_told_both_names(sandbox: Sandbox) -> None:
    sandbox.key()
    folder = sandbox.plugin(sandbox.cwd / "mine")
    doubled(folder)
    (folder / "plugin.c").write_text("int x;\n")
    sandbox.init()
    with unchanged(sandbox):
        for words in (
            ["check", folder],
            ["build", folder],
            ["sign", folder, "--key", "release"],
            ["publish", folder, "--to", "out", "--key", "release"],
            ["add", "./mine", "--accept-capabilities"],
        ):
            sandbox.run(*words).failed(1 if words[0] == "check" else 2, SAID)


def test_a_repository_with_both_is_not_installed(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.folder.mkdir(parents=True, exist_ok=True)
    doubled(publisher.folder)
    publisher.release(sign="")
    sandbox.init()
    with unchanged(sandbox):
        sandbox.run("add", publisher.url, "--allow-unsigned", "text-tools").failed(2, SAID)


def test_a_lock_that_lists_both_is_not_read(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    install(sandbox, publisher)
    lock = sandbox.cwd / "tark.lock"
    line = next(line for line in lock.read_text().splitlines() if '"plugin.toml"' in line)
    both = "\n".join(line.replace("plugin.toml", name) for name in ("plugin.toml", "README.MD", "README.md"))
    lock.write_text(lock.read_text().replace(line, both))
    sandbox.run("sync").failed(2, SAID)
