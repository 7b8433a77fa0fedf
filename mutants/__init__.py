"""Mutation testing of the trust boundary: ``python3 dev.py mutants [MODULE …]``.

See ``mutants/README.md``.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
EXPLAINED: Final = ROOT / "mutants" / "explained.toml"
"""The mutants that no test can kill, each with the reason."""
