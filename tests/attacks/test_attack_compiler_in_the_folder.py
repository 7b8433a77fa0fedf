"""Attack: a plugin that somebody cloned brings a "compiler" along, in the places where npm and venv put theirs.

``tarkpm build`` must not run it: compilers come from PATH (docs/decisions/0151).
"""

from pathlib import Path

import pytest
from support.sandbox import Sandbox


@pytest.mark.parametrize("path", ["", ".", "node_modules/.bin", ":/usr/bin:"])
def test_a_program_of_the_folder_is_not_run(sandbox: Sandbox, path: str) -> None:
    proof = sandbox.root / "proof"
    folder = sandbox.cwd / "cloned"
    folder.mkdir()
    (folder / "plugin.js").write_text("")
    (folder / "plugin.toml").write_text('[plugin]\nname = "cloned"\nversion = "1.0.0"\ntype = "tool"\n')
    for place in (".", "node_modules/.bin", ".venv/bin", "venv/bin", "bin"):
        program = folder / place / "componentize-qjs"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch {proof}\n")
        program.chmod(0o755)
    result = sandbox.run("build", cwd=folder, env={"PATH": path}).failed(2, "'componentize-qjs'")
    assert not proof.exists()
    assert 'help: PATH="$PWD/node_modules/.bin:$PATH" tarkpm build\n' in result.err


def test_a_source_is_not_read_through_a_link(sandbox: Sandbox) -> None:
    secret = sandbox.home / "secret.c"
    secret.write_text("s3cret")
    folder = sandbox.cwd / "cloned"
    folder.mkdir()
    (folder / "plugin.c").symlink_to(secret)
    (folder / "plugin.toml").write_text('[plugin]\nname = "cloned"\nversion = "1.0.0"\ntype = "tool"\n')
    result = sandbox.run("build", cwd=folder).failed(2, "expected a regular file, found a symbolic link")
    assert "s3cret" not in result.err
    assert not Path(folder / "plugin.wasm").exists()


def _cloned(sandbox: Sandbox, source: str) -> Path:
    folder = sandbox.cwd / "cloned"
    folder.mkdir()
    (folder / "plugin.toml").write_text(
        f'[plugin]\nname = "cloned"\nversion = "1.0.0"\ntype = "tool"\n[build]\nsource = "{source}"\n'
    )
    return folder


@pytest.mark.parametrize("source", ["@a.c", "@a.rs", "-o.c", "src/@a.c", "--help.rs"])
def test_a_source_is_no_option_and_no_file_of_options(sandbox: Sandbox, source: str) -> None:
    """Compilers read ``@a.c`` as options: ``--extern`` loads a library of the folder, ``-o`` writes anywhere."""
    folder = _cloned(sandbox, source)
    (folder / "src").mkdir()
    (folder / source).write_text(f"-E -P -x c e.h -o {sandbox.root}/planted\n")
    sandbox.run("build", cwd=folder).failed(2, "expected no part that begins with '@' or '-'")
    assert not (sandbox.root / "planted").exists()


def test_a_source_below_a_linked_folder(sandbox: Sandbox) -> None:
    outside = sandbox.root / "outside"
    outside.mkdir()
    (outside / "p.c").write_text("s3cret")
    folder = _cloned(sandbox, "sl/p.c")
    (folder / "sl").symlink_to(outside)
    sandbox.run("build", cwd=folder).failed(1, "expected a folder, found a link: 'sl'")


def test_rustup_reads_no_toolchain_file_of_the_folder(sandbox: Sandbox) -> None:
    """``rust-toolchain.toml`` names the path of a compiler: rustup runs it, wherever it reads the file."""
    folder = _cloned(sandbox, "plugin.rs")
    (folder / "plugin.rs").write_text("")
    (folder / "rust-toolchain.toml").write_text('[toolchain]\npath = "/proc/self/cwd/evil"\n')
    tools, seen = sandbox.root / "tools", sandbox.root / "seen"
    tools.mkdir()
    rustc = tools / "rustc"
    rustc.write_text(
        f"#!/bin/sh\necho $PWD >> {seen}; ls rust-toolchain.toml 2>/dev/null >> {seen}\n"
        f'case "$*" in *target-libdir*|*sysroot*) echo {tools};; --version) echo rustc 1.80.0;; *) exit 1; esac\n'
    )
    rustc.chmod(0o755)
    (tools / "libcore-0.rlib").touch()
    sandbox.run("build", cwd=folder, env={"PATH": f"{tools}:/usr/bin:/bin"})
    assert seen.exists()
    assert "rust-toolchain.toml" not in seen.read_text()
    # nor in a folder above that other users can write to, such as /tmp
    places = {Path(line) for line in seen.read_text().splitlines()} - {Path("/")}
    assert [place for place in places if not place.is_relative_to(sandbox.home)] == []
    assert places
