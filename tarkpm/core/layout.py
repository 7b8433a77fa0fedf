"""The layout of an index, a TUF repository that any web server can serve as static files.

::

    metadata/   root, snapshot, timestamp; targets (offline) delegates to
                claims (offline, threshold): publishers/*, over hash bins claims-000 …
                index (offline), whose hash bins index-000 … are signed by the online key: index/*
    targets/    publishers/<sha256>.<name>.json, index/<sha256>.<name>.json,
                publishers/<sha256>._advisory.<id>.json, publishers/<sha256>._advisories-<n>.json
    files/      <statement sha256>: a release's statement and its files one after another
    log/        optional: checkpoint and tile/…, the transparency log of releases (c2sp.org/tlog-tiles)

Every metadata file except root, snapshot and timestamp names its role in the signed field `ROLE_FIELD`. TUF
does not require this; without it, a mirror could serve one bin in place of another.

Advisories are targets like claims. The parts of their list are named in the signed field `ADVISORIES_FIELD`
of ``claims``, which every client reads anyway: an index without advisories costs no request, and a client
that does not know advisories ignores the field (docs/decisions/0182).

The log is not signed through TUF: it has a key of its own, which the root names in the signed field
`LOG_FIELD` (docs/decisions/0210). Rows contain the proof that their release is in it.
"""

from typing import Final

from tarkpm.core.digest import Digest
from tarkpm.core.release import PluginName, folded

ROOT: Final = "root"
SNAPSHOT: Final = "snapshot"
TIMESTAMP: Final = "timestamp"
TOP: Final = "targets"
CLAIMS: Final = "claims"
INDEX: Final = "index"
ROLE_FIELD: Final = "x-tark-role"
MAX_BITS: Final = 14
"""Claims and rows are spread over at most 2 to the power of this many hash bins."""

METADATA: Final = "metadata"
TARGETS: Final = "targets"
FILES: Final = "files"
LOG: Final = "log"
LOG_FIELD: Final = "x-tark-log"
CHECKPOINT: Final = f"{LOG}/checkpoint"
COSIGNED: Final = f"{LOG}/cosigned"
"""The newest checkpoint that enough witnesses have seen, which may be older than the current one."""
PUBLISHERS: Final = "publishers/"
"""The prefix of the target paths of claims."""

SEARCH: Final = "index/_search.json"
"""The search catalogue. No plugin can have this name."""

ADVISORIES_FIELD: Final = "x-tark-advisories"
_ADVISORY: Final = f"{PUBLISHERS}_advisory."
"""The prefix of the target paths of advisories. No plugin can have such a name."""


def advisory_path(id_: str) -> str:
    """Return the TUF target path of an advisory."""
    return f"{_ADVISORY}{id_}.json"


def is_advisory(path: str) -> bool:
    """Return whether a target path is that of an advisory."""
    return path.startswith(_ADVISORY)


def advisories_path(number: int) -> str:
    """Return the path, below the targets, of a part of the list of advisories."""
    return f"{PUBLISHERS}_advisories-{number}.json"


def claim_path(name: PluginName) -> str:
    """Return the TUF target path of a plugin's claim. Names that fold to the same key share it."""
    return f"{PUBLISHERS}{folded(name)}.json"


def rows_path(name: PluginName) -> str:
    """Return the TUF target path of a plugin's rows."""
    return f"index/{folded(name)}.json"


def release_file(statement: Digest) -> str:
    """Return the path, from the top of the index, of the statement and files of a release."""
    return f"{FILES}/{statement}"


def log_file(path: str) -> str:
    """Return the path, from the top of the index, of a file of the log."""
    return f"{LOG}/{path}"
