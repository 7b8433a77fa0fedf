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
