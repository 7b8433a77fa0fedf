"""The example plugins pass what their authors would run: `tarkpm check` and `tarkpm test`."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from support.example_plugins import ALL, BUILT
from support.sandbox import PLUGINS, Sandbox


def manifest(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "plugin.toml").read_text())


@pytest.mark.parametrize("folder", BUILT, ids=lambda folder: folder.name)
def test_a_plugin_is_accepted_and_passes_its_cases(sandbox: Sandbox, folder: Path) -> None:
    assert sandbox.run("check", folder, "--json").ok().json["findings"] == []
    assert " passed in " in sandbox.run("test", folder).ok().out


@pytest.mark.parametrize("folder", ALL, ids=lambda folder: folder.name)
def test_a_plugin_has_what_a_user_reads_first(folder: Path) -> None:
    about = manifest(folder)["plugin"]
    assert about["name"] == folder.name
    assert about["description"]
    assert about["license"] == "MIT"
    assert (folder / "LICENSE").read_text().startswith("MIT License")
    assert (folder / "README.md").read_text().startswith(f"# {folder.name}\n")
    assert f"[{folder.name}]({folder.name}/README.md)" in (PLUGINS / "README.md").read_text()


def test_together_they_show_what_there_is() -> None:
    found = [manifest(folder) for folder in ALL]
    assert {one["plugin"]["type"] for one in found} == {"auth", "tool", "provider", "hook"}
    used = {name for one in found for name, value in one["capabilities"].items() if value}
    assert used == {"storage", "http", "env", "filesystem", "shell"}
    assert any("secrets" in one for one in found)
    languages = {file.suffix for folder in ALL for file in folder.iterdir()}
    assert {".c", ".js", ".py", ".rs"} <= languages
