"""Files on this machine that others can hand over or damage: keys, secrets, sign-ins, records."""

import atexit
import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from fuzzing.target import Target
from tarkpm.core.digest import Digest
from tarkpm.core.recorded import RecordedCall, case_of
from tarkpm.core.tool import ToolPin
from tarkpm.errors import NotFound, StoreError
from tarkpm.ops.index import _root_of
from tarkpm.ops.run.credentials import flat
from tarkpm.store import consents, folder_consents, key_file, uses
from tarkpm.store.bisections import Running
from tarkpm.store.claims import _Document as Remembered
from tarkpm.store.documents import read_document
from tarkpm.store.environment import Environment
from tarkpm.store.history import Generation
from tarkpm.store.journal import pending
from tarkpm.store.secrets import SecretStore
from tarkpm.store.sign_ins import SignIns, _key
from tarkpm.store.state import Record, State
from tarkpm.store.withheld import Withheld

_DIGEST = Digest("0" * 64)


class _Folder:
    """A state folder that is made when it is first used."""

    def __init__(self) -> None:
        self._root: Path | None = None

    def put(self, data: bytes, *parts: str) -> Path:
        """Write a file below the folder; return the folder."""
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="tarkpm-fuzz-"))
            atexit.register(shutil.rmtree, self._root, ignore_errors=True)
        file = self._root.joinpath(*parts)
        if not file.parent.exists():
            file.parent.mkdir(parents=True)
        file.write_bytes(data)
        return self._root


STATE = _Folder()
_SHAPES: tuple[tuple[type[Any], int], ...] = (
    (Record, 2),
    (Generation, 1),
    (Running, 1),
    (Remembered, 1),
    (RecordedCall, 1),
)


def signing_key(data: bytes) -> None:
    """Read the file of a private key."""
    key_file.is_encrypted(data)
    key_file.load(data, lambda: b"passphrase", where="a key")


def secret(data: bytes) -> None:
    """Read the record of a secret."""
    store = SecretStore(STATE.put(data, "secrets", "token.json"))
    if store.kept("token") == "file":
        store.get("token")


def sign_in(data: bytes) -> None:
    """Read a kept sign-in, whose text is in the record of a secret."""
    root = STATE.put(b"", "unused")
    SecretStore(root).set(_key(Path("/data")), data.decode("utf-8", "replace"))
    SignIns(root).find(Path("/data"))


def credentials(data: bytes) -> None:
    """Write what a plugin made of its tokens as a file of credentials."""
    flat(data.decode("utf-8", "replace"), "a plugin").encode()


def journal(data: bytes) -> None:
    """Read the journal of an interrupted command, which lies in the project's folder."""
    root = STATE.put(data, "project", ".tark", ".tarkpm", "journal.json")
    pending(Environment(root / "project" / ".tark", in_project=True), State(root / "state"))


def records(data: bytes) -> None:
    """Read the documents of state."""
    root = STATE.put(data, "document.json")
    for shape, version in _SHAPES:
        with contextlib.suppress(StoreError):
            found = read_document(
                root / "document.json", shape, version=version, limit=1 << 20, what="it", hint="rm"
            )
            if isinstance(found, RecordedCall):
                case_of(found)
    consents._read(root / "document.json")
    folder_consents._read(root / "document.json")
    uses._read(root / "document.json")


def withheld(data: bytes) -> None:
    """Read which tools were withheld."""
    root = STATE.put(data, "withheld", f"{_DIGEST}.json")
    Withheld(root).tools(_DIGEST, [ToolPin("t", "write", _DIGEST)])


def first_root(data: bytes) -> None:
    """Read the file that a user names as the first root of an index."""
    with contextlib.suppress(NotFound):
        _root_of(STATE.put(data, "1.root.json") / "1.root.json")


_JSON = ("{", "}", "[", "]", '"', ":", ",", "null", "true", "[" * 300, '{"a":' * 300, "\\ud800")

TARGETS = (
    Target(
        "signing-key",
        signing_key,
        words=("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "ENCRYPTED"),
    ),
    Target("secret-record", secret, words=(*_JSON, "version", "kept", "keyring", "file", "value", "entry")),
    Target("sign-in-record", sign_in, words=(*_JSON, "access_token", "client_id", "token_url", "expires_at")),
    Target("credentials", credentials, words=(*_JSON, "access_token")),
    Target("journal", journal, words=(*_JSON, "body", "mac")),
    Target(
        "state-records", records, words=(*_JSON, "version", "path", "environment", "owners", "calls", "trace")
    ),
    Target("withheld-tools", withheld, words=(*_JSON, "name", "risk", "sha256", "write")),
    Target("index-first-root", first_root, words=(*_JSON, "signed", "version")),
)
