"""`dev.py test` runs what failed beside other tests once more, alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BESIDE_OTHERS = 'import os\n\n\ndef test_it():\n    assert "PYTEST_XDIST_WORKER" not in os.environ{more}\n'


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [("", 0, "UNSTABLE: failed beside other tests, passed alone: test_it.py::test_it"), (" and 0", 1, "")],
)
def test_a_test_that_fails_beside_others(tmp_path: Path, more: str, status: int, said: str) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(BESIDE_OTHERS.format(more=more))
    command = f"import dev, sys; sys.exit(dev.run_tests(['-n', '1', {str(file)!r}]))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done
    assert "once more, with nothing beside them: test_it.py::test_it" in done.stdout
    assert (done.stdout.splitlines()[-1] if said else "") == said
