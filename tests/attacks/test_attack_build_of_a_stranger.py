"""Attack: the sources of a plugin that somebody cloned make its build read or write files of this user.

A compiler embeds any file that a source names, and the module is what is run and published. Code of a Python
plugin runs in componentize-py while it builds, with the folders that componentize-py searches for packages.
"""

from pathlib import Path

import pytest
from support import guests
from support.sandbox import Result, Sandbox

SECRET = "s3cret-of-this-user"
HAS_RUST = Path("/usr/lib/rustlib/wasm32-unknown-unknown").is_dir()
UP = "/".join([".."] * 40)
"""More than the levels above any stage: ``..`` of the root is the root."""
OUTSIDE = "the source reads a file outside the plugin's folder"


@pytest.fixture
def secret(sandbox: Sandbox) -> Path:
    file = sandbox.home / "id"
    file.write_text(f'"{SECRET}"\n')
    return file


def build(sandbox: Sandbox, name: str, text: str, **env: str) -> Result:
    """Build a scaffold of C or Rust with more at the end of its source."""
    language = {"c": "c", "rs": "rust", "py": "python"}[name.partition(".")[2]]
    sandbox.run("new", "cloned", "--lang", language).ok()
    source = sandbox.cwd / "cloned" / name
    source.write_text(f"{source.read_text()}\n{text}\n")
    return sandbox.run("build", "cloned", env=env)


@pytest.mark.parametrize(
    "text",
    [
        'const unsigned char embedded[] = {\n#embed "FILE"\n};',
        "#define A <FILE>\nconst char *included =\n#include A\n;",
        # another file's headers of the system are not listed by -MM
        f'#pragma GCC system_header\nconst char *included =\n#include "{UP}FILE"\n;',
        '#include "FILE"',  # the error quotes the line
    ],
)
def test_c_embeds_no_file_of_this_user(sandbox: Sandbox, secret: Path, text: str) -> None:
    result = build(sandbox, "plugin.c", text.replace("FILE", str(secret))).failed(
        1, OUTSIDE, "help: copy the"
    )
    assert SECRET not in result.err
    assert not (sandbox.cwd / "cloned" / "plugin.wasm").exists()


def test_the_assembler_of_c_reads_no_file(sandbox: Sandbox, secret: Path) -> None:
    text = f'__asm__(".section .custom_section.x,\\"\\",@\\n.incbin \\"{secret}\\"\\n");'
    build(sandbox, "plugin.c", text).failed(1, "GNU-style inline assembly is disabled")


@pytest.mark.skipif(not HAS_RUST, reason="Debian's libstd-rust-dev-wasm32 is not installed")
@pytest.mark.parametrize(
    "text",
    [
        '#[cfg(not(debug_assertions))] pub static X: &str = include_str!(concat!("FI", "LE"));',
        '#[path = "FILE"] mod x;',
    ],
)
def test_rust_includes_no_file_of_this_user(sandbox: Sandbox, secret: Path, text: str) -> None:
    half = len(str(secret)) // 2
    text = text.replace('"FI", "LE"', f'"{str(secret)[:half]}", "{str(secret)[half:]}"')
    result = build(sandbox, "plugin.rs", text.replace("FILE", str(secret))).failed(1, OUTSIDE)
    assert SECRET not in result.err


@pytest.mark.parametrize("name", ["a\nb.rs", "a\\"])
def test_the_name_of_a_source_hides_no_input(sandbox: Sandbox, name: str) -> None:
    """In the list ``a\\ /home/you/id``, two files look like one of the plugin."""
    sandbox.run("new", "cloned", "--lang", "c").ok()
    (sandbox.cwd / "cloned" / name).touch()
    sandbox.run("build", "cloned").failed(
        1, "expected no backslash and no line break in the name of a source"
    )


def test_python_gets_no_packages_of_this_user(sandbox: Sandbox) -> None:
    """Given site-packages, it would write a ``.pth`` file there, which runs with each of the user's Pythons."""
    tool, seen = sandbox.root / "bin" / "componentize-py", sandbox.root / "seen"
    tool.parent.mkdir()
    tool.write_text(
        f"#!/bin/sh\necho componentize-py 0.25.1\n[ $1 = --version ] && exit; find $VIRTUAL_ENV > {seen}; exit 1\n"
    )
    tool.chmod(0o755)
    build(
        sandbox, "plugin.py", "", PATH=f"{tool.parent}:/usr/bin:/bin", VIRTUAL_ENV=str(sandbox.home)
    ).failed(1)
    *folders, packages = seen.read_text().splitlines()
    assert packages.endswith("/environment/lib/python3.14/site-packages")
    assert all(packages.startswith(folder) for folder in folders)


WRITES = """
import sys
for folder in sys.path:
    try:
        open(folder + "/proof.pth", "w").close()
    except OSError:
        pass
raise Exception(sys.path)
"""


@pytest.mark.slow
def test_code_of_a_python_plugin_writes_nothing_while_it_is_built(sandbox: Sandbox) -> None:
    tools = guests.programs("python")
    (packages,) = tools.parent.glob("lib/python3*/site-packages")
    own = sandbox.home / ".local" / "lib" / packages.parent.name / "site-packages"
    own.mkdir(parents=True)
    assert "Exception: ['/python'" in build(sandbox, "plugin.py", WRITES, PATH=f"{tools}:/usr/bin:/bin").err
    written = [folder / "proof.pth" for folder in (own, packages) if (folder / "proof.pth").exists()]
    for file in written:  # this environment is kept
        file.unlink()
    assert written == []


def test_a_module_below_a_linked_folder(sandbox: Sandbox) -> None:
    sandbox.run("new", "cloned", "--lang", "c").ok()
    folder = sandbox.cwd / "cloned"
    text = (folder / "plugin.toml").read_text()
    (folder / "plugin.toml").write_text(text.replace('"plugin.wasm"', '"out/bashrc.wasm"'))
    (folder / "out").symlink_to(sandbox.home)
    (sandbox.home / "bashrc.wasm").write_text("mine")
    sandbox.run("build", "cloned").failed(1, "expected a folder, found a link: 'out'")
    assert (sandbox.home / "bashrc.wasm").read_text() == "mine"
