"""A refused call names the `tarkpm grant` line that allows it, and that line works when it is typed."""

import shlex

import pytest
from support.sandbox import Sandbox
from support.wat import reaching_tool

FILES = 'filesystem = ["5:ro", "6:ro", "7/:ro", "8:ro", "out.txt"]\nshell = true'


CALLS = [
    ("r", "6", "filesystem:6:ro"),
    ("l", "7", "filesystem:7/:ro"),
    ("t", "8", "filesystem:8:ro"),
    ("w", "1", "filesystem:out.txt"),
    ("s", '"true"', "shell"),
]


@pytest.mark.parametrize("granted", ["", "filesystem:5:ro"])
def test_the_line_allows_the_call(sandbox: Sandbox, granted: str) -> None:
    # A working copy: this plugin names no tools, and of a pinned one no other tool is called.
    folder = sandbox.plugin(sandbox.root / "src", wasm=reaching_tool(), capabilities=FILES)
    sandbox.init()
    sandbox.run("add", folder, "--accept-capabilities").ok()
    for name in ("5", "6", "8"):
        (sandbox.cwd / name).write_text("x")
    (sandbox.cwd / "7").mkdir()
    lines = [line for _, _, line in CALLS]
    sandbox.run("revoke", "text-tools", *lines, *([] if granted else ["filesystem:5:ro"])).ok()
    for tool, argument, line in CALLS:
        refused = sandbox.run("call", "text-tools", tool, argument)
        refused.failed(1, f"help: tarkpm grant text-tools {line}")
        typed = refused.err.partition("help: tarkpm ")[2].splitlines()[0]
        sandbox.run(*shlex.split(typed)).ok()
        assert "granted" not in sandbox.run("call", "text-tools", tool, argument).err
        sandbox.run("revoke", "text-tools", line).ok()
