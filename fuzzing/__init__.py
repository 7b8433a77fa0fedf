"""Fuzz every parser of bytes from outside: ``python3 dev.py fuzz [TARGET …] [--minutes M]``.

See ``fuzzing/README.md``.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent
CORPUS: Final = ROOT / "corpus"
"""A folder for each target, with the inputs that CI replays."""
