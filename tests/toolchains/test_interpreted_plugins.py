"""The example plugins that contain an interpreter, built as their authors build them. Each build is kept."""

import shutil
from pathlib import Path

import pytest
from support import guests
from support.sandbox import PLUGINS, Sandbox


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("fetch-page", "javascript"),
        pytest.param("notes", "python", marks=pytest.mark.slow),  # 18 MB, compiled once
    ],
)
def test_a_plugin_is_accepted_and_passes_its_cases(sandbox: Sandbox, name: str, language: str) -> None:
    wasm = guests.build_example(PLUGINS / name, language)
    guests.share_compiled(sandbox)
    copy = Path(shutil.copytree(PLUGINS / name, sandbox.cwd / name))
    (copy / "plugin.wasm").write_bytes(wasm)
    assert sandbox.run("check", copy, "--json").ok().json["findings"] == []
    assert " passed in " in sandbox.run("test", copy).ok().out


def test_every_plugin_without_a_module_is_here() -> None:
    without = {file.parent.name for file in PLUGINS.glob("*/plugin.toml")} - {
        file.parent.name for file in PLUGINS.glob("*/plugin.wasm")
    }
    assert without <= {"fetch-page", "notes"}
