"""The checked-in example components are what their sources give."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from support.example_plugins import BUILT

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("ziglang",)


def missing_tools() -> list[str]:
    installed = {distribution.metadata["Name"] for distribution in importlib.metadata.distributions()}
    return [name for name in TOOLS if name not in installed]


def _checked_in() -> list[Path]:
    return [*(folder / "plugin.wasm" for folder in BUILT), *(ROOT / "tests" / "guests").rglob("*.wasm")]


@pytest.mark.slow
@pytest.mark.skipif(bool(missing_tools()), reason=f"not installed: {', '.join(missing_tools())}")
def test_every_example_plugin_rebuilds_to_the_same_bytes(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "plugins" / "rebuild.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = done.stdout.splitlines()
    assert lines
    assert {line.split()[0] for line in lines} <= {"same", "skipped"}
    # rustc is not on PyPI, and another version of it gives other bytes
    assert {line.split()[1] for line in lines if line.startswith("skipped")} <= {
        "plugins/redact/plugin.wasm:"
    }
    found = {line.split()[1].rstrip(":") for line in lines}
    assert found == {str(path.relative_to(ROOT)) for path in _checked_in()}
