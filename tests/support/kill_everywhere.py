"""kill -9 at each change of the disk that a command makes, each time from the same state."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from support.sandbox import Sandbox


def kill_everywhere(
    program: ModuleType, root: Path, sandbox: Sandbox, *arguments: str | Path
) -> list[dict[str, Any]]:
    """Run `killer` or `index_killer`, which say what they find; ``root/work`` is the state they begin from."""
    assert program.__file__
    shutil.copytree(root / "work", root / "before", symlinks=True)
    done = subprocess.run(
        [sys.executable, program.__file__, root, *arguments],
        env=sandbox.environment(PYTHONPATH=str(Path(program.__file__).parents[1])),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results
