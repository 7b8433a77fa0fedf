"""The example plugins that contain an interpreter, built as their authors build them. Each build is kept."""

import shutil
from pathlib import Path

import pytest
from support import guests
from support.example_plugins import INTERPRETED
from support.sandbox import PLUGINS, Sandbox


# A cold build takes ten seconds for JavaScript, and a minute and a half for Python.
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(INTERPRETED))
def test_a_plugin_is_accepted_and_passes_its_cases(sandbox: Sandbox, name: str) -> None:
    wasm = guests.build_example(PLUGINS / name, INTERPRETED[name])
    guests.share_compiled(sandbox)
    copy = Path(shutil.copytree(PLUGINS / name, sandbox.cwd / name))
    (copy / "plugin.wasm").write_bytes(wasm)
    assert sandbox.run("check", copy, "--json").ok().json["findings"] == []
    assert " passed in " in sandbox.run("test", copy).ok().out
