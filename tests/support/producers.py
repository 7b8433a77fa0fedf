"""A component that says by what it was made, as compilers and wit-component write it. Their own tool writes it here."""

import subprocess
import sys
from pathlib import Path

from support.sandbox import WASM

WASM_TOOLS = Path(sys.executable).with_name("wasm-tools")


def made_by_wit_component() -> bytes:
    """The example component with a producers section."""
    command = [str(WASM_TOOLS), "metadata", "add", "--processed-by", "wit-component=0.262.0"]
    return subprocess.run(command, input=WASM, capture_output=True, check=True).stdout
