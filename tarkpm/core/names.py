"""The names of the files that tarkpm reads and writes, and their size limits in bytes."""

from typing import Final

PROJECT: Final = "tark.toml"
LOCK: Final = "tark.lock"
MANIFEST: Final = "plugin.toml"
STATEMENT: Final = "plugin.dsse.json"
CI_PROOF: Final = "plugin.sigstore.json"
POLICY: Final = "policy.toml"
POLICY_STATEMENT: Final = "policy.dsse.json"
STORED: Final = "storage.sqlite3"
"""What a plugin stored, in its data folder."""

MAX_PROJECT: Final = 1024 * 1024
MAX_LOCK: Final = 16 * 1024 * 1024
MAX_MANIFEST: Final = 256 * 1024
MAX_POLICY: Final = 256 * 1024
MAX_STATEMENT: Final = 64 * 1024
MAX_CI_PROOF: Final = 256 * 1024
